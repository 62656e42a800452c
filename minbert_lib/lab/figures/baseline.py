"""Figures of notebooks 00 and 02 to 04: the path, probes, AdamW's walk, and the sentiment baseline C1–C3 beside its published numbers.

Notable choices: frozen is always orange and fine-tuned blue; every seed is a point or a thin line of its own, because three of them do not make
a distribution. Own numbers are of the small model named in the caption; the published ones are BERT-base's.
"""

import numpy as np
from matplotlib.figure import Figure

from .. import measured, published, records
from ..board import main_group
from ..stats import wilson
from . import Missing, style
from .drawings import eps_effect, schedules, the_path, walk

COLOUR = {"C1": style.ORANGE, "C2": style.BLUE, "C3-frozen": style.ORANGE, "C3": style.BLUE}
NAME = {"C1": "SST, frozen", "C2": "SST, fine-tuned", "C3-frozen": "CFIMDB, frozen", "C3": "CFIMDB, fine-tuned"}


def group(name, scale="mini"):
    """The records, one a seed, that speak for a system; Missing with the command that makes them."""
    found, _ = main_group(name, scale, records.load_all(scale=scale, name=name))
    if not found:
        raise Missing(f"run `minbert sweep {name} --scale {scale} --seeds 0,1,2`")
    return found


def sources(groups):
    """For a caption: which model and data, how many seeds, trained how long."""
    one = groups[0][0]
    seeds = ", ".join(
        f"{part[0]['name']}: {len(part)} seed{'s' * (len(part) > 1)}, {part[0]['config']['epochs']} epochs" for part in groups
    )
    return f"{one['model']}. {seeds}."


def learning_curves(scale="mini"):
    """Frozen and fine-tuned on SST: loss and accuracy, on what is trained on and on dev."""
    groups = [group(name, scale) for name in ("C1", "C2")]
    figure = Figure(figsize=(style.WIDE, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for runs in groups:
        name = runs[0]["name"]
        epochs = [entry["epoch"] for entry in runs[0]["epochs"]]
        pick = lambda get: [[get(entry) for entry in run["epochs"]] for run in runs]
        style.band(left, epochs, pick(lambda e: e["dev_loss"]["sst"]), COLOUR[name], f"{NAME[name]}: dev")
        style.band(left, epochs, pick(lambda e: e["train"]["loss sst"]), COLOUR[name], f"{NAME[name]}: train", ls="--")
        style.band(right, epochs, pick(lambda e: e["scores"]["sst"]), COLOUR[name], "dev")
        style.band(right, epochs, pick(lambda e: e["train"]["accuracy sst"]), COLOUR[name], "train", ls="--")
    left.set(xlabel="epoch", ylabel="cross-entropy", title="Loss")
    right.set(xlabel="epoch", ylabel="accuracy", title="SST accuracy")
    left.legend(fontsize=7.5, loc="lower right", handlelength=4)  # dashes show
    style.caption(figure, sources(groups) + "\nSolid: dev; dashed: train, while learning (dropout on). Thin lines: single seeds.")
    return figure


def beside_published(scale="mini"):
    """C1–C3, every seed, beside Hugging Face's classifier by the same recipe and what the reports print for BERT-base."""
    names, groups, beside = ("C1", "C2", "C3-frozen", "C3"), [], ""
    figure = Figure(figsize=(style.WIDE, 3.5), layout="constrained")
    axes = figure.subplots()
    printed = published.scores()
    for x, name in enumerate(names):
        task = "cfimdb" if name.startswith("C3") else "sst"
        runs = group(name, scale)
        groups.append(runs)
        scores = [run["scores"][task] for run in runs]
        n = runs[0]["data"][f"dev/{task}"]["rows"]
        spread = wilson(round(np.mean(scores) * n), n)
        axes.plot([x - 0.12] * 2, [spread.low, spread.high], color=COLOUR[name], lw=7, alpha=0.22, solid_capstyle="butt")
        axes.plot(np.linspace(-0.16, -0.08, len(scores)) + x, scores, "o", color=COLOUR[name])
        theirs = [run["scores"][task] for run in records.load_all(scale=scale, name=f"{name}-hf")]
        if theirs:
            axes.plot(np.linspace(-0.04, 0.04, len(theirs)) + x, theirs, "s", color=style.GREY, ms=4.5)
            beside += f" Squares: {name} by Hugging Face's classifier, same weights and recipe, {len(theirs)} seeds, mean {np.mean(theirs):.3f}."
        axes.text(x - 0.22, np.mean(scores), f"{np.mean(scores):.3f}", ha="right", va="center", fontsize=8.5, color="#333333")
        lines = printed[(printed["run"] == name) & (printed["split"] == "dev") & printed[task].notna()].sort_values(task)
        heights = _apart(list(lines[task]), 0.035)
        for (_, line), height in zip(lines.iterrows(), heights):
            axes.plot(x + 0.1, line[task], **style.PUBLISHED)
            axes.text(x + 0.17, height, f"{line['report']} {line[task]:.3f}", va="center", fontsize=7.3)
    axes.set_xticks(range(4), [f"{name}\n{NAME[name]}" for name in names])
    axes.set(ylabel="dev accuracy", xlim=(-0.5, 3.75), title="Own runs (dots) and published numbers (diamonds)")
    rows = {part[0]["data"][key]["rows"] for part in groups for key in part[0]["data"] if key.startswith("dev/")}
    sizes = " and ".join(str(n) for n in sorted(rows, reverse=True))
    style.caption(
        figure,
        sources(groups) + f"\nBars: 95 % interval of the mean by the dev sets' {sizes} rows alone. Diamonds: BERT-base.{beside}",
    )
    return figure


def _apart(heights, least):
    """Sorted label heights moved up where they would overlap."""
    out = []
    for height in heights:
        out.append(max(height, out[-1] + least) if out else height)
    return out


def learning_rate(scale="mini"):
    """SST dev accuracy against the learning rate, every run, all else as in C2."""
    found = records.load_all(scale=scale, name="C2")
    main = group("C2", scale)
    same = lambda record: {k: v for k, v in record["config"].items() if k not in ("seed", "lr")}
    runs = [record for record in found if same(record) == same(main[0])]
    rates = sorted({run["config"]["lr"] for run in runs})
    if len(rates) < 3:
        raise Missing(f"run `minbert sweep C2 --scale {scale} --grid lr=5e-6,2e-5,5e-4`")
    figure = Figure(figsize=(style.WIDE, 3.1), layout="constrained")
    axes = figure.subplots()
    means = [np.mean([run["scores"]["sst"] for run in runs if run["config"]["lr"] == rate]) for rate in rates]
    axes.plot(rates, means, color=style.BLUE, label="mean over seeds")
    axes.plot(
        [run["config"]["lr"] for run in runs],
        [run["scores"]["sst"] for run in runs],
        "o",
        color=style.BLUE,
        alpha=0.6,
        label="one run",
    )
    axes.axhline(probes_commonest(scale), color=style.GREY, ls=":", label="always the commonest class")
    axes.set(
        xscale="log",
        xlabel="highest learning rate",
        ylabel="SST dev accuracy",
        title="Too small learns slowly, too large does harm",
    )
    axes.legend()
    style.caption(figure, f"{main[0]['model']}. {len(runs)} runs, {main[0]['config']['epochs']} epochs, all else as in C2.")
    return figure


def probes_commonest(scale):
    known = measured.recorded(f"probes/{scale}")
    if known is None:
        raise Missing(f"run `python -m minbert_lib.lab.probes {scale}`")
    return known["commonest"]


def layer_probe(known=None):
    """Accuracy of a linear probe on every layer; beside it the commonest class and counting words."""
    known = [known] if known else [found for name in ("tiny", "mini", "base") if (found := measured.recorded(f"probes/{name}"))]
    if not known:
        raise Missing("run `python -m minbert_lib.lab.probes mini`")
    figure = Figure(figsize=(4.1 * len(known) + 0.5 if len(known) > 1 else 6.4, 3.1), layout="constrained")
    for axes, one in zip(np.atleast_1d(figure.subplots(1, len(known))), known):
        layers = range(len(one["cls"]))
        axes.plot(layers, one["mean"], "o-", color=style.BLUE, label="mean of the words")
        axes.plot(layers, one["cls"], "s--", color=style.ORANGE, label="[CLS]")
        axes.axhline(one["words"], color=style.GREEN, ls="-.", lw=1.2, label="counting words")
        axes.axhline(one["commonest"], color=style.GREY, ls=":", lw=1.2, label="commonest class")
        axes.set(xlabel="after layer (0: embeddings)", ylabel="dev accuracy", title=one["title"], xticks=list(layers))
        axes.legend(fontsize=7.5, loc="lower right")
    sizes = "; ".join(f"{one['title']}: {one['train']:,} train, {one['dev']:,} dev sentences" for one in known)
    style.caption(figure, f"SST-5, ridge regression on fixed vectors. {sizes}.")
    return figure


FIGURES = {
    "00_1_the_path": the_path,
    "02_1_layer_probe": layer_probe,
    "03_1_a_walk": walk,
    "03_2_schedules": schedules,
    "03_3_eps": eps_effect,
    "04_1_learning_curves": learning_curves,
    "04_2_beside_published": beside_published,
    "04_3_learning_rate": learning_rate,
}
