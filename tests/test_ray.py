"""A sweep on a real Ray cluster of two workers on this machine: one is killed, and its run is taken up again.

Ray Core comes with `pip install 'minbert[ray]'`, which `make test` has.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from fake_runs import fake

from minbert_lib.errors import MinbertError
from minbert_lib.lab import records, sweep

SMALL = {"limit": {"sst": 64}, "dev_limit": {"sst": 40}, "epochs": 8, "batch_size": 8, "precision": "float32"}
RATES = [1e-4, 2e-4, 3e-4]
SWEEP = """
import json, sys
import ray
from minbert_lib.lab import sweep
start = ray.init
ray.init = lambda **how: start(**how, num_cpus=2, include_dashboard=False)  # two workers, whatever this machine has
configs = sweep.grid("C2", {"lr": json.loads(sys.argv[1])}, **json.loads(sys.argv[2]))
print(json.dumps([record["key"] for record in sweep.run_all(configs, ray="local")]))
"""


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MINBERT_CHECKPOINT_SECONDS", "0.2")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HOME", str(tmp_path))  # Ray keeps a token there
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # its workers are otherwise the last to be served
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "300")  # on a busy machine
    return tmp_path


def workers(driver):
    """{pid: key of the run in its hands} of the cluster's workers, told by the lock that each holds."""
    found = {}
    for process in psutil.Process(driver).children(recursive=True):
        try:
            if process.cmdline()[:1] == ["ray::_ray_task"]:
                for path in (Path(file.path) for file in process.open_files()):
                    if path.name == ".lock" and path.parts[-3] == "work":
                        found[process.pid] = path.parent.name
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
            continue
    return found


@pytest.mark.timeout(1800)
@pytest.mark.skipif(os.name == "nt", reason="kills a worker by a signal that Windows does not have")
def test_a_lost_workers_run_is_taken_up_again(own_home, one_thread):
    pytest.importorskip("ray", reason="ray is not installed: pip install 'minbert[ray]'")
    configs = sweep.grid("C2", {"lr": RATES}, **SMALL)
    command = [sys.executable, "-c", SWEEP, json.dumps(RATES), json.dumps(SMALL)]
    with open(own_home / "said", "w+") as said:
        driver = subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, stderr=said, text=True)
        try:
            lost, most = None, 0
            while lost is None and driver.poll() is None:
                time.sleep(0.05)
                most = max(most, len(busy := workers(driver.pid)))
                for pid, key in busy.items() if len(busy) == 2 else ():
                    if any((records.own_folder() / "work" / key).glob("*.safetensors")):  # it has begun to learn
                        os.kill(pid, signal.SIGKILL)
                        lost = key
                        break
            assert lost and most == 2, (own_home / "said").read_text()
            assert not list(records.own_folder().glob(f"*/*{lost}.json"))  # it was lost in the middle of its run
            out, _ = driver.communicate(timeout=1500)
        finally:
            driver.kill()
    assert driver.returncode == 0, (own_home / "said").read_text()
    assert json.loads(out.splitlines()[-1]) == [config.key() for config in configs]
    alone = sweep.run_all([config.with_(name="alone") for config in configs if config.key() == lost])
    assert alone[0]["curve"] == next(r for r in records.load_all() if r["key"] == lost)["curve"]  # resumed to the same end


def test_without_ray_the_remedy_is_named(own_home, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MinbertError, match=r"pip install 'minbert\[ray\]'"):
        sweep.run_all(sweep.grid("C2", {"lr": RATES}, **SMALL), ray="local")


@pytest.mark.parametrize("address, words", [("", "host:port"), ("foo", "host:port"), ("a..b:6379", "no cluster answers there")])
def test_what_is_no_address_is_refused_in_a_line(own_home, address, words):
    with pytest.raises(MinbertError, match=words) as told:
        sweep.run_all(sweep.grid("C2", {"lr": RATES}, **SMALL), ray=address)
    assert "\n" not in str(told.value) and "local" in str(told.value)


@pytest.mark.parametrize("how", ["{}", "ray://{}", "auto"])
def test_an_address_where_nobody_listens_is_refused_at_once(own_home, monkeypatch, how):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        monkeypatch.setitem(sys.modules, "ray", None)  # it is not asked: it would try for minutes
        with pytest.raises(MinbertError, match=rf"{address}: no cluster answers there .*--ray local"):
            sweep.run_all(sweep.grid("C2", {"lr": RATES}, **SMALL), ray=how.format(address))


def test_no_cluster_to_be_found_is_told_in_a_line(own_home, monkeypatch):
    def init(**_):
        raise ConnectionError("Could not find any running Ray instance.\nPlease specify one")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=init))
    with pytest.raises(MinbertError, match=r"^--ray auto: Could not find any running Ray instance; `ray start --head`.*local"):
        sweep.run_all(sweep.grid("C2", {"lr": RATES}, **SMALL), ray="auto")


def test_a_run_that_fails_on_a_cluster_is_told_and_the_others_are_recorded(own_home, monkeypatch, capsys):
    """With a Ray made up, whose tasks are done at once."""

    class RayError(Exception):
        cause = MinbertError("the loss is not finite")

    def get(task):
        if task[0]["lr"] == 2e-4:
            raise RayError
        return fake(sweep.RunConfig.from_dict(task[0]), own_home / "there"), {}

    made_up = SimpleNamespace(
        init=lambda **_: None,
        shutdown=lambda: None,
        cluster_resources=lambda: {"CPU": 2.0},
        remote=lambda **_: lambda function: SimpleNamespace(remote=lambda values, home: Task((values, home))),
        wait=lambda waiting: (waiting[:1], waiting[1:]),
        get=get,
        exceptions=SimpleNamespace(RayError=RayError),
    )
    monkeypatch.setitem(sys.modules, "ray", made_up)
    configs = sweep.grid("C2", {"lr": RATES}, **SMALL)
    with pytest.raises(MinbertError, match=rf"^1 of 3 runs .* \({configs[1].key()}\): the loss is not finite$"):
        sweep.run_all(configs, ray="local", progress=True)
    assert [bool(records.find(config)) for config in configs] == [True, False, True]
    assert capsys.readouterr().err.splitlines()[-1] == "3 of 3 done, 1 failed"


class Task(tuple):
    """Told apart by what it is, as Ray's are."""

    __hash__, __eq__ = object.__hash__, object.__eq__
