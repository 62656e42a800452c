"""Ten thousand kinds of damage: what cannot be used is told in one line, nothing hangs, and no part is taken for the whole.

Every case ends well or in a MinbertError (for an exercise: in a verdict). The cases are the same on every machine.
"""

import csv
import gzip
import io
import json
import math
import struct
import sys
import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minbert_lib import files
from minbert_lib.errors import MinbertError
from minbert_lib.lab import RunConfig, records, submission, system
from minbert_lib.lab.build import prepare
from minbert_lib.lab.config import parse_setting
from minbert_lib.learn import checkpoint
from minbert_lib.model import BertConfig, BertModel
from minbert_lib.model import weights as store
from minbert_lib.text import rows
from minbert_lib.text.tasks import TASKS
from minbert_lib.workbook.exercises import EXERCISES
from minbert_lib.workbook.judge import judge

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def cases(count):
    slow = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=count, derandomize=True, deadline=None, database=None, suppress_health_check=slow)


@st.composite
def damaged(draw, whole):
    """The bytes of `whole`, some of them changed, put in or left out, or the end cut off."""
    raw = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(raw) - 1, 0)))
        how = draw(st.sampled_from(["change", "put in", "leave out"]))
        if how == "put in":
            raw[at:at] = draw(
                st.sampled_from([b"\t", b"\n", b"\r", b'"', b"\0", b"\xff", b"nan", b"1e999", b"{", b"]", "é".encode()])
            )
        elif how == "change":
            raw[at : at + 1] = bytes([draw(st.integers(0, 255))])
        else:
            del raw[at : at + draw(st.integers(1, 9))]
    return bytes(raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw)


def told(function, *arguments):
    """What the function gives, or None where it refuses in one clear line that names the file."""
    try:
        return function(*arguments)
    except MinbertError as error:
        text = str(error)
        assert text and "\n" not in text and len(text) < 900, text
        for path in arguments[:1]:
            assert str(getattr(path, "name", "")) in text, text
        return None


# ---- rows


TABLES = {
    "sst": '\tid\tsentence\tsentiment\n0\ta1\t a fine film .\t4\n1\tb2\t "quoted" , dull\t0\n2\tc3\t so so\t2\n',
    "qqp": "\tid\tsentence1\tsentence2\tis_duplicate\n0\tq1\tWhat is it?\tWhat's that?\t1.0\n1\tq2\tWhy?\tHow?\t0.0\n",
    "sts": "\tid\tsentence1\tsentence2\tsimilarity\n0\ts1\tA man.\tA boy.\t3.2\n1\ts2\tA dog.\tA cat.\t0.0\n",
}


@cases(2500)
@given(data=st.data(), task=st.sampled_from(list(TABLES)))
def test_rows(data, task, tmp_path):
    path = tmp_path / "some.csv"
    raw = data.draw(damaged(TABLES[task].replace('"quoted"', "quoted").encode()))
    path.write_bytes(raw)
    found = told(rows.read_file, path, task)
    if found is not None:  # every row is there, and each can be trained on
        lines = [row for row in csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter="\t") if row]
        assert len(found.examples) == len(lines) - 1 and not found.problems
        for example in found.examples:
            assert example.id and all(example.texts) and TASKS[task].low <= example.label <= TASKS[task].high


@cases(600)
@given(data=st.data())
def test_packed_rows(data, tmp_path):
    whole = gzip.compress(TABLES["sst"].replace('"quoted"', "quoted").encode(), mtime=0)
    path = tmp_path / "some.csv.gz"
    raw = data.draw(damaged(whole))
    path.write_bytes(raw)
    found = told(rows.read_file, path, "sst")
    assert found is None or len(found.examples) == 3  # the checksum inside sees to that


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_UNPACKED", 1 << 22)
    path = tmp_path / "bomb.csv.gz"
    head, row = b"\tid\tsentence\tsentiment\n", b"0\ta\tb\t1\n"
    for content, said in ((head + row * 600_000, "unpacks to more than 4 MB"), (head + b"x" * (1 << 23), "a line of more than")):
        path.write_bytes(gzip.compress(content))
        with pytest.raises(MinbertError, match=said):
            rows.read_file(path, "sst")


@cases(600)
@given(data=st.data())
def test_submission_files(data, tmp_path):
    path = tmp_path / "sst-dev-output.csv"
    path.write_bytes(data.draw(damaged(b"id \t Predicted_Sentiment \na1 , 3 \nb2 , 0 \n")))
    wrong = told(submission.check_submission, path, ["a1", "b2"], "sst")
    found = told(lambda path: list(submission.read_submission(path, "sst")), path)
    assert wrong != [] or [name for name, _ in found] == ["a1", "b2"]


# ---- configs


FIELDS = [*vars(RunConfig())]


@cases(2500)
@given(st.dictionaries(st.sampled_from([*FIELDS, "lrr", ""]), JSON, max_size=3))
def test_configs(values):
    config = told(RunConfig.from_dict, values)
    if config is not None:
        assert RunConfig.from_dict(json.loads(config.to_json())).key() == config.key()


@cases(1000)
@given(st.text(max_size=20) | st.builds("{}={}".format, st.sampled_from(FIELDS), JSON.map(json.dumps) | st.text(max_size=12)))
def test_settings(text):
    told(lambda: RunConfig().with_(**dict([parse_setting(text)])))


WORDS = st.sampled_from(["", "none", "all", "sst", "cls", "mean", "cosine", "linear", "routing", "nonsense", "float16", "auto"])
PLAIN = st.sampled_from([-1, 0, 1, 2, 7, 513, 10**9, -0.5, 0.5, 1e30, 1e-30, True, False, None])
BY_NAME = st.dictionaries(st.sampled_from(["sst", "eps", "norm", "steps", "how", "x"]), PLAIN | WORDS, max_size=2)


@cases(250)
@given(
    name=st.sampled_from([name for name in FIELDS if name != "pretrain"]),
    value=PLAIN | WORDS | BY_NAME | st.lists(PLAIN | WORDS, max_size=2),
)
def test_runs_are_refused_before_they_start_or_can_be_made(name, value, empty_home):
    small = {"limit": {"sst": 8, "sts": 8}, "dev_limit": {"sst": 8, "sts": 8}, "tasks": ["sst", "sts"]}
    told(lambda: prepare(RunConfig.from_dict(small | {name: value})))


# ---- records


RECORD = {
    "version": 1, "name": "C2", "key": "abc", "config": {"scale": "tiny", "seed": 0}, "scores": {"sst": 0.5}, "best_epoch": 1,
    "epochs": [{"epoch": 1, "scores": {"sst": 0.5}}], "curve": [{"step": 1, "sst": 1.6}],
}  # fmt: skip


@cases(1000)
@given(data=st.data())
def test_records(data, tmp_path):
    path = tmp_path / "C2-abc.json"
    whole = records.to_json(RECORD).encode()
    raw = data.draw(
        damaged(whole) | st.dictionaries(st.sampled_from([*RECORD]), JSON).map(lambda new: json.dumps(RECORD | new).encode())
    )
    path.write_bytes(raw)
    found = told(records.load, path)
    if len(raw) < len(whole) - 1 and whole.startswith(raw):
        assert found is None  # cut off anywhere
    if found is not None:
        assert all(isinstance(found[part], kind) for part, kind in records.PARTS.items())


@cases(700)
@given(data=st.data())
def test_predictions(data, tmp_path):
    path = tmp_path / "C2-abc.npz"
    arrays = {"dev/sst": np.arange(10, dtype=np.float32).reshape(2, 5), "test/sts": np.ones(3, np.float32)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    path.write_bytes(data.draw(damaged(buffer.getvalue())))
    found = told(records.read_arrays, path)
    for name, values in (found or {}).items():  # zip has a checksum for each of its files
        assert name not in arrays or np.array_equal(values, arrays[name])


def test_predictions_are_never_unpickled(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, **{"dev/sst": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(MinbertError, match="x.npz: damaged predictions"):
        records.read_arrays(path)


# ---- checkpoints


CONFIG = BertConfig(30, 8, 1, 2, 16, 20)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    BertModel(CONFIG).save_pretrained(folder)
    return folder, (folder / "model.safetensors").read_bytes()


@cases(800)
@given(data=st.data())
def test_weights(bert, data):
    folder, whole = bert
    head = 8 + struct.unpack("<Q", whole[:8])[0]
    path = folder / "model.safetensors"
    path.write_bytes(data.draw(st.one_of(damaged(whole), damaged(whole[:head]).map(lambda start: start + whole[head:]))))
    model = told(lambda: BertModel.from_pretrained(folder))
    assert model is None or all(p.isfinite().all() for p in model.parameters())


ENTRY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "I64", "U8", "F33"]),
        "shape": st.lists(st.sampled_from([0, 1, 2, 3, 2**31, 2**62, 10**12, -1]), max_size=3),
        "data_offsets": st.lists(st.sampled_from([0, 4, 8, 12, 2**40, 2**63, -4]), min_size=2, max_size=2),
    }
)


@cases(600)
@given(
    header=st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), ENTRY | JSON),
    body=st.integers(0, 16),
    length=st.none() | st.integers(0, 2**64 - 1),
)
def test_headers(header, body, length, tmp_path):
    """Whatever a header says, it is believed only where it describes exactly the bytes that are there."""
    path = tmp_path / "model.safetensors"
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + bytes(body))
    told(store.check_header, path)
    told(checkpoint.read, path)


@cases(700)
@given(data=st.data())
def test_checkpoints(data, tmp_path):
    state = {"counters": {"step": 3}, "x": torch.arange(6.0), 1: [None, True]}
    checkpoint.save(tmp_path, state)
    path = tmp_path / checkpoint.CURRENT
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    found = told(checkpoint.read, path)
    assert found is None or str(found) == str(state)


@cases(60)
@given(data=st.data())
def test_a_checkpoint_of_something_else_stops_no_run_in_its_depths(data, empty_home):
    """Whole, with a true checksum, and not what a run has saved: a part changed, missing or of another kind."""
    global MADE
    MADE = MADE or prepare(system("C2", "tiny", limit={"sst": 16}, dev_limit={"sst": 8}))
    state = MADE.trainer.state_dict()
    part = data.draw(st.sampled_from([*state]))
    state[part] = data.draw(JSON | st.just(torch.zeros(2)))
    told(lambda: MADE.trainer.load_state_dict(state))


MADE = None


# ---- answers to exercises


class Rude:
    """A value that answers nothing."""

    def __getattr__(self, name):
        raise RuntimeError(f"no {name}")

    def __len__(self):
        return -1

    def __repr__(self):
        raise ValueError("no name")

    __bool__ = __eq__ = __iter__ = __float__ = __getitem__ = __repr__
    __hash__ = None


TENSORS = st.builds(
    lambda shape, dtype, fill: torch.full(shape, fill).to(dtype),
    st.lists(st.integers(0, 5), max_size=4),
    st.sampled_from([torch.float32, torch.float64, torch.int64, torch.bool, torch.complex64, torch.bfloat16]),
    st.sampled_from([0.0, 1.0, math.nan, math.inf, -1e30]),
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=8), st.binary(max_size=4), TENSORS,
    st.lists(TENSORS, max_size=3), st.lists(TENSORS, max_size=3).map(tuple), st.dictionaries(st.text(max_size=3), TENSORS, max_size=2),
    st.sampled_from([Rude(), Rude, len, object(), NotImplemented, ..., np.ones(3), np.float64("nan"), range(3), {1, 2}]),
)  # fmt: skip
ERRORS = st.sampled_from(
    [SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError, RecursionError, StopIteration, AssertionError, Exception]
)


@st.composite
def answers(draw):
    """A function or a class that takes anything and gives nothing that was asked for."""
    value, error = draw(VALUES), draw(st.none() | ERRORS)

    def answer(*arguments, **named):
        if error is not None:
            raise error("nothing to see")
        return value

    if draw(st.booleans()):
        return answer
    base = draw(st.sampled_from([object, torch.nn.Module, torch.optim.Optimizer]))
    begin = answer if draw(st.booleans()) else (lambda self, *a, **k: base.__init__(self) if base is torch.nn.Module else None)
    return type("Answer", (base,), {"__init__": begin, "forward": answer, "step": answer, "__call__": answer})


@cases(1500)
@given(name=st.sampled_from([*EXERCISES]), answer=answers())
def test_answers(name, answer):
    verdict = judge(EXERCISES[name].check, answer, seconds=20)
    assert verdict.state in ("wrong", "blank"), verdict
    assert verdict.message and len(verdict.message) < 2000 and "minbert_lib" not in verdict.message, verdict.message


def endless(*arguments):
    while True:
        pass


def deep(*arguments):
    return deep(*arguments)


def loud(*arguments):
    while True:
        print("x" * 100_000)


def sleepy(*arguments):
    time.sleep(0.02)
    return sleepy_again()


def sleepy_again():
    while True:
        time.sleep(0.02)


@pytest.mark.parametrize("answer", [endless, deep, loud, sleepy, lambda *a: sys.exit(3), lambda *a: [0] * 10**13])
@pytest.mark.parametrize("name", ["scaled_dot_product_attention", "accuracy"])
def test_answers_that_do_not_end_or_end_everything(answer, name):
    before, started = threading.active_count(), time.monotonic()
    verdict = judge(EXERCISES[name].check, answer, seconds=0.3)
    assert verdict.state == "wrong" and time.monotonic() - started < 60
    assert len(verdict.printed) < 100_000 and threading.active_count() <= before
