"""Figures of notebook 11: what a recorded run gets wrong. Counterparts of SMARTCS' Figures 4, 9, 10 and of SerBERTus'
error analysis.

Notable choices: each figure takes any record (`11_…` draws a run of the systems named in `RECORD_OF`), so
that a learner can look at her own run through the same window. Confusion matrices show shares of the true class, with
the counts written into them.
"""

import numpy as np
from matplotlib.figure import Figure

from ...errors import MinbertError
from ...learn.metrics import decide
from ...text.tasks import TASKS
from .. import analysis, facts, published, records
from ..predict import command_of
from ..stats import pearson
from ..systems import system
from . import Missing, style
from .vary import data_note, either, said

CLASSES = {"sst": ("−−", "−", "0", "+", "++"), "qqp": ("no", "yes"), "cfimdb": ("negative", "positive")}
THREE_TASKS = ("M1", "S10-multi", "S12", "S10-2")
RECORD_OF = {"sst": ("C2",), "qqp": THREE_TASKS, "sts": THREE_TASKS}


def record_of(task, scale="mini"):
    """Of the named systems' runs the one scored on most rows of this task; then: that learned from most, longest, just as its line says."""
    known = records.load_all(scale=scale)
    runs = [run for run in known if run["name"] in RECORD_OF[task] and f"train/{task}" in run.get("data", {})]
    if not runs:
        raise Missing(f"run `minbert train {RECORD_OF[task][-1]} --scale {scale}`")
    rows = lambda run, part: run["data"][f"{part}/{task}"]["rows"]
    line = lambda run: records.rounded(system(run["name"], scale, run["config"]["seed"]).to_dict())
    much = lambda run: (rows(run, "dev"), rows(run, "train"), run["config"]["epochs"], run["config"] == line(run))
    return max(runs, key=lambda run: (*much(run), -run["config"]["seed"], run["key"]))


def scored_on(record):
    """The tasks whose dev sets a record was scored on."""
    return [task for task in TASKS if f"dev/{task}" in record.get("data", {})]


def look(record, task):
    """(predictions, labels, facts) of one dev set; Missing where the numbers are not on this machine."""
    try:
        predictions, known = facts.scored(record, task)
    except MinbertError as reason:
        raise Missing(f"{reason}; run `{command_of(record)} --again`") from reason
    return predictions, known["labels"] if TASKS[task].kind == "score" else known["labels"].astype(int), known


def _caption(figure, record, task, note=""):
    rows = record["data"][f"dev/{task}"]["rows"]
    who = f"{record['model']}; {record['name']}, seed {record['config']['seed']}; {TASKS[task].title} dev, {rows:,} rows."
    style.caption(figure, who + data_note([record]) + (f"\n{note}" if note else ""))


def matrix(record=None, task="sst", scale="mini"):
    """Which class was taken for which; each row adds up to 1."""
    record = record or record_of(task, scale)
    predictions, labels, _ = look(record, task)
    names = CLASSES[task]
    counts = analysis.confusion(decide(predictions, task), labels, len(names))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = Figure(figsize=(4.9, 4.1) if len(names) > 2 else (4.4, 3.5), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        dark = shares[row, column] > 0.55
        axes.text(
            column,
            row,
            f"{shares[row, column]:.0%}\n({count:,})",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if dark else "black",
        )
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="predicted", ylabel="true", title=f"{TASKS[task].title}: what was taken for what")
    axes.grid(False)
    figure.colorbar(image, label="share of the true class")
    _caption(figure, record, task)
    return figure


def qqp_matrix(scale="mini"):
    """M11, SMARTCS' Figure 4."""
    return matrix(None, "qqp", scale)


def classes(record=None, scale="mini", task="sst"):
    """M11, SMARTCS' Figure 9: recall and precision of each class, SST's beside the report's."""
    record = record or record_of(task, scale)
    predictions, labels, _ = look(record, task)
    names = CLASSES[task]
    table = analysis.per_class(analysis.confusion(decide(predictions, task), labels, len(names)))
    report = published.table("smartcs_fig9_classes") if task == "sst" else None
    figure = Figure(figsize=(style.WIDE, 3.1), layout="constrained")
    for axes, what in zip(figure.subplots(1, 2, sharey=True), ("recall", "precision")):
        axes.bar(range(len(names)), table[what], width=0.6, color=style.SKY, label="this run")
        if report is not None:
            axes.plot(range(len(names)), report[what], **style.PUBLISHED, label="SMARTCS (BERT-base)")
        axes.set_xticks(range(len(names)), [f"{name}\nn={n}" for name, n in zip(names, table["n"])])
        axes.set(xlabel="class", title=what, ylim=(0, 1))
    axes.legend(fontsize=7.5)
    _caption(figure, record, task, "Diamonds: SMARTCS' Figure 9." if task == "sst" else "")
    return figure


def distance(record=None, scale="mini"):
    """S15: how many classes off, and in each class the share of errors that fall next door."""
    record = record or record_of("sst", scale)
    predictions, labels, _ = look(record, "sst")
    counts = analysis.confusion(decide(predictions, "sst"), labels, 5)
    off, near = analysis.distances(counts), analysis.neighbour_share(counts)
    figure = Figure(figsize=(style.WIDE, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    over = {"frameon": True, "framealpha": 1, "edgecolor": "none"}  # the legend stands on the dotted line
    bars = left.bar(off.index, off["share"], color=style.BLUE)
    left.bar_label(bars, [f"{n}" for n in off["n"]], fontsize=8)
    left.axvline(said("S15", "largest distance")[1] + 0.5, color=style.BLACK, ls=":", lw=1.2, label="SerBERTus: none beyond")
    left.set(xlabel="classes apart, prediction and truth", ylabel="share of sentences", title="How far off")
    left.legend(fontsize=7.5, loc="upper right", **over)
    right.bar(range(5), near, color=style.ORANGE)
    right.axhspan(*said("M11", "errors in a neighbouring class"), color="#E4E4E4", zorder=0, label="SMARTCS, its five classes")
    right.set_xticks(range(5), CLASSES["sst"])
    right.set(
        xlabel="true class",
        ylabel="share of its errors",
        ylim=(0, 1.18),  # the legend stands above the bars
        yticks=np.arange(0, 1.1, 0.2),
        title="Errors that fall into a neighbouring class",
    )
    right.legend(fontsize=7.5, loc="upper right")
    _caption(
        figure,
        record,
        "sst",
        "Numbers on bars: sentences. Dotted line and grey: what the reports' texts say of BERT-base.",
    )
    return figure


def sts(record=None, scale="mini"):
    """M11, SMARTCS' Figure 10: true scores peak at whole numbers, predicted ones do not."""
    record = record or record_of("sts", scale)
    predictions, labels, _ = look(record, "sts")
    figure = Figure(figsize=(style.WIDE, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
    edges = np.arange(-0.1, 5.2, 0.2)  # 0.2 wide and centred on 0, 0.2 …: a whole number is a bin of its own
    left.hist(labels, edges, color=style.GREEN, alpha=0.45, label="true")
    left.hist(predictions, edges, histtype="step", color=style.BLUE, lw=1.6, label="predicted")
    left.set(xlabel="similarity", ylabel="pairs", title="True and predicted scores")
    left.legend(fontsize=8)
    right.scatter(labels, predictions, s=7, alpha=0.35, color=style.BLUE, linewidths=0)
    right.plot([0, 5], [0, 5], color=style.GREY, lw=1, ls="--")
    right.set(xlabel="true", ylabel="predicted", title=f"r = {pearson(predictions, labels):.3f}")
    _caption(figure, record, "sts")
    return figure


def calibration(record=None, scale="mini", task="sst"):
    """Does 80 % sure mean right in 80 of 100? For a task of one record, or for SST and QQP."""
    if record:
        pairs = [(record, task)]
    else:
        second, _ = either(lambda: record_of("qqp", scale))  # SST's alone is a figure already
        pairs = [(record_of("sst", scale), "sst")] + ([(second, "qqp")] if second else [])
    figure = Figure(figsize=(3.7 * len(pairs) + 0.6, 3.7), layout="constrained")
    for axes, (run, task) in zip(np.atleast_1d(figure.subplots(1, len(pairs))), pairs):
        predictions, labels, _ = look(run, task)
        table = analysis.calibration(predictions, labels)
        axes.plot([0, 1], [0, 1], color=style.GREY, ls="--", lw=1, label="as sure as right")
        axes.plot(table["confidence"], table["accuracy"], color=style.TASK_COLOUR[task])
        axes.scatter(
            table["confidence"],
            table["accuracy"],
            s=12 + 220 * table["n"] / table["n"].sum(),
            color=style.TASK_COLOUR[task],
            label="bin (area: examples)",
        )
        error = analysis.calibration_error(predictions, labels)
        axes.set(
            xlabel="how sure",
            ylabel="how often right",
            xlim=(0, 1.05),
            ylim=(0, 1.05),
            title=f"{task.upper()}: {error:.3f} off on average",
        )
        axes.legend(fontsize=7.5, loc="lower right")
    _caption(
        figure,
        pairs[0][0],
        pairs[0][1],
        "" if len(pairs) == 1 else f"Right: {pairs[1][0]['name']}.{data_note([pairs[1][0]])}",
    )
    return figure


def by_length(record=None, scale="mini", task="sst"):
    """How right by the number of words."""
    record = record or record_of(task, scale)
    figure = Figure(figsize=(6.2, 3.0), layout="constrained")
    of = "pair" if TASKS[task].is_pair else "text" if task == "cfimdb" else "sentence"
    _bins(figure.subplots(), record, task, "words", f"words in the {of} (bins of about equal size)")
    _caption(figure, record, task, "Bars: 95 % intervals." if TASKS[task].kind != "score" else "")
    return figure


def by_overlap(record=None, scale="mini", tasks=("qqp", "sts")):
    """Pairs by the words that they share: QQP accuracy, and the STS error."""
    record = record or record_of("qqp", scale)
    tasks = [task for task in tasks if task in scored_on(record)]
    figure = Figure(figsize=(style.WIDE, 3.1), layout="constrained")
    for axes, task in zip(np.atleast_1d(figure.subplots(1, len(tasks))), tasks):
        _bins(axes, record, task, "overlap", "shared words / all words of the pair")
    _caption(figure, record, tasks[0], "Bars: 95 % intervals (accuracies).")
    return figure


def _bins(axes, record, task, by, label):
    predictions, labels, known = look(record, task)
    score = TASKS[task].kind == "score"
    right = np.abs(predictions - labels) if score else decide(predictions, task) == labels
    table = analysis.by_bins(known[by], right)
    middle = (table["low"] + table["high"]) / 2
    if "mean_low" in table:
        axes.vlines(middle, table["mean_low"], table["mean_high"], color=style.TASK_COLOUR[task], alpha=0.35, lw=4)
    axes.plot(middle, table["mean"], "o-", color=style.TASK_COLOUR[task])
    axes.set(
        xlabel=label,
        ylabel="mean distance from the label" if score else "accuracy",
        title=f"{task.upper()} (n = {', '.join(map(str, table['n']))})",
    )
    axes.title.set_fontsize(9)


FIGURES = {
    "11_1_sst_confusion": matrix,
    "11_2_sst_classes": classes,
    "11_3_sst_distance": distance,
    "11_4_qqp_confusion": qqp_matrix,
    "11_5_sts_scores": sts,
    "11_6_calibration": calibration,
    "11_7_by_length": by_length,
    "11_8_by_overlap": by_overlap,
}
