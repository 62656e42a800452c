"""Notebooks: each one runs to its end as it ships, is what its script says, and stays short; and the machinery that does so."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import jupytext
import pytest

from minbert_lib import home
from minbert_lib.errors import MinbertError
from minbert_lib.workbook import notebooks

SCRIPTS = notebooks.scripts()
SCRIPT = """# ---
# jupyter:
#   kernelspec:
#     display_name: Another
#     language: python
#     name: some-other
# ---

# %% [markdown]
# # A title
#
# Attention: $\\frac{q k^T}{\\sqrt d}$, "quoted".

# %% id="setting-up" tags=["hide"]
import os
import sys

# a comment
x = 1
# %matplotlib inline

# %%
print(os.environ["MINBERT_SCALE"], os.getcwd())

# %%
x

# %%
x
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "01_first.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "02_second.py").write_text("# %%\n1 + 1\n")
    return tmp_path


# the notebooks that ship


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_notebook_is_what_its_script_says_and_short(script):
    path = script.with_suffix(".ipynb")
    assert path.exists(), f"minbert notebooks --build {script.stem}"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if cell["cell_type"] == "code")
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    lines = [line.rstrip() for cell in cells if cell["cell_type"] == "code" for line in cell["source"]]
    long = [line for line in lines if len(line) > 104 and not line.startswith("ADDRESS = ")]
    assert not long, "so long a line of code scrolls sideways in a window of usual width"
    assert len(cells) <= 45, f"{len(cells)} cells"
    code = [line for line in map(str.strip, lines) if line and not line.startswith("#")]
    assert len(code) <= 250, f"{len(code)} lines of code"
    assert notebooks.matches(script), f"the two differ: minbert notebooks --build {script.stem}"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_notebook_runs_to_its_end(script, tmp_path):
    path = script.with_suffix(".ipynb")
    workplace = notebooks.prepare([path], tmp_path)
    seconds, peak, problem = notebooks.execute(workplace / path.name, timeout=900)
    print(f"{path.name}: {seconds:.0f} s, {peak:.0f} MB")
    assert problem is None, problem


def test_no_ipynb_without_its_script():
    built = {path.stem for path in (home.repo() / "notebooks").glob("*.ipynb")}
    assert SCRIPTS and built <= {path.stem for path in SCRIPTS}


# building


def test_build_agrees_with_jupytext_and_nbformat(folder):
    import nbformat

    notebooks.build(folder=folder)
    made = nbformat.read(folder / "01_first.ipynb", as_version=4)
    nbformat.validate(made)
    theirs = jupytext.reads(SCRIPT, fmt="py:percent")
    assert [(c.cell_type, c.source) for c in made.cells] == [(c.cell_type, c.source) for c in theirs.cells]
    assert made.cells[1].source.endswith("%matplotlib inline")
    assert made.cells[1].id == "setting-up" and made.cells[1].metadata == {"tags": ["hide"]}
    assert made.metadata.kernelspec.name == "python3"


def test_ids_are_stable_unique_and_local(folder):
    script = folder / "01_first.py"
    before = [cell["id"] for cell in json.loads(notebooks.built(script))["cells"]]
    assert len(set(before)) == len(before) == 5
    assert [cell["id"] for cell in json.loads(notebooks.built(script))["cells"]] == before
    script.write_text(SCRIPT.replace("# A title", "# Another title"), encoding="utf-8")
    after = [cell["id"] for cell in json.loads(notebooks.built(script))["cells"]]
    assert after[0] != before[0] and after[1:] == before[1:]


def test_an_id_used_twice_is_an_error(folder):
    script = folder / "02_second.py"
    script.write_text('# %% id="a"\n1\n\n# %% id="a"\n2\n')
    with pytest.raises(MinbertError, match='two cells have id="a"'):
        notebooks.built(script)


def test_build_is_idempotent_and_check_sees_every_difference(folder, capsys):
    notebooks.build(folder=folder)
    assert "01_first" in capsys.readouterr().out
    times = [path.stat().st_mtime_ns for path in sorted(folder.glob("*.ipynb"))]
    notebooks.build(folder=folder)
    assert capsys.readouterr().out == "" and notebooks.check(folder=folder) == 0
    assert [path.stat().st_mtime_ns for path in sorted(folder.glob("*.ipynb"))] == times
    path = folder / "02_second.ipynb"
    path.write_text(path.read_text().replace("1 + 1", "1 + 2"))
    assert notebooks.check(folder=folder) == 1
    assert "minbert notebooks --build 02_second" in capsys.readouterr().out
    path.unlink()
    assert notebooks.check(["02"], folder) == 1 and notebooks.check(["01_first.ipynb"], folder) == 0


def test_a_notebook_that_is_not_there(folder):
    with pytest.raises(MinbertError, match="no notebook is called '07'; there are: 01_first, 02_second"):
        notebooks.scripts(["07"], folder)


def test_importing_and_running_need_no_jupytext():
    code = "import sys; sys.modules['jupytext'] = None; from minbert_lib.workbook import executor, notebooks; notebooks.scripts()"
    assert subprocess.run([sys.executable, "-c", code], cwd=home.repo()).returncode == 0


# running


def execute(folder, source, **options):
    path = folder / "05_this.py"
    path.write_text(source, encoding="utf-8")
    notebooks.build(["05"], folder)
    return *notebooks.execute(path.with_suffix(".ipynb"), **options), json.loads(path.with_suffix(".ipynb").read_text())


def test_run_keeps_outputs_and_tells_seconds_and_memory(folder):
    notebooks.build(["01"], folder)
    seconds, peak, problem = notebooks.execute(folder / "01_first.ipynb")
    assert problem is None and seconds > 0 and 20 < peak < 2000
    cells = json.loads((folder / "01_first.ipynb").read_text())["cells"]
    assert "".join(cells[2]["outputs"][0]["text"]) == f"tiny {folder}\n"


def test_kernel_finds_this_library_and_its_own_places(folder):
    source = """
# %%
import os, minbert_lib
print(minbert_lib.__file__)
print(os.environ["MINBERT_PROGRESS"], os.environ["MINBERT_SCALE"], os.environ["MPLBACKEND"])
"""
    *_, problem, notebook = execute(folder, source, scale="mini")
    library, own = "".join(notebook["cells"][-1]["outputs"][0]["text"]).splitlines()
    assert problem is None and library.startswith(str(home.repo()))
    assert own.split() == [str(folder / "progress.json"), "mini", "module://matplotlib_inline.backend_inline"]


def test_a_failing_cell_is_named_and_what_ran_is_kept(folder):
    _, _, problem, notebook = execute(folder, "# %%\nprint('before')\n\n# %%\n1 / 0\n\n# %%\nprint('after')\n")
    assert "05_this.ipynb, cell 1" in problem and "ZeroDivisionError" in problem and "\x1b" not in problem
    assert notebook["cells"][0]["outputs"] and not notebook["cells"][2]["outputs"]


def test_a_cell_that_does_not_end_is_stopped(folder):
    start = time.perf_counter()
    _, _, problem, _ = execute(folder, "# %%\nimport time\ntime.sleep(300)\n", timeout=2)
    assert "cell 0" in problem and "2 seconds" in problem
    assert time.perf_counter() - start < 250


def test_a_kernel_that_dies_is_reported(folder):
    _, _, problem, _ = execute(folder, "# %%\nimport os\nos._exit(3)\n", timeout=60)
    assert "cell 0" in problem and "died" in problem


def test_widgets_do_not_stall(folder):
    """40 cells with Output widgets: with one long poll about one of them waits out its whole timeout."""
    cell = "# %%\ndisplay(interact(lambda k: print(k * {0}), k=3))\n\n"
    source = "# %%\nfrom ipywidgets import interact\n\n" + "".join(cell.format(number) for number in range(40))
    seconds, _, problem, _ = execute(folder, source, timeout=300)
    assert problem is None and seconds < 300


def test_run_works_on_a_copy_and_says_what_happened(folder, monkeypatch, capsys):
    repo = folder / "repo"
    (repo / "notebooks").mkdir(parents=True)
    still = "# %% [markdown]\n# ![A rising line.](../figures/01.png) and [words](../notebooks/GLOSSARY.md)\n"
    (repo / "notebooks/01_good.py").write_text("# %%\nopen('written.txt', 'w').close()\n\n" + still)
    (repo / "notebooks/02_bad.py").write_text("# %%\nraise ValueError('no')\n")
    monkeypatch.setattr(home, "repo", lambda: repo)
    monkeypatch.delenv("MINBERT_SCALE")
    with pytest.raises(MinbertError, match="01_good.ipynb is not built yet"):
        notebooks.run()
    notebooks.build()
    before = {path: path.read_bytes() for path in (repo / "notebooks").iterdir()}
    assert notebooks.run(["01"], record=True) == 0
    assert notebooks.run() == 1  # a second run starts from a fresh copy
    said = capsys.readouterr()
    assert "1 of 2 notebooks ran to the end" in said.out and "ValueError" in said.err
    assert {path: path.read_bytes() for path in (repo / "notebooks").iterdir()} == before
    assert (repo / ".work/notebooks/written.txt").exists()
    words = json.loads((repo / ".work/notebooks/01_good.ipynb").read_text())["cells"][1]["source"]
    assert "".join(words) == "*A rising line.* and [words](../notebooks/GLOSSARY.md)"  # not the picture a second time
    assert set(notebooks.costs()) == {("01_good", "tiny")}


def test_costs_are_kept_by_notebook_and_scale(tmp_path):
    row = dict.fromkeys(notebooks.COLUMNS, "1") | {"notebook": "01_a", "scale": "tiny", "seconds": "5"}
    notebooks.keep_costs([row], tmp_path)
    notebooks.keep_costs([row | {"seconds": "6"}, row | {"scale": "mini", "seconds": "50"}], tmp_path)
    kept = notebooks.costs(tmp_path)
    assert {key: one["seconds"] for key, one in kept.items()} == {
        ("01_a", "tiny"): "6",
        ("01_a", "mini"): "50",
    }
    assert notebooks.costs(tmp_path / "nowhere") == {}


# JupyterLab


def test_lab_copies_once_and_opens_it_on_this_machine_only(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/01_a.py").write_text("# %%\n1\n")
    monkeypatch.setattr(home, "repo", lambda: tmp_path)
    notebooks.build()
    calls = []
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(subprocess, "run", lambda command: calls.append(command) or done)
    assert notebooks.lab(["--no-browser"]) == 0
    mine = tmp_path / "mine/01_a.ipynb"
    assert mine.read_text() == (tmp_path / "notebooks/01_a.ipynb").read_text()
    mine.write_text("her answers")
    notebooks.lab()
    assert mine.read_text() == "her answers"
    assert "--ServerApp.ip=127.0.0.1" in calls[0] and calls[0][-1] == "--no-browser"
    assert not any("token" in word or "password" in word for command in calls for word in command)


@pytest.mark.skipif(os.name == "nt", reason="stops the server by a signal that Windows does not have")
def test_lab_asks_for_its_token(tmp_path):
    """The real server, on a free port: no token, no entry; the address that it prints lets in."""
    code = "from minbert_lib import home; from minbert_lib.workbook import notebooks; from pathlib import Path; import sys;"
    code += "home.repo = lambda: Path(sys.argv[1]); sys.exit(notebooks.lab(sys.argv[2:]))"
    (tmp_path / "notebooks").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    command = [sys.executable, "-c", code, str(tmp_path), "--no-browser", f"--ServerApp.port={port}"]
    with open(tmp_path / "log", "w+b") as log:
        server = subprocess.Popen(
            command,
            cwd=home.repo(),
            env={**os.environ, **own},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            address = wait_for_address(tmp_path / "log")  # on another port where somebody has just taken this one
            server_at, token = address.partition("/lab/tree/mine/")[0], address.partition("?")[2]
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server_at) and len(token) > 30
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(f"{server_at}/api/contents", timeout=60)
            assert urllib.request.urlopen(f"{server_at}/api/contents?{token}", timeout=60).status == 200
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(60)


def wait_for_address(log, seconds=240):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := re.search(r"http://127\S+\?token=\w+", log.read_text()):
            return found[0]
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])
