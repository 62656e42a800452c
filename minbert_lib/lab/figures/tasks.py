"""Figures of notebook 05: what the reports called an epoch, three tasks pulling on one encoder, and the Siamese report's steps P1–P6.

Notable choices: P1–P6 are found by their settings, so the same runs serve the report's chain and each step by itself. Published numbers stand
beside own ones only where the data are the course's own; the invented sentences of the tiny scale are no contest.
"""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .. import conflict, cost, published, records
from ..config import THREE
from ..systems import LADDER, SYSTEMS, TITLES, system
from . import Missing, style
from .vary import command, data_note, dev_score, family, rows_read, seeds_of

EPOCHS = ("S12", "W-sqrt", "W-annealed", "E2", "B3", "M1")  # systems that call different things an epoch
STEPS = ("features", "hidden_layers", "augment", "smart", "smart_options", "train_encoder", "lr")  # what P1–P6 turn
ALONE = {TITLES[name]: name for name in LADDER[1:]}  # each step of the ladder, taken from P1 by itself


def largest(find, scale=None):
    """(what `find` gives, its scale), at the given scale or the largest whose records are there; else Missing, as it says for mini."""
    if scale:
        return find(scale), scale
    reasons = {}
    for scale in ("base", "mini", "tiny"):
        try:
            return find(scale), scale
        except Missing as reason:
            reasons[scale] = reason
    raise reasons["mini"]


def dots(axes, x, runs, score, colour, wide=0.1):
    """Every run a dot at x, their mean a short line; → the mean."""
    values = np.array([score(run) for run in runs], dtype=float)
    axes.plot(x + np.linspace(-wide, wide, len(values)) * (len(values) > 1), values, "o", color=colour, alpha=0.7)
    axes.plot([x - 2 * wide, x + 2 * wide], [values.mean()] * 2, color=colour, lw=2)
    return values.mean()


def told_of(runs):
    """For a caption: model, seeds, epochs, and what a reader must know of the data."""
    epochs = sorted({run["config"]["epochs"] for run in runs})
    data = ", ".join(f"{task.upper()} {rows_read(runs, task)}" for task in runs[0]["config"]["tasks"] if task != "qqp")
    many = f"{len(runs)} run{'s' * (len(runs) > 1)}, {seeds_of(runs)}"
    many += f", {' or '.join(map(str, epochs))} epoch{'s' * (epochs != [1])}; training rows: {data}."
    return f"{runs[0]['model']}. {many}{data_note(runs)}"


def an_epoch(sizes=None):
    """How often each task's data are read in one "epoch" of six systems."""
    sizes = sizes or cost.official_sizes()
    figure = Figure(figsize=(style.WIDE, 3.4), layout="constrained")
    axes = figure.subplots()
    for x, name in enumerate(EPOCHS):
        read = cost.read_in_an_epoch(SYSTEMS[name], sizes)
        for shift, task in zip((-0.25, 0, 0.25), THREE):
            count, share = read[task]
            axes.bar(x + shift, share, 0.23, color=style.TASK_COLOUR[task], label=task.upper() if not x else None, bottom=0)
            text = f"{share:.2g}×" if share < 9.5 else f"{share:.0f}×"
            box = {"boxstyle": "square,pad=0.05", "fc": "white", "ec": "none"}
            axes.text(x + shift, share * 1.15, text, ha="center", fontsize=6.8, bbox=box)
    axes.axhline(1, color=style.GREY, lw=1)
    named = {"S12": "shuffled", "W-sqrt": "square root", "W-annealed": "annealed,\nfirst epoch", "E2": "together,\nSST's length",
             "B3": "round robin,\nSTS's length", "M1": "round robin,\nQQP's length"}  # fmt: skip
    axes.set_xticks(range(len(EPOCHS)), [f"{name}\n{named[name]}" for name in EPOCHS], fontsize=8)
    axes.set(yscale="log", ylim=(0.02, 30), ylabel="times its data are read", title="Six things that are called “one epoch”")
    axes.set_yticks([0.1, 1, 10], ["0.1×", "1×", "10×"])
    axes.grid(axis="x", visible=False)
    axes.legend(ncols=3, loc="upper left")
    style.caption(
        figure,
        "Counted from each system's plan. Training rows: "
        + ", ".join(f"{t} {n:,}" for t, n in sizes.items() if t in THREE)
        + ".",
    )
    return figure


def angles(scale=None):
    """The angle between two tasks' gradients on what they share, over training."""

    def find(scale):
        found = [
            run for run in records.load_all(scale=scale) if any(key.startswith("cos ") for point in run["curve"] for key in point)
        ]
        watched = [run for run in found if run["config"]["surgery"] == "watch"] or found
        if not watched:
            raise Missing(f"run `{command('W-together', scale, '--set surgery=watch')}`")
        return watched

    runs, _ = largest(find, scale)
    pairs = sorted({key for run in runs for point in run["curve"] for key in point if key.startswith("cos ")})
    figure = Figure(figsize=(style.WIDE, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1), sharey=True)
    colours = dict(zip(pairs, (style.BLUE, style.ORANGE, style.GREEN)))
    for place, pair in enumerate(pairs):
        label = pair.removeprefix("cos ").upper().replace("·", " and ")
        pooled = []
        for run in runs:
            points = [(p["step"], p[pair]) for p in run["curve"] if p.get(pair) is not None]
            steps, values = np.array(points).T
            pooled.extend(values)
            left.plot(steps, _smooth(values), color=colours[pair], lw=1.3, label=label if run is runs[0] else None)
        below = np.mean(np.array(pooled) < 0)
        right.boxplot([pooled], positions=[place], widths=0.5, showfliers=False, medianprops={"color": colours[pair], "lw": 2})
        right.text(
            place, 0.98, f"{below:.0%}\nbelow 0", transform=right.get_xaxis_transform(), ha="center", va="top", fontsize=7.5
        )
    low, high = right.get_ylim()
    left.set_ylim(low, high + 0.22 * (high - low))  # room for the words on top; both panels share it
    for axes in (left, right):
        axes.axhline(0, color=style.GREY, lw=1)
    right.set_xticks(range(len(pairs)), [pair.removeprefix("cos ").upper().replace("·", "\n") for pair in pairs])
    left.set(
        xlabel="step", ylabel="cosine of two tasks' gradients", title="Above 0 they help each other, below 0 they pull apart"
    )
    right.set(title="All points of the curves")
    left.legend(fontsize=7.5, loc="upper left", ncols=3)
    style.caption(
        figure,
        told_of(runs) + "\nLeft: running mean over a tenth of training. Shared parameters only; heads are not in the angle.",
    )
    return figure


def _smooth(values):
    width = max(1, len(values) // 10)
    padded = np.concatenate([np.full(width - 1, np.nan), values])
    return np.array([np.nanmean(padded[i : i + width]) for i in range(len(values))])


def steps_of_siamese(scale):
    """{P1 … P6: runs} of one family, and all its runs."""
    runs = family("P1", STEPS, scale, least=3)
    same = lambda run, line: all(switch(f, run["config"][f]) == switch(f, getattr(line, f)) for f in STEPS if f != "lr")
    chain = {name: [run for run in runs if same(run, as_recorded(system(name, scale)))] for name in LADDER}
    if not chain["P1"] or not chain["P6"]:
        raise Missing(f"run `{command('P1', scale)}` and the same for P2 … P6")
    return chain, runs


def switch(field, value):
    """A setting as the chain counts it: with augmentation, which tasks have more rows; how they came by them is the caption's matter."""
    return sorted(value) if field == "augment" else value


def as_recorded(config):
    """A config as records hold it: lists for tuples, floats rounded."""
    return SimpleNamespace(**records.rounded(config.to_dict()))


def siamese(scale=None):
    """P1 … P6, each with all that came before, beside what the report prints."""
    (chain, _), scale = largest(steps_of_siamese, scale)
    figure = Figure(figsize=(style.WIDE, 3.6), layout="constrained")
    printed = published.scores()
    printed = printed[(printed["report"] == "Siamese") & (printed["split"] == "dev")].set_index("run")
    for axes, task in zip(figure.subplots(1, 3), THREE):
        means = [
            dots(axes, x, chain[name], dev_score(task), style.TASK_COLOUR[task]) if chain[name] else np.nan
            for x, name in enumerate(LADDER)
        ]
        axes.plot(range(6), means, color=style.TASK_COLOUR[task], lw=0.9, alpha=0.6)
        if scale != "tiny":
            axes.plot(range(6), printed.loc[list(LADDER), task], **{**style.PUBLISHED, "ms": 5}, label="published (BERT-base)")
        axes.axvspan(4.5, 5.5, color="#EEEEEE", zorder=0)
        axes.set_xticks(range(6), LADDER)
        axes.set(title=style.TASK_NAME[task])
    if scale != "tiny":
        figure.axes[0].legend(fontsize=7, loc="upper left")
    what, runs = ", ".join(f"{name} {TITLES[name]}" for name in LADDER), sum(chain.values(), [])
    note = " The sentences are invented, so published numbers are not beside them." if scale == "tiny" else ""
    style.caption(figure, f"{what}. Shaded: the encoder learns.\n{told_of(runs)}{rates_of(runs)}{ways_of_augmenting(runs)}{note}")
    return figure


def siamese_alone(scale=None):
    """What each step of the chain gives by itself, taken from P1; what the report could not do."""

    def find(scale):
        chain, runs = steps_of_siamese(scale)
        base = as_recorded(system("P1", scale))
        turned = {label: alone(runs, base, name, scale) for label, name in ALONE.items()}
        if sum(map(bool, turned.values())) < 2:
            raise Missing(f"run `{command('P7', scale)}` for single steps")
        return chain["P1"], turned

    (first, turned), scale = largest(find, scale)
    figure = Figure(figsize=(style.WIDE, 2.9), layout="constrained")
    for axes, task in zip(figure.subplots(1, 3, sharey=True), THREE):
        score = dev_score(task)
        before = {run["config"]["seed"]: score(run) for run in first}
        start = np.mean(list(before.values()))
        for y, runs in enumerate(turned.values()):
            gains = [score(run) - before.get(run["config"]["seed"], start) for run in runs]
            axes.plot(gains, y + np.linspace(-0.12, 0.12, len(gains)) * (len(gains) > 1), "o", color=style.TASK_COLOUR[task])
            if not gains:
                axes.text(0, y, " not recorded", fontsize=7, va="center", color=style.GREY)
        axes.axvline(0, color=style.GREY, lw=1)
        axes.set(title=style.TASK_NAME[task], xlabel="gain over P1", ylim=(len(turned) - 0.5, -0.5))
        axes.set_yticks(range(len(turned)), list(turned))
    runs = first + sum(turned.values(), [])
    style.caption(
        figure, told_of(runs) + rates_of(runs) + ways_of_augmenting(runs) + " Each dot: one seed against P1 of the same seed."
    )
    return figure


def alone(runs, base, name, scale):
    """The family's runs that differ from P1 just in what `name` added to the system before it."""
    before, after = (as_recorded(system(n, scale)) for n in (LADDER[LADDER.index(name) - 1], name))
    added = {f for f in STEPS if getattr(before, f) != getattr(after, f)} - {"lr"}
    wanted = {f: switch(f, getattr(after if f in added else base, f)) for f in STEPS if f != "lr"}
    return [run for run in runs if all(switch(f, run["config"][f]) == value for f, value in wanted.items())]


def rates_of(runs):
    """For a caption: what heads alone learn at, and what a thawed encoder does; the chain changes both in one step."""
    rates = {
        learns: {run["config"]["lr"] for run in runs if run["config"]["train_encoder"] == learns} for learns in (False, True)
    }
    said = {learns: " or ".join(f"{rate:g}" for rate in sorted(found)) for learns, found in rates.items()}
    return f" Learning rate: {said[False]} with the encoder frozen, {said[True]} where it learns." if all(said.values()) else ""


def ways_of_augmenting(runs):
    """For a caption: how the added STS pairs came about, where it was not back translation."""
    ways = {entry["how"] for run in runs for entry in run["config"]["augment"].values()} - {"back_translation"}
    return f" In place of back translation: {', '.join(sorted(ways)).replace('_', ' ')}." if ways else ""


def two_tasks(louder=8.0, start_x=-0.5, start_y=1.8, surgery=True):
    """The surface of two tasks, the path of the plain sum and, if wished, that of surgery; and each task's loss along them."""
    figure = plt.figure(figsize=(8.2, 3.2), layout="none")
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
    figure.subplots_adjust(left=0.06, right=0.99, bottom=0.15, top=0.9, wspace=0.3)
    grid = np.stack(np.meshgrid(np.linspace(-3, 3, 61), np.linspace(-2.2, 2.4, 47)), -1).astype("float32")
    height = conflict.losses(conflict.torch.from_numpy(grid), louder).numpy()
    for task, colour in enumerate((style.BLUE, style.ORANGE)):
        left.contour(
            grid[..., 0],
            grid[..., 1],
            height[..., task],
            levels=np.array([0.1, 0.5, 1.5, 4]) * (louder if task else 1),
            colors=colour,
            linewidths=0.8,
        )
        left.plot(*conflict.LOWEST[task], "*", color=colour, ms=11, label=f"best for task {'AB'[task]}")
    for operated, line in ((False, "-"), (True, "--")):
        if operated and not surgery:
            continue
        colour = style.PURPLE if operated else style.BLACK
        path = conflict.descend((start_x, start_y), louder, operated, lr=0.12 / max(louder, 1))
        name = "surgery" if operated else "plain sum"
        left.plot(*path.T, line, color=colour, lw=1.8, label=name)
        left.plot(*path[-1], "s", color=colour, ms=6)
        for task, colour in enumerate((style.BLUE, style.ORANGE)):
            loss = conflict.losses(path)[:, task]
            right.plot(loss, line, color=colour, label=f"task {'AB'[task]}, {name}")
    left.plot(start_x, start_y, "o", color=style.RED, label="start")
    left.set(
        xlim=(-3, 3),
        ylim=(-2.2, 2.4),
        xlabel="first weight",
        ylabel="second weight",
        title=f"Task B's loss counts {louder:.3g} times",
    )
    left.legend(fontsize=6.8, loc="lower center", ncols=3, frameon=True, framealpha=0.85)
    left.grid(False)
    right.set(xlabel="step", ylabel="loss (both unweighted)", title="What each task gets", yscale="log")
    style.plain_log(right.yaxis, (1, 2, 5))
    right.legend(fontsize=7)
    plt.close(figure)
    return figure


FIGURES = {
    "05_1_an_epoch": an_epoch,
    "05_2_two_tasks": two_tasks,
    "05_3_angles": angles,
    "05_4_siamese": siamese,
    "05_5_siamese_alone": siamese_alone,
}
