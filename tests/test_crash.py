"""kill -9 at random moments, then the same command again: what comes out is what an undisturbed run gives, bit for bit."""

import errno
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from minbert_lib.errors import MinbertError
from minbert_lib.lab import RunConfig, records
from minbert_lib.learn import checkpoint
from minbert_lib.workbook import keep

KILLS = 50  # at random moments of training; chosen moments, figures, predictions and a download get more of their own
HERE = Path(__file__).parent
TRAIN = ["train", "B4", "--scale", "tiny"]
for setting in (
    'limit={"sst": 24, "qqp": 24, "sts": 24}',
    'dev_limit={"sst": 16, "qqp": 16, "sts": 16}',
    "epochs=2",
    'smart_options={"eps": 1e-2, "sigma": 1e-2, "step_size": 1.0}',
    'precision="float32"',
):
    TRAIN += ["--set", setting]


@contextmanager
def started(home, checkpoint_seconds):
    environment = {
        **os.environ,
        "MINBERT_HOME": str(home),
        "MINBERT_CHECKPOINT_SECONDS": str(checkpoint_seconds),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(HERE.parent),
    }
    command, pipe = [sys.executable, str(HERE / "crash_server.py")], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:

        def order(*argv, **how):
            process.stdin.write(json.dumps({"argv": list(map(str, argv)), **how}) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield order
        process.stdin.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("crash")


@pytest.fixture(scope="module")
def server(place):
    """A checkpoint after every step, so that kills fall into the writing too."""
    with started(place / "home", 0) as order:
        yield order


@pytest.fixture(scope="module")
def whole(server, place):
    """The run that nothing disturbed, and how many seconds it takes."""
    outcome = server(*TRAIN, "--out", place / "whole")
    assert outcome["status"] == 0, outcome["said"]
    return place / "whole", outcome["seconds"]


def same(folder, whole):
    assert result(folder) == result(whole[0])
    assert (folder / "model.safetensors").read_bytes() == (whole[0] / "model.safetensors").read_bytes(), "the weights differ"


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


@pytest.mark.timeout(900)
def test_a_run_that_is_killed_fifty_times_ends_as_if_nothing_had_been(server, whole, tmp_path):
    chance, kills, rounds = random.Random(5), 0, 0
    while kills < KILLS:
        folder = tmp_path / f"cut-{rounds}"
        rounds += 1
        while not (folder / "result.json").is_file():
            # from the start of the child to a little beyond what is left of the run
            outcome = server(*TRAIN, "--again", "--out", folder, after=chance.uniform(0.02, 1.1 * whole[1]))
            kills += outcome["killed"]
            assert outcome["killed"] or outcome["status"] == 0, outcome["said"]
            no_half_file(tmp_path)
        same(folder, whole)


MOMENTS = [
    ("minbert_lib.learn.smart:SmartRegularizer._gradient", 1),
    ("minbert_lib.learn.smart:SmartRegularizer._gradient", 8),
    ("minbert_lib.learn.smart:ascent_step", 13),
    ("pathlib:Path.write_bytes", 1),  # half of the first checkpoint
    ("pathlib:Path.write_bytes", 7),
    ("os:replace", 5),  # the new checkpoint is there, the old one not yet moved
    ("os:replace", 6),  # the old one moved, the new one without its name
    ("os:fsync", 4),
    ("minbert_lib.lab.records:write_atomic", 1),  # before the predictions, before the record
    ("minbert_lib.lab.records:write_atomic", 2),
    ("minbert_lib.text.tokenizer:write_atomic", 1),  # the folder of --out: its words
    ("minbert_lib.lab.run:write_atomic", 1),  # its record
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("where, call", MOMENTS, ids=lambda value: str(value).rpartition(":")[2])
def test_killed_at_the_worst_moments(server, whole, tmp_path, where, call):
    folder = tmp_path / "cut"
    assert server(*TRAIN, "--again", "--out", folder, die_at=[where, call])["killed"]
    no_half_file(tmp_path)
    outcome = server(*TRAIN, "--again", "--out", folder)
    assert outcome["status"] == 0, outcome["said"]
    same(folder, whole)
    assert not list(folder.glob("checkpoint*"))


@pytest.mark.timeout(600)
def test_ctrl_c_saves_and_says_how_to_go_on(whole, place, tmp_path):
    """No checkpoint would be due: what the next start finds is what Ctrl-C wrote, after a whole step."""
    chance, stops, stood = random.Random(4), 0, ""
    with started(place / "home", 9999) as order:
        for _ in range(8):
            outcome = order(
                *TRAIN, "--again", "--out", tmp_path / "cut", after=chance.uniform(0.2, 0.8) * whole[1], signal=signal.SIGINT
            )
            if stood:
                assert f"going on from step {stood} of" in outcome["said"] or outcome["status"] == 130, outcome["said"]
            if outcome["status"] == 0:
                break
            assert outcome["status"] == 130 and "Traceback" not in outcome["said"], outcome["said"]
            if found := re.search(r"stopped at step (\d+) of \d+; the same command goes on from there", outcome["said"]):
                stood, stops = found[1], stops + 1
        assert stops and order(*TRAIN, "--out", tmp_path / "cut")["status"] == 0
    same(tmp_path / "cut", whole)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
@pytest.mark.timeout(600)
def test_ctrl_c_in_a_sweep_lets_every_worker_save(tmp_path):
    few = ['limit={"sst": 400}', 'dev_limit={"sst": 16}', "epochs=3", "batch_size=4"]
    command = [sys.executable, "-m", "minbert_lib", "sweep", "C2", "--scale", "tiny", "--workers", "2", "--grid", "lr=1e-4,2e-4"]
    command += [word for setting in few for word in ("--set", setting)]
    environment = {**os.environ, "MINBERT_HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "MINBERT_CHECKPOINT_SECONDS": "0.5"}
    with subprocess.Popen(
        command, cwd=HERE.parent, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as sweep:
        end = time.monotonic() + 300
        while len(list(tmp_path.glob("runs/work/*/checkpoint.safetensors"))) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        os.killpg(sweep.pid, signal.SIGINT)  # as a terminal does: to the sweep and to its workers
        said = sweep.communicate(timeout=200)[1]
    assert sweep.returncode == 130 and "Traceback" not in said, said
    assert said.count("the same command goes on from there") == 2 and not list(tmp_path.rglob("*.part")), said
    assert all(checkpoint.load(path.parent)[0] for path in tmp_path.glob("runs/work/*/checkpoint.safetensors"))


FAILURES = [
    ("pathlib:Path.write_bytes", 3, errno.ENOSPC, "the disk is full"),  # a checkpoint
    ("os:fsync", 5, errno.ENOSPC, "the disk is full"),
    ("pathlib:Path.write_bytes", "the record", errno.EDQUOT, "quota"),
    ("tempfile:mkstemp", 4, errno.EROFS, "read-only"),
    ("tempfile:mkstemp", 6, errno.ENOENT, "vanished"),
    ("os:replace", 3, errno.EIO, "disk does not take it"),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("where, call, code, words", FAILURES, ids=lambda value: str(value).rpartition(":")[2])
def test_a_disk_that_fails_is_told_in_one_line_and_nothing_is_lost(server, whole, tmp_path, where, call, code, words):
    folder = tmp_path / "cut"
    if call == "the record":  # after a checkpoint for each step, and the predictions
        call = records.load(whole[0] / "result.json")["curve"][-1]["step"] + 2
    outcome = server(*TRAIN, "--again", "--out", folder, fail_at=[where, call, code])
    assert outcome["status"] == 2 and words in outcome["said"] and "Traceback" not in outcome["said"], outcome
    assert outcome["said"].strip().splitlines()[-1].startswith("minbert: cannot write ")
    no_half_file(tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    again = server(*TRAIN, "--again", "--out", folder)
    assert again["status"] == 0 and "going on from step" in again["said"], again["said"]
    same(folder, whole)


def test_a_limit_on_the_size_of_files_is_told(server, tmp_path):
    """The kernel's own refusal in the middle of a write, not an emulated one."""
    outcome = server(*TRAIN, "--again", "--out", tmp_path / "cut", file_limit=300_000)
    assert outcome["status"] == 2 and "larger than this system lets you write" in outcome["said"], outcome
    assert not [path for path in tmp_path.rglob("*") if path.stat().st_size and path.is_file()]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_read_only_folder_is_told(server, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "closed").mkdir(mode=0o555)
    outcome = server(*TRAIN, "--again", "--out", "closed/run", nobody=str(tmp_path))
    assert outcome["status"] == 2 and "closed/run/.lock: no permission to write there" in outcome["said"], outcome
    assert outcome["said"].count("\n") == 1


def test_a_folder_that_vanishes_in_the_middle_is_made_again(server, whole, tmp_path):
    outcome = server(
        *TRAIN, "--again", "--out", tmp_path / "cut", vanish_at=["pathlib:Path.write_bytes", 4, str(tmp_path / "cut")]
    )
    if outcome["status"] == 2:  # it vanished under a file that was being written
        assert "has vanished" in outcome["said"], outcome
        assert server(*TRAIN, "--again", "--out", tmp_path / "cut")["status"] == 0
    same(tmp_path / "cut", whole)


@pytest.mark.timeout(600)
def test_predictions_and_figures_are_whole_or_absent(server, whole, tmp_path):
    orders = (
        (["predict", whole[0], "--split", "test", "--out"], ["minbert_lib.lab.submission:_bad_id", 20]),
        (["figures", "04_1_learning_curves", "--out"], ["pathlib:Path.write_bytes", 1]),
    )
    chance = random.Random(6)
    for number, (argv, half) in enumerate(orders):
        full, cut = tmp_path / f"full-{number}", tmp_path / f"cut-{number}"
        seconds = server(*argv, full)["seconds"]
        wanted = {path.name: path.read_bytes() for path in full.iterdir()}
        assert wanted
        for how in [{"after": chance.uniform(0.01, seconds)} for _ in range(8)] + [{"die_at": half}, {"die_at": ["os:fsync", 1]}]:
            if "die_at" in how:  # what an earlier one wrote whole is not written again
                shutil.rmtree(cut, ignore_errors=True)
            outcome = server(*argv, cut, **how)
            assert outcome["killed"] or "after" in how
            there = {p.name: p.read_bytes() for p in cut.glob("[!.]*")} if cut.is_dir() else {}
            assert all(wanted[name] == content for name, content in there.items())
        assert server(*argv, cut)["status"] == 0
        assert {p.name: p.read_bytes() for p in cut.glob("[!.]*")} == wanted


# ---- many writers


def write_many(folder, number, progress):
    """Records of its own and some that all write, and an answer in the one file of progress."""
    os.environ["MINBERT_PROGRESS"] = str(progress)  # the fork server may be older than this test
    for seed in range(12):
        shared = seed % 3 == 0
        config = RunConfig(seed=seed if shared else 1000 * number + seed)
        record = {
            "name": config.name,
            "key": config.key(),
            "config": config.to_dict(),
            "scores": {"sst": 0.5},
            "epochs": [],
            "curve": [],
        }
        records.save(record, folder, {"dev": {"sst": np.full((40, 5), config.seed)}})
        assert len(records.load_all([folder])) > seed  # a reader among the writers meets no half file
    keep.update(f"exercise {number}", state="right", tries=1)


def test_eight_processes_write_records_and_progress_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("MINBERT_PROGRESS", str(progress := tmp_path / "progress.json"))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["minbert_lib.lab.records", "minbert_lib.workbook.keep"])
    writers = [context.Process(target=write_many, args=(tmp_path / "runs", number, progress)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * 8
    found = records.load_all([tmp_path / "runs"])
    assert len(found) == 8 * 8 + 4  # eight of each writer's own, four that all of them wrote
    for record in found:
        assert (records.predictions(record)["dev"]["sst"] == record["config"]["seed"]).all()
    assert set(keep.load()) == {f"exercise {number}" for number in range(8)}
    assert not list(tmp_path.rglob("*.part"))


def test_a_record_that_is_not_whole_is_refused_by_name(tmp_path):
    path = tmp_path / "half.json"
    path.write_text('{"name": "C2", "key": "abc", "sco')
    with pytest.raises(MinbertError, match="half.json: not a readable record"):
        records.load(path)
