"""Figures of notebook 07: what further pre-training did to the dev scores, step by step.

Notable choices: a run without pre-training (C2) is every line's point at 0 steps. What the reports say of their curves is in the caption
and not drawn: they print pictures, not numbers, and their model is BERT-base.
"""

import numpy as np
from matplotlib.figure import Figure

from .. import published
from . import Missing, style
from .vary import command, either, family, of_task, told

TASKS = ("sst", "qqp", "sts")
LINES = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.RED, style.SKY)


def against_steps(scale="mini"):
    """S13 and W-domain, SerBERTus' Figures 5 to 7: dev score after 0 … N steps of masked-language modelling."""
    found = {task: either(lambda task=task: family("S13", ("pretrain",), scale, tasks=(task,))) for task in TASKS}
    if not any(runs for runs, _ in found.values()):
        raise Missing(f"run `{command('S13', scale)}`")
    figure = Figure(figsize=(style.WIDE, 3.6), layout="constrained")
    panels = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
    for axes, (task, (runs, _)) in zip(panels, found.items()):
        axes.set(xlabel="pre-training steps", ylabel=style.TASK_NAME[task])
        if runs:
            _lines(axes, runs, task)
        else:
            axes.text(0.5, 0.5, "not recorded yet", ha="center", transform=axes.transAxes, fontsize=8, color=style.GREY)
    own = [told(runs, "S13", ("pretrain", "tasks"), scale) for runs, _ in found.values() if runs]
    reasons = list(dict.fromkeys(reason for _, reason in found.values() if reason))
    style.caption(figure, "\n".join([*dict.fromkeys(own), *reasons[:1], _said()]))
    return figure


def _lines(axes, runs, task):
    """A line for each text, rate and decay; a dot for each run."""
    score = of_task(task)
    start = [score(run) for run in runs if not run["config"]["pretrain"]]
    ways = sorted({_way(run["config"]["pretrain"]) for run in runs if run["config"]["pretrain"]})
    for colour, way in zip(LINES, ways):
        mine = [run for run in runs if run["config"]["pretrain"] and _way(run["config"]["pretrain"]) == way]
        x = np.array([0] * len(start) + [run["config"]["pretrain"]["steps"] for run in mine], dtype=float)
        y = np.array(start + [score(run) for run in mine], dtype=float)
        at = np.unique(x)
        axes.plot(at, [y[x == step].mean() for step in at], color=colour, label=way)
        axes.plot(x, y, "o", color=colour, alpha=0.5)
    axes.set_xscale("symlog", linthresh=250)
    axes.legend(fontsize=6.5)


def _way(pretrain):
    """What tells one line from another."""
    decay = f", ×{pretrain['layer_decay']} a layer" if pretrain.get("layer_decay", 1.0) != 1.0 else ""
    return f"{pretrain['text']}, lr {pretrain['lr']:.2g}{decay}"


def _said():
    table = published.table("said")
    lines = table[(table["row"] == "S13")]
    parts = "; ".join(f"{quantity}: {high:,.0f} ({words})" for quantity, high, words in zip(lines["quantity"], lines["high"], lines["words"]))
    return f"SerBERTus (BERT-base) says: {parts}."


FIGURES = {"07_1_against_steps": against_steps}
