"""The way of a GPU on a machine without one: the processor in disguise (pretended_gpu.py), and with one: that."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pretended_gpu
import pytest
import torch

from minbert_lib import cli
from minbert_lib.lab.run import run
from minbert_lib.lab.systems import system
from minbert_lib.workbook import notebooks

FEW = {"epochs": 1, "limit": {"sst": 64, "qqp": 32, "sts": 32}, "dev_limit": {"sst": 64, "qqp": 64, "sts": 64}}
EXACT = {**FEW, "precision": "float32", "hidden_dropout": 0.0, "head_dropout": 0.0}
BRAKED = {**EXACT, "smart": 1.0, "bregman": 1.0}
WEAR = """
import sys
sys.path.insert(0, {tests!r})
import pretended_gpu
if {library!r}:
    pretended_gpu.wear({library!r}, {bfloat16!r})
"""
HEAD = """
import json, os, torch
from minbert_lib.lab.run import run
from minbert_lib.lab.systems import system
def make(name, out, **changes):
    return run(system(name, "tiny", **changes), out=out, progress=False)
def leave():  # torch's threads for a GPU that is none do not end by themselves
    sys.stdout.flush(); sys.stderr.flush(); os._exit(0)
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    if torch.cuda.is_available():
        return None
    try:
        return str(pretended_gpu.build(tmp_path_factory.mktemp("gpu")))
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no GPU, and no compiler that builds a pretended one: {getattr(error, 'stderr', None) or error}")


def wear(library, bfloat16=True):
    return WEAR.format(library=library, tests=str(Path(__file__).parent), bfloat16=bfloat16)


def on_gpu(library, program, bfloat16=True):
    head = wear(library, bfloat16) + HEAD
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", f"{head}{program}\nleave()"], capture_output=True, text=True, env=env, timeout=600
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.splitlines()


def test_the_disguise_is_strict(library):
    if library is None:
        pytest.skip("a real GPU is here: nothing is pretended")
    program = """
there, here = torch.ones(2, device="cuda"), torch.ones(2)
for wrong in (lambda: there + here, lambda: torch.nn.Linear(2, 2)(there), lambda: there.numpy(), lambda: here.copy_(there).add_(there)):
    try:
        print("went through", wrong())
    except (RuntimeError, TypeError) as error:
        print("refused")
print((there * 2).sum().item(), there.cpu().device, (there @ there).dtype)
with torch.autocast("cuda", torch.bfloat16):
    print((there @ there).dtype, (here @ here).dtype)
"""
    assert on_gpu(library, program) == ["refused"] * 4 + ["4.0 cpu torch.float32", "torch.bfloat16 torch.float32"]


def test_a_gpu_makes_the_processors_numbers(library, tmp_path):
    program = f"""
record = make("S10-multi", {str(tmp_path / "gpu")!r}, **{BRAKED!r})
print(json.dumps(record))
"""
    theirs = json.loads(on_gpu(library, program)[-1])
    ours = run(system("S10-multi", "tiny", **BRAKED), out=tmp_path / "cpu", progress=False)
    assert theirs["device"] != ours["device"] and theirs["peak_memory_mb"] > 0
    assert theirs["scores"] == pytest.approx(ours["scores"], abs=1e-4)
    for mine, point in zip(ours["curve"], theirs["curve"], strict=True):
        assert point == pytest.approx(mine, rel=1e-3)


@pytest.mark.parametrize("bfloat16", [True, False])
def test_the_systems_run_on_a_gpu(library, bfloat16, tmp_path):
    """In the half precision that it has, every kind of step, penalty, sampling and encoder."""
    names = ("E2", "S9", "E7", "W-surgery", "M6") if bfloat16 else ("S10-2", "M6", "M7")
    brief = {"pretrain": {"text": "sst", "steps": 3}}
    if library is None and bfloat16 != torch.cuda.is_bf16_supported(including_emulation=False):
        pytest.skip(f"this GPU {'has no' if bfloat16 else 'has'} bfloat16")
    program = f"""
for name in {names!r}:
    record = make(name, os.path.join({str(tmp_path)!r}, name), **{FEW!r}, **({brief!r} if name == "M7" else {{}}))
    losses = [value for point in record["curve"] for key, value in point.items() if key in ("sst", "qqp", "sts")]
    print(name, record["precision"], record["device"] == torch.cuda.get_device_name(), all(0 < loss < 99 for loss in losses))
"""
    half = "bfloat16" if bfloat16 else "float16"
    assert on_gpu(library, program, bfloat16) == [f"{name} {half} True True" for name in names]


def test_a_stopped_run_goes_on_and_its_model_predicts(library, tmp_path):
    program = f"""
from minbert_lib import cli
from minbert_lib.learn.trainer import Trainer
settings = dict({FEW!r}, epochs=2, tasks=["sst"], smart=1.0)
whole = make("S12", {str(tmp_path / "whole")!r}, **settings)
update, left = Trainer.update, iter([True] * 3)
def stopped(self, tasks):
    if next(left, None) is None:
        raise KeyboardInterrupt
    return update(self, tasks)
Trainer.update = stopped
try:
    make("S12", {str(tmp_path / "again")!r}, **settings)
except KeyboardInterrupt:
    print("stopped")
Trainer.update = update
again = make("S12", {str(tmp_path / "again")!r}, **settings)
print(again["curve"] == whole["curve"], again["scores"] == whole["scores"], len(whole["curve"]))
print(cli.main(["predict", {str(tmp_path / "again")!r}, "--out", {str(tmp_path / "files")!r}]))
"""
    said = on_gpu(library, program)
    assert said[:2] == ["stopped", "True True 4"] and said[-1] == "0"
    again = (tmp_path / "files/sst-dev-output.csv").read_text(encoding="utf-8")
    assert cli.main(["predict", str(tmp_path / "again"), "--out", str(tmp_path / "here")]) == 0
    here = (tmp_path / "here/sst-dev-output.csv").read_text(encoding="utf-8")
    answers, ours = again.splitlines(), here.splitlines()
    assert len(answers) == len(ours) and sum(a != b for a, b in zip(answers, ours)) < 0.05 * len(ours)  # bfloat16 rounds apart


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("script", notebooks.scripts(), ids=lambda path: path.stem)
def test_notebooks_run_on_a_gpu(script, library, tmp_path, monkeypatch, request):
    """At tiny scale, with what IPython runs before the first cell putting on the disguise."""
    if not request.config.getoption("--all-notebooks"):
        pytest.skip("long: asked for with --all-notebooks")
    startup, copy = tmp_path / "ipython/profile_default/startup", tmp_path / "notebooks" / f"{script.stem}.ipynb"
    startup.mkdir(parents=True)
    copy.parent.mkdir()
    shutil.copy(script.with_suffix(".ipynb"), copy)
    (startup / "00.py").write_text(wear(library), encoding="utf-8")
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    *_, problem = notebooks.execute(copy, timeout=1800)
    assert problem is None, problem
    devices = {json.loads(record.read_text())["device"] for record in (tmp_path / "home/runs/tiny").glob("*.json")}
    assert devices <= {torch.cuda.get_device_name() if library is None else "Pretended GPU"}  # none where nothing is trained
