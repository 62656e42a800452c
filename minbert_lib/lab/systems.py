"""The table of systems: every row of the five reports, and of what they wished for, as one line of switches.

Notable choices: a system is data. `SYSTEMS["B4"]` is a RunConfig; what makes it B4 is visible in its line and nowhere else. Rows
that are a sweep name one setting here; `SWEEPS` names what moves.
Rates are the reports' for BERT-base; `at_scale` lifts them for the smaller models, which need more.
"""

import dataclasses
import difflib
import re

from ..errors import MinbertError
from .config import DEFAULTS, THREE, RunConfig

BASE_LR = 1e-5  # what the reports used with BERT-base
LR_FACTOR = {"base": 1.0, "mini": 5.0, "tiny": 50.0}  # the smaller the model, the higher its best rate


def _sys(like=None, **changes):
    """One line of the table: an earlier one with some switches turned."""
    return dataclasses.replace(like or RunConfig(lr=BASE_LR), **changes)


PAPER_SMART = {"eps": 1e-5, "sigma": 1e-5, "step_size": 1e-3, "steps": 1}
PUBLIC_SMART = {**PAPER_SMART, "projection": "divide"}  # what the reports' borrowed code really does; see notebook 06
FELT_SMART = {"eps": 1e-2, "sigma": 1e-2, "step_size": 1.0, "steps": 1}  # the paper's ratios, at a size that is felt
SMART_SIZES = (
    {**FELT_SMART, "eps": 1e-3, "sigma": 1e-3, "step_size": 0.1},
    FELT_SMART,
    {**FELT_SMART, "eps": 0.1, "sigma": 0.1, "step_size": 10.0},
)
SMART_FORMS = (  # attacks of four sizes, noise that fills balls of three, two cheaper forms, the code that everyone borrows and its twin
    PAPER_SMART, *SMART_SIZES, *({**size, "sigma": 10 * size["sigma"], "direction": "random"} for size in SMART_SIZES),
    {**FELT_SMART, "direction": "clean"}, {**FELT_SMART, "share": 0.5}, PUBLIC_SMART, {**PUBLIC_SMART, "direction": "random"},
)  # fmt: skip
MLM_TEXT = {"text": "sst", "steps": 2000, "lr": 5e-6, "masking": "tokens", "replace": "80/10/10"}
MLM_WAYS = ({"lr": 1e-5}, {"lr": 1e-5, "layer_decay": 0.95}, {"lr": 5e-6})  # SerBERTus' three
SBRRT_BREGMAN = {"momentum": True, "beta": 0.95}

SST = _sys(tasks=("sst",), epochs=3)
PROBE = _sys(SST, train_encoder=False, lr=1e-3, schedule="constant", warmup=0.0, epochs=10)
CFIMDB = _sys(SST, tasks=("cfimdb",), batch_size=8, max_length=512)
ALL = _sys(tasks=THREE, epochs=3)
EKJ = _sys(
    ALL,
    pair="separate",
    features={"qqp": ("|u-v|",), "sts": ("cos",)},
    hidden_layers=1,
    sampling="together",
    epoch_of="sst",
    batch_size=16,
)
SIAMESE = _sys(
    ALL,
    pair="separate",
    features=("u", "v"),
    hidden_layers=1,
    activation="relu",
    head_dropout=0.5,
    sts_output="sigmoid",
    sampling="round_robin",
    batch_size=8,
    weight_decay=1e-5,
    train_encoder=False,
    lr=1e-3,
    epochs=10,
)
SMARTCS = _sys(
    ALL,
    shared_pair=True,
    hidden_layers=1,
    activation="relu",
    head_dropout=0.0,
    sampling="round_robin",
    epoch_of="qqp",
    batch_size={"sst": 6, "qqp": 40, "sts": 4},
    lr=3e-5,
    epochs=3,
)
TEAM = _sys(ALL, batch_size=32)  # SerBERTus' ground: pairs in one sequence, batches of all tasks shuffled
M7_TEXT = {"text": "sst,qqp,sts", "steps": 2000, "lr": 1e-5, "masking": "one", "replace": "80/10/10", "dropout": 0.0}
M4 = _sys(SMARTCS, smart=2.0, smart_options=PAPER_SMART)
M5 = _sys(SMARTCS, smart={"sst": 2.0}, smart_options=PAPER_SMART)
M6 = _sys(M5, bregman=1.0, bregman_options={"momentum": True, "beta": 0.99})
M7 = _sys(SMARTCS, pretrain=M7_TEXT)
COSINE_BESIDE = {"sts": ("cos",)}
B1 = _sys(SST, score_on=THREE, pair="separate", features=("u", "v"), batch_size=8)
B2 = _sys(B1, smart=5.0, smart_options=PAPER_SMART, bregman=0.8, bregman_options=SBRRT_BREGMAN)
B3 = _sys(B1, tasks=THREE, sampling="round_robin", epoch_of="sts")
P2 = _sys(SIAMESE, features=("u", "v", "|u-v|"))
P3 = _sys(P2, hidden_layers={"sst": 1, "qqp": 2, "sts": 2})
P4 = _sys(P3, augment={"sts": {"how": "back_translation", "language": "zh"}})
P5 = _sys(P4, smart={"sst": 0.02}, smart_options=PUBLIC_SMART)

_TABLE = {
    "C1": (PROBE, "SST-5, encoder frozen"),
    "C2": (SST, "SST-5, fine-tuned"),
    "C3": (CFIMDB, "CFIMDB, fine-tuned"),
    "C3-frozen": (
        _sys(CFIMDB, train_encoder=False, lr=1e-3, schedule="constant", warmup=0.0, epochs=10),
        "CFIMDB, encoder frozen",
    ),
    "E1": (_sys(EKJ, hidden_layers=0), "three linear heads"),
    "E2": (EKJ, "one hidden layer a head"),
    "E3": (_sys(EKJ, hidden_layers=2), "two hidden layers a head"),
    "E4": (_sys(EKJ, hidden_layers=3), "three hidden layers a head"),
    "E5": (_sys(EKJ, hidden_layers=4), "four hidden layers a head"),
    "E6": (_sys(EKJ, smart=1.0, smart_options=PUBLIC_SMART), "E2 + SMART on all tasks"),
    "E7": (_sys(EKJ, smart=1.0, smart_options=PUBLIC_SMART, sst_head="routing"), "E6 + routing head for SST"),
    "E8": (
        _sys(EKJ, tasks=("sts", "qqp", "sst")),
        "E2 with the tasks in the opposite order (a sum of gradients: only random draws can differ)",
    ),
    "B1": (B1, "SST only, scored on all three"),
    "B2": (B2, "B1 + SMART + Bregman"),
    "B3": (B3, "round robin"),
    "B4": (_sys(B2, tasks=THREE, sampling="round_robin", epoch_of="sts", sts_output="cosine"), "SBRRT: B2 + B3 + cosine"),
    "B5": (B1, "updates a second of B1–B4 (a figure of their runs)"),
    "S1": (_sys(SST, epochs=10), "learning rate on SST"),
    "S2": (_sys(SST, epochs=100, schedule="constant"), "100 epochs on SST"),
    "S3": (_sys(SST, epochs=10, head_dropout=0.0), "head dropout"),
    "S4": (_sys(SST, hidden_dropout=0.1), "hidden dropout"),
    "S5": (_sys(SST, optimizer="torch"), "PyTorch's AdamW in place of ours"),
    "S6": (_sys(SST, weight_decay=1e-5), "weight decay"),
    "S7": (_sys(SST, layer_decay=0.95), "rates by depth"),
    "S8": (_sys(SST, smart=5.0, smart_options=PUBLIC_SMART, epochs=10), "SMART weight on SST"),
    "S9": (_sys(SST, head_dropout=0.0, beside="frozen"), "a static encoder beside the fine-tuned one"),
    "S10-multi": (TEAM, "one encoder for all"),
    "S10-2": (_sys(TEAM, own_layers=2), "CerBERTus, 2 own layers"),
    "S10-4": (_sys(TEAM, own_layers=4), "CerBERTus, 4 own layers"),
    "S10-6": (_sys(TEAM, own_layers=6), "CerBERTus, 6 own layers"),
    "S10-triple": (_sys(TEAM, own_layers="all"), "one encoder per task"),
    "S10-multi+triple": (_sys(TEAM, own_layers="all", beside="shared"), "one for all beside one per task"),
    "S11": (_sys(TEAM, order="random"), "pairs in one sequence, random order"),
    "S11-cosine": (_sys(TEAM, pair="separate", sts_output="cosine"), "pairs in two sequences, cosine"),
    "S11-concat": (_sys(TEAM, pair="separate", features=("u", "v")), "pairs in two sequences, (u, v)"),
    "S12": (TEAM, "batches of all tasks shuffled"),
    "S13": (
        _sys(SST, pretrain=MLM_TEXT),
        "further pre-training on SST text",
    ),
    "S14": (TEAM, "ensembles of recorded runs (`minbert ensemble`)"),
    "S15": (TEAM, "error analysis of recorded runs (notebook 11)"),
    "P1": (SIAMESE, "frozen, (u, v)"),
    "P2": (P2, "+ |u−v|"),
    "P3": (P3, "+ a second hidden layer"),
    "P4": (P4, "+ back-translated STS"),
    "P5": (P5, "+ SMART on SST"),
    "P6": (_sys(P5, train_encoder=True, lr=BASE_LR), "+ encoder unfrozen"),
    "P7": (_sys(SIAMESE, train_encoder=True, lr=BASE_LR), "each step of P1–P6 by itself: P1 unfrozen"),
    "M1": (SMARTCS, "shared pair layer, round robin"),
    "M2": (_sys(SMARTCS, head_dropout=0.15), "M1 + head dropout .15"),
    "M3": (_sys(SMARTCS, sampling="largest_first"), "annealed: QQP first"),
    "M4": (M4, "M1 + SMART on all tasks"),
    "M5": (M5, "M1 + SMART on SST"),
    "M6": (M6, "M5 + Bregman"),
    "M7": (M7, "M1 after MLM pre-training"),
    "M8": (_sys(SMARTCS, features=COSINE_BESIDE), "M1 + cosine beside the shared layer"),
    "M9-M7+M6": (_sys(M6, pretrain=M7_TEXT), "M7 + M6"),
    "M9-M7+M8": (_sys(M7, features=COSINE_BESIDE), "M7 + M8"),
    "M9-M6+M8": (_sys(M6, features=COSINE_BESIDE), "M6 + M8"),
    "M9-M7+M6+M8": (_sys(M6, pretrain=M7_TEXT, features=COSINE_BESIDE), "M7 + M6 + M8"),
    "M10": (SMARTCS, "learning rate and batch sizes"),
    "M11": (SMARTCS, "confusion matrix, recall, histogram of a recorded run"),
    "W-surgery": (_sys(TEAM, sampling="together", epoch_of="sst", surgery="pcgrad"), "gradient surgery"),
    "W-together": (_sys(TEAM, sampling="together", epoch_of="sst"), "the same without surgery"),
    "W-slanted": (_sys(SST, schedule="slanted"), "slanted triangular schedule"),
    "W-thaw": (_sys(SST, schedule="slanted", unfreeze_per_epoch=2, epochs=6), "gradual unfreezing"),
    "W-middle": (_sys(CFIMDB, truncation="middle", max_length=256), "middle truncation"),
    "W-end": (_sys(CFIMDB, truncation="end", max_length=256), "end truncation at the same length"),
    "W-mean": (_sys(SST, pooling="mean"), "mean pooling"),
    "W-max": (_sys(SST, pooling="max"), "max pooling"),
    "W-pooler": (_sys(SST, pooling="pooler"), "the checkpoint's pooler"),
    "W-dropout": (_sys(TEAM, head_dropout={"sst": 0.3, "qqp": 0.0, "sts": 0.1}), "dropout per task"),
    "W-proportional": (_sys(TEAM, sampling="proportional"), "tasks in proportion to their size"),
    "W-sqrt": (_sys(TEAM, sampling="sqrt"), "square-root sampling"),
    "W-annealed": (_sys(TEAM, sampling="annealed"), "annealed sampling (PALs)"),
    "W-smart": (_sys(SST, smart=1.0, smart_options=FELT_SMART), "SMART's forms: the paper's, one that is felt, pure noise"),
    "W-domain": (
        _sys(SST, pretrain={**MLM_TEXT, "text": "critics", "lr": 1e-5}),
        "further pre-training on critics' text",
    ),
    "W-search": (SST, "grid search over rate, dropout and decay (with `--random N` a random one)"),
    "W-folds": (TEAM, "choosing on folds in place of one dev set (`minbert ensemble --folds`)"),
    "W-cross-both": (_sys(TEAM, order="random", both_orders=True), "both orders averaged"),
    "W-tasks-first": (
        _sys(SST, start="three-tasks"),
        "SST after all three tasks (`minbert train S10-multi --out MINBERT_HOME/weights/three-tasks-SCALE`)",
    ),
    "W-distilled": (
        _sys(SST, soft_labels="team"),
        "one model taught by an ensemble (`minbert ensemble RUN … --task sst --teach team-SCALE`)",
    ),
}
SEEN_IN = {  # rows that are a view of other systems' runs
    "B5": ("B1", "B2", "B3", "B4"),
    "S12": ("S10-multi",),
    "S15": ("C2", "S10-multi", "S10-2"),
    "P7": ("P1", "P2", "P3", "P4", "P5", "P6"),
    "M11": ("M1", "S10-multi", "S10-2"),
}
SWEEPS = {  # what moves in a row that is a sweep: grids, one below the other; rates are BERT-base's, as above
    "S1": [{"lr": (5e-6, 1e-5, 2e-5)}],
    "S3": [{"head_dropout": (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9), "tasks": (("sst",), ("sts",))}],
    "S4": [{"hidden_dropout": (0.1, 0.15, 0.2, 0.3, 0.4, 0.5)}],
    "S6": [{"weight_decay": (1e-5, 1e-4, 1e-3, 1e-2), "tasks": (("sst",), THREE)}],
    "S7": [
        {"layer_decay": (1.0, 0.95, 0.9)},
        {"layer_decay": (1.0,), "embedding_lr": (0.0, 0.5)},
        {"layer_decay": (1.0,), "head_lr": (1.5, 2.0, 10.0, 100.0)},
    ],
    "S8": [{"smart": (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)}],
    "W-smart": [{"smart": (0.0,)}, {"smart": (1.0, 10.0), "smart_options": SMART_FORMS}],
    "W-search": [{"lr": (5e-6, 1e-5, 2e-5), "head_dropout": (0.0, 0.1, 0.3), "weight_decay": (0.0, 1e-2)}],
    "S9": [{"beside": ("none", "frozen"), "tasks": (("sst",), ("sts",))}],
    "S13": [
        {"pretrain": tuple({**MLM_TEXT, **way, "steps": n} for way in MLM_WAYS for n in (500, 2000, 8000))},
        {"tasks": (("sts",),), "pretrain": tuple({**MLM_TEXT, "text": "sts", "lr": 1e-5, "steps": n} for n in (500, 2000))},
        {"tasks": (("qqp",),), "pretrain": tuple({**MLM_TEXT, "text": "qqp", "lr": 1e-5, "steps": n} for n in (500, 2000))},
        {"tasks": (("sst",), ("sts",), ("qqp",)), "pretrain": ({},)},  # 0 steps
    ],
    "W-domain": [{"pretrain": tuple({**MLM_TEXT, "text": "critics", "lr": 1e-5, "steps": n} for n in (500, 2000, 8000))}],
    "M7": [
        {
            "pretrain": tuple(
                {**M7_TEXT, "replace": replace, "text": text, "dropout": dropout}
                for replace in ("mask", "80/10/10")
                for text in ("sst", M7_TEXT["text"])
                for dropout in (0.0, 0.1)
            )
        }
    ],
    "M10": [
        {"lr": (1e-5, 2e-5, 3e-5, 4e-5, 5e-5), "tasks": (("sst", "sts"),), "epoch_of": ("sst",)},
        {
            "batch_size": tuple(
                {"qqp": q, "sst": s, "sts": t} for q, s, t in ((32, 4, 3), (40, 4, 3), (45, 4, 3), (40, 6, 4), (40, 8, 6))
            )
        },
    ],
}
LADDER = ("P1", "P2", "P3", "P4", "P5", "P6")


def _each_alone():
    """Every step of the ladder P1–P6 by itself upon P1, as P7's grids: what differs between two rungs is the step."""
    rungs, grids = [dataclasses.asdict(_TABLE[name][0]) for name in LADDER], []
    for below, above in zip(rungs, rungs[1:]):
        step = {key: (value,) for key, value in above.items() if value != below[key]}
        grids.append({"train_encoder": (rungs[0]["train_encoder"],), "lr": (rungs[0]["lr"],), **step})
    return grids


SWEEPS["P7"] = _each_alone()
SYSTEMS = {name: dataclasses.replace(config, name=name).checked() for name, (config, _) in _TABLE.items()}
TITLES = {name: title for name, (_, title) in _TABLE.items()}


def system(name, scale="tiny", seed=0, **changes):
    """The named system at a scale, with any switch changed; near names are offered for a wrong one."""
    if name not in SYSTEMS:
        hint = f": did you mean {', '.join(near)}?" if (near := near_names(name)) else ""
        raise MinbertError(f"there is no system called {name!r}{hint} (`minbert systems` lists them)")
    return at_scale(SYSTEMS[name], scale).with_(scale=scale, seed=seed, **changes)


def near_names(name):
    """Up to four systems that may be meant: names that begin so, then lines whose title or switches say so, else names spelt alike."""
    asked, lower = name.lower(), {one.lower(): one for one in SYSTEMS}
    begin = [one for one in SYSTEMS if one.lower().startswith(asked)]
    say = [one for one in SYSTEMS if re.search(rf"\b{re.escape(asked)}", _said_of(one).lower())]
    alike = [lower[one] for one in difflib.get_close_matches(asked, lower, 4, 0.3)]
    return (list(dict.fromkeys(begin + say)) or alike)[:4]


def _said_of(name):
    """A system's title, and the words among its switches that are not everybody's."""
    words = (value for key, value in vars(SYSTEMS[name]).items() if isinstance(value, str) and value != getattr(DEFAULTS, key))
    return " ".join((TITLES[name], *words))


def at_scale(config, scale):
    """The reports' rates are BERT-base's; an encoder of 6 or 4 layers learns best at a higher one. Probes keep theirs."""
    factor = LR_FACTOR.get(scale, 1.0) if config.train_encoder else 1.0
    layers = {"tiny": 4, "mini": 6}.get(scale)
    own = config.own_layers
    own = min(own, layers) if layers and isinstance(own, int) else own
    pretrain = lifted(config.pretrain, scale)
    # what another run made is of this scale
    changes = {field: f"{name}-{scale}" for field in ("start", "soft_labels") if (name := getattr(config, field))}
    if scale == "tiny":
        changes["max_length"] = min(config.max_length, 128)  # the tiny model has no more positions
        if config.train_encoder and "cfimdb" in config.tasks:  # 800 reviews: three rounds are too few to learn from
            changes |= {"epochs": max(config.epochs, 6), "batch_size": 16}
    return dataclasses.replace(config, lr=config.lr * factor, own_layers=own, pretrain=pretrain, **changes)


def lifted(pretrain, scale):
    """Pre-training moves the whole encoder: its rate is lifted like that of fine-tuning."""
    return {**pretrain, "lr": float(f"{pretrain['lr'] * LR_FACTOR.get(scale, 1.0):.6g}")} if pretrain else pretrain
