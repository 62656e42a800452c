"""SBRRT's and SMARTCS' result tables as figures: every published row, and our runs of the same system beside it.

Notable choices: one drawing (`ladder`) for all tables: a line a system, a panel a score, diamonds for the report,
dots for own runs.
"""

import json

from matplotlib.figure import Figure

from ...learn.metrics import means
from .. import published, records
from ..board import main_group
from ..config import THREE
from . import style
from .sweeps import lines_of, new_figure, points
from .vary import (
    command,
    data_note,
    dev_score,
    differing,
    each_run,
    either,
    family,
    of_report,
    panel,
    printed,
    rates,
    relative,
    told,
)

SMARTCS = ("M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9-M7+M6", "M9-M7+M8", "M9-M6+M8", "M9-M7+M6+M8")
SBRRT = ("B1", "B2", "B3", "B4")
MEAN = {"mean_norm": "mean, r as (r+1)/2", "mean": "mean, r as it is"}  # panels of these two are titled so
RECOMPUTED = "means recomputed from their parts"
AN_EPOCH = ("limit", "dev_limit", "batch_size")  # what must be alike for two systems' epochs to be compared


def ladder(names, scores, report, source, title, scale="mini"):
    """A panel a score; in it each system's published diamond and own runs."""
    table = published.scores()
    table = table[(table["report"] == report) & (table["split"] == "dev")]
    known = records.load_all(scale=scale)
    groups = {name: main_group(name, scale, [run for run in known if run["name"] == name])[0] for name in names}
    figure = Figure(figsize=(style.WIDE, 0.25 * len(names) + 1.9), layout="constrained")
    for axes, score in zip(figure.subplots(1, len(scores), sharey=True), scores):
        colour = style.TASK_COLOUR.get(score, style.PURPLE)
        for place, name in enumerate(names):
            values = table.loc[table["run"] == name, score].dropna()
            axes.plot(values, [place - 0.12] * len(values), **style.PUBLISHED)
            mine = [dev_score(score)(run) for run in groups[name]]
            axes.plot(mine, [place + 0.16] * len(mine), "o", color=colour, alpha=0.6)
        axes.set_title(MEAN.get(score, style.TASK_NAME.get(score)), fontsize=9)
        axes.tick_params(axis="x", labelsize=8)
    axes.set_yticks(range(len(names)), [name.replace("S10-", "").replace("M9-", "") for name in names], fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    marks = [axes.plot([], [], **style.PUBLISHED)[0], axes.plot([], [], "o", color=style.GREY)[0]]
    figure.legend(marks, [f"{report} (BERT-base)", "own runs"], loc="upper right", ncols=2, fontsize=8)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    note = f"\nDiamonds: {of_report(report)} {source} (BERT-base), dev" + f"; {RECOMPUTED}" * bool(MEAN.keys() & set(scores))
    style.caption(figure, _about(groups, scale) + note + ".")
    return figure


def _about(groups, scale, apart=()):
    """Which systems have runs here, and what makes the others; those `apart` have runs that this figure cannot take."""
    lines, there = [], [name for name, runs in groups.items() if runs]
    if there:
        first = groups[there[0]]
        lines.append(
            f"{first[0]['model']}; seeds: {', '.join(f'{name} {len(groups[name])}' for name in there)}."
            + data_note(sum(groups.values(), []))
            + differing({name: groups[name] for name in there})
        )
    if absent := [name for name in groups if name not in (*there, *apart)]:
        lines.append(f"Own runs not recorded yet: {', '.join(absent)}; run `{command(absent[0], scale)}` and so on.")
    return "\n".join(lines)


def static(scale="mini"):
    """S9, SerBERTus' Table 5: a frozen encoder beside the one that learns."""
    table = published.table("serbertus_table5_static").set_index("system").loc[["finetune only", "static + finetune"]]
    places, notes = {"none": 0, "frozen": 1}, []
    figure = Figure(figsize=(style.WIDE, 3.0), layout="constrained")
    for axes, task in zip(figure.subplots(1, 2), ("sst", "sts")):
        printed(axes, places.values(), table[f"{task}_mean"], table[f"{task}_max"])
        runs, reason = either(lambda task=task: family("S9", ("beside",), scale, tasks=(task,)))
        if runs:
            panel(axes, runs, "beside", dev_score(task), style.TASK_COLOUR[task], place=places.get)
        notes.append(told(runs, "S9", ("beside", "tasks"), scale) if runs else reason)
        axes.set_xticks(list(places.values()), ["fine-tuned", "with a static\none beside"])
        axes.set(xlim=(-0.4, 1.4), ylabel=style.TASK_NAME[task], title=task.upper())
        axes.legend(fontsize=7.5)
    note = "Diamonds: SerBERTus' Table 5 (BERT-base), mean of seeds, line up to the best."
    style.caption(figure, lines_of(*notes, note))
    return figure


def sbrrt(scale="mini"):
    """SBRRT's second Figure 1: B1 to B4."""
    return ladder(
        SBRRT,
        ("sst", "qqp", "sts"),
        "SBRRT",
        "Figure 1 (its second)",
        "SST only, + SMART, round robin, all (B1–B4)",
        scale,
    )


def smartcs(scale="mini"):
    """SMARTCS' Figures 2 and 8: M1 to M9."""
    return ladder(SMARTCS, ("sst", "qqp", "sts", "mean_norm"), "SMARTCS", "Figures 2 and 8", "SMARTCS' systems (M1–M9)", scale)


def smartcs_times(scale="mini"):
    """SMARTCS' Figures 8 and 2 (time): an epoch's seconds and a run's hours, relative to M1's, since machines differ."""
    table = published.scores()
    seconds = table[(table["report"] == "SMARTCS") & (table["time_unit"] == "s/epoch")].set_index("run")["time"]
    hours = published.table("smartcs_fig2_hours")
    hours = dict(zip((row if row in SMARTCS else "M9-" + row.replace(" ", "") for row in hours["row"]), hours["hours"]))
    known = records.load_all(scale=scale)
    found = {name: [run for run in known if run["name"] == name] for name in SMARTCS}
    first, _ = main_group("M1", scale, found["M1"])
    alike = lambda run: not first or all(run["config"][part] == first[0]["config"][part] for part in AN_EPOCH)
    groups = {name: main_group(name, scale, list(filter(alike, runs)))[0] for name, runs in found.items()}
    epoch = lambda run: run["seconds"] / run["config"]["epochs"]
    figure = Figure(figsize=(style.WIDE, 4.2), layout="constrained")
    axes = figure.subplots()
    printed(
        axes, seconds / seconds["M1"], [SMARTCS.index(name) for name in seconds.index], label="SMARTCS (BERT-base, GPU): an epoch"
    )
    square = style.PUBLISHED | {"marker": "s", "color": style.GREY, "mfc": "none", "ms": 10}  # a diamond fits into it
    x, y = zip(*((time / hours["M1"], SMARTCS.index(name)) for name, time in hours.items()))
    axes.plot(x, y, **square, label="SMARTCS: a run, by its hours")
    for place, name in enumerate(SMARTCS):
        mine = relative(groups[name], first, epoch)
        axes.plot(
            mine, [place + 0.3] * len(mine), "o", color=style.BLUE, alpha=0.6, label=None if place else "own runs: an epoch"
        )
    axes.set_yticks(range(len(SMARTCS)), [name.replace("M9-", "") for name in SMARTCS])
    axes.set(xlabel="time / M1's", xlim=(0, None), ylim=(len(SMARTCS) - 0.4, -0.6), title="What each of SMARTCS' systems costs")
    axes.legend(fontsize=7.5)
    apart = {name: main_group(name, scale, runs)[0] for name, runs in found.items() if runs and not groups[name]}
    style.caption(
        figure,
        f"{_about(groups, scale, apart)}{_left_out(apart, first)}\nOwn runs: those with M1's rows and batches, each relative to M1 of its "
        "seed; further pre-training is not in them. Diamonds: SMARTCS' Figure 8; squares: its Figure 2.",
    )
    return figure


def _left_out(apart, first):
    """For the caption: which recorded systems are not comparable with M1, and what differs."""
    differs = lambda config: [
        f"{part} = {json.dumps(config[part])}" for part in AN_EPOCH if config[part] != first[0]["config"][part]
    ]
    those = ", ".join(f"{name} ({', '.join(differs(runs[0]['config']))})" for name, runs in apart.items())
    return f"\nRecorded, but with other rows or batches than M1: {those}." if those else ""


def learning_rate_two_tasks(scale="mini"):
    """M10, SMARTCS' Figure 6: the learning rate on SST and STS."""
    table, notes = published.table("smartcs_fig6_learning_rate"), []
    figure, panels = new_figure(2)
    for axes, task in zip(panels, ("sst", "sts")):
        printed(axes, table["lr"], table[task])
        notes.append(points(axes, "M10", "lr", task, scale, tasks=("sst", "sts"), epoch_of="sst"))
        axes.set(xlabel="learning rate", title=task.upper())
        rates(axes, {round(x, 12) for line in axes.lines for x in line.get_xdata()})
    panels[0].get_legend().remove()  # it would lie on a mark, and the other panel's says the same
    style.caption(
        figure,
        lines_of(*notes, "Diamonds: SMARTCS' Figure 6 (BERT-base), one run each; an interval of SST alone is ± 3 points."),
    )
    return figure


def batch_sizes(scale="mini"):
    """M10, SMARTCS' Figure 7: batches of (QQP, SST, STS)."""
    table = published.table("smartcs_fig7_batch_sizes")
    # one of the five means that the report prints is of the other kind
    table["mean_norm"] = means({task: table[task] for task in THREE})["mean_norm"]
    runs, reason = either(lambda: family("M10", ("batch_size",), scale, tasks=("sst", "qqp", "sts")))
    triples = [(line.batch_qqp, line.batch_sst, line.batch_sts) for line in table.itertuples()]
    of_run = lambda run: tuple(run["config"]["batch_size"][task] for task in ("qqp", "sst", "sts"))
    triples += sorted({of_run(run) for run in runs or ()} - set(triples))
    figure, panels = new_figure(4, height=3.0)
    for axes, score in zip(panels, ("sst", "qqp", "sts", "mean_norm")):
        printed(axes, range(len(table)), table[score])
        x, y = [triples.index(of_run(run)) for run in runs or ()], [dev_score(score)(run) for run in runs or ()]
        each_run(axes, x, y, style.TASK_COLOUR.get(score, style.PURPLE), "own runs")
        axes.set_xticks(range(len(triples)), ["/".join(map(str, triple)) for triple in triples], rotation=70, fontsize=7)
        axes.set_xlim(-0.5, len(triples) - 0.5)
        axes.set_title(MEAN.get(score, style.TASK_NAME.get(score)), fontsize=9)
    panels[0].set_ylabel("dev score")
    own = told(runs, "M10", ("batch_size",), scale) if runs else reason
    note = f"x: batch of QQP/SST/STS. Diamonds: SMARTCS' Figure 7 (BERT-base), one run each, {RECOMPUTED}."
    if any(run["scores"].get("sts") is None for run in runs or ()):
        note += " Crosses: no r, one answer for all pairs."
    style.caption(figure, lines_of(own, note))
    return figure


FIGURES = {
    "08_8_learning_rate_two_tasks": learning_rate_two_tasks,
    "08_9_batch_sizes": batch_sizes,
    "08_10_static": static,
    "08_11_round_robin": sbrrt,
    "08_12_smartcs": smartcs,
    "08_13_smartcs_times": smartcs_times,
}
