"""What the widgets of notebooks 08 and 11 draw: any recorded runs along any setting, and the worst cases of a run.

Notable choices: a line joins runs that differ in the chosen setting and the seed alone, so that nothing else can move it;
the list beside names the run behind each point. Texts come from data: they are drawn, never interpreted as markup.
"""

import json
import textwrap
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from ...errors import MinbertError
from ...home import repo
from ...text.tasks import TASKS
from .. import facts, records
from ..analysis import confidence, worst_cases
from . import Missing, analysis, note, style
from .analysis import look, scored_on
from .vary import rest


def families(known, axis):
    """Lists of runs that differ in `axis` (and seed) only and have at least two values of it; the largest first."""
    groups = {}
    for run in known:
        groups.setdefault((run["name"], rest(run["config"], (axis,))), []).append(run)
    several = [runs for runs in groups.values() if len({json.dumps(run["config"][axis], sort_keys=True) for run in runs}) > 1]
    return sorted(several, key=lambda runs: (-len(runs), runs[0]["name"], runs[0]["key"]))


def axes_of(known):
    """The settings along which there is something to see; the one with most runs first."""
    fields = known[0]["config"] if known else ()
    sizes = {field: sum(map(len, families(known, field))) for field in fields if field not in ("seed", "name")}
    return sorted((field for field, size in sizes.items() if size), key=lambda field: -sizes[field])


MARKS = ("●o", "■s", "▲^", "◆D")  # a family's mark, in words and in the picture


def explore_runs(known, axis, score="sst", most=len(MARKS)):
    """Every run a dot over its value of `axis`; the runs behind the points in words. Families after the largest are grey."""
    scored = [run for run in known if run["scores"].get(score) is not None]
    every = families(scored, axis)
    shown, others = every[:most], every[most:]
    number = lambda value: isinstance(value, (int, float))
    order = lambda value: (not number(value), value if number(value) else json.dumps(value, sort_keys=True))
    unique = {json.dumps(run["config"][axis], sort_keys=True): run["config"][axis] for runs in every for run in runs}
    values = sorted(unique.values(), key=order)
    figure = Figure(figsize=(8.2, 3.4), layout="none")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    figure.subplots_adjust(left=0.08, right=0.99, bottom=0.17, top=0.9, wspace=0.05)
    lines = []
    for runs in others:
        _family(left, runs, axis, score, values, style.GREY, "o")
    heads = [textwrap.wrap(label, 50, subsequent_indent="   ") for label in labels(shown, axis)]
    each = max(1, (16 - sum(map(len, heads))) // max(1, len(shown)))  # 16 lines have room
    for colour, (sign, mark), head, runs in zip(style.COLOURS, MARKS, heads, shown):
        _family(left, runs, axis, score, values, colour, mark)
        lines += [(colour, f"{sign} {head[0]}"), *((colour, more) for more in head[1:])]
        for run in sorted(runs, key=lambda run: -run["scores"][score])[:each]:
            config = run["config"]
            text = f"{run['scores'][score]:.4f}  {axis} {config[axis]}, seed {config['seed']}, {config['epochs']} epochs"
            lines.append((colour, f"{text}, best {run['best_epoch']}"))
    left.set_xticks(range(len(values)), [str(value)[:14] for value in values], fontsize=8, rotation=20 if len(values) > 5 else 0)
    left.set(xlabel=axis, ylabel=style.TASK_NAME.get(score, score), title="Lines join means over seeds")
    right.axis("off")
    right.set_title("The best runs behind the points", fontsize=9)
    for row, (colour, text) in enumerate(lines):
        right.text(0.02, 0.95 - 0.06 * row, text, color=colour, fontsize=7, transform=right.transAxes, parse_math=False)
    if not shown:
        right.text(0.02, 0.9, f"no runs differ in {axis} alone and have {score}", fontsize=8, transform=right.transAxes)
    notes = [f"Grey: {sum(map(len, others))} runs of {len(others)} other families."] if others else []
    undefined = [run for runs in families(known, axis) for run in runs if score in run["scores"] and run["scores"][score] is None]
    if undefined:
        notes.append(f"Left out: {len(undefined)} with no {score}: one answer for all pairs.")
    right.text(0.02, -0.2, "\n".join(notes), fontsize=7, transform=right.transAxes)
    return figure


def _family(axes, runs, axis, score, values, colour, mark):
    """Every run a dot, the means over seeds joined."""
    x = np.array([values.index(run["config"][axis]) for run in runs])
    y = np.array([run["scores"][score] for run in runs])
    at = np.unique(x)
    thin = {"lw": 0.9, "alpha": 0.5} if colour == style.GREY else {}
    axes.plot(at, [y[x == place].mean() for place in at], color=colour, **thin)
    axes.plot(x, y, mark, color=colour, alpha=0.6)


def labels(shown, axis):
    """Each family's name and number of runs, and of its settings those that tell it from others of its name."""
    told = []
    for runs in shown:
        mine, parts = _flat(runs[0]["config"]), [runs[0]["name"]]
        alike = [_flat(others[0]["config"]) for others in shown if others[0]["name"] == runs[0]["name"]]
        for key in sorted(set().union(*alike) - {"seed"}):
            if key in mine and key.split()[0] != axis and any(one.get(key) != mine[key] for one in alike):
                parts.append(f"{key} {mine[key]}")
        told.append(f"{', '.join(parts)} ({len(runs)} runs)")
    return told


def _flat(config):
    """A config without tables in it: {"limit": {"sst": 640}} is {"limit sst": 640}."""
    flat = {}
    for key, value in config.items():
        flat |= {f"{key} {part}": one for part, one in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def views(record):
    """{name of a view: what draws it}: all that there is to see of a record, task by task."""
    found = {}
    for task in scored_on(record) if records.has_predictions(record) else ():
        if TASKS[task].kind == "score":
            here = {"true and predicted": partial(analysis.sts, record)}
        else:
            here = {
                "what was taken for what": partial(analysis.matrix, record, task),
                "recall and precision": partial(analysis.classes, record, task=task),
                "how sure": partial(analysis.calibration, record, task=task),
            }
        if task == "sst":
            here["how far off"] = partial(analysis.distance, record)
        if TASKS[task].is_pair:
            here["by shared words"] = partial(analysis.by_overlap, record, tasks=(task,))
        here["by length"] = partial(analysis.by_length, record, task=task)
        here["worst cases"] = partial(worst, record, task)
        found |= {f"{TASKS[task].title}: {view}": drawn for view, drawn in here.items()}
    return found


def worst(record, task, page=1, each=4):
    """Texts, truth and prediction of the worst cases, some to a page."""
    predictions, labels, _ = look(record, task)
    try:
        rows = facts.dev_rows(record, task)
    except MinbertError as reason:
        return note(f"The predictions are here, the sentences are not:\n{reason}")
    order = worst_cases(predictions, labels, task, most=10 * each)[each * (page - 1) : each * page]
    figure = Figure(figsize=(8.2, 0.85 * each + 0.4), layout="none")
    axes = figure.subplots(gridspec_kw=dict(left=0, right=1, bottom=0, top=1))
    axes.axis("off")
    for place, position in enumerate(order):
        example, said_by = rows.examples[position], _said(predictions[position], task)
        text = "\n".join(line for one in example.texts for line in textwrap.wrap(one, 112)[:2])
        height = 1 - (place + 0.25) / each
        axes.text(
            0.02,
            height + 0.08 / each,
            f"true {labels[position]:g}, predicted {said_by}",
            fontsize=8.5,
            color=style.RED,
            va="bottom",
        )
        axes.text(0.02, height, text, fontsize=9, va="top", parse_math=False)
    if not len(order):
        axes.text(0.02, 0.5, "no more errors", fontsize=10)
    return figure


def _said(prediction, task):
    """A prediction in words: the class with how sure, or the score."""
    if TASKS[task].kind == "score":
        return f"{prediction:.2f}"
    sure, chosen = confidence(prediction[None])
    return f"{chosen[0]}, {sure[0]:.0%} sure"


def as_first_shown():
    """What notebook 08's explorer shows first, of the runs that come with the course."""
    known = records.load_all([repo() / "data/runs"], "tiny")
    if not (axes := axes_of(known)):
        raise Missing("runs that differ in one setting; run `minbert sweep C2 --scale tiny --grid lr=1e-4,1e-3`")
    return explore_runs(known, axes[0])


def worst_as_first_shown():
    """Notebook 11's first page, of a run that comes with the course; its sentences are the invented ones."""
    known = records.load_all([repo() / "data/runs"], "tiny", "C2")
    if not known:
        raise Missing("a run on SST; run `minbert train C2 --scale tiny`")
    return worst(known[0], "sst")


FIGURES = {"08_16_explorer": as_first_shown, "11_9_worst_cases": worst_as_first_shown}
