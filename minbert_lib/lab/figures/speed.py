"""Figures of notebook 12: where a training step's time goes, and how it grows."""

import json
import statistics

from matplotlib.figure import Figure

from .. import waterfall as room
from . import Missing, style

REMEDY = "run `python -m minbert_lib.lab.waterfall`"
TITLES = {
    "length": "words in a sentence",
    "batch": "sentences in a batch",
    "layers": "layers",
    "tasks": "tasks in a step",
    "K": "ascent steps of SMART",
    "members": "models of an ensemble",
}


def waterfall(rows=None):
    """A bar a way: what a step takes, and what its one change saved of the step before."""
    rows = rows or room.read("waterfall")
    if not rows:
        raise Missing(REMEDY)
    times = {}
    for row in rows:
        times.setdefault(row["way"], []).append(row["step_ms"])
    what = dict(room.SAVINGS)
    ways, medians = list(times), [statistics.median(values) for values in times.values()]
    figure = Figure(figsize=(style.WIDE, 0.42 * len(ways) + 1.0), layout="constrained")
    axes = figure.subplots()
    places = range(len(ways))
    axes.barh(places, medians, color=style.BLUE, height=0.62)
    for place, before, now in zip(places[1:], medians, medians[1:]):
        if before > now:
            axes.barh(place, before - now, left=now, color=style.ORANGE, alpha=0.45, height=0.62)
    for place, way in zip(places, ways):
        axes.plot(times[way], [place] * len(times[way]), "|", color=style.BLACK, ms=7)
        share = f"{medians[0] / medians[place]:.1f} ×" if place else ""
        axes.text(max(*times[way], medians[max(place - 1, 0)]) + 0.01 * max(medians), place, share, va="center", fontsize=8.5)
    axes.set_yticks(list(places), [f"{way}\n{what.get(way, '')}" for way in ways], fontsize=7.5)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("ms for one training step (orange: what the change saved)")
    axes.set_xlim(0, 1.12 * max(medians))
    if "machine" in rows[0]:
        one = rows[0]
        rounds = len(times[ways[0]])
        style.caption(
            figure,
            f"MiniLM-L6-H384 on SST, batch 32, hidden dropout 0.1. {machine(one)}; "
            f"{rounds} rounds (ticks), the bar is their median.",
        )
    return figure


def growth(rows=None):
    """A panel for each thing that can grow: a step's time, and the line of proportion through the last point."""
    rows = rows or room.read("growth")
    if not rows:
        raise Missing(REMEDY)
    axes_names = list(dict.fromkeys(row["axis"] for row in rows))
    figure = Figure(figsize=(style.WIDE, 4.2), layout="constrained")
    panels = figure.subplots(2, 3).flat
    for axes, name in zip(panels, axes_names):
        points = sorted((row["value"], row["step_ms"]) for row in rows if row["axis"] == name)
        x, y = zip(*points)
        axes.plot(x, y, "o-", color=style.BLUE)
        if name != "K":
            axes.plot(x, [y[-1] * value / x[-1] for value in x], ":", color=style.GREY, label="in proportion")
        axes.set(title=TITLES[name], ylim=(0, None), xticks=x)
        axes.tick_params(axis="x", labelsize=7)
    panels = figure.axes
    panels[0].set_ylabel("ms a step")
    panels[3].set_ylabel("ms a step")
    panels[0].legend()
    if "machine" in rows[0]:
        one = rows[0]
        style.caption(
            figure,
            f"MiniLM's width, random words; where not varied: {', '.join(f'{n} {v[0]}' for n, v in room.AXES.items())}. "
            f"{machine(one)}. Dotted: in proportion to the last point.",
        )
    return figure


AGAINST = {
    "ratio_vs_hf": "HF's usual way",
    "ratio_vs_hf_well": "HF used well",
    "ratio_vs_plain": "the plain way",
    "ratio_vs_textbook": "the textbook loop",
}


def beside_others(rows=None):
    """How many times as fast as others' ways: every row of `minbert bench`, every round's median, and the goal we had set."""
    path = room.folder() / "beside.json"
    if rows is None and not path.is_file():
        raise Missing("run `minbert bench --json > data/bench/beside.json`")
    rows = rows or json.loads(path.read_text(encoding="utf-8"))
    names = [row["name"] for row in rows]
    figure = Figure(figsize=(style.WIDE, 0.27 * len(names) + 1.3), layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        for (key, mark), colour in zip(zip(AGAINST, "osD^"), style.COLOURS):
            if key in row:
                axes.plot(row[key], place, mark, color=colour, ms=5.5)
                if key in row["targets"]:
                    axes.plot([row["targets"][key]] * 2, [place - 0.36, place + 0.36], color=colour, lw=2)
    used = [key for key in AGAINST if any(key in row for row in rows)]
    for (key, mark), colour in zip(zip(AGAINST, "osD^"), style.COLOURS):
        if key in used:
            axes.plot([], [], mark, color=colour, label=f"against {AGAINST[key]}")
    axes.plot([], [], "|", color=style.BLACK, ms=11, mew=2, label="the goal, in the colour of its dot")
    axes.axvline(1, color=style.GREY, lw=1)
    axes.set_yticks(range(len(names)), names, fontsize=7.5)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlabel="times as fast", title="This library beside others, in one run")
    axes.set_xlim(0, None)
    figure.legend(fontsize=7.5, loc="outside upper center", ncols=3)
    rounds = [row["rounds"] for row in rows]
    style.caption(
        figure,
        f"{rows[0]['machine']}. Medians of {min(rounds)} to {max(rounds)} rounds. Two processes, ours and theirs, take turns step by step.",
    )
    return figure


def machine(row):
    return f"{row['machine']}, {row['threads']:.0f} thread(s), torch {row['torch']}, {row['date']}"


FIGURES = {"12_1_waterfall": waterfall, "12_2_growth": growth, "12_3_beside_others": beside_others}
