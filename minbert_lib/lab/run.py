"""A run: `RunConfig` in, record out.

Notable choices:
- A run that is recorded is not run again; one that was interrupted goes on from its last checkpoint, bit for bit on a CPU.
- `build.prepare` makes everything and `run` drives it, so that a notebook can hold the pieces in its hands.
- The dev scores are those of the best epoch (one epoch for all tasks); the best of each task by itself is recorded apart, and so named.
- `yours` puts a learner's own attention or heads in; the record says so, stands apart, and is made anew each time, for her code may have changed.
"""

import math
import os
import platform
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import torch
from tqdm.auto import tqdm

from .. import __version__
from ..errors import MinbertError
from ..files import locked, write_atomic
from ..home import scale
from ..learn import checkpoint
from ..learn.compare import NotFinite
from ..learn.evaluate import evaluate, predict
from ..learn.metrics import decide, means
from ..learn.stops import KNOB, OutOfMemory, out_of_memory, unbroken
from ..model.weights import save as save_weights
from ..text import TASKS
from ..text.inventory import origin
from . import records, stats
from .build import dataset, prepare, start_of
from .pretraining import cost_of

CHECKPOINT_SECONDS = float(os.environ.get("MINBERT_CHECKPOINT_SECONDS", 120))
METRIC = {"classes": "accuracy", "yes_no": "accuracy", "score": "pearson"}


def run(config, out=None, yours=None, progress=None, again=False, keep_epochs=False, micro_batch=None):
    """Run `config` and record it; → the record. `yours`: {"scaled_dot_product_attention": …, "AdamW": …} by a learner.

    With `keep_epochs` every epoch's weights stay too, each as a finished run in a folder epoch-N of the run's own: to predict, or to be averaged.
    """
    config = config.checked()
    made_with = sorted(yours or {})
    keep_weights = keep_epochs or bool(out)
    reuse = not (again or made_with or keep_weights)
    if reuse and (found := records.find(config)):
        return found
    folder = Path(out) if out else records.own_folder() / "work" / (config.key() + ("-yours" if made_with else ""))
    with locked(folder / ".lock"):
        if reuse and (found := records.find(config)):  # another process has just recorded it
            return found
        if (folder / "result.json").is_file():
            there = _same_run(records.load(folder / "result.json"), config, folder)
            whole = not keep_epochs or all(_has_epoch(folder, number, config) for number in range(1, config.epochs + 1))
            if whole and not again and not made_with:
                return _same_files(there, config, folder)
        if made_with:  # her code may be another now than the one that wrote a checkpoint
            _forget(folder)
        made = prepare(config, yours, micro_batch=micro_batch)
        _resume(made, folder)
        if keep_epochs and not all((_of_epoch(folder, e["epoch"]) / "model.safetensors").is_file() for e in made.trainer.history):
            print("beginning anew: the weights of its first epochs were not kept", file=sys.stderr)
            made = prepare(config, yours, micro_batch=micro_batch)
        started = time.perf_counter()
        _drive(made, folder, progress, keep_epochs)
        record, predictions = _record(made, made_with, time.perf_counter() - started)
        record["path"] = str(records.save(record, records.own_folder(made_with), predictions))
        if keep_weights:
            _keep(made, folder)
            write_atomic(folder / "result.json", records.to_json(record))
        for entry in made.trainer.history if keep_epochs else ():
            write_atomic(_of_epoch(folder, entry["epoch"]) / "result.json", records.to_json(record | _as_it_was(record, entry)))
        _forget(folder)
    if not keep_weights and not (folder / "result.json").is_file():  # that of an earlier run, kept for its weights
        shutil.rmtree(folder, ignore_errors=True)
    return record


def _same_run(record, config, folder):
    if record["key"] != config.key():
        raise MinbertError(f"{folder} holds another run ({record['name']}, {record['key']}): choose another --out")
    return record


def _same_files(record, config, folder):
    if not records.of_these_files(record, config):
        raise MinbertError(
            f"{folder} holds this run as other data or weights made it: --again makes it anew, another --out keeps both"
        )
    return record


def _forget(folder):
    for name in (checkpoint.CURRENT, checkpoint.PREVIOUS):
        (folder / name).unlink(missing_ok=True)


def _resume(made, folder):
    state, damaged = checkpoint.load(folder)
    for reason in damaged:
        print(f"minbert: {reason}; going on from the checkpoint before it", file=sys.stderr)
    if state is None:
        return
    if not isinstance(state, dict) or state.get("key") != made.config.key():
        raise MinbertError(f"{folder} holds a checkpoint of a run with other settings: choose another --out, or empty it")
    if state.get("data", _data(made)) != _data(made):
        raise MinbertError(f"{folder} holds a checkpoint of this run with other training data: choose another --out, or empty it")
    made.trainer.load_state_dict(state)
    print(f"going on from step {made.trainer.step:,} of {made.trainer.total:,}", file=sys.stderr)


def _save(made, folder):
    checkpoint.save(folder, {"key": made.config.key(), "data": _data(made), **made.trainer.state_dict()})


def _data(made):
    """What tells the training data of a run from other data of the same name."""
    return {task: data.rows.fingerprint()["sha256"] for task, data in made.train.items()}


def _drive(made, folder, progress, keep_epochs=False):
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
            _save(made, folder)
            saved = time.monotonic()

    def after_epoch(trainer):
        if keep_epochs:
            with unbroken():
                _keep(made, _of_epoch(folder, trainer.history[-1]["epoch"]))
        scores = " ".join(f"{task} {value:.4f}" for task, value in trainer.history[-1]["scores"].items())
        if show:
            bar.write(f"epoch {trainer.history[-1]['epoch']}: {scores}", file=sys.stderr)

    try:
        with bar:
            trainer.run(after_update, after_epoch)
    except KeyboardInterrupt:
        with unbroken():
            _save(made, folder)
            print(
                f"\nstopped at step {trainer.step:,} of {trainer.total:,}; the same command goes on from there", file=sys.stderr
            )
        raise
    except (NotFinite, OutOfMemory) as error:  # the step was not taken: all is as it was before it
        _save(made, folder)
        raise type(error)(f"{error}; the state of step {trainer.step:,}, the last good one, is kept in {folder}") from None
    except Exception as error:
        if out_of_memory(error):  # between two steps, in scoring
            raise OutOfMemory(f"out of memory after step {trainer.step:,}: {KNOB}") from error
        raise


def _record(made, made_with, wall):
    """Score the best epoch's weights once more, with intervals, and write down everything that a reader may ask for."""
    config, trainer = made.config, made.trainer
    made.model.load_state_dict(trainer.best_weights)
    settings = dict(device=made.device, precision=made.precision, both_orders=config.both_orders)
    scores, _, dev = evaluate(made.model, made.dev, **settings)
    answers = {task: (decide(dev[task], task), made.dev[task].labels, METRIC[TASKS[task].kind]) for task in scores}
    intervals = {task: stats.bootstrap(*answer) for task, answer in answers.items()} | stats.bootstrap_means(answers)
    asked, test = {}, {}
    for task in scores:
        try:
            asked[task] = dataset(config, made.tokenizer, task, "test")
            test[task] = predict(made.model, asked[task], **settings)[0]
        except MinbertError as error:
            made.notes.append(f"no test predictions for {task}: {error}")
    record = {
        "version": records.VERSION,
        "name": config.name,
        "key": config.key(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": scale(config.scale).title,
        "weights": records.fingerprint(start_of(config) / "model.safetensors"),
        "config": config.to_dict(),
        "scores": scores | means(scores),
        "intervals": {name: [interval.low, interval.high] for name, interval in intervals.items()},
        "best_epoch": trainer.best["epoch"],
        "best_per_task": {task: max((e["scores"][task] for e in trainer.history), key=_or_least) for task in scores},
        "parameters": made.model.parameter_count(),
        "trained_parameters": made.model.parameter_count(trained_only=True),
        "seconds": trainer.seconds,
        **({"pretraining": cost_of(config)} if config.pretrain else {}),
        "wall_seconds": wall,
        "steps_per_second": trainer.step / max(trainer.seconds, 1e-9),
        "tokens_per_second": trainer.tokens / max(trainer.seconds, 1e-9),
        "peak_memory_mb": _peak_memory(made.device),
        "device": device_name(made.device),
        "precision": made.precision,
        "code": records.code(),
        "packages": {"minbert": __version__, "torch": torch.__version__, "python": platform.python_version()},
        "data": {
            f"{split}/{task}": data.rows.fingerprint() | {"origin": origin(data.rows.path), "truncated": data.truncated}
            for split, sets in (("train", made.train), ("dev", made.dev), ("test", asked))
            for task, data in sets.items()
        },
        "notes": made.notes,
        "made_with": made_with,
        "epochs": trainer.history,
        "curve": trainer.curve,
    }
    return record, {"dev": dev, "test": test}


def told(record):
    """A finished run in a few lines: its scores with their 95 % intervals, the rule that chose its epoch, and each task's own best apart."""
    record = records.rounded(record)  # a run is told alike when it has ended and when it is found again
    scores, epochs = record["scores"], record["epochs"]
    tasks = [name for name in scores if name in TASKS]
    lines = [f"{record['name']} ({record['model']}, seed {record['config']['seed']}) on dev, with 95 % intervals:"]
    for names in (tasks, [name for name in scores if name not in TASKS]):
        lines += ["  " + "   ".join(_with_interval(record, name) for name in names)] if names else []
    rule = "where its score is highest"
    if len(tasks) > 1:
        rule = "one for all tasks, where the mean of their scores is highest" + (" (r as (r + 1) / 2)" if "sts" in tasks else "")
    lines.append(f"  best epoch: {record['best_epoch']} of {len(epochs)}, {rule}")
    if len(tasks) > 1:
        best = {task: max(epochs, key=lambda epoch: _or_least(epoch["scores"][task])) for task in tasks}
        apart = ", ".join(f"{task} {_or_least(one['scores'][task]):.4f} in epoch {one['epoch']}" for task, one in best.items())
        lines.append(f"  best epoch per task, which need not be one model: {apart}")
    return "\n".join(lines)


def _with_interval(record, name):
    """One score in words; a record from before the means had intervals has none for them."""
    score, (low, high) = record["scores"][name], record["intervals"].get(name, (None, None))
    if score is None:
        return f"{name} not defined: constant predictions have no r"
    return f"{name} {score:.4f}" + (f" [{low:.4f}, {high:.4f}]" if low is not None else "")


def _or_least(score):
    """Constant predictions have no r, which is the least that one can have."""
    return -1.0 if score is None or math.isnan(score) else score


def _of_epoch(folder, number):
    return folder / f"epoch-{number}"


def _has_epoch(folder, number, config):
    """Is this epoch there as a finished run, and one of these settings?"""
    path = _of_epoch(folder, number) / "result.json"
    return path.is_file() and records.load(path)["key"] == config.key()


def _as_it_was(record, entry):
    """What a run's record says otherwise of the weights after one of its epochs."""
    about = {"scores": entry["scores"] | means(entry["scores"]), "best_epoch": entry["epoch"], "seconds": entry["seconds"]}
    note = f"the weights after epoch {entry['epoch']}; the run's best epoch is {record['best_epoch']}"
    return about | {"intervals": {}, "notes": [*record["notes"], note]}


def _keep(made, folder):
    """The weights as a checkpoint that `predict` and `start` can use, once a record is beside them."""
    bert = made.model.bert or next(iter(made.model.own.values()))
    settings = {"model_type": "bert", "hidden_act": "gelu", **vars(bert.config)}
    save_weights(folder, settings, made.model.state_dict())
    made.tokenizer.save(folder)


def _peak_memory(device):
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    try:
        import resource
    except ImportError:  # Windows keeps no such account
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def device_name(device):
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{_cpu_name()}, {torch.get_num_threads()} threads"


def _cpu_name():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), os.uname().machine)
