"""Figures of notebook 07: what further pre-training did to the dev scores, step by step.

Notable choices: a run without pre-training (C2, or S13 with none) is every line's point at 0 steps. What the reports say of their curves
is in the caption and not drawn: they print pictures, not numbers, and their model is BERT-base.
"""

import numpy as np
from matplotlib.figure import Figure

from ...text.augment import variants
from ...text.rows import Example
from .. import published
from ..config import THREE
from ..pretraining import DEFAULTS
from ..systems import LR_FACTOR
from . import Missing, style
from .vary import command, data_note, dev_score, either, family, rest, told

LINES = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.RED, style.SKY)


def against_steps(scale="mini"):
    """S13 and W-domain, SerBERTus' Figures 5 to 7: dev score after 0 … N steps of masked-language modelling."""
    found = {task: either(lambda task=task: family("S13", ("pretrain",), scale, tasks=(task,))) for task in THREE}
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
    reasons = dict.fromkeys(reason for _, reason in found.values() if reason)
    style.caption(figure, "\n".join([*_runs(found, scale), *reasons, _shared(scale), _said()]))
    return figure


def _lines(axes, runs, task):
    """A line for each text, rate and decay; a dot for each run."""
    score = dev_score(task)
    steps = {run["path"]: _settings(run)["steps"] for run in runs}
    start = [run for run in runs if not steps[run["path"]]]
    ways = {}
    for run in runs:
        if steps[run["path"]]:
            ways.setdefault(_way(_settings(run)), [*start]).append(run)
    for colour, way in zip(LINES, sorted(ways)):
        x, y = np.array([(steps[run["path"]], score(run)) for run in ways[way]]).T
        at = np.unique(x)
        axes.plot(at, [y[x == step].mean() for step in at], color=colour, label=way)
        axes.plot(x, y, "o", color=colour, alpha=0.5)
    axes.plot([0] * len(start), [score(run) for run in start], "o", color=style.GREY)  # where every line begins
    taken = sorted(set(steps.values()))
    axes.set_xscale("symlog", linthresh=min(filter(None, taken)))
    axes.set_xticks(taken, [f"{step:,}" for step in taken])
    axes.set_xticks([], minor=True)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.08 * (1 + len(ways)) * (high - low))  # room for the legend
    axes.legend(fontsize=6.5, loc="upper right")


def _settings(run):
    """All of its pre-training's, those not given by default; no pre-training is one of 0 steps."""
    return DEFAULTS | (run["config"]["pretrain"] or {"steps": 0})


def _way(pretrain):
    """What tells one line from another."""
    decay = f", ×{pretrain['layer_decay']} a layer" if pretrain["layer_decay"] != 1.0 else ""
    seed = f", seed {pretrain['seed']}" if pretrain["seed"] else ""
    return f"{pretrain['text']}, lr {pretrain['lr']:.2g}{decay}{seed}"


def _runs(found, scale):
    """For the caption: the runs behind the panels, told together where their settings are alike."""
    fields, alike = ("pretrain", "tasks"), {}
    for task, (runs, _) in found.items():
        if runs:
            alike.setdefault((rest(runs[0]["config"], fields), data_note(runs)), {})[task.upper()] = runs
    return [f"{', '.join(tasks)}: {told(sum(tasks.values(), []), 'S13', fields, scale)}" for tasks in alike.values()]


def _shared(scale):
    """What a reader must know of the spread and of the rates."""
    factor = LR_FACTOR[scale]
    rates = (
        f" Rates are the reports' times {factor:g}, as the model is smaller: {5e-6 * factor:g} here is their 5e-6."
        if factor != 1
        else ""
    )
    return f"Each line is one pre-training, and its dots' spread that of fine-tuning seeds alone.{rates}"


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
