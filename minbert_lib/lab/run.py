"""A run: `RunConfig` in, record out.

Notable choices:
- A run that is recorded is not run again; one that was interrupted goes on from its last checkpoint, bit for bit on a CPU.
- `prepare` builds everything and `run` drives it, so that a notebook can hold the pieces in its hands.
- The dev scores are those of the best epoch (one epoch for all tasks); the best of each task by itself is recorded apart, and so named.
- `yours` puts a learner's own attention or AdamW in; the record says so.
"""

import os
import platform
import resource
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from .. import __version__
from ..errors import MinbertError
from ..files import locked, write_atomic
from ..home import scale
from ..learn import AdamW, BregmanProximal, SmartRegularizer, checkpoint, groups
from ..learn.evaluate import evaluate, predict
from ..learn.metrics import decide, means
from ..learn.precision import choose
from ..learn.trainer import Trainer
from ..model import BertModel
from ..model.multitask import MultitaskModel
from ..model.weights import save as save_weights
from ..text import TASKS, Dataset, Tokenizer, read_rows
from . import records, stats

CHECKPOINT_SECONDS = 120
METRIC = {"classes": "accuracy", "yes_no": "accuracy", "score": "pearson"}


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


def run(config, out=None, yours=None, progress=None, again=False, keep_weights=False, micro_batch=None, device=None):
    """Run `config` and record it; → the record. `yours`: {"scaled_dot_product_attention": …, "AdamW": …} by a learner."""
    config = config.checked()
    made_with = sorted(yours or {})
    reuse = not (again or made_with or keep_weights or out)
    if reuse and (found := records.find(config)):
        return found
    folder = Path(out) if out else records.own_folder() / "work" / (config.key() + ("-yours" if made_with else ""))
    with locked(folder / ".lock"):
        if reuse and (found := records.find(config)):  # another process has just recorded it
            return found
        if (folder / "result.json").is_file() and not again:
            return _same_run(records.load(folder / "result.json"), config, folder)
        made = prepare(config, yours, device, micro_batch)
        _resume(made.trainer, folder)
        started = time.perf_counter()
        _drive(made, folder, progress)
        record, predictions = _record(made, made_with, time.perf_counter() - started)
        if not made_with:
            record["path"] = str(records.save(record, predictions=predictions))
        if out or keep_weights:
            _keep(made, folder, record)
        for name in (checkpoint.CURRENT, checkpoint.PREVIOUS):
            (folder / name).unlink(missing_ok=True)
    if not out and not keep_weights:
        shutil.rmtree(folder, ignore_errors=True)
    return record


def _same_run(record, config, folder):
    if record["key"] != config.key():
        raise MinbertError(f"{folder} holds another run ({record['name']}, {record['key']}): choose another --out")
    return record


def prepare(config, yours=None, device=None, micro_batch=None):
    """Read the data, build the model and the trainer."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    precision = choose(config.precision, device)
    torch.manual_seed(config.seed)
    place = scale(config.scale)
    tokenizer = Tokenizer(place.weights)
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
    )
    return Prepared(config, model, tokenizer, train, dev, trainer, device, precision, notes)


TRAINER_FIELDS = (
    "epochs batch_size sampling epoch_of schedule warmup task_weights surgery unfreeze_per_epoch clip seed"
).split()
MODEL_FIELDS = (
    "own_layers beside train_encoder pair features shared_pair hidden_layers activation head_dropout pooling sts_output sst_head"
).split()


def dataset(config, tokenizer, task, split, rows=None):
    """One split as the config wants it read, cut and, where it asks for more, augmented."""
    limit = {"train": config.limit, "dev": config.dev_limit}.get(split, {}).get(task)
    rows = rows or read_rows(task, split, scale(config.scale).data, limit)
    if split == "train" and task in config.augment:
        from ..text.augment import augment

        rows = augment(rows, config.augment[task], scale(config.scale), config.seed)
    order = config.order if split == "train" else "given"
    data = Dataset(rows, tokenizer, config.max_length, config.truncation, config.pair, order)
    if split == "train" and config.soft_labels:
        data.labels = soft_labels(config.soft_labels, task, len(data))
    return data


def soft_labels(folder, task, count):
    """A teacher's predictions in place of labels: distillation."""
    path = Path(folder) / f"{task}-train.npy"
    if not path.is_file():
        raise MinbertError(f"{path} is missing: soft_labels names a folder with one file of predictions a task")
    values = np.load(path, allow_pickle=False).astype(np.float32)
    if len(values) < count:
        raise MinbertError(f"{path}: {len(values):,} predictions for {count:,} examples")
    return values[:count]


def build_model(config, yours=None):
    """The encoder with its weights, and the heads the config asks for."""
    yours = yours or {}
    parts = {"attention": yours.get("scaled_dot_product_attention")}
    parts |= {arg: yours[name] for arg, name in (("layer", "BertLayer"), ("embeddings", "BertEmbeddings")) if name in yours}
    source = config.start or scale(config.scale).weights
    if config.pretrain:
        from .pretraining import pretrained

        source = pretrained(config)
    bert = BertModel.from_pretrained(source, config.hidden_dropout, config.attention_dropout, **parts)
    tasks = tuple(dict.fromkeys((*config.tasks, *config.scored)))
    return MultitaskModel(bert, tasks, **{name: getattr(config, name) for name in MODEL_FIELDS})


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
    if not any(np.atleast_1d(list(config.smart.values()) if isinstance(config.smart, dict) else config.smart)):
        return None
    return SmartRegularizer(model, weight=config.smart, seed=config.seed, **config.smart_options)


def _bregman(config, model):
    if not any(np.atleast_1d(list(config.bregman.values()) if isinstance(config.bregman, dict) else config.bregman)):
        return None
    return BregmanProximal(model, weight=config.bregman, **config.bregman_options)


def _resume(trainer, folder):
    state, damaged = checkpoint.load(folder)
    for reason in damaged:
        print(f"minbert: {reason}; going on from the checkpoint before it", file=sys.stderr)
    if state is not None:
        trainer.load_state_dict(state)


def _drive(made, folder, progress):
    """Train to the end, with a bar where somebody looks, and a checkpoint every other minute."""
    trainer = made.trainer
    show = sys.stderr.isatty() if progress is None else progress
    for note in made.notes if show else ():
        print(note, file=sys.stderr)
    bar = tqdm(total=trainer.total, initial=trainer.step, disable=not show, desc=made.config.name, unit="step")
    saved = time.monotonic()

    def after_update(trainer):
        nonlocal saved
        bar.update()
        if trainer.curve:
            bar.set_postfix({task: f"{trainer.curve[-1].get(task, float('nan')):.3f}" for task in trainer.feeds}, refresh=False)
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            checkpoint.save(folder, trainer.state_dict())
            saved = time.monotonic()

    def after_epoch(trainer):
        scores = " ".join(f"{task} {value:.4f}" for task, value in trainer.history[-1]["scores"].items())
        if show:
            bar.write(f"epoch {trainer.history[-1]['epoch']}: {scores}", file=sys.stderr)

    try:
        with bar:
            trainer.run(after_update, after_epoch)
    except KeyboardInterrupt:
        checkpoint.save(folder, trainer.state_dict())
        print(f"\nstopped at step {trainer.step:,} of {trainer.total:,}; the same command goes on from there", file=sys.stderr)
        raise


def _record(made, made_with, wall):
    """Score the best epoch's weights once more, with intervals, and write down everything that a reader may ask for."""
    config, trainer = made.config, made.trainer
    made.model.load_state_dict(trainer.best_weights)
    settings = dict(device=made.device, precision=made.precision, both_orders=config.both_orders)
    scores, _, dev = evaluate(made.model, made.dev, **settings)
    intervals = {
        task: stats.bootstrap(decide(dev[task], task), made.dev[task].labels, METRIC[TASKS[task].kind])
        for task in scores
    }
    test = {}
    for task in scores:
        try:
            test[task] = predict(made.model, dataset(config, made.tokenizer, task, "test"), **settings)[0]
        except MinbertError as error:
            made.notes.append(f"no test predictions for {task}: {error}")
    record = {
        "version": VERSION,
        "name": config.name,
        "key": config.key(),
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "model": scale(config.scale).title,
        "config": config.to_dict(),
        "scores": scores | means(scores),
        "intervals": {task: [interval.low, interval.high] for task, interval in intervals.items()},
        "best_epoch": trainer.best["epoch"],
        "best_per_task": {task: max(e["scores"][task] for e in trainer.history) for task in scores},
        "parameters": made.model.parameter_count(),
        "trained_parameters": made.model.parameter_count(trained_only=True),
        "seconds": trainer.seconds,
        "wall_seconds": wall,
        "steps_per_second": trainer.step / max(trainer.seconds, 1e-9),
        "tokens_per_second": trainer.tokens / max(trainer.seconds, 1e-9),
        "peak_memory_mb": _peak_memory(made.device),
        "device": _device_name(made.device),
        "precision": made.precision,
        "packages": {"minbert": __version__, "torch": torch.__version__, "python": platform.python_version()},
        "data": {
            f"{split}/{task}": data.rows.fingerprint() | {"truncated": data.truncated}
            for split, sets in (("train", made.train), ("dev", made.dev))
            for task, data in sets.items()
        },
        "notes": made.notes,
        "made_with": made_with,
        "epochs": trainer.history,
        "curve": trainer.curve,
    }
    return record, {"dev": dev, "test": test}


VERSION = records.VERSION


def _keep(made, folder, record):
    """The finished run as a folder: its record, and a checkpoint that `predict` and `start` can use."""
    bert = made.model.bert or next(iter(made.model.own.values()))
    settings = {"model_type": "bert", "hidden_act": "gelu", **vars(bert.config)}
    save_weights(folder, settings, made.model.state_dict())
    write_atomic(folder / "vocab.txt", made.tokenizer.path.read_bytes())
    write_atomic(folder / "result.json", records.to_json(record))


def _peak_memory(device):
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _device_name(device):
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{_cpu_name()}, {torch.get_num_threads()} threads"


def _cpu_name():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), os.uname().machine)
