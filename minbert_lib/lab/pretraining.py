"""Further pre-training as a part of a run: `RunConfig.pretrain` in, a folder with the weights out, made once.

Notable choices:
- One folder for all runs that differ only in `steps`: 500 steps are the beginning of 2,000, so whoever asks for more trains on
  from where the last one stopped, and a whole curve of accuracy against steps costs one pre-training run.
- The encoder's seed here is `pretrain["seed"]` (0 unless said), not the run's: seeds of fine-tuning share one pre-training.
- The folder's name is a hash of all that matters: settings, starting weights, and the text itself.
- What pre-training took lies beside its weights, and every run that starts from them records it: `cost_of`.
"""

import gzip
import hashlib
import json
import zlib
from pathlib import Path

import torch

from ..errors import MinbertError
from ..files import locked, unpacked, write_atomic
from ..home import home, scale
from ..learn.precision import choose
from ..learn.pretrain import COST, Pretrainer, at_step
from ..model.mlm import MaskedLM
from ..text import TASKS, Tokenizer, read_rows
from ..text.lines import Text
from ..text.masking import HOW, REPLACE
from ..text.sources import TEXTS
from . import records

VERSION = 1  # raised when the same settings lead to other weights
MARKS = (0, 100, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000)  # steps whose weights are kept on the way
FILES = {"critics": "rotten_tomatoes_critics", "reviews": "kindle_reviews", "questions": "quora_questions"}
HEAD_STEPS = 200  # that a fresh head learns alone; a checkpoint's own head needs none
DEFAULTS = {
    "text": "sst", "steps": 2000, "lr": 2e-5, "masking": "tokens", "replace": "80/10/10", "share": 0.15, "batch_size": 32,
    "max_length": 128, "packed": False, "warmup": 0, "layer_decay": 1.0, "weight_decay": 0.0, "dropout": None, "head_lr": 1.0,
    "seed": 0, "precision": "auto",
}  # fmt: skip
PASSED_ON = "lr batch_size masking share replace warmup weight_decay layer_decay head_lr seed".split()


def pretrained(config, keep=(), show=None):
    """The folder of the encoder that `config.pretrain` describes; trained if it is not there. `keep`: more steps to keep."""
    options = checked(config.pretrain)
    source = _beginning(config)
    lines = text_of(options["text"], config.scale)
    folder = folder_of(options, source, lines)
    found = at_step(folder, options["steps"])
    if _is_made(found):
        return found
    with locked(folder / ".lock"):
        if not _is_made(found):  # another process may have made it while this one waited
            described = options | {"from": str(source), "lines": len(lines), "scale": config.scale}
            write_atomic(folder / "settings.json", json.dumps(described, indent=1) + "\n")
            trainer = trainer_of(options, source, lines)
            marks = [step for step in (*MARKS, *keep) if step <= options["steps"]]
            trainer.run(options["steps"], folder, marks, show)
    return found


def _beginning(config):
    """The checkpoint that it goes on from: the scale's own, or whatever `start` may name."""
    from .build import start_of  # which itself asks for what is pre-trained here

    return start_of(config)


def folder_of(options, source, lines):
    return records.own_folder() / "pretrained" / name_of(options, source, lines)


def _is_made(folder):
    return (folder / "model.safetensors").is_file()


def outstanding(configs):
    """What must still be pre-trained before these runs: [(one of them, steps)], every folder once, from where it stands."""
    texts, asked = {}, {}
    for config in (config for config in configs if config.pretrain):
        options = checked(config.pretrain)
        try:
            text = options["text"], config.scale
            texts[text] = texts[text] if text in texts else text_of(*text)
            folder = folder_of(options, _beginning(config), texts[text])
        except MinbertError:  # text or weights are not here yet, so nothing is made of them either
            alike = json.dumps([config.scale, config.start, {**options, "steps": None}])
            folder = Path(hashlib.sha256(alike.encode()).hexdigest())
        asked.setdefault(folder, (config, set()))[1].add(options["steps"])
    left = []
    for folder, (config, wanted) in asked.items():
        if missing := [n for n in wanted if not _is_made(at_step(folder, n))]:
            stands = max((int(kept.name[5:]) for kept in folder.glob("step-*") if _is_made(kept)), default=0)
            left.append((config, max(missing) - (stands if stands < max(missing) else 0)))  # from beyond it nobody goes back
    return left


def cost_of(config):
    """{"of": the folder's name, "steps", "seconds"} of the pre-training that `config` starts from; seconds None where nobody noted them."""
    found = pretrained(config)
    known = json.loads((found / COST).read_text(encoding="utf-8")) if (found / COST).is_file() else {}
    return {"of": found.parent.name, "steps": checked(config.pretrain)["steps"], "seconds": known.get("seconds")}


def trainer_of(options, source, lines):
    """A Pretrainer at step 0."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(options["seed"])  # a fresh head is drawn from it
    model = MaskedLM.from_pretrained(source, options["dropout"], options["dropout"])
    tokenizer = Tokenizer(source)
    length = min(options["max_length"], model.bert.config.max_position_embeddings)
    text = Text(lines, tokenizer, length, options["packed"])
    settings = {name: options[name] for name in PASSED_ON}
    head_steps = HEAD_STEPS if model.fresh_head else 0
    precision = choose(options["precision"], device)
    return Pretrainer(model, text, head_steps=head_steps, precision=precision, device=device, **settings)


def checked(options):
    """All settings, those not given by default; a MinbertError for one that means nothing."""
    if unknown := [name for name in options if name not in DEFAULTS]:
        raise MinbertError(f"pretrain has no setting {unknown[0]!r}: it has {', '.join(DEFAULTS)}")
    full = DEFAULTS | options
    for name, value in options.items():
        like = DEFAULTS[name]
        kinds = (int, float, type(None)) if like is None else (int, float) if isinstance(like, float) else type(like)
        if not isinstance(value, kinds) or isinstance(value, bool) and not isinstance(like, bool):
            raise MinbertError(f"pretrain: {name}={value!r} is not of the right kind (it is {like!r} by default)")
    for wrong, why in (
        (full["masking"] not in HOW, f"masking={full['masking']!r}: it is one of {', '.join(HOW)}"),
        (full["replace"] not in REPLACE, f"replace={full['replace']!r}: it is one of {', '.join(REPLACE)}"),
        (full["steps"] < 0, f"steps={full['steps']}: a whole number, 0 or more"),
        (not 0 < full["share"] < 1, f"share={full['share']!r}: between 0 and 1"),
        (not full["lr"] > 0, f"lr={full['lr']!r}: above zero"),
        (full["batch_size"] < 1, f"batch_size={full['batch_size']}: at least 1"),
        (full["max_length"] < 8, f"max_length={full['max_length']}: at least 8"),
        (full["warmup"] < 0 or full["seed"] < 0, f"warmup={full['warmup']}, seed={full['seed']}: not below zero"),
        (full["dropout"] is not None and not 0 <= full["dropout"] < 1, f"dropout={full['dropout']}: from 0 to below 1"),
    ):
        if wrong:
            raise MinbertError(f"pretrain: {why}")
    return full


def text_of(names, scale_name):
    """The lines of one or more sources, joined by commas: tasks' training sentences, critics, reviews, questions, or a file."""
    lines = {}
    for name in filter(None, (part.strip() for part in names.split(","))):
        lines.update(dict.fromkeys(_source(name, scale_name)))  # each line once, in a fixed order
    if not lines:
        raise MinbertError(f"pretrain: text={names!r} holds no line")
    return list(lines)


def _source(name, scale_name):
    if name in TASKS:
        rows = read_rows(name, "train", scale(scale_name).data)
        return [text for example in rows.examples for text in example.texts]
    path = home() / "text" / f"{FILES[name]}.txt.gz" if name in FILES else Path(name).expanduser()
    if not path.is_file():
        if name in FILES:
            raise MinbertError(f"{path} is missing: put {TEXTS[name]} there, one a line, or name a text file of your own")
        raise MinbertError(f"pretrain: there is no text {name!r}: it is a task, {', '.join(FILES)}, or a text file")
    try:
        with unpacked(path) as file:
            raw = file.read()
        return [line.strip() for line in raw.decode("utf-8").splitlines() if line.strip()]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise MinbertError(f"{path}: a damaged gzip file ({error})") from error
    except UnicodeDecodeError as error:
        raise MinbertError(f"{path}: not UTF-8 text") from error


def name_of(options, source, lines):
    """A short hash of everything but the number of steps."""
    digest = hashlib.sha256(json.dumps([VERSION, {**options, "steps": None}], sort_keys=True).encode())
    for path in (source / "config.json", source / "vocab.txt", source / "model.safetensors", source / "pytorch_model.bin"):
        digest.update((records.digest(path) or "none").encode())
    digest.update("\n".join(lines).encode())
    return digest.hexdigest()[:12]
