"""What every test stands on: the tiny scale, no hub, no screen, and the real data and weights where this machine has them."""

import os
from pathlib import Path

os.environ.setdefault("MINBERT_SCALE", "tiny")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a test that would download must fail at once, not wait

import pytest

REPO = Path(__file__).resolve().parents[1]


def pytest_addoption(parser):
    parser.addoption(
        "--all-notebooks", action="store_true", help="what is tested with a few notebooks, with every one: an hour and more"
    )
    parser.addoption("--remake", action="store_true", help="make the tiny BERT again, all of it: a quarter of an hour")


def pytest_configure():
    """Real data beside the checkout count as MINBERT_HOME, as they do in continuous integration."""
    beside = REPO.parent / "shared" / "home"
    if "MINBERT_HOME" not in os.environ and beside.is_dir():
        os.environ["MINBERT_HOME"] = str(beside)


@pytest.fixture
def repo():
    return REPO


@pytest.fixture
def real_home():
    """MINBERT_HOME with real data and weights, or a skip that says what is missing."""
    chosen = os.environ.get("MINBERT_HOME")
    if not chosen or not (Path(chosen) / "data").is_dir():
        pytest.skip("no real data: MINBERT_HOME names no folder with data/")
    return Path(chosen)


@pytest.fixture
def one_thread():
    """As many threads here as in the processes that a test starts: two threads add in another order than one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def empty_home(tmp_path, monkeypatch):
    """A MINBERT_HOME with nothing in it, for tests that write there."""
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
