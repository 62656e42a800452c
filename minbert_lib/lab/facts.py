"""What an analysis must know of a dev file, as numbers: labels, lengths, overlaps. The sentences themselves stay
where they are.

Notable choices: figures are drawn from records alone, also where the real data may not lie; so the few numbers that
they need of the dev sets are kept beside the records, in facts/, by the hash of the file that they were taken from.
Where they are not there, they are taken from the data of the record's scale, if that is the very file that the run
was scored on.
"""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import MinbertError
from ..files import write_atomic
from ..home import scale
from ..text import read_rows
from ..text.rows import spread
from ..text.tasks import TASKS
from . import records
from .analysis import word_overlap, words


def path_of(folder, task, fingerprint):
    return Path(folder) / "facts" / f"{task}-{fingerprint}.npz"


def save(folder, task, fingerprint, arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: np.asarray(values, np.float32) for name, values in arrays.items()})
    write_atomic(path_of(folder, task, fingerprint), buffer.getvalue())


def of_rows(rows):
    """{"labels", "words", and "overlap" for pairs}, one number an example."""
    found = {"labels": [example.label for example in rows.examples]}
    found["words"] = [sum(len(words(text)) for text in example.texts) for example in rows.examples]
    if TASKS[rows.task].is_pair:
        found["overlap"] = [word_overlap(*example.texts) for example in rows.examples]
    return found


def facts(record, task):
    """{name: array} for the dev examples that the record was scored on."""
    about = record["data"][f"dev/{task}"]
    for folder in records.folders():
        path = path_of(folder, task, about["sha256"])
        if path.is_file():
            return _part(records.read_arrays(path), about["rows"])
    found = of_rows(_dev_file(record, task))
    save(records.own_folder(), task, about["sha256"], found)
    return _part(found, about["rows"])


def _part(found, rows):
    """Facts of the whole file → those of the rows that a limited run was scored on."""
    return {name: np.asarray(values, np.float32)[spread(range(len(values)), rows)] for name, values in found.items()}


def dev_rows(record, task):
    """The dev examples that the record was scored on."""
    rows = _dev_file(record, task)
    return replace(rows, examples=spread(rows.examples, record["data"][f"dev/{task}"]["rows"]))


def _dev_file(record, task):
    """The whole dev file; an error where this machine has another one or none."""
    rows, about = read_rows(task, "dev", scale(record["config"]["scale"]).data), record["data"][f"dev/{task}"]
    if rows.fingerprint()["sha256"] != about["sha256"]:
        raise MinbertError(f"{rows.path} is not the file that {record['name']} ({record['key']}) was scored on")
    return rows


def scored(record, task):
    """(predictions, facts) of one task's dev set."""
    return records.predictions(record)["dev"][task], facts(record, task)
