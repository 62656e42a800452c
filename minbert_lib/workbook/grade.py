"""Grade a folder of submitted notebooks: every check, each in a process of its own, into one CSV.

- Answers are found by reading: the last definition of each exercise in the notebook's code cells, with the imports, helpers and
  constants that it uses. No other cell runs, and outputs stored in the notebook count for nothing.
- A process each, with a time limit and, where the system allows, a memory limit: one answer that hangs, crashes or fills the
  memory harms no other. This guards against accidents; it is no prison for code that means harm.
- The CSV is written whole at the end: notebook, exercise, state (right, wrong, blank, missing, unreadable), message.
"""

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .. import files
from ..errors import MinbertError
from . import keep, source
from .desk import verdict_on
from .exercises import EXERCISES

MEMORY = 2 << 30  # bytes that an answer may take beyond what is loaded when it starts
COLUMNS = ("notebook", "exercise", "state", "message")


def grade(folder, out_csv="grades.csv", seconds_per_exercise=60, workers=None):
    """Grade every .ipynb under `folder`; write and return the rows. Only exercises that a notebook has cells for count."""
    folder = Path(folder)
    if not 0 < seconds_per_exercise < 1e6:
        raise MinbertError(f"{seconds_per_exercise} seconds for an answer: more than none, and fewer than a million")
    if not folder.is_dir():
        raise MinbertError(f"{folder} is not a folder: give the one that holds the submitted notebooks")
    found = sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    if not found:
        raise MinbertError(f"there is no .ipynb under {folder}")
    rows = []
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for path in found:
            name = str(path.relative_to(folder))
            try:
                texts = code_cells(path)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                rows.append((name, "", "unreadable", f"not a notebook: {error}"))
                continue
            jobs = {one: pool.submit(judge_apart, one, texts, seconds_per_exercise) for one in asked(texts)}
            rows += [(name, one, *job.result()) for one, job in jobs.items()]
    files.write_atomic(out_csv, as_csv(rows))
    return [dict(zip(COLUMNS, row)) for row in rows]


def code_cells(path):
    cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    texts = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    return ["".join(text) for text in texts]


def asked(texts):
    """Exercises that this notebook checks or defines, in the order of the course."""
    whole = "\n".join(texts)
    return [
        name
        for name in EXERCISES
        if any(
            f"{word}{name}{end}" in whole for word, end in (('check("', '"'), ("check('", "'"), ("def ", "("), ("class ", "("))
        )
    ]


def judge_apart(name, texts, seconds=60):
    """(state, message) for one exercise, judged in another process."""
    if not any(source.definition(text, name) for text in texts):
        broken = [text for text in texts if source.tree(text) is None and name in text]
        return (
            ("wrong", "its cell is not Python: a bracket or an indent is amiss") if broken else ("missing", "no such definition")
        )
    request = json.dumps({"name": name, "texts": texts, "seconds": seconds})
    with tempfile.TemporaryDirectory() as place:
        answer = Path(place) / "verdict.json"
        command = [sys.executable, "-m", "minbert_lib.workbook.grade", str(answer)]
        package = str(Path(__file__).resolve().parents[2])
        known = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
        changes = {"PYTHONPATH": known, "MINBERT_PROGRESS": str(Path(place) / "progress.json"), "OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                command,
                input=request,
                text=True,
                capture_output=True,
                cwd=place,
                timeout=6 * seconds + 60,
                env={**os.environ, **changes},
            )
        except subprocess.TimeoutExpired:
            return "wrong", "it did not finish in time, and could not be stopped from within"
        if answer.exists():
            return tuple(json.loads(answer.read_text(encoding="utf-8")))
        return "wrong", f"the process that ran it died ({_why(done)})"


def _why(done):
    last = (done.stderr.strip().splitlines() or ["without a word"])[-1][:200]
    return f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}: {last}"


def as_csv(rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(tuple(_plain(value) for value in row) for row in rows)
    return text.getvalue()


def _plain(value):
    """On one line, and never a formula to a spreadsheet that opens the file."""
    value = " ".join(str(value).split())
    return "'" + value if value.startswith(("=", "+", "-", "@")) else value


def limit_memory():
    """Let this process take MEMORY more than it has now; where the system cannot say, there is no limit."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        return
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)


def main(answer):
    """In the process apart: read the request, judge, write the verdict."""
    request = json.load(sys.stdin)
    name, texts = request["name"], request["texts"]
    exercise, space = EXERCISES[name], keep.namespace()
    if source.is_stub([node for text in texts if (node := source.definition(text, name))][-1]):
        state, message = "blank", "the gap is not filled"
    else:
        limit_memory()
        try:
            text = source.with_needs(name, texts, space)
            space = keep.run_text(text, f"<{name}>", space)
            verdict = verdict_on(exercise, space[name], request["seconds"])
            state, message = verdict.state, verdict.message or f"on all {verdict.cases} cases"
        except BaseException as error:  # her code may raise anything, SystemExit too
            state, message = "wrong", f"its cell stops with {type(error).__name__}: {error}"
    Path(answer).write_text(json.dumps([state, message]), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # a thread of hers that cannot be stopped must not keep the process


if __name__ == "__main__":
    main(sys.argv[1])
