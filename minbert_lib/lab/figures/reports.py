"""SBRRT's and SMARTCS' result tables as figures: every published row, and our runs of the same system beside it.

Notable choices: one drawing (`ladder`) for all tables: a line a system, a panel a score, diamonds for the report,
dots for own runs.
"""

from matplotlib.figure import Figure

from .. import published, records
from ..board import main_group
from . import style
from .sweeps import lines_of, new_figure, points
from .vary import command, data_note, dev_score, differing, either, family, of_report, panel, printed, rates, relative, told

SMARTCS = ("M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9-M7+M6", "M9-M7+M8", "M9-M6+M8", "M9-M7+M6+M8")
SBRRT = ("B1", "B2", "B3", "B4")
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
        axes.set_title(
            {"mean_norm": "mean, r as (r+1)/2", "mean": "mean, r as it is"}.get(score, style.TASK_NAME.get(score)),
            fontsize=9,
        )
        axes.tick_params(axis="x", labelsize=8)
    axes.set_yticks(range(len(names)), [name.replace("S10-", "").replace("M9-", "") for name in names], fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    marks = [axes.plot([], [], **style.PUBLISHED)[0], axes.plot([], [], "o", color=style.GREY)[0]]
    figure.legend(marks, [f"{report} (BERT-base)", "own runs"], loc="upper right", ncols=2, fontsize=8)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    style.caption(
        figure,
        _about(groups, scale) + f"\nDiamonds: {of_report(report)} {source} (BERT-base), dev; means recomputed from their parts.",
    )
    return figure


def _about(groups, scale):
    """Which systems have runs here, and what makes the others."""
    lines, there = [], [name for name, runs in groups.items() if runs]
    if there:
        first = groups[there[0]]
        lines.append(
            f"{first[0]['model']}; seeds: {', '.join(f'{name} {len(groups[name])}' for name in there)}.{data_note(first)}"
            + differing({name: groups[name] for name in there})
        )
    if absent := [name for name in groups if name not in there]:
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
    """M10, SMARTCS' Figure 8 (time): seconds an epoch, relative to M1's, since machines differ."""
    table = published.scores()
    table = table[(table["report"] == "SMARTCS") & (table["time_unit"] == "s/epoch")]
    names = list(table["run"])
    known = records.load_all(scale=scale)
    first, _ = main_group("M1", scale, [run for run in known if run["name"] == "M1"])
    alike = [run for run in known if not first or all(run["config"][part] == first[0]["config"][part] for part in AN_EPOCH)]
    groups = {name: main_group(name, scale, [run for run in alike if run["name"] == name])[0] for name in names}
    epoch = lambda run: run["seconds"] / run["config"]["epochs"]
    figure = Figure(figsize=(6.4, 3.0), layout="constrained")
    axes = figure.subplots()
    printed(axes, range(len(names)), table["time"] / table["time"].iloc[0], label="SMARTCS (BERT-base, GPU)")
    for place, name in enumerate(names):
        mine = relative(groups[name], first, epoch)
        axes.plot([place - 0.15] * len(mine), mine, "o", color=style.BLUE, alpha=0.6, label=None if place else "own runs")
    axes.set_xticks(range(len(names)), [f"{name}" for name in names])
    axes.set(ylabel="time of an epoch / M1's", ylim=(0, 1.1 * axes.get_ylim()[1]), title="What SMART, Bregman and annealing cost")
    axes.legend(fontsize=7.5)
    own = "Own runs: those with M1's rows and batches, each relative to M1 of its seed. " if first else ""
    style.caption(figure, f"{_about(groups, scale)}\n{own}Diamonds: SMARTCS' Figure 8.")
    return figure


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
    runs, reason = either(lambda: family("M10", ("batch_size",), scale, tasks=("sst", "qqp", "sts")))
    triples = [(line.batch_qqp, line.batch_sst, line.batch_sts) for line in table.itertuples()]
    of_run = lambda run: tuple(run["config"]["batch_size"][task] for task in ("qqp", "sst", "sts"))
    triples += sorted({of_run(run) for run in runs or ()} - set(triples))
    figure, panels = new_figure(4, height=3.0)
    for axes, score in zip(panels, ("sst", "qqp", "sts", "mean_norm")):
        printed(axes, range(len(table)), table[score])
        x, y = [triples.index(of_run(run)) for run in runs or ()], [dev_score(score)(run) for run in runs or ()]
        axes.plot(x, y, "o", color=style.TASK_COLOUR.get(score, style.BLACK), alpha=0.6, label="own runs")
        axes.set_xticks(range(len(triples)), ["/".join(map(str, triple)) for triple in triples], rotation=70, fontsize=7)
        axes.set_xlim(-0.5, len(triples) - 0.5)
        axes.set_title({"mean_norm": "mean (r as (r+1)/2)"}.get(score, style.TASK_NAME.get(score)), fontsize=9)
    panels[0].set_ylabel("dev score")
    own = told(runs, "M10", ("batch_size",), scale) if runs else reason
    style.caption(figure, lines_of(own, "x: batch of QQP/SST/STS. Diamonds: SMARTCS' Figure 7 (BERT-base), one run each."))
    return figure


FIGURES = {
    "08_8_learning_rate_two_tasks": learning_rate_two_tasks,
    "08_9_batch_sizes": batch_sizes,
    "08_10_static": static,
    "08_11_round_robin": sbrrt,
    "08_12_smartcs": smartcs,
    "08_13_smartcs_times": smartcs_times,
}
