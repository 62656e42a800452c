"""Google Colab, emulated: its ipywidgets and IPython, a stand-in `google.colab`, no checkout; the first cell does the rest.

A fresh virtual environment sees the packages of this one through a path file, the two that Colab holds back (ipywidgets 7.7.1,
IPython 7.34) before them; with --all-notebooks everything that Colab has but torch, in Colab's version, and every notebook is run
whole. git is told to take the notebook's address for a repository made from these files: the cell itself is run as it ships.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig

import nbformat
import pytest
from test_setup import COLAB

from minbert_lib import home
from minbert_lib.workbook import notebooks
from minbert_lib.workbook.executor import Executor

HELD_BACK = ["ipywidgets==7.7.1", "ipython==7.34.0"]
THEIR_NEEDS = ["backcall", "pickleshare", "decorator", "ipython-genutils", "pytz"]  # what newer ones no longer need
DRIVE = """
import pathlib
def mount(place):
    (pathlib.Path(place) / "MyDrive").mkdir(parents=True)
"""
VERSIONS = """
import importlib.metadata as m, json
names = {d.metadata["Name"].lower() for d in m.distributions()} - {"minbert"}
print("VERSIONS", json.dumps({name: m.version(name) for name in sorted(names)}))
"""
WHERE = "import minbert_lib; print(minbert_lib.__file__)"
MOVED = """
widget = explore(lookup, sharpness=(0.1, 10.0, 1.0))
controls, picture, _ = widget.children
before = picture.value
controls.children[0].value = 5.0
print("MOVED", picture.value != before)
"""
ON_DRIVE = """
import pathlib
from minbert_lib.workbook import session
from minbert_lib.lab import records
session.DRIVE = pathlib.Path("drive").resolve()
scale = start("01", drive=True)
print("RUNS", records.own_folder())
"""


@pytest.fixture(scope="module")
def colab(tmp_path_factory, request):
    """The Python of such an environment."""
    more = [f"{name}=={version}" for name, version in COLAB.items() if name not in ("torch", "ipywidgets", "ipython")]
    more.append("huggingface_hub<2")  # as its transformers asks
    folder = tmp_path_factory.mktemp("colab")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install(python, *HELD_BACK, *THEIR_NEEDS, *(more if request.config.getoption("--all-notebooks") else ()))
    ask = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    packages = home.Path(subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    (packages / "zz_the_rest.pth").write_text("\n".join({sysconfig.get_paths()[key] for key in ("purelib", "platlib")}))
    (packages / "google/colab").mkdir(parents=True)
    (packages / "google/colab/__init__.py").touch()
    (packages / "google/colab/files.py").touch()
    (packages / "google/colab/drive.py").write_text(DRIVE)
    return python


def install(python, *what):
    done = subprocess.run(
        [python, "-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check", "--retries", "1", *what],
        capture_output=True, text=True, env=clean(PIP_DEFAULT_TIMEOUT="20"),
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"no package index within reach: {done.stderr.strip().splitlines()[-1]}")


def clean(**more):
    """An environment that knows nothing of this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MINBERT_", "PYTHONPATH", "MPLBACKEND"))}
    return kept | {"MINBERT_SCALE": "tiny"} | more


def run(python, folder, cells, **environment):
    """The texts that the cells of a notebook leave, run by that Python with `folder` as its place."""
    kernel = folder / "jupyter/kernels/colab"
    kernel.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Colab", "language": "python"}))
    work = folder / "content"
    work.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    client = Executor(notebook, timeout=300, kernel_name="colab", resources={"metadata": {"path": str(work)}})
    client.kernel_spec_manager = manager = client.create_kernel_manager().kernel_spec_manager
    manager.kernel_dirs.insert(0, str(kernel.parent))
    client.km.kernel_spec_manager = manager
    client.execute(env=clean(MINBERT_HOME=str(folder / "home"), IPYTHONDIR=str(folder / "ipython"), **environment))
    return ["".join(map(text_of, cell.outputs)) for cell in notebook.cells]


def text_of(output):
    return output["text"] if output.output_type == "stream" else output.get("data", {}).get("text/plain", "")


def cells_of(name):
    notebook = json.loads((home.repo() / f"notebooks/{name}.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def versions(text):
    return json.loads(text.partition("VERSIONS ")[2])


@pytest.fixture
def repository(tmp_path):
    """A git repository of the files as they are now, and what makes git take the notebooks' address for it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=home.repo(), capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this copy is no git checkout")
    place = tmp_path / "origin"
    for name in filter(None, listed.stdout.split("\0")):
        if (home.repo() / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(home.repo() / name, place / name)
    who = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "as it is"]):
        subprocess.run(["git", *command], cwd=place, check=True)
    address = cells_of("01_attention")[0].partition('ADDRESS = "')[2].partition('"')[0]
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{place.as_uri()}.insteadOf", "GIT_CONFIG_VALUE_0": address}


def test_a_notebook_on_colab_from_a_git_address(colab, tmp_path, repository):
    """Notebook 01 from a badge: nothing is there but the notebook. The first cell is run twice, and an answer is no Python."""
    first, *rest = cells_of("01_attention")
    gap = next(number for number, source in enumerate(rest) if source.startswith("def scaled_dot_product_attention"))
    rest[gap] = "def scaled_dot_product_attention(q, k, v, mask=None:\n    return q"
    said = run(colab, tmp_path, [VERSIONS, first, first, WHERE, *rest, MOVED, VERSIONS], **repository)
    before = versions(said[0])
    assert (before["ipywidgets"], before["ipython"]) == ("7.7.1", "7.34.0")
    assert versions(said[-1]) == before  # torch, numpy and all others are as they were
    for text in said[1:3]:
        assert "Notebook 01 is ready" in text and "scale tiny" in text and "device: " in text and "recorded" in text
    assert "content" in said[3] and str(home.repo()) not in said[3]
    assert "not Python yet" in said[4 + gap] and "BLANK" in said[5 + gap]
    assert sum("VBox" in text for text in said) == 3 and "MOVED True" in said[-2]  # the widgets, and one of them moved


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("script", notebooks.scripts(), ids=lambda path: path.stem)
def test_every_notebook_with_colabs_versions(colab, tmp_path, repository, script, request):
    """Whole, as it ships; and no package is another one afterwards."""
    if not request.config.getoption("--all-notebooks"):
        pytest.skip("long: asked for with --all-notebooks")
    said = run(colab, tmp_path, [VERSIONS, *cells_of(script.stem), VERSIONS], **repository)
    before = versions(said[0])
    assert {name: before[name] for name in COLAB if name != "torch"} == {n: v for n, v in COLAB.items() if n != "torch"}
    assert versions(said[-1]) == before


def test_a_wheel_on_colab_and_runs_kept_on_drive(colab, tmp_path):
    """With the package installed from a wheel the same cell clones nothing; drive=True keeps runs on (stand-in) Drive."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(home.repo())]
    wheel = subprocess.run(command, capture_output=True, text=True)
    if wheel.returncode:
        pytest.skip(f"no wheel could be built here: {wheel.stderr.strip().splitlines()[-1]}")
    install(colab, *map(str, tmp_path.glob("minbert-*.whl")))
    try:
        first = cells_of("01_attention")[0]
        said = run(colab, tmp_path, [VERSIONS, first, first, ON_DRIVE, VERSIONS, WHERE])
    finally:
        subprocess.run([colab, "-m", "pip", "uninstall", "-q", "-y", "minbert"], check=True)
    assert versions(said[4]) == versions(said[0])
    assert "scale tiny" in said[1] and "scale tiny" in said[2]
    drive = str(tmp_path / "content/drive/MyDrive/minbert/runs")
    assert f"kept in {drive}" in said[3] and f"RUNS {drive}" in said[3]
    assert "site-packages" in said[5] and not (tmp_path / "content/minbert").exists()
