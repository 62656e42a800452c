"""Set-up: versions agree wherever they are written, make.py does what it says, the command line answers as a person expects."""

import importlib.util
import os
import re
import subprocess
import sys
import time
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from minbert_lib import __version__, cli, doctor, home
from minbert_lib.errors import MinbertError

# Read off a Colab runtime in November 2026. The package must leave every one of these as it is.
COLAB = {
    "torch": "2.11.0", "numpy": "2.1.3", "pandas": "2.2.3", "scipy": "1.16.3", "matplotlib": "3.10.0",
    "tokenizers": "0.22.2", "transformers": "5.15.0", "ipywidgets": "7.7.1", "ipython": "7.34.0",
}  # fmt: skip
CONDA_NAMES = {"pytorch": "torch"}


@pytest.fixture
def project(repo):
    return tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def locked(repo):
    lines = (repo / "requirements.lock").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def requirements(project):
    texts = project["dependencies"] + [text for extra in project["optional-dependencies"].values() for text in extra]
    return [one for one in map(Requirement, texts) if one.name != project["name"]]


def test_every_requirement_is_locked_within_its_range(project, locked):
    for one in requirements(project):
        assert one.specifier.contains(locked[canonicalize_name(one.name)]), one


def test_lock_is_sorted_and_names_each_package_once(repo, locked):
    lines = [line for line in (repo / "requirements.lock").read_text().splitlines() if line and line[0] != "#"]
    assert len(lines) == len(locked)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", line) for line in lines)


def test_colab_satisfies_the_ranges(project):
    ranges = {one.name: one.specifier for one in requirements(project)}
    for name, version in COLAB.items():
        assert ranges[name].contains(version), f"Colab's {name} {version} would be replaced: {ranges[name]}"


def test_environment_yml_agrees(repo, project):
    environment = yaml.safe_load((repo / "environment.yml").read_text())
    assert environment["name"] == project["name"] and environment["channels"] == ["conda-forge"]
    conda = [text for text in environment["dependencies"] if isinstance(text, str)]
    (by_pip,) = [one["pip"] for one in environment["dependencies"] if isinstance(one, dict)]
    ranges = {}
    for text in conda:
        name, _, specifier = text.partition(" ")
        ranges[CONDA_NAMES.get(name, name)] = specifier
    assert SpecifierSet(ranges.pop("python")) == SpecifierSet(project["requires-python"])
    assert ranges.pop("pip") == ""
    texts = project["dependencies"] + project["optional-dependencies"]["lab"]
    wanted = {one.name: one.specifier for one in map(Requirement, texts)}
    assert {name: SpecifierSet(text) for name, text in ranges.items()} == wanted
    assert by_pip == ["-e .[test]"]


def test_what_runs_here_is_what_is_declared(project):
    """This environment satisfies pyproject.toml, so that a green run says something about those ranges."""
    for one in requirements(project):
        try:
            assert one.specifier.contains(importlib.metadata.version(one.name), prereleases=True), one
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{one.name} is not installed here: run the tests with `make test`")


# make.py


@pytest.fixture
def make(repo, tmp_path, monkeypatch):
    """make.py as a module, at work in an empty folder."""
    spec = importlib.util.spec_from_file_location("make_py", repo / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("pyproject.toml", "requirements.lock"):
        (tmp_path / name).write_text(name)
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").write_text("")
    for name, path in dict(ROOT=tmp_path, VENV=venv, PYTHON=venv / "bin/python").items():
        monkeypatch.setattr(module, name, path)
    monkeypatch.setattr(module, "STAMP", venv / "installed.txt")
    monkeypatch.setattr(module, "LOG", venv / "install.log")
    monkeypatch.setattr(module, "wants_cpu_torch", lambda: False)
    return module


def test_setup_installs_once_and_again_when_a_version_changes(make, monkeypatch):
    calls = []
    monkeypatch.setattr(make, "pip", lambda arguments: calls.append(arguments) or 0)
    make.setup()
    make.setup()
    assert len(calls) == 2 and "torch" in calls[0] and ".[test]" in calls[1]  # torch first, then the project; once
    (make.ROOT / "requirements.lock").write_text("changed")
    make.setup()
    assert len(calls) == 4


def test_interrupted_setup_is_taken_up_again(make, monkeypatch):
    calls = []

    def stopped(arguments):
        calls.append(arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(make, "pip", stopped)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            make.setup()
    assert len(calls) == 2


def test_offline_is_one_clear_line(make, monkeypatch):
    """A real pip with an index that nobody answers."""
    monkeypatch.setattr(make, "PYTHON", sys.executable)
    nobody = dict(PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_EXTRA_INDEX_URL="", PIP_FIND_LINKS="", PIP_RETRIES="0")
    for name, value in dict(nobody, PIP_CONFIG_FILE=os.devnull).items():
        monkeypatch.setenv(name, value)
    (make.ROOT / "requirements.lock").write_text("")
    assert make.pip(["--dry-run", "a-package-that-is-not-installed"]) != 0
    with pytest.raises(SystemExit) as stop:
        make.give_up()
    assert "connect to the network" in str(stop.value) and "\n" not in str(stop.value)


def test_a_failure_that_is_not_the_network_shows_pip_s_own_words(make):
    make.LOG.write_text("ERROR: the disk is full\n")
    with pytest.raises(SystemExit, match="disk is full"):
        make.give_up()


def test_make_py_is_readable_for_an_old_python(repo):
    import ast

    ast.parse((repo / "make.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_makefile_and_make_py_have_the_same_commands(repo, make):
    targets = re.search(r"^\.PHONY: (.*)$", (repo / "Makefile").read_text(), re.M)[1].split()
    assert set(targets) == {"help", "setup", *make.COMMANDS}
    assert all(f"  {name} " in make.__doc__ for name in ["setup", *make.COMMANDS])


def test_unknown_command_shows_the_help(repo):
    done = subprocess.run([sys.executable, "make.py", "nonsense"], cwd=repo, capture_output=True, text=True)
    assert done.returncode == 1 and "workbook" in done.stdout


# the command line


def minbert(*arguments, **environment):
    command = [sys.executable, "-m", "minbert_lib", *arguments]
    return subprocess.run(command, cwd=home.repo(), capture_output=True, text=True, env=dict(os.environ, **environment))


def test_help_is_instant_and_imports_nothing_heavy():
    start = time.perf_counter()
    assert minbert("--help").returncode == 0
    assert time.perf_counter() - start < 2
    code = "import sys, minbert_lib.cli as c; c.parser(); print([m for m in sys.modules if m in ('torch', 'numpy', 'pandas')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=home.repo(), capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_every_command_has_help_that_says_something():
    done = minbert("--help")
    (commands,) = [action for action in cli.parser()._actions if hasattr(action, "choices") and action.choices]
    assert set(commands.choices) <= set(done.stdout.split())
    for name, sub in commands.choices.items():
        assert len(sub.description) > 40, f"minbert {name} --help says too little"
        assert all(action.help for action in sub._actions), f"minbert {name}: an option without help"


def test_errors_are_one_line_and_status_2(monkeypatch, capsys):
    def fail(error):
        def doctor(args):
            """Takes the place of the real one."""
            raise error

        return doctor

    monkeypatch.setattr(cli, "doctor", fail(MinbertError("no such scale: try tiny")))
    assert cli.main(["doctor"]) == 2
    assert capsys.readouterr().err == "minbert: no such scale: try tiny\n"
    monkeypatch.setattr(cli, "doctor", fail(KeyboardInterrupt()))
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "minbert: stopped\n"
    monkeypatch.setattr(cli, "doctor", fail(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):  # a bug keeps its traceback
        cli.main(["doctor"])


def test_wrong_usage_and_version():
    assert minbert("nonsense").returncode == 2
    assert minbert().returncode == 2
    assert minbert("--version").stdout.strip() == f"minbert {__version__}"


# the doctor


def test_doctor_tells_and_changes_nothing(empty_home, capsys):
    status = doctor.report()
    said = capsys.readouterr().out
    assert status == (1 if "!!" in said else 0)
    assert "Python 3." in said and "torch" in said and "bfloat16" in said and str(empty_home) in said
    assert not empty_home.exists()


def test_doctor_names_what_is_missing_and_the_remedy(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "REQUIRED", ["torch", "a_package_that_is_not_there"])
    assert doctor.report() == 1
    said = capsys.readouterr().out
    assert "!!  a_package_that_is_not_there" in said and "make setup" in said


def test_no_undefined_names(repo):
    """Ruff finds no name that is not there and nothing that is no Python; its other rules are advice: `ruff check`."""
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--select",
        "E9,F63,F7,F82",
        "--output-format",
        "concise",
        ".",
    ]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-500:]
