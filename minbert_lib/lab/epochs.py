"""How long an epoch of each task takes on this device, and what share of its peak that is: `minbert bench --epochs`.

Notable choices: the real trainer on its real batches, in the precision that "auto" picks there; an epoch's time is its number of
steps times the mean of some of them. Work is counted as in notebook 12, the peak is one large product measured on the spot. Where
there is no checkpoint of BERT-base, its shape with random weights takes the same time.
"""

import time

import torch

from ..learn import AdamW, SmartRegularizer
from ..learn.precision import choose
from ..learn.trainer import Trainer
from .config import THREE
from .run import device_name
from .systems import FELT_SMART
from .waterfall import flops, peak
from .ways import OWN, Ground


def bench(threads=None):
    """Rows for both shapes; BERT-base's in fewer steps where there is no GPU."""
    if threads:
        torch.set_num_threads(threads)
    return measure("mini") + measure("base", steps=40 if torch.cuda.is_available() else 4)


def as_text(rows):
    """The rows for a terminal, under a line for each device and model."""
    lines = []
    for number, row in enumerate(rows):
        if number % (2 * len(THREE)) == 0:
            lines.append(f"{row['device']}; {row['model']}; {row['precision']}, peak {row['peak_gflops']:,} GFLOP/s")
        share = f", {row['share_of_peak']:.0%} of the peak" if "share_of_peak" in row else ""
        lines.append(
            f"  {row['task']}  {row['way']:5}  {row['ms_a_step']:>8.1f} ms a step  {row['tokens_a_second']:>9,} tokens a second"
            f"  {row['seconds_an_epoch']:>9,.1f} s an epoch{share}"
        )
    return "\n".join(lines)


def measure(shape="mini", device=None, steps=40, batch_size=32):
    """→ a row for each task, plain and with SMART: tokens a second, seconds an epoch, share of the peak."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    precision, ground = choose("auto", device), Ground()
    top = peak(precision, 8192 if device == "cuda" else 1536, device)
    about = {
        "model": f"{shape} shape, {ground}",
        "device": device_name(device),
        "precision": precision,
        "peak_gflops": round(top),
    }
    return [
        about | _epoch(ground, task, way, shape, device, precision, steps, batch_size, top)
        for task in THREE
        for way in ("plain", "SMART")
    ]


def _epoch(ground, task, way, shape, device, precision, steps, batch_size, top):
    data, model = ground.data(task, rows=None), ground.model(task, shape, hidden=0.1).to(device).train()
    smart = SmartRegularizer(model, **FELT_SMART) if way == "SMART" else None
    optimizer = AdamW(model.parameters(), fused=True, **OWN)
    trainer = Trainer(
        model, {task: data}, optimizer, None, 1, batch_size, schedule="constant", smart=smart, precision=precision, device=device
    )
    work, feed = [], trainer.feeds[task].next

    def counted():
        batch = feed()
        work.append(flops(model.bert.config, *batch.input_ids.shape))
        return batch

    trainer.feeds[task].next = counted
    steps = min(steps, trainer.feeds[task].batches)
    for _ in range(3):  # the first ones find the memory
        trainer.update((task,))
    work.clear()
    tokens, started = trainer.tokens, time.perf_counter()
    for _ in range(steps):  # each ends with a number brought back from the device: nothing is left running
        trainer.update((task,))
    seconds = time.perf_counter() - started
    row = {
        "task": task,
        "way": way,
        "ms_a_step": round(1e3 * seconds / steps, 2),
        "tokens_a_second": round((trainer.tokens - tokens) / seconds),
        "seconds_an_epoch": round(seconds / steps * trainer.feeds[task].batches, 1),
    }
    return row if smart else row | {"share_of_peak": round(sum(work) / seconds / 1e9 / top, 3)}
