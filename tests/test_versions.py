"""The same everywhere: what runs on Python 3.11 is Python 3.11, every Python that is here compiles it, and the ranges can be resolved.

The long way, on a machine with a network, for each pair that matters (README tells the last results):

    python3.13 -m venv /tmp/old && /tmp/old/bin/pip install torch==2.6.0 … && /tmp/old/bin/python -m pytest tests/test_bert.py …
    python tests/test_versions.py          # can pip find wheels for every supported Python?
"""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
SUPPORTED = ("3.11", "3.12", "3.13")
SOURCES = sorted([*REPO.glob("minbert_lib/**/*.py"), *REPO.glob("tests/*.py"), *REPO.glob("notebooks/*.py"), REPO / "make.py"])
COMPILE = "import sys, pathlib; [compile(pathlib.Path(p).read_text(encoding='utf-8'), p, 'exec') for p in sys.stdin.read().split('\\n')]"


def test_nothing_is_newer_than_the_oldest_python():
    for path in SOURCES:
        ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 11))


def test_the_supported_pythons_are_those_that_are_declared():
    declared = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert declared == f">={SUPPORTED[0]},<3.{int(SUPPORTED[-1].split('.')[1]) + 1}"


def interpreter(version):
    """This Python, or another by its name on PATH or where pyenv keeps it; None where there is none."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(kept[-1]) if kept else shutil.which(f"python{version}")


@pytest.mark.parametrize("version", SUPPORTED)
def test_every_python_here_compiles_it(version):
    python = interpreter(version)
    runs = python and subprocess.run(
        [python, "-c", f"import sys; assert sys.version.startswith('{version}')"], capture_output=True
    )
    if not python or runs.returncode:
        pytest.skip(f"no Python {version} on this machine")
    command = [python, "-W", "error::SyntaxWarning", "-c", COMPILE]
    done = subprocess.run(
        command, input="\n".join(map(str, SOURCES)), capture_output=True, text=True, env={**os.environ, "PYTHONUTF8": "1"}
    )
    assert done.returncode == 0, done.stderr[-2000:]


def resolve():
    """Does pip find wheels of everything that the package needs, for every supported Python? Nothing is installed."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["lab"]
    for version in SUPPORTED:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--only-binary=:all:"]
        command += ["--python-version", version, "--target", "nowhere", "--report", "-", *wanted]
        done = subprocess.run(command, capture_output=True, text=True)
        found = [line for line in done.stdout.splitlines() if '"version": "' in line]
        print(f"Python {version}: {f'{len(found)} packages' if done.returncode == 0 else done.stderr[-500:]}", flush=True)


if __name__ == "__main__":
    resolve()
