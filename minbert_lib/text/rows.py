"""CS224N files → `Example`s, with a reason for every row that cannot be used.

Notable choices: a bad row is never dropped in silence. Rows that the published files are known to contain (two questions of
`quora-dev.csv` have no label) are skipped and counted; any other stops the reading with `file:line: reason`, so that a
damaged file is never taken for a smaller whole one. The hash and the row count travel with the data into every record.
"""

import csv
import gzip
import io
import math
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import MinbertError
from ..files import sha256, unpacked
from .tasks import SPLITS, TASKS

KNOWN_BAD_ROWS = {"quora-dev.csv": 2, "quora-train.csv": 4}  # rows without a label in the official files
MAX_LINE = 1_000_000  # characters
MAX_FIELD = 100_000  # characters; a "sentence" longer than this is a damaged file


@dataclass(slots=True)
class Example:
    id: str
    texts: tuple[str, ...]
    label: int | float | None = None


@dataclass
class Rows:
    """The examples of one file, and what a record must know about where they came from."""

    task: str
    split: str
    examples: list[Example]
    path: Path
    sha256: str
    problems: list[str] = field(default_factory=list)

    def __len__(self):
        return len(self.examples)

    def fingerprint(self):
        return {"file": self.path.name, "rows": len(self.examples), "sha256": self.sha256[:16], "skipped": len(self.problems)}


def find_file(task, split, folder):
    """The file of one split, plain or gzipped; a clear error where there is none."""
    if task not in TASKS:
        raise MinbertError(f"there is no task called {task!r}: tasks are {', '.join(TASKS)}")
    if split not in SPLITS:
        raise MinbertError(f"there is no split called {split!r}: splits are {', '.join(SPLITS)}")
    name = TASKS[task].file(split)
    for path in (Path(folder) / name, Path(folder) / f"{name}.gz"):
        if path.is_file():
            return path
    raise MinbertError(f"{Path(folder) / name} is missing: `minbert data` shows what is there and how to get the rest")


def read_rows(task, split, folder, limit=None):
    """Read one split of a task; `limit` keeps that many rows (a record names such a subset)."""
    return read_file(find_file(task, split, folder), task, split, limit)


def read_file(path, task, split="dev", limit=None):
    """Read any file in the course's format as rows of `task`."""
    path, problems = Path(path), []
    examples = list(iter_file(path, task, split, problems))
    if not examples:
        raise MinbertError(f"{path}: holds no rows")
    return Rows(task, split, spread(examples, limit), path, sha256(path), problems)


def spread(examples, limit):
    """`limit` of them from all over the file, which may be sorted: the real SST praises first and scolds last."""
    count = len(examples)
    return examples if limit is None or limit >= count else [examples[i * count // limit] for i in range(limit)]


def iter_file(path, task, split="dev", problems=None):
    """The examples of a file one by one, in constant memory; known bad rows are told in the list `problems`."""
    if task not in TASKS:
        raise MinbertError(f"there is no task called {task!r}: tasks are {', '.join(TASKS)}")
    path, spec = Path(path), TASKS[task]
    problems = [] if problems is None else problems
    allowed = KNOWN_BAD_ROWS.get(path.name.removesuffix(".gz"), 0)
    with _opened(path) as file:
        table = csv.DictReader(_lines(file, path), delimiter="\t", strict=True)
        columns = ("id", *spec.text_columns, *(() if split == "test" else (spec.label_column,)))
        try:
            missing = [name for name in columns if name not in (table.fieldnames or ())]
            if missing:
                raise MinbertError(f"{path}:1: the header has no column {missing[0]!r} (it has: {_short(table.fieldnames)})")
            for row in table:
                reason, example = _example(row, spec, split)
                if example is not None:
                    yield example
                    continue
                problems.append(f"{path}:{table.line_num}: {reason}")
                if len(problems) > allowed:
                    raise MinbertError(f"{problems[-1]} (mend or remove this row)")
        except csv.Error as error:
            raise MinbertError(f"{path}:{table.line_num + 1}: not a readable row ({error})") from error


def _example(row, spec, split):
    """(None, Example) for a good row, (reason, None) for a bad one."""
    if None in row:
        return f"{len(row[None])} more fields than the header has columns", None
    texts = tuple((row[name] or "").strip() for name in spec.text_columns)
    if not (row["id"] or "").strip():
        return "the id is empty", None
    for name, text in zip(spec.text_columns, texts):
        if not text:
            return f"the column {name!r} is empty", None
        if "\0" in text:
            return f"the column {name!r} holds a zero byte: not a text file", None
        if len(text) > MAX_FIELD:
            return f"the column {name!r} holds {len(text):,} characters: a quote was probably not closed", None
    if split == "test" and not row.get(spec.label_column):
        return None, Example(row["id"].strip(), texts)
    try:
        label = float(row[spec.label_column])
    except (TypeError, ValueError):
        return f"the label {row[spec.label_column]!r} is not a number", None
    if not (math.isfinite(label) and spec.low <= label <= spec.high):
        return f"the label {label:g} is outside {spec.low:g} … {spec.high:g}", None
    if spec.kind != "score":
        if label != int(label):
            return f"the label {label:g} is not a whole number", None
        label = int(label)
    return None, Example(row["id"].strip(), texts, label)


def _lines(file, path):
    """The lines of a text; one without end is refused before memory is taken for it."""
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE:
            raise MinbertError(f"{path}:{number}: a line of more than {MAX_LINE:,} characters: not a file of this course")
        yield line


@contextmanager
def _opened(path):
    """The file as text; what turns out to be no text, or only a part of a file, is told in one line."""
    try:
        with unpacked(path) as raw:
            if b"\0" in raw.read(4096):
                raise MinbertError(f"{path}: not a text file (it holds zero bytes)")
            raw.seek(0)
            yield io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise MinbertError(f"{path}: a damaged or incomplete gzip file; fetch it again") from error
    except UnicodeDecodeError as error:
        raise MinbertError(f"{path}:{_first_bad_line(path)}: not UTF-8 text") from error
    except OSError as error:
        raise MinbertError(f"cannot read {path}: {error.strerror or error}") from error


def _first_bad_line(path):
    with unpacked(path) as raw:
        for number, line in enumerate(raw, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _short(names):
    return ", ".join(repr(str(name)[:40]) for name in (names or ())[:8]) or "nothing"
