"""What a step with SMART or Bregman costs beside a plain one: counted in passes, and measured in time and in memory.

    python -m minbert_lib.lab.price SCALE      measures one SST batch at a scale, writes data/effect/price-SCALE.json

Notable choices
- A forward pass is 1 unit, a backward 2, a backward to the input alone 1.
- Measured twice: on a model without dropout, whose own pass is the clean side of SMART's comparison, and on one with it, as in most runs. Then
  the clean side is a pass more, 3 units, or, by `dropout="same"`, every pass has the task's masks and none is added.
- The noise is as large as bfloat16 can see: smaller, and SMART's passes would leave it for float32.
- Time is this process's own CPU time, all ways in turn, many rounds, the median of the ratios to the plain step of the same round: on a machine that
  others use too, the clock on the wall measures the others.
- Memory is what forward passes hold for a backward, counted where PyTorch saves it; parameters are left out.
"""

import statistics
import time

import torch
from torch.autograd.graph import saved_tensors_hooks

from ..learn import BregmanProximal, SmartRegularizer
from ..learn.smart import VISIBLE
from .build import prepare
from .effect import options
from .measured import main
from .run import device_name
from .systems import system

WAYS = {  # name: (SMART's switches or None, Bregman's or None, units of a step)
    "plain": (None, None, 3),
    "SMART, K = 1": ({}, None, 8),
    "SMART, K = 2": ({"steps": 2}, None, 10),
    "direction from the clean pass": ({"direction": "clean"}, None, 7),
    "on half of the batch": ({"share": 0.5}, None, 5.5),
    "on a quarter": ({"share": 0.25}, None, 4.25),
    "random noise": ({"direction": "random"}, None, 6),
    "Bregman": (None, {}, 4),
    "SMART and Bregman": ({}, {}, 9),
}
WITH_DROPOUT = {
    "plain": (None, None, 3),
    "SMART, K = 1": ({}, None, 11),
    "the task's own masks": ({"dropout": "same"}, None, 8),
    "direction from the clean pass": ({"direction": "clean"}, None, 10),
    "on half of the batch": ({"share": 0.5}, None, 7),
    "random noise": ({"direction": "random"}, None, 9),
}


def ways(dropout):
    return WITH_DROPOUT if dropout else WAYS


def ground(name, dropout=False, batch_size=32, length=32, precision="float32"):
    """(a trainer whose feed gives the same batch for ever, {way: its two penalties}); one model serves all ways."""
    rates = dict.fromkeys(("hidden_dropout", "head_dropout"), 0.1 if dropout else 0.0)
    config = system("C2", name, precision=precision, batch_size=batch_size, limit={"sst": 512}, **rates)
    ready = prepare(config, device="cpu")
    data, model = ready.train["sst"], ready.model.train()
    near = sorted(range(len(data)), key=lambda i: abs(data.lengths[i] - length))[:batch_size]
    batch = data.batch(near)
    ready.trainer.feeds["sst"].next = lambda: batch
    penalties = {
        way: (
            None if smart is None else SmartRegularizer(model, **{**options(VISIBLE), **smart}),
            None if bregman is None else BregmanProximal(model),
        )
        for way, (smart, bregman, _) in ways(dropout).items()
    }
    return ready.trainer, penalties


class _Held:
    """A tensor that autograd holds: counted while it does, once however often it is saved."""

    def __init__(self, tensor, live):
        storage = tensor.untyped_storage()
        self.tensor, self.live, self.key = tensor, live, (storage.data_ptr(), storage.nbytes())
        live[self.key] = live.get(self.key, 0) + 1

    def __del__(self):
        self.live[self.key] -= 1


def kept(trainer):
    """MB that forward passes of one step hold for a backward, at the moment when it is most."""
    own, live, most = {p.untyped_storage().data_ptr() for p in trainer.model.parameters()}, {}, 0

    def hold(tensor):
        nonlocal most
        if tensor.untyped_storage().data_ptr() in own:
            return tensor
        held = _Held(tensor, live)
        most = max(most, sum(size for (_, size), count in live.items() if count))
        return held

    with saved_tensors_hooks(hold, lambda held: getattr(held, "tensor", held)):
        trainer._losses(trainer.feeds["sst"].next())
    return most / 2**20


def measure(name, rounds=15, dropout=False, **changes):
    """A row a way: units over the plain step's, the measured ratio with its quartiles, MB kept."""
    trainer, penalties = ground(name, dropout, **changes)
    times = {way: [] for way in penalties}
    for number in range(rounds + 2):
        for way in penalties:
            trainer.smart, trainer.bregman = penalties[way]
            begun = time.process_time()
            trainer.update(("sst",))
            if number >= 2:  # the first two warm up
                times[way].append(time.process_time() - begun)
    rows = []
    for way, (*_, units) in ways(dropout).items():
        trainer.smart, trainer.bregman = penalties[way]
        ratios = [mine / plain for mine, plain in zip(times[way], times["plain"])]
        low, middle, high = statistics.quantiles(ratios, n=4) if rounds > 1 else ratios * 3
        rows.append({"way": way, "counted": units / 3, "measured": middle, "low": low, "high": high, "kept_mb": kept(trainer)})
    return rows


def everything(name):
    """Both precisions, without dropout and with it."""
    found = {"device": device_name("cpu"), "torch": torch.__version__, "batch": 32}
    for precision in ("float32", "bfloat16"):
        found[precision] = measure(name, precision=precision)
        found[f"{precision}, dropout"] = measure(name, precision=precision, dropout=True)
    return found


if __name__ == "__main__":
    main("effect/price-", everything)
