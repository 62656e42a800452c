"""The kernel dies while notebook 04 trains; "Run all" in a new one goes on from the last checkpoint, to the same numbers."""

import json
import os
import signal
import time

import pytest
from jupyter_client import KernelManager

from minbert_lib import home
from minbert_lib.lab import records, run, system

FEW = {"limit": {"sst": 256}, "dev_limit": {"sst": 64}}


def cells():
    """Of notebook 04 as it ships: set-up, imports and the cell that trains, on a few sentences."""
    notebook = json.loads((home.repo() / "notebooks/04_sentiment.ipynb").read_text(encoding="utf-8"))
    texts = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    trains = next(text for text in texts if "made_runs = {" in text)
    fewer = trains.replace("scale.name)", f"scale.name, **{FEW})").replace(
        "scale.name, **longer)", f"scale.name, **longer, **{FEW})"
    )
    assert fewer.count(str(FEW)) == 2
    return [texts[0], texts[1], fewer]


class Kernel:
    """A kernel as a notebook has one: cells in, what they print out."""

    def __init__(self, environment):
        self.manager = KernelManager()
        self.manager.start_kernel(env=environment, cwd=str(home.repo() / "notebooks"))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=300)

    def run(self, text):
        printed = []

        def note(message):
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        reply = self.client.execute_interactive(text, timeout=600, output_hook=note)
        assert reply["content"]["status"] == "ok", reply["content"]
        return "".join(printed)

    def kill(self):
        os.kill(self.manager.provisioner.pid, signal.SIGKILL)
        self.close()

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def wait_for(condition, seconds=600):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


@pytest.mark.skipif(os.name == "nt", reason="kills by a signal that Windows does not have")
@pytest.mark.timeout(1200)
def test_run_all_goes_on_after_the_kernel_died(tmp_path, monkeypatch, one_thread):
    own = {"MINBERT_HOME": str(tmp_path / "home"), "MINBERT_PROGRESS": str(tmp_path / "progress.json"), "MINBERT_SCALE": "tiny"}
    environment = {**os.environ, **own, "MINBERT_CHECKPOINT_SECONDS": "0", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(home.repo())}
    runs = tmp_path / "home/runs"
    first = Kernel(environment)
    *before, trains = cells()
    for text in before:
        first.run(text)
    first.client.execute(trains)
    wait_for(lambda: list(runs.glob("tiny/C1-*.json")) and list(runs.glob("work/*/checkpoint.safetensors")))
    first.kill()
    assert not list(runs.glob("tiny/C2-*.json"))

    second = Kernel(environment)
    said = "".join(second.run(text) for text in cells())
    second.close()
    assert said.count("going on from step") == 1  # C2; C1 is recorded and not run again

    monkeypatch.setenv("MINBERT_HOME", str(tmp_path / "undisturbed"))
    for path in runs.glob("tiny/C*.json"):
        record = records.load(path)
        whole = run(
            system(record["name"], "tiny", **{key: record["config"][key] for key in ("epochs", "lr", "limit", "dev_limit")})
        )
        assert record["key"] == whole["key"] and record["scores"] == records.rounded(whole["scores"])
        assert record["curve"] == records.rounded(whole["curve"])
