"""The reports' printed numbers read with care: means done again, intervals, dev against test.

Notable choices: no run is involved; these figures are what the printed numbers say of themselves.
"""

import numpy as np
from matplotlib.figure import Figure

from .. import published
from ..config import THREE
from . import style


def recomputed():
    """The published means that their own parts contradict, and how far off they are."""
    table = published.slips()
    figure = Figure(figsize=(style.WIDE, 0.42 * len(table) + 1.5), layout="constrained")
    axes = figure.subplots()
    y = np.arange(len(table))[::-1]
    axes.hlines(y, table["published_mean"], table["recomputed"], color=style.GREY, lw=1)
    axes.plot(table["published_mean"], y, "x", color=style.RED, ms=7, label="as printed")
    axes.plot(table["recomputed"], y, **style.PUBLISHED, label="from its parts")
    axes.set_yticks(y, [f"{line.report}: {line.system}" for line in table.itertuples()], fontsize=8)
    for place, line in zip(y, table.itertuples()):
        axes.annotate(
            f"{line.gap:+.3f}",
            (max(line.published_mean, line.recomputed), place),
            (8, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
        )
    axes.set(
        xlabel="mean of the three scores",
        title="Published means that do not follow from their parts",
        ylim=(-0.6, len(table) - 0.4),
    )
    axes.margins(x=0.12)
    axes.legend(fontsize=7.5, loc="best")
    style.caption(
        figure, "data/published/scores.csv; off by more than rounding of the printed digits allows. No run is involved."
    )
    return figure


def intervals():
    """Every published SST dev score with the interval that 1,101 sentences allow."""
    table = published.intervals()
    table = table[(table["split"] == "dev") & table["sst"].notna() & (table["run"] != "")].drop_duplicates(["report", "run"])
    table = table.sort_values(["report", "sst"])
    figure = Figure(figsize=(style.WIDE, 4.2), layout="constrained")
    axes = figure.subplots()
    colours = dict(zip(sorted(table["report"].unique()), style.COLOURS))
    for place, line in enumerate(table.itertuples()):
        axes.vlines(place, line.sst_low, line.sst_high, color=colours[line.report], lw=3, alpha=0.35)
        axes.plot(place, line.sst, **style.PUBLISHED)
    for report, colour in colours.items():
        axes.plot([], [], color=colour, lw=3, alpha=0.5, label=report)
    axes.set_xticks(range(len(table)), table["run"], rotation=90, fontsize=6.5)
    axes.set(ylabel=style.TASK_NAME["sst"], title="Published SST scores with their 95 % intervals")
    figure.legend(fontsize=7.5, ncols=len(colours), loc="outside upper right")  # above: intervals fill the panel
    size = f"{published.SIZES['dev']['sst']:,} sentences"
    style.caption(figure, f"Wilson's interval for {size}, BERT-base, by report; seeds add their own spread. No run is involved.")
    return figure


def dev_and_test():
    """SMARTCS' Figure 3, and every other system with a published test score: test minus dev, where it was chosen."""
    table = published.intervals()
    table = table.assign(key=table["report"] + " " + table["variant"].where(table["variant"] != "", table["run"]))
    both = table[table["split"] == "test"].merge(table[table["split"] == "dev"], on="key", suffixes=("_test", "_dev"))
    figure = Figure(figsize=(style.WIDE, 0.34 * len(both) + 1.6), layout="constrained")
    for axes, task in zip(figure.subplots(1, 3, sharey=True), THREE):
        score, low, high = (
            {split: both[f"{task}{end}_{split}"] * 100 for split in ("dev", "test")} for end in ("", "_low", "_high")
        )
        gap = score["test"] - score["dev"]
        down = np.hypot(score["test"] - low["test"], high["dev"] - score["dev"])  # of a difference of two independent scores
        up = np.hypot(high["test"] - score["test"], score["dev"] - low["dev"])
        axes.hlines(range(len(both)), gap - down, gap + up, color=style.TASK_COLOUR[task], lw=4, alpha=0.35)
        axes.plot(gap, range(len(both)), **style.PUBLISHED)
        axes.axvline(0, color=style.GREY, lw=1)
        axes.set_title(style.TASK_NAME[task], fontsize=9)
        axes.set_xlabel("test − dev, points", fontsize=8.5)
    axes.set_yticks(range(len(both)), both["key"], fontsize=8)
    axes.set_ylim(len(both) - 0.5, -0.5)
    sizes = "; ".join(f"{task.upper()} {published.SIZES['dev'][task]:,} and {published.SIZES['test'][task]:,}" for task in THREE)
    note = (
        f"Published scores of BERT-base; bars: 95 % interval of the difference, from the sizes of dev and test alone ({sizes})."
    )
    style.caption(
        figure,
        note + " No run is involved: the test labels are not public, so own systems have predictions for test and no scores.",
    )
    return figure


FIGURES = {
    "08_14_means_recomputed": recomputed,
    "08_15_intervals": intervals,
    "08_17_dev_and_test": dev_and_test,
}
