"""A finished run, or several averaged, over any file in the course's format; the course's six submission files.

Notable choices: a file is read, scored and written in chunks, so that a hundred thousand pairs take no more memory than a few thousand;
inside a chunk batches are sorted by length. An ensemble is the plain mean of its members' unrounded predictions.
"""

from itertools import islice
from pathlib import Path

import numpy as np
import torch

from ..errors import MinbertError
from ..home import scale
from ..learn.evaluate import predict as predict_dataset
from ..learn.metrics import decide
from ..learn.precision import choose
from ..model import BertConfig, BertModel, weights
from ..model.multitask import MultitaskModel
from ..text import Dataset, Rows, Tokenizer, iter_file
from ..text.rows import find_file
from . import records
from .build import MODEL_FIELDS
from .config import RunConfig
from .ensemble import average_predictions
from .submission import STEMS, check_submission, write_submission

CHUNK = 4096  # examples


class Trained:
    """A folder that `minbert train --out` made: its config, its model and its words, ready to predict."""

    def __init__(self, folder, device=None):
        folder = Path(folder)
        if not (folder / "result.json").is_file():
            raise MinbertError(f"{folder} holds no finished run: `minbert train NAME --out {folder}` makes one")
        self.record = records.load(folder / "result.json")
        self.config = RunConfig.from_dict(self.record["config"])
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.precision = choose(self.config.precision, self.device)
        settings, tensors = weights.load(folder)
        bert = BertModel(BertConfig.from_dict(settings))
        tasks = tuple(dict.fromkeys((*self.config.tasks, *self.config.scored)))
        self.model = MultitaskModel(bert, tasks, **{name: getattr(self.config, name) for name in MODEL_FIELDS})
        weights.fill_exactly(self.model, tensors, folder)
        self.model.to(self.device).eval()
        self.tokenizer = Tokenizer(folder)

    def predict(self, task, examples):
        """Unrounded predictions for a list of examples."""
        if task not in self.model.tasks:
            raise MinbertError(f"this run has no head for {task}: it knows {', '.join(self.model.tasks)}")
        config = self.config
        rows = Rows(task, "test", examples, Path("-"), "")
        data = Dataset(rows, self.tokenizer, config.max_length, config.truncation, config.pair)
        return predict_dataset(self.model, data, self.device, self.precision, config.both_orders)[0]


def stream(members, task, path, split):
    """Yield (examples, predictions) chunk by chunk; the mean over members."""
    examples = iter_file(path, task, split)
    while chunk := list(islice(examples, CHUNK)):
        yield chunk, average_predictions([member.predict(task, chunk) for member in members])


def submit(folders, out, data=None, splits=("dev", "test"), tasks=None, files=None):
    """Write submission files for every task the members know, checked after writing; → their paths.

    `folders`: one run, or several to average. `files` {(task, split): path} reads other files than the scale's own.
    """
    members = [Trained(folder) for folder in folders]
    known = [task for task in STEMS if all(task in member.model.tasks for member in members)]
    data = Path(data) if data else scale(members[0].config.scale).data
    paths = []
    for task in tasks or known:
        for split in splits:
            source = (files or {}).get((task, split)) or find_file(task, split, data)
            paths.append(_write(members, task, split, source, out))
    return paths


def _write(members, task, split, source, out):
    chunks = stream(members, task, source, split)
    pairs = ((example.id, answer) for chunk, values in chunks for example, answer in zip(chunk, decide(values, task)))
    ids, answers = _unzip(pairs)
    path = write_submission(out, task, split, ids, answers)
    wrong = check_submission(path, (example.id for example in iter_file(source, task, split)), task)
    if wrong:
        raise MinbertError(wrong[0])
    return path


def _unzip(pairs):
    """Two iterators that are read in step: the writer takes an id, then its answer."""
    answers = []

    def ids():
        for name, answer in pairs:
            answers.append(answer)
            yield name

    def values():
        while True:
            if not answers:
                return
            yield answers.pop()

    return ids(), values()


def save_train_predictions(folders, out, tasks):
    """A teacher's soft labels: one .npy a task over its training file, for RunConfig.soft_labels."""
    members = [Trained(folder) for folder in folders]
    for task in tasks:
        source = find_file(task, "train", scale(members[0].config.scale).data)
        values = np.concatenate([values for _, values in stream(members, task, source, "train")])
        Path(out).mkdir(parents=True, exist_ok=True)
        np.save(Path(out) / f"{task}-train.npy", values.astype(np.float32))
