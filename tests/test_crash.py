"""kill -9 at random moments, then the same command again: what comes out is what an undisturbed run gives, bit for bit."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from minbert_lib.errors import MinbertError
from minbert_lib.lab import records

KILLS = 50  # of training; figures and predictions get some more of their own
HERE = Path(__file__).parent
TRAIN = ["train", "B4", "--scale", "tiny"]
for setting in (
    'limit={"sst": 48, "qqp": 48, "sts": 48}',
    'dev_limit={"sst": 24, "qqp": 24, "sts": 24}',
    "epochs=2",
    'smart_options={"eps": 1e-2, "sigma": 1e-2, "step_size": 1.0}',
    'precision="float32"',
):
    TRAIN += ["--set", setting]


@pytest.fixture
def server(tmp_path):
    environment = {
        **os.environ,
        "MINBERT_HOME": str(tmp_path / "home"),
        "MINBERT_CHECKPOINT_SECONDS": "0",  # after every step, so that kills fall into the writing too
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(HERE.parent),
    }
    process = subprocess.Popen(
        [sys.executable, str(HERE / "crash_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )

    def order(*argv, kill_after=None):
        process.stdin.write(json.dumps({"argv": list(map(str, argv)), "kill_after": kill_after}) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield order
    process.stdin.close()
    process.wait(timeout=30)


def result(folder):
    record = records.load(folder / "result.json")
    timed = ("made", "seconds", "wall_seconds", "peak_memory_mb", "path")
    kept = {k: v for k, v in record.items() if k not in timed and "per_second" not in k}
    kept["epochs"] = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in record["epochs"]]
    return kept


def no_half_file(folder):
    """Whatever has its final name can be read whole."""
    for path in folder.rglob("*.json"):
        json.loads(path.read_text())
    for path in folder.glob("**/runs/*/*.json"):
        records.predictions(records.load(path))


@pytest.mark.timeout(600)
def test_a_run_that_is_killed_fifty_times_ends_as_if_nothing_had_been(server, tmp_path):
    whole = server(*TRAIN, "--out", tmp_path / "whole")
    assert whole["status"] == 0
    chance, kills, rounds = random.Random(5), 0, 0
    while kills < KILLS:
        folder = tmp_path / f"cut-{rounds}"
        rounds += 1
        while not (folder / "result.json").is_file():
            # from the start of the child to a little beyond what is left of the run
            outcome = server(*TRAIN, "--again", "--out", folder, kill_after=chance.uniform(0.02, 1.1 * whole["seconds"]))
            kills += outcome["killed"]
            assert outcome["killed"] or outcome["status"] == 0
            no_half_file(tmp_path)
        assert result(folder) == result(tmp_path / "whole")
        same = (folder / "model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()
        assert same, "the weights differ"


@pytest.mark.timeout(300)
def test_predictions_and_figures_are_whole_or_absent(server, tmp_path):
    assert server(*TRAIN, "--out", tmp_path / "run")["status"] == 0
    orders = (
        ["predict", tmp_path / "run", "--split", "test", "--out"],
        ["figures", "04_1_learning_curves", "--out"],
    )
    chance = random.Random(6)
    for number, argv in enumerate(orders):
        full = tmp_path / f"full-{number}"
        seconds = server(*argv, full)["seconds"]
        wanted = {path.name: path.read_bytes() for path in full.iterdir()}
        assert wanted
        cut = tmp_path / f"cut-{number}"
        for _ in range(8):
            server(*argv, cut, kill_after=chance.uniform(0.01, seconds))
            there = {p.name: p.read_bytes() for p in cut.glob("[!.]*")} if cut.is_dir() else {}
            assert all(wanted[name] == content for name, content in there.items())
        assert server(*argv, cut)["status"] == 0
        assert {p.name: p.read_bytes() for p in cut.glob("[!.]*")} == wanted


def test_a_record_that_is_not_whole_is_refused_by_name(tmp_path):
    path = tmp_path / "half.json"
    path.write_text('{"name": "C2", "key": "abc", "sco')
    with pytest.raises(MinbertError, match="half.json: not a readable record"):
        records.load(path)
