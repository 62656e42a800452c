"""Figures of notebook 08: what SerBERTus and SMARTCS varied (rates, dropout, weight decay, batches, epochs), run
again with seeds.

Notable choices: published points are drawn also where nothing has been recorded here, and then the caption names the
command. Published numbers are BERT-base's and stand beside, not against, those of the model that the caption names.
"""

import numpy as np
from matplotlib.figure import Figure

from .. import published
from ..systems import BASE_LR
from . import style
from .baseline import group
from .vary import categories, command, dev_score, either, family, of_report, panel, printed, said, told
from .vary import rates as rates_of


def new_figure(panels=1, height=3.2, **kwargs):
    figure = Figure(figsize=(style.WIDE, height), layout="constrained")
    return figure, figure.subplots(1, panels, **kwargs)


def learning_rate_curves(scale="mini"):
    """S1, SerBERTus' Figure 1: accuracy by epoch on train and dev for each rate, and the best of each run."""
    runs = family("S1", ("lr",), scale)
    figure, (left, right) = new_figure(2, width_ratios=(1.6, 1))
    rates = sorted({run["config"]["lr"] for run in runs})
    for colour, rate in zip(style.distinct(len(rates)), rates):
        mine = [run for run in runs if run["config"]["lr"] == rate]
        _curves(left, mine, colour, f"{rate:g}")
        panel(right, mine, "lr", dev_score("sst"), colour, None)
    left.axvspan(*said("S1", "best epoch"), color="#EEEEEE", zorder=0)
    left.set(xlabel="epoch", ylabel="SST accuracy", title="Dev (solid) and train (dashed), by learning rate")
    left.xaxis.get_major_locator().set_params(integer=True)
    left.legend(title="rate", fontsize=7.5, loc="upper left", bbox_to_anchor=(1, 1))  # beside: rates may be many
    table = published.table("serbertus_table4_learning_rates")
    line = table[table["part"] == "all"]
    printed(right, line["value"].astype(float), line["sst_mean"], line["sst_max"])
    rates_of(right, [*rates, *line["value"].astype(float)])
    right.set(xlabel="learning rate", ylabel="dev accuracy", title="Best epoch of each run")
    right.legend(fontsize=7)
    note = "Shaded: where SerBERTus saw dev peak. Diamond: SerBERTus' Table 4 (BERT-base), mean, and line up to its best seed."
    style.caption(figure, told(runs, "S1", ("lr",), scale) + "\n" + note)
    return figure


def _curves(axes, runs, colour, label):
    """Dev solid, train dashed; runs of one setting."""
    epochs = [entry["epoch"] for entry in runs[0]["epochs"]]
    pick = lambda get: [[get(entry) for entry in run["epochs"]] for run in runs]
    style.band(axes, epochs, pick(lambda e: e["scores"]["sst"]), colour, label)
    if "accuracy sst" in runs[0]["epochs"][0]["train"]:
        style.band(axes, epochs, pick(lambda e: e["train"]["accuracy sst"]), colour, ls="--")


def hundred_epochs(scale="mini"):
    """S2, SerBERTus' Figure 2: is there a second descent?"""
    runs = group("S2", scale)
    figure, (left, right) = new_figure(2, sharex=True)
    epochs = [entry["epoch"] for entry in runs[0]["epochs"]]
    pick = lambda get: [[get(entry) for entry in run["epochs"]] for run in runs]
    plain = dict(marker="")
    for axes, dev, train in (
        (left, lambda e: e["scores"]["sst"], "accuracy sst"),
        (right, lambda e: e["dev_loss"]["sst"], "loss sst"),
    ):
        for colour, line, name, get in (
            (style.BLUE, "-", "dev", dev),
            (style.ORANGE, "--", "train", lambda e, key=train: e["train"][key]),
        ):
            values = np.array(pick(get), dtype=float)
            axes.plot(epochs, values.T, line, color=colour, alpha=0.3, lw=0.9, **plain)
            axes.plot(epochs, values.mean(axis=0), line, color=colour, label=name)
        axes.axvspan(*said("S1", "best epoch"), color="#E4E4E4", zorder=0)
        axes.set_xlabel("epoch")
    left.set(ylabel="SST accuracy", title="Accuracy")
    right.set(ylabel="cross-entropy", title="Loss")
    left.legend()
    note = "Shaded: where SerBERTus' shorter runs peaked; it reports no double descent in 100 epochs."
    style.caption(figure, told(runs, "S2", (), scale) + "\n" + note)
    return figure


def points(axes, name, field, task, scale, place=lambda value: value, **like):
    """Own runs of a row along one field, in a panel that has its published points; → the caption's line."""
    runs, reason = either(lambda: family(name, (field,), scale, **like))
    if runs:
        panel(axes, runs, field, dev_score(task), style.TASK_COLOUR.get(task, style.BLUE), place=place)
    axes.set_ylabel(style.TASK_NAME.get(task, "mean of the three scores"))
    axes.legend(fontsize=7.5)
    return told(runs, name, (field, *like), scale) if runs else reason


def _source(report, source):
    return f"Diamonds: {of_report(report)} {source} (BERT-base), mean of its seeds, line up to the best."


def lines_of(*notes):
    return "\n".join(dict.fromkeys(notes))


def head_dropout(scale="mini"):
    """S3, SerBERTus' Table 1, for SST and STS."""
    table, notes = published.table("serbertus_table1_head_dropout"), []
    figure, panels = new_figure(2)
    for axes, task in zip(panels, ("sst", "sts")):
        printed(axes, table["head_dropout"], table[f"{task}_mean"], table[f"{task}_max"])
        notes.append(f"{task.upper()}: {points(axes, 'S3', 'head_dropout', task, scale, tasks=(task,))}")
        axes.set(xlabel="dropout before the head", title=task.upper())
    style.caption(figure, lines_of(*notes, _source("SerBERTus", "Table 1")))
    return figure


def hidden_dropout(scale="mini"):
    """S4, SerBERTus' Figure 3; its curves are an image, so only what its text says of them is drawn."""
    runs = family("S4", ("hidden_dropout",), scale)
    figure, axes = new_figure(height=3.0)
    panel(axes, runs, "hidden_dropout", dev_score("sst"))
    axes.axvspan(*said("S4", "best hidden dropout"), color="#E4E4E4", zorder=0, label="best in SerBERTus' text (BERT-base)")
    axes.set(xlabel="dropout inside the encoder", ylabel=style.TASK_NAME["sst"], title="Hidden dropout")
    axes.legend(fontsize=7.5)
    style.caption(figure, told(runs, "S4", ("hidden_dropout",), scale) + "\nShaded: SerBERTus, section 4.3.2.")
    return figure


def own_adamw(scale="mini"):
    """S5, SerBERTus' Table 2: accuracy and time of our AdamW and PyTorch's."""
    table = published.table("serbertus_table2_adamw").set_index("optimizer").loc[["custom", "PyTorch"]]
    runs, reason = either(lambda: family("S5", ("optimizer",), scale))
    places = {"own": 0, "torch": 1}
    figure, (left, right) = new_figure(2, height=2.9)
    printed(left, places.values(), table["sst_mean"], table["sst_max"])
    printed(right, places.values(), table["seconds_10_epochs"] / 10)
    if runs:
        panel(left, runs, "optimizer", dev_score("sst"), place=places.get)
        panel(right, runs, "optimizer", lambda run: run["seconds"] / run["config"]["epochs"], place=places.get)
    for axes in (left, right):
        axes.set_xticks(list(places.values()), ["own AdamW", "PyTorch's"])
        axes.set_xlim(-0.4, 1.4)
    left.set(ylabel=style.TASK_NAME["sst"], title="Accuracy")
    right.set(ylabel="seconds an epoch", title="Time")
    right.set_ylim(0, 1.15 * right.get_ylim()[1])
    left.legend(fontsize=7.5)
    own = told(runs, "S5", ("optimizer",), scale) if runs else f"{reason} The own AdamW is C2's: `{command('C2', scale)}`."
    style.caption(figure, lines_of(own, _source("SerBERTus", "Table 2")))
    return figure


def weight_decay(scale="mini"):
    """S6, SerBERTus' Table 3: SST by itself, and the mean over three tasks."""
    table = published.table("serbertus_table3_weight_decay")
    figure, (left, right) = new_figure(2)
    decays = [0.0, *table["weight_decay"]]
    notes = []
    for axes, title in ((left, "SST by itself"), (right, "SST, QQP and STS at once")):
        place = categories(axes, decays)
        axes.set(xlabel="weight decay", title=title)
        at = [place[value] for value in table["weight_decay"]]
        if axes is left:
            printed(axes, at, table["sst_only_mean"], table["sst_only_max"])
            notes.append(points(axes, "S6", "weight_decay", "sst", scale, place.get, tasks=("sst",)))
        else:
            printed(axes, at, table["multi_mean"])
            notes.append(points(axes, "S6", "weight_decay", "mean", scale, place.get, tasks=("sst", "qqp", "sts")))
    style.caption(figure, lines_of(*notes, _source("SerBERTus", "Table 3")))
    return figure


RATE_FIELDS = ("layer_decay", "embedding_lr", "head_lr")
FIELD_OF = {"embeddings": "embedding_lr", "layer decay": "layer_decay", "head": "head_lr"}


def layer_rates(scale="mini"):
    """S7, SerBERTus' Table 4: another rate for one part, all else as it was."""
    table = published.table("serbertus_table4_learning_rates")
    parts = list(dict.fromkeys(table["part"]))  # as printed, and by number within a part
    table = table.astype({"value": float}).sort_values(
        ["part", "value"], key=lambda c: c.map(parts.index) if c.name == "part" else c
    )
    runs, reason = either(lambda: family("S7", RATE_FIELDS, scale))
    figure, axes = new_figure(height=3.5)
    for place, line in enumerate(table.itertuples()):
        printed(axes, [place], [line.sst_mean], [line.sst_max], label=None if place else "published (BERT-base)")
        mine = [run["scores"]["sst"] for run in runs or () if _is_setting(run["config"], line)]
        axes.plot(
            [place - 0.2] * len(mine),
            mine,
            "o",
            color=style.BLUE,
            alpha=0.6,
            label="own runs" if mine and line.part == "all" else None,
        )
        axes.plot(place - 0.2, np.mean(mine) if mine else np.nan, "_", color=style.BLUE, ms=14)
    names = {
        "embeddings": "embeddings\n× {:g}",
        "layer decay": "layers\n× {:g}",
        "head": "head\n× {:g}",
        "all": "all\nalike",
    }
    axes.set_xticks(range(len(table)), [names[line.part].format(_factor(line)) for line in table.itertuples()], fontsize=8)
    axes.set(ylabel=style.TASK_NAME["sst"], title="A learning rate of its own for one part")
    axes.legend(fontsize=7.5)
    style.caption(figure, lines_of(told(runs, "S7", RATE_FIELDS, scale) if runs else reason, _source("SerBERTus", "Table 4")))
    return figure


def _factor(line):
    """Table 4 gives rates; a decay is a factor already, the others are relative to the rate of all."""
    return line.value if line.part == "layer decay" else line.value / BASE_LR


def _is_setting(config, line):
    wanted = dict.fromkeys(RATE_FIELDS, 1.0)
    if line.part in FIELD_OF:
        wanted[FIELD_OF[line.part]] = _factor(line)
    return all(abs(config[field] - value) < 1e-9 for field, value in wanted.items())


FIGURES = {
    "08_1_learning_rate": learning_rate_curves,
    "08_2_hundred_epochs": hundred_epochs,
    "08_3_head_dropout": head_dropout,
    "08_4_hidden_dropout": hidden_dropout,
    "08_5_own_adamw": own_adamw,
    "08_6_weight_decay": weight_decay,
    "08_7_layer_rates": layer_rates,
}
