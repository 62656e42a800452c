"""Records as runs would leave them, made up in a moment: for tests of figures and of notebooks' tables. Their numbers
mean nothing."""

import itertools

import numpy as np

from minbert_lib.lab import facts as room
from minbert_lib.lab import records
from minbert_lib.learn.metrics import means
from minbert_lib.text import TASKS

ROWS = {"sst": 200, "qqp": 300, "sts": 150, "cfimdb": 60}


def fake(config, folder, made_with=()):
    """Write a record with predictions for `config`; → the record."""
    rng = np.random.default_rng(int(config.key(), 16) % 2**32)
    scores = {task: 0.5 + 0.05 * rng.random() for task in config.scored}
    epochs = [_epoch(number, config, rng) for number in range(1, config.epochs + 1)]
    record = {
        "version": records.VERSION, "name": config.name, "key": config.key(), "made": "2026-01-01T00:00:00+00:00",
        "model": f"an invented model ({config.scale})", "config": config.to_dict(), "scores": scores | means(scores),
        "intervals": {task: [value - 0.03, value + 0.03] for task, value in scores.items()}, "best_epoch": 1,
        "best_per_task": scores, "parameters": 22_713_216, "trained_parameters": 1000, "seconds": 100 + 50 * rng.random(),
        "wall_seconds": 120.0, "steps_per_second": 1 + 5 * rng.random(), "tokens_per_second": 4000.0, "peak_memory_mb": 900.0,
        "device": "none", "precision": "float32", "packages": {}, "data": _data(config), "notes": [], "made_with": list(made_with), "epochs": epochs,
        "curve": [_point(step, config, rng) for step in range(1, 9)],
    }  # fmt: skip
    dev = {task: predictions(task, rng) for task in config.scored}
    return record | {"path": str(records.save(record, folder, {"dev": dev}))}


def _point(step, config, rng):
    watched = itertools.combinations(config.tasks, 2) if config.surgery != "none" else ()
    cosines = {f"cos {one}·{other}": rng.normal(0, 0.1) for one, other in watched}
    return {"step": step, "epoch": 1, "rate": 1.0, "norm": 1.0, **dict.fromkeys(config.tasks, 2.0 / step), **cosines}


def _epoch(number, config, rng):
    scores = {task: 0.4 + 0.1 * (1 - np.exp(-number)) + 0.02 * rng.random() for task in config.scored}
    train = {f"loss {task}": 1.5 / number for task in config.tasks}
    train |= {f"accuracy {task}": 1 - 0.5 / number for task in config.tasks if TASKS[task].kind != "score"}
    return {"epoch": number, "step": 10 * number, "seconds": 9.0 * number, "scores": scores,
            "dev_loss": {task: 1.2 + 0.05 * number for task in config.scored}, "train": train}  # fmt: skip


def _data(config):
    splits = [("train", task) for task in config.tasks] + [("dev", task) for task in config.scored]
    whole = {"skipped": 0, "truncated": 0}
    return {
        f"{split}/{task}": {"file": f"{task}-{split}.csv", "rows": ROWS[task], "sha256": "", **whole} for split, task in splits
    }


def labels(task):
    rng = np.random.default_rng(3)
    return {"classes": rng.integers(0, 5, ROWS[task]), "yes_no": rng.integers(0, 2, ROWS[task]),
            "score": rng.integers(0, 26, ROWS[task]) / 5}[TASKS[task].kind]  # fmt: skip


def predictions(task, rng):
    """Probabilities or scores that know something of the labels."""
    true = labels(task)
    if TASKS[task].kind == "classes":
        logits = rng.normal(size=(len(true), 5)) - np.abs(np.arange(5) - true[:, None])
        return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    if TASKS[task].kind == "yes_no":
        return 1 / (1 + np.exp(-(2 * true - 1 + rng.normal(size=len(true)))))
    return np.clip(true + rng.normal(size=len(true)), 0, 5)


def facts(folder):
    """What analysis keeps of the dev files, for the invented ones."""
    rng = np.random.default_rng(4)
    for task in ROWS:
        there = {"labels": labels(task), "words": rng.integers(3, 40, ROWS[task]), "overlap": rng.random(ROWS[task])}
        room.save(folder, task, "", there)
