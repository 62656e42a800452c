"""Checkpoints from strangers: what is wrong is named in one line, before memory is taken and without executing anything."""

import errno
import json
import os
import pickle
import struct
import tracemalloc

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from minbert_lib import files
from minbert_lib.errors import MinbertError
from minbert_lib.model import BertConfig, BertModel
from minbert_lib.model import weights as store

CONFIG = BertConfig(30, 8, 2, 2, 16, 20)


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    BertModel(CONFIG).save_pretrained(tmp_path)
    return tmp_path


def refused(folder, *words):
    """Loading fails with one clear line, in little memory."""
    tracemalloc.start()
    with pytest.raises(MinbertError) as error:
        BertModel.from_pretrained(folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    text = str(error.value)
    assert peak < 64 << 20 and "\n" not in text and len(text) < 600, text
    assert all(word in text for word in words), text


def write(path, header, body=b""):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + body)


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


DEEP = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2**40) + b"{}",
        struct.pack("<Q", 17 << 20) + b" " * (17 << 20),
        struct.pack("<Q", 100) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"null",
        struct.pack("<Q", 5) + b"\xff\xfe{}}",
        struct.pack("<Q", len(DEEP)) + DEEP,
        struct.pack("<Q", 6000) + b'{"a":' + b"9" * 5994 + b"}",
    ],
)
def test_headers_that_are_none(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    refused(folder, "model.safetensors")


@pytest.mark.parametrize(
    "header, body",
    [
        ({"a": entry([10**12], 0, 4 * 10**12)}, 4),  # an absurd shape that agrees with its offsets
        ({"a": entry([10**12], 0, 4)}, 4),  # one that does not
        ({"a": entry([10**9] * 1000, 0, 4)}, 4),
        ({"a": entry([2**62, 4], 0, 0)}, 0),  # the product overflows 64 bits
        ({"a": entry([1], 0, 4), "b": entry([1], 2, 6)}, 6),  # overlapping
        ({"a": entry([1], 0, 4), "b": entry([1], 0, 4)}, 4),
        ({"a": entry([1], 4, 8)}, 8),  # a gap in front
        ({"a": entry([1], 0, 4)}, 8),  # bytes that nobody owns
        ({"a": entry([2], 0, 8)}, 4),  # cut off
        ({"a": entry([1], 4, 0)}, 4),  # backwards
        ({"a": entry([-1], 0, -4)}, 4),
        ({"a": entry([1.0], 0, 4)}, 4),
        ({"a": entry([True], 0, 4)}, 4),
        ({"a": entry(["1"], 0, 4)}, 4),
        ({"a": entry(None, 0, 4)}, 4),
        ({"a": entry([1], 0, 4, "F33")}, 4),
        ({"a": entry([1], 0, 4, ["F32"])}, 4),
        ({"a": entry([1], "0", "4")}, 4),
        ({"a": {"dtype": "F32", "shape": [1]}}, 4),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2, 4]}}, 4),
        ({"a": 7}, 4),
        ({"a": None}, 4),
    ],
)
def test_headers_that_lie(folder, header, body):
    write(folder / "model.safetensors", header, b"\0" * body)
    refused(folder, "model.safetensors")


def test_a_download_that_broke_off(folder):
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for length in (3, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(folder, "model.safetensors")


FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=8), st.integers(0, 4000))
def test_changed_bytes_never_end_in_anything_else(folder, changes, keep):
    """A damaged file loads (a bit in a weight) or is refused with a MinbertError: never a traceback from deep inside."""
    path = folder / "model.safetensors"
    original = folder / "original"
    if not original.exists():
        original.write_bytes(path.read_bytes())
    raw = bytearray(original.read_bytes())
    for place, value in changes:
        raw[place] = value
    path.write_bytes(bytes(raw[: len(raw) - keep] if keep % 3 == 0 else raw))
    try:
        BertModel.from_pretrained(folder)
    except MinbertError as error:
        assert "\n" not in str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@FUZZ
@given(st.dictionaries(st.sampled_from([*vars(CONFIG), "model_type", "hidden_act", "position_embedding_type"]), JSON))
def test_no_config_ends_in_anything_else(folder, changes):
    values = json.loads(json.dumps({"model_type": "bert", **vars(CONFIG)})) | changes
    (folder / "config.json").write_text(json.dumps(values))
    try:
        BertModel.from_pretrained(folder)
    except MinbertError as error:
        assert "\n" not in str(error)


def test_a_checkpoint_of_another_shape(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 12}))
    refused(folder, "intermediate.dense", "(16, 8), not (12, 8)")
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 4_000_000, "hidden_size": 65536}))
    refused(folder)  # a terabyte, if it were believed
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    refused(folder, "encoder.layer.2", "missing")


def test_missing_weights_are_counted(folder):
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.bias"], tensors["embeddings.LayerNorm.weight"]
    save_file(tensors, folder / "model.safetensors")
    refused(folder, "2 of", "missing", "LayerNorm.weight")


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_weights_that_are_no_numbers_are_named(folder, value):
    tensors = load_file(folder / "model.safetensors")
    BertModel.from_pretrained(folder)  # whole, it loads (and imports what loading needs, which is not the file's memory)
    tensors["encoder.layer.1.output.dense.bias"][3] = value
    save_file(tensors, folder / "model.safetensors")
    refused(folder, "encoder.layer.1.output.dense.bias", "NaN or infinity")


def test_old_names_and_a_missing_pooler_are_fine(folder):
    tensors = load_file(folder / "model.safetensors")
    bert = BertModel.from_pretrained(folder)
    old = {
        "bert." + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in tensors.items()
        if not name.startswith("pooler.")
    }
    save_file(old | {"cls.predictions.bias": torch.zeros(30)}, folder / "model.safetensors")
    back = BertModel.from_pretrained(folder).state_dict()
    assert all(torch.equal(value, back[name]) for name, value in bert.state_dict().items() if not name.startswith("pooler."))


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'"x"', b"\xff\xfe", b"[" * 200_000, b"NaN"])
def test_configs_that_are_none(folder, content):
    (folder / "config.json").write_bytes(content)
    refused(folder, "config.json")


def test_missing_files_are_named(folder, tmp_path):
    (folder / "model.safetensors").unlink()
    refused(folder, "model.safetensors", "missing")
    (folder / "config.json").unlink()
    refused(folder, "config.json", "missing")
    refused(folder / "nothing", "config.json", "missing")


def test_offline_is_told_in_one_line(empty_home):
    with pytest.raises(MinbertError) as error:
        BertModel.from_pretrained("no-one/has-this-model")
    assert "no-one/has-this-model" in str(error.value) and "config.json" in str(error.value)


# pytorch_model.bin ----------------------------------------------------------------------------------------------------


class Attack:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def as_bin(folder, value, **options):
    (folder / "model.safetensors").unlink(missing_ok=True)
    torch.save(value, folder / "pytorch_model.bin", **options)


def test_a_bin_of_tensors_loads(folder):
    bert = BertModel.from_pretrained(folder)
    for zipped in (True, False):
        as_bin(folder, bert.state_dict(), _use_new_zipfile_serialization=zipped)
        back = BertModel.from_pretrained(folder).state_dict()
        assert all(torch.equal(value, back[name]) for name, value in bert.state_dict().items())


def test_a_malicious_bin_is_refused_and_does_nothing(folder):
    mark, tensors = folder / "it-ran", BertModel(CONFIG).state_dict()
    for value in (Attack(mark), {**tensors, "x": Attack(mark)}, [Attack(mark)], {Attack(mark): 1}):
        for zipped in (True, False):
            as_bin(folder, value, _use_new_zipfile_serialization=zipped)
            refused(folder, "pytorch_model.bin", "refused")
            assert not mark.exists()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Attack(mark)))
    refused(folder, "pytorch_model.bin", "refused")
    assert not mark.exists()
    pickle.loads(pickle.dumps(Attack(mark)))
    assert mark.exists()  # the attack itself is a real one


@pytest.mark.parametrize("value", [7, [torch.ones(1)], {"a": 1}, {1: torch.ones(1)}, {"a": {"b": torch.ones(1)}}, None])
def test_a_bin_of_something_else_is_refused(folder, value):
    as_bin(folder, value)
    refused(folder)


def test_damaged_bins_are_refused(folder):
    as_bin(folder, BertModel(CONFIG).state_dict())
    whole = (folder / "pytorch_model.bin").read_bytes()
    for raw in (b"", b"PK", b"\x80", whole[:100], whole[: len(whole) // 2]):
        (folder / "pytorch_model.bin").write_bytes(raw)
        refused(folder, "pytorch_model.bin")


# saving ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code, said", [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission")])
def test_what_cannot_be_saved_is_told_and_nothing_is_lost(folder, monkeypatch, code, said):
    """Where the last step fails, the old checkpoint is still whole and no temporary file is left."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(*_):
        raise OSError(code, os.strerror(code))

    for place in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(files.os, place, fail)
            with pytest.raises(MinbertError, match=said):
                BertModel(CONFIG).save_pretrained(folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(MinbertError, match="file, not a folder|exists"):
        BertModel(CONFIG).save_pretrained(tmp_path / "taken" / "model")


def test_half_precision_and_views_survive(tmp_path):
    tensors = {"a": torch.randn(4, 6, dtype=torch.bfloat16).t(), "b": torch.arange(5), "c": torch.ones(())}
    tensors["d"] = torch.empty(0, 3)
    store.save_tensors(tmp_path / "x.safetensors", tensors, {"note": "kept"})
    store.check_header(tmp_path / "x.safetensors")
    back = load_file(tmp_path / "x.safetensors")
    assert all(torch.equal(value, back[name]) for name, value in tensors.items())
