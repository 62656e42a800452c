"""Everything a run needs, built from its config: data, model, optimiser, trainer.

Notable choices: every function takes the whole config and reads what it needs, so that a notebook can build one part and look at it.
`yours` puts a learner's own pieces in the place of the library's.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch

from ..errors import MinbertError
from ..home import home, scale
from ..learn import AdamW, BregmanProximal, SmartRegularizer, groups
from ..learn.evaluate import evaluate
from ..learn.precision import choose
from ..learn.trainer import Trainer
from ..model import BertModel
from ..model.multitask import MultitaskModel
from ..model.weights import resolve
from ..text import Dataset, Tokenizer, read_rows
from ..text.rows import spread

TRAINER_FIELDS = ("epochs batch_size sampling epoch_of schedule warmup task_weights surgery unfreeze_per_epoch clip seed").split()
MODEL_FIELDS = (
    "own_layers beside train_encoder pair features shared_pair hidden_layers activation head_dropout pooling sts_output sst_head"
).split()


@dataclass
class Prepared:
    """All parts of a run, ready to go."""

    config: object
    model: MultitaskModel
    tokenizer: Tokenizer
    train: dict  # {task: Dataset}
    dev: dict
    trainer: Trainer
    device: str
    precision: str
    notes: list


def prepare(config, yours=None, device=None, micro_batch=None):
    """Read the data, build the model and the trainer."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    precision = choose(config.precision, device)
    torch.manual_seed(config.seed)
    tokenizer = Tokenizer(start_of(config))
    train = {task: dataset(config, tokenizer, task, "train") for task in config.tasks}
    dev = {task: dataset(config, tokenizer, task, "dev") for task in config.scored}
    model = build_model(config, yours).to(device)
    optimizer = build_optimizer(config, model, yours)
    notes = [note for data in (*train.values(), *dev.values()) if (note := data.truncation_note())]
    settings = dict(device=device, precision=precision, both_orders=config.both_orders)
    trainer = Trainer(
        model,
        train,
        optimizer,
        evaluate=lambda model: evaluate(model, dev, **settings),
        smart=_smart(config, model),
        bregman=_bregman(config, model),
        precision=precision,
        micro_batch=micro_batch,
        device=device,
        **{name: getattr(config, name) for name in TRAINER_FIELDS},
        **hers(yours, planner="epoch_plan"),
    )
    notes += read_unevenly(trainer) + taught_by(config)
    return Prepared(config, model, tokenizer, train, dev, trainer, device, precision, notes)


def read_unevenly(trainer):
    """One line for the user where an epoch is, for one of the tasks, more or less than its data once."""
    visits = Counter(task for plan in trainer.plans for tasks in plan for task in tasks)
    passes = {task: visits[task] / feed.batches / trainer.epochs for task, feed in trainer.feeds.items()}
    told = ", ".join(f"{task} {times:.2f} times" for task, times in passes.items())
    return [f"an epoch reads the data of {told}"] if any(abs(times - 1) > 0.005 for times in passes.values()) else []


def dataset(config, tokenizer, task, split):
    """One split as the config wants it read, cut and, where it asks for more, augmented."""
    limit = {"train": config.limit, "dev": config.dev_limit}.get(split, {}).get(task)
    rows = read_rows(task, split, scale(config.scale).data, limit)
    if split == "train" and task in config.augment:
        from ..text.augment import augment

        rows = augment(rows, config.augment[task], scale(config.scale), config.seed)
    data = Dataset(rows, tokenizer, config.max_length, config.truncation, config.pair, config.order)
    if split == "train" and config.soft_labels:
        data.labels = soft_labels(config.soft_labels, rows)
    return data


def teacher_folder(name):
    """Where a teacher's predictions lie: under MINBERT_HOME/teachers, so that a run's settings hold no machine's path."""
    return Path(name) if Path(name).is_absolute() else home() / "teachers" / name


def soft_labels(name, rows):
    """A teacher's predictions in place of labels: distillation. They belong to one training file, told by its hash."""
    path = teacher_folder(name) / f"{rows.task}-train.npy"
    if not path.is_file():
        raise MinbertError(f"{path} is missing: `minbert ensemble RUN … --teach {name}` writes it")
    about = path.with_suffix(".json")
    try:
        values = np.load(path, allow_pickle=False).astype(np.float32)
        made_of = rows.sha256[:16]
        if about.is_file():
            made_of, _ = itemgetter("sha256", "members")(json.loads(about.read_text(encoding="utf-8")))
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise MinbertError(
            f"{path} or the .json beside it is damaged ({error}): `minbert ensemble RUN … --teach {name}`"
        ) from error
    if made_of != rows.sha256[:16]:
        raise MinbertError(f"{path} was made of another file than {rows.path}")
    if len(values) < len(rows):
        raise MinbertError(f"{path}: {len(values):,} predictions for {len(rows):,} examples")
    return values[spread(range(len(values)), len(rows))]  # the same rows as `limit` took


def taught_by(config):
    """One line a task, for the record: the runs whose mean its soft labels are."""
    folder = teacher_folder(config.soft_labels)
    abouts = {task: folder / f"{task}-train.json" for task in config.tasks if config.soft_labels}
    members = {task: json.loads(path.read_text(encoding="utf-8"))["members"] for task, path in abouts.items() if path.is_file()}
    return [f"{task}'s soft labels are the mean of {', '.join(keys)}" for task, keys in members.items()]


def start_of(config):
    """The folder that a run's weights and words come from: the scale's own, a checkpoint's, or a kept run's by its key."""
    if re.fullmatch("[0-9a-f]{12}", config.start):
        from .predict import locate

        return locate(config.start)
    return resolve(config.start or config.scale)


def build_model(config, yours=None):
    """The encoder with its weights, and the heads the config asks for."""
    source = start_of(config)
    if config.pretrain:
        from .pretraining import pretrained

        source = pretrained(config)
    parts = hers(yours, attention="scaled_dot_product_attention", layer="BertLayer", embeddings="BertEmbeddings")
    bert = BertModel.from_pretrained(source, config.hidden_dropout, config.attention_dropout, **parts)
    parts = hers(yours, head="Head", compare="pair_features")
    return MultitaskModel(bert, config.heads, **{name: getattr(config, name) for name in MODEL_FIELDS}, **parts)


def hers(yours, **places):
    """{argument: her own part} for those of `places` (argument = exercise) that she has written."""
    return {argument: yours[name] for argument, name in places.items() if name in (yours or {})}


def build_optimizer(config, model, yours=None):
    layers = max((groups.depth_of(name, 0) or 0) for name, _ in model.named_parameters())
    parts = groups.parameter_groups(
        model.named_parameters(), config.lr, layers, config.weight_decay, config.layer_decay, config.embedding_lr,
        config.head_lr, config.decay_all,
    )  # fmt: skip
    if config.optimizer == "torch":
        return torch.optim.AdamW(parts, lr=config.lr, betas=config.betas, eps=config.eps, fused=True)
    own = dict(lr=config.lr, betas=config.betas, eps=config.eps, correct_bias=config.correct_bias)
    return (yours or {}).get("AdamW", _fused_adamw)(parts, **own)


def _fused_adamw(parts, **settings):
    return AdamW(parts, fused=True, **settings)


def _smart(config, model):
    if not any(config.values("smart")):
        return None
    return _with_options(SmartRegularizer, "smart", config.smart_options, model, weight=config.smart, seed=config.seed)


def _bregman(config, model):
    if not any(config.values("bregman")):
        return None
    return _with_options(BregmanProximal, "bregman", config.bregman_options, model, weight=config.bregman)


def _with_options(kind, what, options, model, **settings):
    """A penalty with the options of a config; a name or a kind of value that it does not know is told."""
    try:
        return kind(model, **settings, **options)
    except TypeError as error:
        raise MinbertError(f"{what}_options={options}: {error}") from error
