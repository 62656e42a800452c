"""The course's six submission files, written and checked line by line.

    sst-dev-output.csv     id \\t Predicted_Sentiment          <id> , 3
    para-dev-output.csv    id \\t Predicted_Is_Paraphrase      <id> , 1.0
    sts-dev-output.csv     id \\t Predicted_Similiary          <id> , 2.71        and the same three for test

Notable choices: header and lines are as the course's own code writes them, blanks, spelling and all (every
line ends in a blank; 0.0 and 1.0 for paraphrases). Ids and predictions may be any iterators: one line is in
memory at a time. A file appears under its name only when it is complete, and a prediction that could not be
scored stops the writing.
"""

import re
from itertools import zip_longest
from math import isfinite
from pathlib import Path

from ..errors import MinbertError
from ..files import atomic_path
from ..text.tasks import TASKS

STEMS = {"sst": "sst", "qqp": "para", "sts": "sts"}
COLUMNS = {"sst": "Predicted_Sentiment", "qqp": "Predicted_Is_Paraphrase", "sts": "Predicted_Similiary"}
SPLITS = ("dev", "test")
PLAIN = re.compile("[0-9.e+-]+")  # float() would also take 1_0, blanks, and digits of other scripts
GONE = object()


def header(task):
    return f"id \t {COLUMNS[task]} \n"


def submission_path(folder, task, split):
    if task not in STEMS or split not in SPLITS:
        raise MinbertError(f"no submission file for {task!r}, {split!r}: choose {', '.join(STEMS)}; dev or test")
    return Path(folder) / f"{STEMS[task]}-{split}-output.csv"


def write_submission(folder, task, split, ids, predictions):
    """Write one file from two iterators of equal length; return its path."""
    path = submission_path(folder, task, split)
    with atomic_path(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
        file.write(header(task))
        for row, (name, prediction) in enumerate(zip_longest(ids, predictions, fillvalue=GONE), start=1):
            if name is GONE or prediction is GONE:
                more, fewer = ("predictions", "ids") if name is GONE else ("ids", "predictions")
                raise MinbertError(f"{path} not written: there are more {more} than {fewer} ({row - 1})")
            value = float(prediction)
            if reason := _bad_id(name) or _bad_value(value, task):
                raise MinbertError(f"{path} not written: row {row}, {_short(name)}: {reason}")
            file.write(f"{name} , {int(value) if task == 'sst' else value} \n")
    return path


def read_submission(path, task=None):
    """Yield (id, prediction) from a file; the first bad line is raised as `file:line: reason`."""
    for line, name, value, reason in _lines(path, task):
        if reason:
            raise MinbertError(f"{path}:{line}: {reason}")
        yield name, value


def check_submission(path, ids, task=None, most=20):
    """Everything wrong with a file, as a list of `file:line: reason`; an empty list is a file to hand in.

    `ids` are those of the data file, in its order (any iterator). At most `most` lines are told.
    """
    problems, wanted, rows, line, compare = [], iter(ids), 0, 1, True
    for line, name, _, reason in _lines(path, task):
        if name is not None:
            rows += 1
            expected = next(wanted, GONE)
            if expected is GONE:
                reason = reason or f"one row too many: the data has {rows - 1}"
            elif compare and name and name != str(expected):
                reason = reason or f"id {_short(name)} where {_short(expected)} should be; ids not compared further"
                compare = False  # one lost line shifts all that follow: telling it once is enough
        if reason and len(problems) < most:
            problems.append(f"{path}:{line}: {reason}")
    if lacking := sum(1 for _ in wanted):
        problems.append(f"{path}:{line}: the file ends after {rows} rows, {lacking} short of {rows + lacking}")
    return problems


def _lines(path, task):
    """Yield (line number, id, value, reason): id None for the header, reason empty where all is well."""
    path = Path(path)
    task = task or _task_of(path)
    try:
        # a carriage return counts as part of its line, and bytes that are no UTF-8 are kept: both are then told
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            first = file.readline()
            if first != header(task):
                yield 1, None, None, f"the header is {_short(first)}, not {header(task)!r}"
            for number, line in enumerate(file, start=2):
                yield number, *_parse(line, task)
    except OSError as error:
        raise MinbertError(f"cannot read {path}: {error.strerror}") from error


def _parse(line, task):
    """(id, value, reason) of one line."""
    name, comma, rest = line.rpartition(" , ")
    if not comma:
        return "", None, f"not '<id> , <prediction> ' but {_short(line)}"
    if not rest.endswith(" \n"):
        return name, None, "the line is cut off or does not end in a blank"
    try:
        value = float(rest[:-2]) if PLAIN.fullmatch(rest[:-2]) else None
    except ValueError:
        value = None
    if value is None:
        return name, None, f"{_short(rest[:-2])} is not a number"
    return name, value, _bad_id(name) or _bad_value(value, task)


def _bad_value(value, task):
    """Why this prediction cannot be scored, or an empty string."""
    low, high = TASKS[task].low, TASKS[task].high
    if not isfinite(value) or not low <= value <= high:
        return f"{value} is not from {low} to {high}"
    if task != "sts" and value != int(value):
        return f"{value} is not a whole number: hand in the decision, not the probability"
    return ""


def _bad_id(name):
    name = str(name)
    bad = not name or "\n" in name or " , " in name
    return "the id is empty, or holds a line break or ' , '" if bad else ""


def _task_of(path):
    for task, stem in STEMS.items():
        if path.name in {f"{stem}-{split}-output.csv" for split in SPLITS}:
            return task
    raise MinbertError(f"{path} is not named like a submission file: say which task it is for")


def _short(text):
    text = str(text)
    return repr(text if len(text) <= 40 else text[:37] + "...")
