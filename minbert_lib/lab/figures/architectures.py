"""Figures of notebook 09: which way of sharing, pairing, heading, pooling and sampling does best, and what it costs.

Notable choices: a figure compares runs that agree in every setting but the ones on its axis, found by their settings and not by name. Cost stands
beside score. Published points (BERT-base) have an axis of their own or a diamond, and are left out beside invented sentences.
"""

from itertools import cycle, product

import numpy as np
from matplotlib.figure import Figure

from .. import cost, published, records
from ..board import main_group
from ..config import THREE
from ..systems import SYSTEMS, system
from . import Missing, style
from .tasks import largest, told_of
from .vary import command, dev_score, differing, family

SHARING = {  # what S10 and S9 call it, by (own_layers, beside)
    "S10-multi": "one for all",
    "S10-2": "2 own layers",
    "S10-4": "4 own layers",
    "S10-6": "6 own layers",
    "S10-triple": "one per task",
    "S10-multi+triple": "for all\n+ per task",
}


def rows_of(names, fields, least, scale=None):
    """({name: runs that differ from the first system in `fields` only}, scale)."""

    def find(scale):
        try:
            runs = family(names[0], fields, scale, least)
        except Missing:  # of its rows those that nobody ran make the picture
            known = {record["name"] for record in records.load_all(scale=scale)}
            first, *more = [name for name in names if name not in known] or names
            raise Missing(f"run `{command(first, scale)}`" + f" and the same of {', '.join(more)}" * bool(more)) from None
        wanted = {name: records.rounded(system(name, scale).to_dict()) for name in names}
        found, seen = {}, set()
        for name, line in wanted.items():  # small models have fewer layers, and two names may be one system
            mine = [r for r in runs if r["key"] not in seen and all(r["config"][f] == line[f] for f in fields if f != "epochs")]
            found[name] = mine
            seen |= {run["key"] for run in mine}
        return found

    found, scale = largest(find, scale)
    return {name: runs for name, runs in found.items() if runs}, scale


def minutes(runs):
    """What training takes, by the fastest of a row's runs: other work on a machine only ever adds."""
    return min(run["seconds"] for run in runs) / 60


def sharing(scale=None):
    """S10: score against parameters and against seconds; SerBERTus' own beside."""
    rows, scale = rows_of(tuple(SHARING), ("own_layers", "beside", "epochs"), 3, scale)
    figure = Figure(figsize=(style.WIDE, 3.5), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    every, colours = sum(rows.values(), []), dict(zip(SHARING, style.COLOURS))
    marks = dict(zip(sorted({run["config"]["epochs"] for run in every}), cycle("os^v")))
    for name, (epochs, mark) in product(rows, marks.items()):
        if mine := [run for run in rows[name] if run["config"]["epochs"] == epochs]:
            label = f"{SHARING[name]} ({epochs} epoch{'s' * (epochs > 1)})".replace("\n", " ")
            for axes, x in ((left, mine[0]["parameters"] / 1e6), (middle, minutes(mine))):
                axes.plot([x] * len(mine), [dev_score("mean")(run) for run in mine], mark, color=colours[name], label=label)
    left.set(xlabel="parameters, millions", ylabel="mean of the three dev scores", title="Own runs: size")
    middle.set(xlabel="minutes of training (fastest run)", title="Own runs: time")
    printed = published.scores()
    printed = printed[(printed["row"] == "S10") & (printed["statistic"] == "best epoch of each task")].set_index("run")
    sizes = [cost.parameters(SYSTEMS[name]) / 1e6 for name in SHARING]
    means = [printed.loc[name, "published_mean"] for name in SHARING]
    for name, size, mean in zip(SHARING, sizes, means):
        right.plot(size, mean, **{**style.PUBLISHED, "color": colours[name]})
    right.set(xlabel="parameters, millions", title="SerBERTus, BERT-base", xlim=(60, 900))
    right.margins(y=0.12)
    figure.legend(*left.get_legend_handles_labels(), fontsize=7.5, loc="outside upper center", ncols=3)
    style.caption(
        figure, f"{told_of(every)}\nRight: best epoch of each task by itself (its Table 6), one run each; sizes by arithmetic."
    )
    style.name_points(right, [label.replace("\n", " ") for label in SHARING.values()], sizes, means, 6.5)
    return figure


def strip(rows, labels, tasks, height=3.0, printed=True, scale="mini", note=""):
    """A row for each setting, a panel for each score: every run a dot, its mean a bar; the last panel is the time of training."""
    figure = Figure(figsize=(style.WIDE, height), layout="constrained")
    panels = figure.subplots(1, len(tasks) + 1, sharey=True)
    table = published.scores()
    table = table[table["split"] == "dev"]
    for axes, task in zip(panels, tasks):
        for y, (name, runs) in enumerate(rows.items()):
            values = np.array([dev_score(task)(run) for run in runs], dtype=float)
            axes.plot(
                values,
                y + np.linspace(-0.12, 0.12, len(values)) * (len(values) > 1),
                "o",
                color=style.TASK_COLOUR[task],
                alpha=0.75,
            )
            axes.plot([values.mean()] * 2, [y - 0.28, y + 0.28], color=style.TASK_COLOUR[task], lw=2)
            said = table[(table["run"] == name) & table[task].notna()]
            if printed and scale != "tiny" and not said.empty:
                axes.plot(said.iloc[0][task], y, **style.PUBLISHED)
        axes.set(title=style.TASK_NAME[task], xlabel="dev score")
        middle, wide = np.mean(axes.get_xlim()), np.ptp(axes.get_xlim())
        if wide < 0.02:  # differences of a tenth of a point are not to fill a panel
            axes.set_xlim(middle - 0.01, middle + 0.01)
        axes.locator_params(axis="x", nbins=4)
    for y, runs in enumerate(rows.values()):
        panels[-1].barh(y, minutes(runs), 0.5, color=style.GREY)
    panels[-1].set(title="Cost", xlabel="minutes (fastest run)")
    panels[0].set_yticks(range(len(rows)), [labels[name] for name in rows])
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    lost = [
        f" {style.TASK_NAME[task]} is undefined in {missing} of {len(runs)} runs of “{labels[name]}”: all their answers are alike."
        for task, (name, runs) in product(tasks, rows.items())
        if (missing := sum(np.isnan(dev_score(task)(run)) for run in runs))
    ]
    style.caption(figure, told_of(sum(rows.values(), [])) + note + "".join(lost))
    return figure


PAIRS = {
    "S10-multi": "one sequence, u then v",
    "S11": "… random order in training",
    "W-cross-both": "… and both orders in the test",
    "S11-concat": "two sequences, (u, v)",
    "S11-cosine": "two sequences, STS by cosine",
}


def pairs(scale=None):
    """S11: a pair as one sequence, in whatever order, or as two."""
    rows, scale = rows_of(tuple(PAIRS), ("pair", "order", "both_orders", "features", "sts_output"), 2, scale)
    return strip(rows, PAIRS, ("qqp", "sts"), scale=scale, note=" All else as in S10-multi.")


POOLING = {"C2": "[CLS]", "W-mean": "mean of the words", "W-max": "largest of the words", "W-pooler": "the checkpoint's pooler"}


def pooling(scale=None):
    """Which vector speaks for a sentence."""
    rows, scale = rows_of(tuple(POOLING), ("pooling",), 2, scale)
    return strip(rows, POOLING, ("sst",), height=2.6, printed=False, scale=scale, note=" All else as in C2.")


HEADS = {
    "E1": "no hidden layer",
    "E2": "1 hidden layer",
    "E3": "2 hidden layers",
    "E4": "3 hidden layers",
    "E5": "4 hidden layers",
    "E6": "E2 + SMART",
    "E7": "E6 + routing for SST",
}


def heads(scale=None):
    """EKJ's E1–E7: deeper heads, and the routing head that stayed near chance."""
    rows, scale = rows_of(tuple(HEADS), ("hidden_layers", "smart", "smart_options", "sst_head"), 2, scale)
    return strip(rows, HEADS, THREE, height=3.6, printed=False, scale=scale, note=" EKJ prints no dev scores for these.")


SAMPLING = {
    "S10-multi": "shuffled",
    "W-proportional": "drawn, by size",
    "W-sqrt": "drawn, by √size",
    "W-annealed": "drawn, annealed",
    "W-together": "one of each a step",
}


def samplings(scale=None):
    """Which task is next: five ways, all else equal."""
    rows, scale = rows_of(tuple(SAMPLING), ("sampling", "epoch_of"), 2, scale)
    steps = ", ".join(f"{SAMPLING[name]} {runs[0]['epochs'][-1]['step']:,}" for name, runs in rows.items())
    return strip(rows, SAMPLING, THREE, height=3.3, scale=scale, note=f"\nSteps: {steps}.")


def score_and_cost(scale=None):
    """Every three-task system that is recorded: mean score against minutes of training."""

    def find(scale):
        known = records.load_all(scale=scale)
        groups = {name: main_group(name, scale, [run for run in known if run["name"] == name])[0] for name in sorted(SYSTEMS)}
        groups = {name: [run for run in runs if run["scores"].get("mean") is not None] for name, runs in groups.items()}
        groups = {name: runs for name, runs in groups.items() if runs}
        if len(groups) < 5:
            raise Missing(f"run `{command('S10-multi', scale)}` and other systems of three tasks")
        return groups

    groups, scale = largest(find, scale)
    mean_of = lambda runs, get: np.mean([get(run) for run in runs])
    x = {name: minutes(runs) for name, runs in groups.items()}
    y = {name: mean_of(runs, lambda run: run["scores"]["mean"]) for name, runs in groups.items()}
    cut = np.quantile(list(y.values()), 0.3)  # where most are close together, they get more room
    figure = Figure(figsize=(style.WIDE, 5.6), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    halves = [[name for name in groups if y[name] >= cut], [name for name in groups if y[name] < cut]]
    for axes, names in zip(panels, halves):
        for name in names:
            colour = style.COLOURS["BECSPMW".find(name[0]) % 7]
            size = 3 + 0.5 * np.sqrt(mean_of(groups[name], lambda run: run["parameters"]) / 1e6)
            axes.plot(x[name], y[name], "o", color=colour, ms=size)
        axes.margins(y=0.12)
    axes.set(xscale="log", xlabel="minutes of training (fastest run)")
    panels[0].set(ylabel="mean of the three dev scores", title="Score beside cost (larger dot: more parameters)")
    panels[1].set(ylabel="the others")
    for which in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        which("{x:.3g}")
    axes.tick_params(axis="x", which="both", labelsize=7.5)
    runs = sum(groups.values(), [])
    one = f"a dot is the mean over a system's runs of one setting (`minbert systems --csv --scale {scale}` names it)"
    style.caption(figure, f"{runs[0]['model']}. {len(runs)} runs of {len(groups)} systems; {one}.{differing(groups)}")
    for axes, names in zip(panels, halves):
        style.name_points(axes, names, [x[name] for name in names], [y[name] for name in names])
    return figure


def sizes():
    """Parameters of BERT-base's architectures by arithmetic, beside the sizes that SerBERTus prints."""
    printed = published.scores()
    printed = printed[(printed["row"] == "S14") & (printed["split"] == "dev") & printed["parameters"].notna()].set_index(
        "variant"
    )["parameters"]
    own = {
        f"own_layers = {k}" if k else "one for all": cost.parameters(SYSTEMS["S10-multi"].with_(own_layers=k))
        for k in (0, 2, 3, 4, 6)
    }
    own["one per task"] = cost.parameters(SYSTEMS["S10-triple"])
    own["for all + per task"] = cost.parameters(SYSTEMS["S10-multi+triple"])
    one, two = own["one for all"], own["own_layers = 2"]
    own["best of each: two of own_\nlayers = 2, one of one BERT"] = 2 * two + one
    said = dict(
        zip(
            ("one for all", "own_layers = 2", "own_layers = 3", list(own)[-1]),
            (printed[k] for k in ("multi", "2 layers", "3 layers", "best of each")),
        )
    )
    figure = Figure(figsize=(style.WIDE, 3.3), layout="constrained")
    axes = figure.subplots()
    for y, (label, count) in enumerate(own.items()):
        axes.barh(y, count / 1e6, 0.55, color=style.SKY)
        axes.text(count / 1e6 + 14, y, f"{count / 1e6:.1f}", va="center", fontsize=8)
        if label in said:
            axes.plot(said[label] / 1e6, y, **style.PUBLISHED)
            axes.text(count / 1e6 + 62, y, f"printed: {said[label] / 1e6:.0f}", va="center", fontsize=8)
    axes.set_yticks(range(len(own)), list(own))
    axes.set(
        ylim=(len(own) - 0.5, -0.5),
        xlabel="million parameters, heads included",
        title="BERT-base for SST, QQP and STS",
        xlim=(0, 560),
    )
    axes.grid(axis="y", visible=False)
    style.caption(figure, "Bars: counted on models without numbers. Diamonds: SerBERTus, Table 7.")
    return figure


FIGURES = {
    "09_1_sizes": sizes,
    "09_2_sharing": sharing,
    "09_3_pairs": pairs,
    "09_4_heads": heads,
    "09_5_pooling": pooling,
    "09_6_samplings": samplings,
    "09_7_score_and_cost": score_and_cost,
}
