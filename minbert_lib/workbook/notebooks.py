"""Notebooks as files: built from scripts, checked against them, run from top to bottom on a copy.

Notable choices. People edit notebooks/NN_name.py, a jupytext percent script; the .ipynb beside is built
from it, without outputs. Cell ids come from the cell's own text (or from `id="..."` in its marker), so that
building twice gives the same file and a change in one cell changes one cell. Nobody needs jupytext to run a
notebook, only to build one. Runs happen in .work/notebooks, a copy, with their own progress file and IPython
folder: the repository and the learner's progress stay as they are. A learner works on her own copy too, in
mine/; updates never meet her answers.
"""

import csv
import hashlib
import importlib.util
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from .. import home
from ..errors import MinbertError
from ..files import write_atomic

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
QUIET = [
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.news_url=",
]  # no pop-ups
COLUMNS = ["notebook", "scale", "seconds", "peak_mb", "cores", "machine", "date"]


def scripts(names=(), folder=None):
    """The notebooks' scripts in order; `names` picks some by how their names begin, like 03 or 03_adamw."""
    folder = Path(folder or home.repo() / "notebooks")
    found = sorted(folder.glob("[0-9][0-9]_*.py"))
    wanted = [Path(name).stem for name in names]
    for name in wanted:
        if not any(path.stem.startswith(name) for path in found):
            there = ", ".join(path.stem for path in found) or "none"
            raise MinbertError(f"no notebook is called {name!r}; there are: {there}")
    return [path for path in found if not wanted or path.stem.startswith(tuple(wanted))]


def built(script):
    """The text of the .ipynb that belongs to a percent script."""
    try:
        import jupytext
    except ImportError:
        raise MinbertError("building a notebook needs jupytext: pip install jupytext (running one does not)") from None
    source = jupytext.reads(Path(script).read_text(encoding="utf-8"), fmt="py:percent")
    cells, taken = [], set()
    for cell in source.cells:
        chosen = cell.metadata.pop("id", None)
        name = chosen or hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        while name in taken:  # two equal cells
            name += "-" if chosen is None else _twice(script, chosen)
        taken.add(name)
        made = {"cell_type": cell.cell_type, "id": name, "metadata": dict(cell.metadata)}
        if cell.cell_type == "code":
            made |= {"execution_count": None, "outputs": []}
        cells.append(made | {"source": cell.source.splitlines(keepends=True)})
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _twice(script, name):
    raise MinbertError(f'{script}: two cells have id="{name}"; every id is used once')


def build(names=(), folder=None):
    for script in scripts(names, folder):
        target, text = script.with_suffix(".ipynb"), built(script)
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            write_atomic(target, text)
            print(f"built {target.name}")


def check(names=(), folder=None):
    """Print each .ipynb that is not what its script says; the exit status is 1 if there is one."""
    different = [path for path in scripts(names, folder) if not matches(path)]
    for path in different:
        print(f"{path.stem}.ipynb is not what {path.name} says: minbert notebooks --build {path.stem}")
    return 1 if different else 0


def matches(script):
    target = script.with_suffix(".ipynb")
    return target.exists() and target.read_text(encoding="utf-8") == built(script)


def run(names=(), record=False, timeout=1800):
    """Run notebooks one after the other in .work/notebooks, a line for each; status 1 if one fails."""
    chosen = [_there(path.with_suffix(".ipynb")) for path in scripts(names)]
    workplace = prepare(chosen, home.repo() / ".work")
    scale, failed, rows = os.environ.get("MINBERT_SCALE", "tiny"), [], []
    for number, path in enumerate(chosen, 1):
        print(f"[{number:2d}/{len(chosen)}] {path.stem:<28}", end="", flush=True)
        seconds, peak, problem = execute(workplace / path.name, timeout, scale)
        print(f"{seconds:6.0f} s  {peak:6.0f} MB  {'ok' if problem is None else 'FAILED'}", flush=True)
        if problem is None:
            row = [path.stem, scale, round(seconds), round(peak), *_machine()]
            rows.append(dict(zip(COLUMNS, row, strict=True)))
        else:
            print(problem, file=sys.stderr)
            failed.append(path.stem)
    if record:
        keep_costs(rows)
    good = len(chosen) - len(failed)
    print(f"{good} of {len(chosen)} notebooks ran to the end; with their results: {workplace}")
    return 1 if failed else 0


def _there(notebook):
    if not notebook.exists():
        raise MinbertError(f"{notebook.name} is not built yet: minbert notebooks --build {notebook.stem}")
    return notebook


def prepare(notebooks, work):
    """A copy of the notebooks that may be written to."""
    workplace = work / "notebooks"
    shutil.rmtree(workplace, ignore_errors=True)
    workplace.mkdir(parents=True)
    for path in notebooks:
        live_copy(path, workplace / path.name)
    return workplace


STILL = re.compile(r"!\[([^\]]*)\]\(\.\./figures/[^)]*\)")


def live_copy(path, target):
    """A copy to run: of each still picture, which is there for readers without outputs, the words; the cell above draws it."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = STILL.sub(r"*\1*", "".join(cell["source"])).splitlines(keepends=True)
    write_atomic(target, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def execute(path, timeout=1800, scale="tiny"):
    """Run one notebook file in place, from top to bottom: (seconds, peak MB, what went wrong or None)."""
    import nbformat
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    from .executor import Executor

    path = Path(path)
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(path.parent)}}
    quiet = ["--log-level=ERROR"]  # a kernel warns that it speaks plain text, to its own machine
    client = Executor(notebook, timeout=timeout, kernel_name="python3", resources=place, extra_arguments=quiet)
    start, problem = time.perf_counter(), None
    try:
        client.execute(env=kernel_environment(path.parent, scale))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()  # IPython colours its tracebacks
        problem = f"{path.name}, cell {client.current}: {plain}"
    seconds = time.perf_counter() - start
    write_atomic(path, nbformat.writes(notebook))
    return seconds, client.peak_mb, problem


def kernel_environment(workplace, scale):
    """What a kernel is told: the scale, pictures inline, this checkout first, its own places to write to."""
    source = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH")]))
    return dict(
        os.environ,
        MINBERT_SCALE=scale,
        MINBERT_PROGRESS=str(workplace / "progress.json"),
        IPYTHONDIR=str(workplace.parent / "ipython"),
        MPLBACKEND="module://matplotlib_inline.backend_inline",
        PYTHONPATH=path,
    )


def _machine():
    return os.cpu_count(), f"{platform.system()} {platform.machine()}", time.strftime("%Y-%m-%d")


def costs(folder=None):
    """Seconds and memory of each notebook at each scale, from recorded runs: (notebook, scale) → row."""
    path = Path(folder or home.repo() / "data") / "notebooks.csv"
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        return {(row["notebook"], row["scale"]): row for row in csv.DictReader(file)}


def keep_costs(rows, folder=None):
    """Put rows into data/notebooks.csv; a newer run of a notebook at a scale takes the place of the older."""
    kept = costs(folder) | {(row["notebook"], row["scale"]): row for row in rows}
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(kept[key] for key in sorted(kept))
    write_atomic(Path(folder or home.repo() / "data") / "notebooks.csv", text.getvalue())


def lab(options=()):
    """JupyterLab on the learner's own copy of the notebooks; one that she has already is never replaced."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise MinbertError("JupyterLab is not installed: make setup (or: pip install jupyterlab)")
    mine = home.repo() / "mine"
    mine.mkdir(exist_ok=True)
    for script in scripts():
        path = _there(script.with_suffix(".ipynb"))
        if not (mine / path.name).exists():
            live_copy(path, mine / path.name)
    first = min((path.name for path in mine.glob("*.ipynb")), default="")
    print(f"Your own copy of the notebooks: {mine} (to start one afresh, delete it there and call this again)")
    # Jupyter makes a new token each time, asks for it, and prints the address that holds it.
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={home.repo()}",
    ]
    command += [f"--LabApp.default_url=/lab/tree/mine/{first}", *QUIET]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container people are root; the server asks for it in words
        command += ["--allow-root"]
    return subprocess.run([*command, *options]).returncode
