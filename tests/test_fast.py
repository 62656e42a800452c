"""Every fast path computes what the plain one computes. No times here: `minbert bench` measures those."""

import copy
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from minbert_lib.errors import MinbertError
from minbert_lib.home import scale
from minbert_lib.lab import epochs, memory, records, rivals, waterfall, ways
from minbert_lib.lab.config import RunConfig
from minbert_lib.lab.run import device_name
from minbert_lib.lab.turns import Turns, take_turns
from minbert_lib.learn.metrics import task_loss
from minbert_lib.model import BertConfig, BertModel, fast
from minbert_lib.model.attention import MultiHeadAttention, fused_attention, scaled_dot_product_attention
from minbert_lib.model.multitask import MultitaskModel
from minbert_lib.text import Tokenizer
from minbert_lib.text.batching import Batch, pad

REPO = Path(__file__).resolve().parents[1]
SIZES = dict(vocab_size=60, hidden_size=32, intermediate_size=64, max_position_embeddings=24)
CONFIG = dict(SIZES, num_hidden_layers=3, num_attention_heads=4)
HAS_ONEDNN = hasattr(torch.ops.mkldnn, "_linear_pointwise")
needs_onednn = pytest.mark.skipif(not HAS_ONEDNN, reason="this torch has no such oneDNN product")


def batch(task="sst", rows=6):
    rng = np.random.default_rng(0)
    lengths = rng.integers(4, 15, rows)
    ids, mask, types = pad([rng.integers(1, 60, length).tolist() for length in lengths])
    labels = torch.tensor(rng.integers(0, 2, rows))
    labels = labels if task == "sst" else labels.float()
    return Batch(task, ids, mask, types, labels, torch.arange(rows), "none" if task == "sst" else "cross")


def model(task="sst"):
    torch.manual_seed(0)
    bert = BertModel(BertConfig(**CONFIG, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    with torch.no_grad():
        for p in bert.parameters():
            p.mul_(3)  # far from the start, where attention is nearly uniform
    return MultitaskModel(bert, (task,), pooling="pooler", head_dropout=0.0)


def outputs_and_gradients(net, data, named):
    out = net(data)
    net.zero_grad()
    task_loss(out, data).backward()
    return out.detach().double(), {name: p.grad.double().clone() for name, p in named if p.grad is not None}


def relative(a, b):
    return ((a - b).norm() / b.norm().clamp_min(1e-30)).item()


@pytest.mark.parametrize("task", ["sst", "qqp", "sts"])
def test_the_whole_fast_path_is_the_plain_one_in_float64(task):
    """[CLS] alone through the last layer, fused attention, no mask where nothing is hidden: against every layer whole."""
    own = model(task).double()
    plain, data = rivals.Plain(own, task).double(), batch(task)
    out, gradients = outputs_and_gradients(own, data, own.bert.named_parameters())
    expected, theirs = outputs_and_gradients(plain, data, [(n.replace("/", "."), p) for n, p in plain.weights.items()])
    assert (out - expected).abs().max() <= 1e-6
    for name, gradient in theirs.items():
        if "key.bias" not in name:  # a key's bias moves all scores of a query alike: its gradient is 0 up to rounding
            assert relative(gradients[name], gradient) <= 1e-5, name


@needs_onednn
@pytest.mark.parametrize("faster", [True, False])
def test_float32_is_as_near_to_float64_by_either_product(faster, monkeypatch):
    monkeypatch.setattr(fast, "onednn_is_faster", lambda: faster)
    own, data = model(), batch()
    out, gradients = outputs_and_gradients(own, data, own.named_parameters())
    wide = copy.deepcopy(own).double()
    expected, theirs = outputs_and_gradients(wide, data, wide.named_parameters())
    assert (out - expected).abs().max() <= 1e-5
    for name, gradient in theirs.items():
        if "key.bias" not in name:
            assert relative(gradients[name], gradient) <= 1e-5, name


@needs_onednn
@pytest.mark.parametrize("shape", [(7, 5), (2, 3, 5), (1, 1, 5), (4, 0, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_by_onednn(shape, bias, monkeypatch):
    monkeypatch.setattr(fast, "onednn_is_faster", lambda: True)
    torch.manual_seed(0)
    layer = fast.Linear(5, 9, bias=bias)
    x = torch.randn(*shape, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    weight = torch.randn(*shape[:-1], 9)
    (layer(x) * weight).sum().backward()
    mine = [x.grad, *(p.grad.clone() for p in layer.parameters())]
    layer.zero_grad()
    (F.linear(y, layer.weight, layer.bias) * weight).sum().backward()
    for a, b in zip(mine, [y.grad, *(p.grad for p in layer.parameters())], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@needs_onednn
def test_linear_reads_rows_that_are_not_contiguous_and_frozen_weights(monkeypatch):
    monkeypatch.setattr(fast, "onednn_is_faster", lambda: True)
    layer, hidden = fast.Linear(5, 9), torch.randn(4, 6, 5, requires_grad=True)
    layer.weight.requires_grad_(False)
    first = hidden[:, :1]
    torch.testing.assert_close(layer(first), F.linear(first, layer.weight, layer.bias))
    layer(first).sum().backward()
    assert layer.weight.grad is None and layer.bias.grad is not None and hidden.grad[:, 1:].abs().sum() == 0


@pytest.mark.parametrize("length", [1, 5, 40])
@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.bfloat16])
def test_fused_attention_is_the_written_one(length, kind):
    torch.manual_seed(0)
    q, k, v = (torch.randn(3, 2, length, 8, dtype=kind, requires_grad=True) for _ in range(3))
    mask = torch.rand(3, 1, 1, length) < 0.7
    mask[..., 0] = True
    grad = torch.randn(3, 2, length, 8, dtype=kind)
    fused, plain = (f(q, k, v, mask) for f in (fused_attention, scaled_dot_product_attention))
    room = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 0.05}[kind]
    torch.testing.assert_close(fused, plain, rtol=room, atol=room)
    for a, b in zip(torch.autograd.grad(fused, (q, k, v), grad), torch.autograd.grad(plain, (q, k, v), grad)):
        torch.testing.assert_close(a, b, rtol=room, atol=room)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.93])
def test_dropout_drops_its_share_and_keeps_the_mean(p):
    torch.manual_seed(0)
    x = torch.ones(1001, 997)  # no multiple of four
    out = fast.dropout(x, p)
    chance = round(p * 65536) / 65536
    error = (chance * (1 - chance) / x.numel()) ** 0.5
    assert abs((out == 0).double().mean() - chance) < 5 * error
    assert torch.allclose(out[out != 0], torch.tensor(1 / (1 - chance)))
    share_by_column = (out == 0).double().mean(0)  # no place is favoured, and neighbours do not agree
    assert abs(share_by_column.std() * (1001 / (chance * (1 - chance))) ** 0.5 - 1) < 0.1
    dropped = (out == 0).double() - chance
    assert abs((dropped[:, 1:] * dropped[:, :-1]).mean()) < 5 * chance * (1 - chance) / x.numel() ** 0.5


def test_dropout_at_the_ends_in_evaluation_and_from_a_seed():
    x = torch.randn(50, 7, requires_grad=True)
    assert torch.equal(fast.Dropout(0.0)(x), x) and fast.Dropout(1.0)(x).abs().sum() == 0
    assert torch.equal(fast.Dropout(0.5).eval()(x), x)
    torch.manual_seed(3)
    first = fast.Dropout(0.5)(x)
    torch.manual_seed(3)
    assert torch.equal(first, fast.Dropout(0.5)(x))
    first.sum().backward()
    assert torch.equal(x.grad == 0, first == 0)  # the same mask on the way back
    assert fast.dropout(x.bfloat16(), 0.5).dtype == torch.bfloat16


class Tiny(ways.Ground):
    def __init__(self):
        self.real, self.place, self._sets = True, scale("tiny"), {}
        self.tokenizer = Tokenizer(self.place.weights)


def test_every_rung_of_the_ladder_computes_the_same_and_leaves_the_fast_path_as_it_was():
    before = fast.dropout, fast.onednn_is_faster, MultiHeadAttention.attention, MultitaskModel._encode
    ladder = waterfall.ladder(Tiny(), count=1, dropout=0.0)  # one batch: by length or not, it is the same sentences
    assert list(ladder) == [name for name, _ in waterfall.SAVINGS if name in ladder] and len(ladder) >= len(waterfall.SAVINGS) - 1
    losses = {name: [loss[1] if isinstance(loss, tuple) else loss for loss in (step(), step())] for name, step in ladder.items()}
    for name, found in losses.items():
        assert found == pytest.approx(losses["plain"], rel=0.03 if name == "bfloat16" else 1e-4), name
    assert losses["plain"][1] < losses["plain"][0]
    assert before == (fast.dropout, fast.onednn_is_faster, MultiHeadAttention.attention, MultitaskModel._encode)


def test_the_longest_batch_comes_first_and_every_sentence_once():
    ground = Tiny()
    lengths = ground.data("sst").lengths
    for batches in ground.batches("sst", 8, 12):
        longest = [lengths[index].max() for index in batches]
        assert longest[0] == max(longest) and len({i for index in batches for i in index}) == 96


def test_two_processes_of_a_bench_take_their_own_turns_and_know_all_times():
    here, there = Pipe()
    done = {False: [], True: []}

    def side(other, rivals):
        def build(steps):
            return {name: lambda name=name: lambda: done[rivals].append(name) for name in ("hf", "own", "hf well")}

        turns = Turns(other, rivals)
        return take_turns(build, SimpleNamespace(turns=turns, seconds=60, steps=4, rounds=3))

    with ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(side, there, True)
        times, steps = side(here, False)
        assert theirs.result() == (times, steps) and steps == 4
    assert done == {False: ["own"] * 14, True: ["hf", "hf well"] * 14}  # two to warm up, three rounds of four
    assert list(times) == ["hf", "own", "hf well"] and all(len(rounds) == 3 for rounds in times.values())


def test_what_goes_wrong_in_one_process_of_a_bench_is_said_in_the_other():
    here, there = Pipe()
    there.send(MinbertError("nothing was timed"))
    there.close()
    turns = Turns(here, rivals=False)
    with pytest.raises(MinbertError, match="nothing was timed"):
        turns.take("hf", None)
    with pytest.raises(MinbertError, match="the other of its two processes has ended"):
        turns.take("plain", None)


def test_a_batch_that_fits_is_left_whole_and_one_that_does_not_is_cut():
    config = RunConfig(scale="tiny", batch_size=32)
    assert memory.micro_batch(config, 100_000) is None
    fixed, each = memory.needed(config)
    assert each > 0 and fixed > memory.PROCESS
    assert memory.micro_batch(config, fixed + 8.5 * each) == 8
    with pytest.raises(MinbertError, match="too few"):
        memory.micro_batch(config, 100)


def test_an_epoch_of_each_task_is_timed_on_this_device(tmp_path, monkeypatch):
    """The real trainer, plain and with SMART; without MiniLM's files its shape and the sample's sentences."""
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path))
    rows = epochs.measure("mini", "cpu", steps=1, batch_size=2)
    assert [(row["task"], row["way"]) for row in rows] == [(t, w) for t in ("sst", "qqp", "sts") for w in ("plain", "SMART")]
    for row in rows:
        assert row["tokens_a_second"] > 0 and row["seconds_an_epoch"] > row["ms_a_step"] / 1e3
        assert ("share_of_peak" in row) == (row["way"] == "plain")
    assert len(epochs.as_text(rows).splitlines()) == 7


def test_the_count_of_memory_is_above_what_recorded_runs_took():
    """Every committed run of MiniLM on a CPU, whole batches: its peak stayed below what `--max-memory` would have asked for.

    But for those with further pre-training: their peak is that of the pre-training, whose batches `--max-memory` leaves whole.
    """
    if not (scale("mini").weights / "config.json").is_file():
        pytest.skip("MiniLM's weights are not here: set MINBERT_HOME")
    runs = [r for r in records.load_all([REPO / "data/runs"], "mini") if r.get("peak_memory_mb") and "threads" in r["device"]]
    runs = [r for r in runs if not r["config"].get("pretrain")]
    assert len(runs) > 10
    for run in runs:
        # a start of her own lies on one machine only, and is of MiniLM's shape
        config = RunConfig.from_dict({**run["config"], "start": ""})
        fixed, each = memory.needed(config)
        rows = max(config.batch_size.values()) if isinstance(config.batch_size, dict) else config.batch_size
        assert run["peak_memory_mb"] < fixed + each * rows, (run["name"], run["key"])


def test_starting_up_is_quick():
    """What the package adds to torch's own import, as modules: none of the heavy ones."""
    code = "import torch, sys; old = set(sys.modules); import minbert_lib, minbert_lib.cli; print(*set(sys.modules) - old)"
    env = dict(os.environ, PYTHONPATH=str(REPO))
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env).stdout.split()
    heavy = {"transformers", "pandas", "scipy", "matplotlib", "tokenizers", "huggingface_hub", "IPython", "ipywidgets"}
    assert not heavy & set(loaded)


def test_what_the_library_asks_of_a_gpu_exists(monkeypatch):
    """No test machine need have one: a misspelt name would be met at the end of a run on Colab."""
    root = Path(fast.__file__).parents[1]
    asked = {name for path in root.rglob("*.py") for name in re.findall(r"torch\.cuda\.(\w+)", path.read_text(encoding="utf-8"))}
    assert len(asked) > 3 and not [name for name in asked if not hasattr(torch.cuda, name)]
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "Tesla T4")
    assert device_name("cuda") == "Tesla T4"
