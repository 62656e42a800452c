"""Figures of notebook 07: what further pre-training did to the dev scores, step by step.

Notable choices: a run without pre-training (C2) is every line's point at 0 steps. What the reports say of their curves is in the caption
and not drawn: they print pictures, not numbers, and their model is BERT-base.
"""

import numpy as np
from matplotlib.figure import Figure

from ...text.augment import variants
from ...text.rows import Example
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
    parts = "; ".join(
        f"{quantity}: {high:,.0f} ({words})" for quantity, high, words in zip(lines["quantity"], lines["high"], lines["words"])
    )
    return f"SerBERTus (BERT-base) says: {parts}."


SENT_AND_BACK = {  # Siamese, section 5: its own example of a pair that went to Chinese and back
    "The woman is slicing tofu.": "That woman is cutting tofu",
    "The woman is putting on lipstick.": "That woman’s wearing lipstick.",
}
PAIRS_OF_STS = 6041  # its training set, says section 4.1


def four_for_one():
    """Siamese's Figure 4: a pair and its translations make four pairs, by the function that makes them."""
    first = Example("", tuple(SENT_AND_BACK), 0.0)
    four = [first, *variants(first, SENT_AND_BACK, "")]
    figure = Figure(figsize=(style.WIDE, 2.5), layout="constrained")
    axes = figure.subplots()
    for y, pair in enumerate(four):
        axes.plot([1.02, 1.28], [y, y], color=style.GREY, lw=1.2)
        for x, side, names, text in zip((1, 1.3), ("right", "left"), ("s₁ s₁′", "s₂ s₂′"), pair.texts):
            changed = text not in SENT_AND_BACK
            box = dict(boxstyle="round,pad=0.35", fc=style.ORANGE if changed else style.SKY, alpha=0.35, ec="none")
            axes.text(x, y, f"{names.split()[changed]}:  {text}", ha=side, va="center", fontsize=9, bbox=box)
    axes.set(
        xlim=(0, 2.3),
        ylim=(len(four) - 0.4, -0.6),
        title=f"One STS pair becomes four: {PAIRS_OF_STS:,} → {len(four) * PAIRS_OF_STS:,}",
    )
    axes.axis("off")
    style.caption(
        figure,
        "Orange: translated into Chinese and back. All four keep the label. Example and counts: Siamese, sections 4.1 and 5.",
    )
    return figure


FIGURES = {"07_1_against_steps": against_steps, "07_2_four_for_one": four_for_one}
