"""A finished run, or several averaged, over any file in the course's format; the course's six submission files.

Notable choices: a file is read, scored and written in chunks, so that a hundred thousand pairs take no more memory than a few
thousand; inside a chunk batches are sorted by length. An ensemble is the plain mean of its members' unrounded predictions; each
task may have members of its own, and the models of one task are in memory at a time.
"""

import json
from itertools import islice, tee
from pathlib import Path

import numpy as np
import torch

from ..errors import MinbertError
from ..files import atomic_path, sha256, write_atomic
from ..home import scale
from ..learn.evaluate import predict as predict_dataset
from ..learn.metrics import decide, means, score
from ..learn.precision import choose
from ..model import BertConfig, BertModel, weights
from ..model.multitask import MultitaskModel
from ..text import Dataset, Rows, Tokenizer, iter_file, read_rows
from ..text.inventory import origin
from ..text.rows import find_file
from . import records
from .build import MODEL_FIELDS, teacher_folder
from .config import RunConfig
from .ensemble import average_predictions, average_weights
from .facts import dev_rows
from .members import read_ensemble
from .submission import STEMS, check_submission, write_submission
from .systems import SYSTEMS, system

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
        self.model = MultitaskModel(bert, _tasks(self.config), **{name: getattr(self.config, name) for name in MODEL_FIELDS})
        weights.fill_exactly(self.model, tensors, folder)
        self.model.to(self.device).eval()
        self.tokenizer = Tokenizer(folder)

    def predict(self, task, examples):
        """Unrounded predictions for a list of examples."""
        if task not in self.model.tasks:
            raise MinbertError(f"this run has no head for {task}: it knows {', '.join(self.model.tasks)}")
        config = self.config
        rows = Rows(task, "test", examples, Path("-"), "")
        data = Dataset(rows, self.tokenizer, config.max_length, config.truncation, config.pair, config.order)
        return predict_dataset(self.model, data, self.device, self.precision, config.both_orders)[0]


def locate(run):
    """The folder of a finished run with its weights, by that folder or by the run's key; else the command that makes it."""
    kept = records.own_folder() / "work" / str(run)
    for folder in (Path(run), kept):
        if (folder / "result.json").is_file():
            return folder
    for record in records.load_all():
        if record["key"] == run:
            command = f"{command_of(record)} --out FOLDER"
            raise MinbertError(f"the weights of {record['name']} ({run}) are not here: `{command}` makes them")
    raise MinbertError(f"{run} holds no finished run and is no run's key: `minbert train NAME --out {run}` makes one")


def command_of(record):
    """What one types to have a recorded run again."""
    config = record["config"]
    name = config["name"] if config["name"] in SYSTEMS else "C2"
    line = system(name, config["scale"], config["seed"])
    # 3e-5 * 5 is a hair above the .00015 that a record keeps: some runs had one, some the other
    for alike in (records.rounded, json.dumps):
        there = {field: value for field, value in config.items() if field != "name"}
        changed = {field: value for field, value in there.items() if alike(value) != alike(vars(line)[field])}
        if line.with_(**changed, name=config["name"]).key() == record["key"]:
            break
    switches = "".join(f" --set '{field}={json.dumps(value)}'" for field, value in changed.items())
    return f"minbert train {name} --scale {config['scale']} --seed {config['seed']}{switches}"


def teams_of(runs, tasks=None):
    """{task: folders of its members}. `runs`: folders or keys, or one folder that `minbert ensemble` wrote."""
    for run in runs:
        if (described := read_ensemble(run)) is not None:
            if len(runs) > 1:
                raise MinbertError(f"{run} is an ensemble already: give it by itself, or its members")
            where = lambda member: locate(member.get("folder", member["key"]))
            found = {task: [where(member) for member in team["members"]] for task, team in described["tasks"].items()}
            break
    else:
        folders = [locate(run) for run in runs]
        knows = {folder: _tasks(RunConfig.from_dict(records.load(folder / "result.json")["config"])) for folder in folders}
        found = {task: folders for task in STEMS if all(task in known for known in knows.values())}
    for task in tasks or ():
        if task not in found:
            raise MinbertError(f"these runs have no head for {task}: they know {', '.join(found) or 'no task in common'}")
    return {task: found[task] for task in tasks or found}


def _tasks(config):
    return tuple(dict.fromkeys((*config.tasks, *config.scored)))


def stream(members, task, path, split):
    """Yield (examples, mean of the members' predictions) chunk by chunk; one that is named twice counts twice, and works once."""
    examples = iter_file(path, task, split)
    chunk = list(islice(examples, CHUNK))
    if not chunk:
        raise MinbertError(f"{path}: holds no rows")
    while chunk:
        found = {member: member.predict(task, chunk) for member in dict.fromkeys(members)}
        yield chunk, average_predictions([found[member] for member in members])
        chunk = list(islice(examples, CHUNK))


def opened(teams):
    """Yield (task, its members ready to predict); a model stays in memory while the next task needs it."""
    loaded = {}
    for task, folders in teams.items():
        loaded = {folder: loaded.get(folder) or Trained(folder) for folder in dict.fromkeys(folders)}
        yield task, [loaded[folder] for folder in folders]


def submit(runs, out, data=None, splits=("dev", "test"), tasks=None, files=None):
    """Write submission files for every task the members know, checked after writing; → their paths.

    `runs`: one run, or several to average, or an ensemble's folder. `files` {(task, split): path}: other files than the scale's own.
    """
    paths = []
    for task, members in opened(teams_of(runs, tasks)):
        place = Path(data) if data else scale(members[0].config.scale).data
        for split in splits:
            source = (files or {}).get((task, split)) or find_file(task, split, place)
            paths.append(_write(members, task, split, source, out))
    return paths


def _write(members, task, split, source, out):
    chunks = stream(members, task, source, split)
    pairs = ((example.id, answer) for chunk, values in chunks for example, answer in zip(chunk, decide(values, task)))
    one, same = tee(pairs)  # the writer reads both in step, so that no pair waits long
    path = write_submission(out, task, split, (name for name, _ in one), (answer for _, answer in same))
    wrong = check_submission(path, (example.id for example in iter_file(source, task, split)), task)
    if wrong:
        raise MinbertError(wrong[0])
    return path


def teach(teams, name):
    """A teacher's soft labels for whole training files, which RunConfig.soft_labels=name reads. `teams` {task: runs}; → their folder."""
    folder, about = teacher_folder(name), {}
    for task, members in opened({task: [locate(run) for run in runs] for task, runs in teams.items()}):
        source = find_file(task, "train", scale(members[0].config.scale).data)
        about[task] = {"sha256": sha256(source)[:16], "members": [member.record["key"] for member in members]}
        path = folder / f"{task}-train.json"
        if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != about[task]:
            raise MinbertError(f"{path} names another teacher: choose another name, for runs are known by it")
        values = np.concatenate([values for _, values in stream(members, task, source, "train")])
        with atomic_path(path.with_suffix(".npy")) as part, open(part, "wb") as file:
            np.save(file, values.astype(np.float32))
        write_atomic(path, json.dumps(about[task]) + "\n")
    return folder


def average_runs(runs, out):
    """One model whose weights are the mean of several runs' or epochs' of one setting, as a finished run in the folder `out`; → its record."""
    if not runs:
        raise MinbertError("name the runs whose weights are to be averaged")
    members = [Trained(locate(run)) for run in runs]
    first, keys = members[0], [member.record["key"] for member in members]
    for run, member in zip(runs, members):
        if differ := _differ(first.config, member.config):
            raise MinbertError(
                f"{runs[0]} and {run} differ in {', '.join(differ)}: only seeds and epochs of one setting have a mean"
            )
    first.model.load_state_dict(average_weights(member.model.state_dict() for member in members))
    predictions, scores, asked = _scored(first)
    record = first.record | {"name": f"{first.config.name}-average", "key": "-".join(keys), "scores": scores | means(scores)}
    record["data"] = record["data"] | asked
    whose = ", ".join(f"{key} (epoch {member.record['best_epoch']})" for key, member in zip(keys, members))
    record |= {"notes": [f"mean of the weights of {whose}"], "epochs": [], "curve": [], "intervals": {}}
    seconds = {key: 0.0 for key in keys}  # epochs of one run are one training
    for key, member in zip(keys, members):
        seconds[key] = max(seconds[key], member.record["seconds"])
    record["seconds"] = sum(seconds.values())
    for name in ("best_per_task", "path"):  # the first member's
        record.pop(name, None)
    settings, _ = weights.load(locate(runs[0]))
    weights.save(out, settings, first.model.state_dict())
    first.tokenizer.save(out)
    record["path"] = str(records.save_at(Path(out) / "result.json", record, predictions))
    return record


def _differ(one, other):
    """What two configs differ in, beside name and seed."""
    return [name for name, value in vars(one).items() if name not in ("name", "seed") and value != getattr(other, name)]


def _scored(member):
    """({split: {task: array}} as a record keeps them, {task: dev score}, what is known of the test files), on the run's own dev files."""
    found, scores, asked = {"dev": {}, "test": {}}, {}, {}
    for task in member.config.scored:
        dev, test = dev_rows(member.record, task), read_rows(task, "test", scale(member.config.scale).data)
        found["dev"][task], found["test"][task] = (member.predict(task, rows.examples) for rows in (dev, test))
        scores[task] = score(found["dev"][task], np.array([example.label for example in dev.examples]), task)
        asked[f"test/{task}"] = test.fingerprint() | {"origin": origin(test.path)}
    return found, scores, asked
