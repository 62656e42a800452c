"""From the plain way to the fast way, one change at a time; and how a step's time grows. What notebook 12 measures.

Notable choices
- Every way trains on the same sentences; they take turns step by step. `SAVINGS` names each change against the one before.
- A saving is switched off where it lives (`without`), so that what is measured is the code that runs, not a copy.
- `python -m minbert_lib.lab.waterfall` records both tables at mini scale in data/bench/, with the machine named, for the figures.
"""

import csv
import dataclasses
import io
import itertools
import platform
import statistics
import time
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F

from ..files import write_atomic
from ..home import repo, scale
from ..learn import AdamW, SmartRegularizer
from ..learn.precision import choose
from ..model import BertModel, fast
from ..model.attention import MultiHeadAttention
from ..model.multitask import MultitaskModel
from ..text.batching import Batch
from . import cost, rivals
from .ways import OWN, SMART, Ground, Own, Their

SAVINGS = (
    ("plain", "as a first implementation has it"),
    ("tokenise once", "before the first epoch, not in every batch"),
    ("order by length", "batches of like length: half of all words were padding"),
    ("our modules", "the same work, in the library's model and trainer"),
    ("[CLS] alone", "the last layer computes the one row that is read"),
    ("fused attention", "PyTorch's kernel"),
    ("fused AdamW", "one pass over the parameters"),
    ("cheap dropout", "16 random bits a number"),
    ("oneDNN products", "the processor's widest instructions, in float32"),
    ("bfloat16", "half the bits, twice the products"),
)
COLUMNS = ("way", "step_ms", "round", "threads", "machine", "torch", "date")
GROWTH = ("axis", "value", "step_ms", "threads", "machine", "torch", "date")


@contextmanager
def without(*savings):
    """Inside, these savings are switched off."""
    products, drop, attention = fast.onednn_is_faster, fast.dropout, MultiHeadAttention.attention
    from ..model.attention import scaled_dot_product_attention

    encode = MultitaskModel._encode
    if "[CLS] alone" in savings:
        MultitaskModel._encode = lambda model, embedded, mask, task, first_only: encode(model, embedded, mask, task, False)
    if "oneDNN products" in savings:
        fast.onednn_is_faster = lambda: False
    if "cheap dropout" in savings:
        fast.dropout = F.dropout
    if "fused attention" in savings:
        MultiHeadAttention.attention = staticmethod(scaled_dot_product_attention)
    try:
        yield
    finally:
        fast.onednn_is_faster, fast.dropout, MultiHeadAttention.attention = products, drop, staticmethod(attention)
        MultitaskModel._encode = encode


def ladder(ground, task="sst", size=32, count=12, dropout=0.1, shape="mini"):
    """{way: step}, from the plain way to the fast way; each keeps what the one before saves."""
    data, (grouped, mixed) = ground.data(task), ground.batches(task, size, count)
    start = ground.model(task, shape, dropout, 0.0)

    def plain(indices):
        model = rivals.Plain(start, task)
        return Their(model, data, indices, optimizer=AdamW(model.parameters(), **OWN))

    def tokenising(step, indices):
        texts = itertools.cycle([[data.rows.examples[place].texts[0] for place in index] for index in indices])
        return lambda: (ground.tokenizer.encode(next(texts)), step())

    def own(*off, precision="float32", fused=True):
        model = ground.model(task, shape, dropout, 0.0)
        model.load_state_dict(start.state_dict())
        step = Own(model, data, grouped, precision)
        step.trainer.optimizer.fused = fused

        def turn():
            with without(*off):
                return step()

        return turn

    late = ("oneDNN products", "cheap dropout", "fused attention")
    ways = {
        "plain": tokenising(plain(mixed), mixed),
        "tokenise once": plain(mixed),
        "order by length": plain(grouped),
        "our modules": own(*late, "[CLS] alone", fused=False),
        "[CLS] alone": own(*late, fused=False),
        "fused attention": own(*late[:2], fused=False),
        "fused AdamW": own(*late[:2]),
        "cheap dropout": own(*late[:1]),
        "oneDNN products": own(),
    }
    if choose("auto", "cpu") == "bfloat16":
        ways["bfloat16"] = own(precision="bfloat16")
    return ways


def measure(ways, steps=12, rounds=3):
    """Rows (way, ms a step, round): ways take turns step by step, after a warm-up of two each."""
    for step in 2 * list(ways.values()):
        step()
    rows = []
    for number in range(rounds):
        spent = dict.fromkeys(ways, 0.0)
        for _ in range(steps):
            for name, step in ways.items():
                begun = time.perf_counter()
                step()
                spent[name] += time.perf_counter() - begun
        rows += [{"way": name, "step_ms": 1e3 * value / steps, "round": number} for name, value in spent.items()]
    return rows


def growth(name, values, repeats=5, precision="float32"):
    """Rows (axis, value, ms a step) at a scale: one thing varied at a time, the others at their first value.

    `values` {axis: […]} for length, batch, layers, tasks, K (steps of SMART) and members (of an ensemble, trained one by one).
    """
    usual = {axis: points[0] for axis, points in values.items()}
    usual["K"] = 0
    rows = []
    for axis, points in values.items():
        for value in points:
            step = synthetic(name, precision=precision, **(usual | {axis: value}))
            step()
            times = []
            for _ in range(repeats):
                begun = time.perf_counter()
                step()
                times.append(time.perf_counter() - begun)
            rows.append({"axis": axis, "value": value, "step_ms": 1e3 * statistics.median(times)})
    return rows


def synthetic(name, length, batch, layers, tasks=1, K=0, members=1, precision="float32"):
    """A step on random words: one batch of each of `tasks` tasks, for each of `members` models."""
    from ..learn.trainer import Trainer

    none = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    config = dataclasses.replace(cost.shape(name), num_hidden_layers=layers, **none)
    names = ("sst", "qqp", "sts")[:tasks]
    model = MultitaskModel(BertModel(config), names, head_dropout=0.0)
    ids = torch.randint(5, config.vocab_size, (batch, length))
    shared = (ids, torch.ones_like(ids).bool(), torch.zeros_like(ids))
    labels = {"sst": torch.zeros(batch).long(), "qqp": torch.zeros(batch), "sts": torch.zeros(batch)}

    class Random:
        task, batches, state_dict = "random", 1, dict  # it stands still, so there is no state

        def __init__(self, task):
            self.next = lambda: Batch(task, *shared, labels[task], torch.arange(batch), "none" if task == "sst" else "cross")

    smart = SmartRegularizer(model, **(SMART | {"steps": K})) if K else None
    data = {task: range(batch) for task in names}
    optimizer = AdamW(model.parameters(), fused=True, **OWN)
    settings = dict(sampling="together", schedule="constant", smart=smart, precision=precision)
    trainer = Trainer(model, data, optimizer, None, 1, batch, **settings)
    trainer.feeds = {task: Random(task) for task in names}
    model.train()
    return lambda: [trainer.update(names) for _ in range(members)]


def peak(precision="float32", size=1536, device="cpu"):
    """GFLOP/s of one large matrix product, the most that this machine gives: the best of ten."""
    kind = getattr(torch, precision)
    a, b = torch.randn(size, size).to(device, kind), torch.randn(size, size).to(device, kind)
    onednn = device == "cpu" and precision == "float32" and fast.onednn_is_faster()
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    multiply = (lambda: fast.product(a, b)) if onednn else (lambda: a @ b)
    best = np.inf
    for _ in range(10):
        wait()
        begun = time.perf_counter()
        multiply()
        wait()
        best = min(best, time.perf_counter() - begun)
    return 2 * size**3 / best / 1e9


def flops(config, rows, length, first_only=True):
    """Of one training step, in products alone: a forward and a backward pass of twice the work."""
    d, wide, layers, words = config.hidden_size, config.intermediate_size, config.num_hidden_layers, rows * length
    layer = 2 * words * (4 * d * d + 2 * d * wide) + 4 * rows * length**2 * d
    last = layer
    if first_only:  # keys and values of every word; all else for [CLS]
        last = 2 * words * 2 * d * d + 2 * rows * (2 * d * d + 2 * d * wide) + 4 * rows * length * d
    return 3 * ((layers - 1) * layer + last)


AXES = {
    "length": [32, 8, 16, 64, 128],
    "batch": [16, 1, 4, 32, 64],
    "layers": [4, 1, 2, 6],
    "tasks": [1, 2, 3],
    "K": [0, 1, 2, 3],
    "members": [1, 2, 4],
}


def folder():
    return repo() / "data" / "bench"


def read(name):
    """A recorded table as a list of rows, numbers as numbers; [] where there is none."""
    path = folder() / f"{name}.csv"
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    numbers = ("step_ms", "value", "round", "threads")
    return [{name: float(value) if name in numbers else value for name, value in row.items()} for row in rows]


def write(name, rows, columns):
    from .run import device_name

    machine = device_name("cpu").rsplit(",", 1)[0] + f" ({platform.machine()})"
    facts = {"threads": torch.get_num_threads(), "machine": machine, "torch": torch.__version__}
    facts["date"] = time.strftime("%Y-%m-%d")
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, **facts, "step_ms": round(row["step_ms"], 2)} for row in rows)
    folder().mkdir(parents=True, exist_ok=True)
    write_atomic(folder() / f"{name}.csv", text.getvalue())


def record(count=12, rounds=3, repeats=5):
    fast.keep_memory()
    write("waterfall", measure(ladder(Ground(), count=count), count, rounds), COLUMNS)
    write("growth", growth("mini", AXES, repeats, choose("auto", "cpu")), GROWTH)


if __name__ == "__main__":
    print(f"{scale('mini').title}: a few minutes")
    record()
