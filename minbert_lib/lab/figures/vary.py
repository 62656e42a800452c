"""Runs that differ in one thing: the records behind a sweep's figure, and the panel that draws them beside published
points.

Notable choices: what belongs together is decided by the settings, not by the name: a run of C2 is a point of S6's
line where all but the weight decay agrees. Where a row was run with other fixed settings than its line (fewer epochs,
say), those runs are taken and the caption tells. Every run is a dot; the line joins the means over seeds.
"""

import json

import numpy as np

from .. import published, records
from ..systems import system
from . import Missing, style

SEEDS = "--seeds 0,1,2"


def command(name, scale="mini", *more):
    """What a person types to have the records."""
    return " ".join(("minbert sweep", name, "--scale", scale, SEEDS, *more))


def family(name, fields, scale="mini", least=2, **like):
    """Records like the system `name` (with `like` changed) in all but `fields`, seed and name; Missing where fewer than
    `least` different settings are recorded."""
    line = rest(records.rounded(system(name, scale, **like).to_dict()), fields)
    groups = {(line, ""): []}
    for record in records.load_all(scale=scale):
        if "data" in record:  # another program's run has none
            groups.setdefault((rest(record["config"], fields), records.ground(record)), []).append(record)
    fits = lambda run: run["name"] == name and all(run["config"][k] == records.rounded(v) for k, v in like.items())
    usable = {key: _once(name, fields, runs) for key, runs in groups.items() if key[0] == line or any(map(fits, runs))}
    settings = {key: len({setting(run, fields) for run in runs}) for key, runs in usable.items()}
    best = max(usable, key=lambda key: (settings[key], key[0] == line, len(usable[key]), key))
    if settings[best] < least:
        raise Missing(f"run `{command(name, scale)}`")
    return sorted(usable[best], key=lambda run: (setting(run, fields), run["config"]["seed"]))


def _once(name, fields, runs):
    """Each setting and seed once: one run may be recorded under two rows' names. A dropout "as the checkpoint says" is no point."""
    rates = [field for field in fields if field.endswith("dropout")]
    seen, runs = {}, [run for run in runs if all(run["config"][rate] is not None for rate in rates)]
    for run in sorted(runs, key=lambda run: (run["name"] != name, run["name"], run["key"])):
        seen.setdefault((setting(run, fields), run["config"]["seed"]), run)
    return list(seen.values())


def rest(config, fields):
    return json.dumps({k: v for k, v in config.items() if k not in (*fields, "seed", "name")}, sort_keys=True)


def setting(run, fields):
    """The values of `fields` in a run, as text that tells settings apart and sorts."""
    return json.dumps([run["config"][field] for field in fields], sort_keys=True)


def either(find):
    """(what `find` gives, "") or (None, why its records are missing): a figure with published points can be drawn without."""
    try:
        return find(), ""
    except Missing as reason:
        return None, f"Own runs not recorded yet: {reason}."


def told(runs, name, fields=(), scale="mini"):
    """For a caption: model, number of runs and seeds, and how their fixed settings differ from the row's line."""
    config, line = runs[0]["config"], records.rounded(system(name, scale).to_dict())
    changed = {k: v for k, v in config.items() if k not in (*fields, "seed", "name") and v != line[k]}
    some = lambda count, what: f"{count} {what}" + "s" * (count != 1)
    text = f"{runs[0]['model']}: {some(len(runs), 'run')}, {seeds_of(runs, fields)}, {some(config['epochs'], 'epoch')}"
    if changed:
        text += "; unlike " + name + ": " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in changed.items())
    return text + "." + data_note(runs)


def seeds_of(runs, fields=None):
    """For a caption: how many seeds a point has, fewest to most; points differ in `fields`, if these are given, else in any setting."""
    points = {}
    for run in runs:
        point = rest(run["config"], ()) if fields is None else setting(run, fields)
        points.setdefault(point, set()).add(run["config"]["seed"])
    fewest, most = (pick(map(len, points.values())) for pick in (min, max))
    return f"{most} seed{'s' * (most > 1)}" if fewest == most else f"{fewest} to {most} seeds a point"


def rows_read(runs, task):
    """For a caption: how many training rows these runs read of a task, fewest to most; "" where none did."""
    found = {run["data"][f"train/{task}"]["rows"] for run in runs if f"train/{task}" in run.get("data", {})}
    return " to ".join(f"{rows:,}" for rows in sorted({min(found), max(found)})) if found else ""


def data_note(runs):
    """What a reader must know of the data: a subset, or MiniLM's and Quora's special relation."""
    if not (rows := rows_read(runs, "qqp")):
        return ""
    files = sorted({run["data"]["train/qqp"]["file"] for run in runs if "train/qqp" in run.get("data", {})})
    note = f" QQP: {rows} training rows of {' or '.join(files)}."
    return note + (" MiniLM-L6's own training saw Quora pairs." if "MiniLM" in runs[0]["model"] else "")


def differing(groups):
    """For a caption: which systems of {name: runs} learnt for other epochs or from other rows than most; "" where none did."""
    amounts, notes = {}, {}  # {what: {how much: names}}, {how it differs: what}
    for name, runs in groups.items():
        config, limit = runs[0]["config"], runs[0]["config"]["limit"]
        rows = {f"rows of {task.upper()}": f"{limit[task]:,}" if task in limit else "all" for task in config["tasks"]}
        for what, much in {"epochs": config["epochs"], **rows}.items():
            amounts.setdefault(what, {}).setdefault(much, []).append(name)
    for what, names in amounts.items():
        usual, *others = sorted(names, key=lambda much: -len(names[much]))
        if others:
            unlike = " and ".join(f"{much} in {', '.join(names[much])}" for much in others)
            notes.setdefault(f"{usual}, but {unlike}", []).append(what)
    parts = "; ".join(f"{', '.join(what)}: {text}" for text, what in notes.items())
    return f" Not all alike in {parts}." if parts else ""


def panel(axes, runs, field, score, colour=style.BLUE, label="own runs", place=lambda value: value):
    """Every run a dot over its value, the mean over seeds a line; a cross below where a score is undefined. `place` brings a value to x."""
    x = np.array([place(run["config"][field]) for run in runs], dtype=float)
    y = np.array([score(run) for run in runs], dtype=float)
    at = np.unique(x)
    axes.plot(at, [y[x == value].mean() for value in at], color=colour, label=label)
    each_run(axes, x, y, colour)


def each_run(axes, x, y, colour, label=None):
    """Every run a dot; where its score is undefined, a cross at the foot."""
    axes.plot(x, y, "o", color=colour, alpha=0.6, label=label)
    if (gone := np.isnan(y)).any():
        low = axes.get_xaxis_transform()
        x = np.asarray(x)[gone]
        axes.plot(x, np.full(len(x), 0.04), "x", color=colour, transform=low, label="no r: one answer for all pairs")


def printed(axes, x, y, top=None, label="published (BERT-base)"):
    """Published points; a thin line up to the best seed where the report gives it."""
    if top is not None:
        for place, low, high in zip(x, y, top):
            axes.plot([place] * 2, [low, high], color=style.BLACK, lw=0.8)
    axes.plot(x, y, **style.PUBLISHED, label=label)


def dev_score(task):
    return lambda run: run["scores"][task] if run["scores"].get(task) is not None else np.nan


def relative(runs, base, measure):
    """`measure` of each run over that of `base` with the same seed: they ran side by side, on a machine as busy."""
    first = {run["config"]["seed"]: measure(run) for run in base}
    return [measure(run) / first.get(run["config"]["seed"], np.mean(list(first.values()))) for run in runs if first]


def categories(axes, values, named=lambda value: f"{value:g}"):
    """Values as equally spaced places on the x axis; → {value: place}."""
    values = sorted(set(values))
    axes.set_xticks(range(len(values)), [named(value) for value in values])
    return {value: place for place, value in enumerate(values)}


def rates(axes, values):
    """A log axis that names the values that were run."""
    values = sorted(set(values))
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values], rotation=45, fontsize=7.5)
    axes.set_xticks([], minor=True)


def of_report(report):
    return report + ("'" if report.endswith(("s", "S")) else "'s")


def said(row, quantity):
    """(low, high) of what only a report's running text says."""
    table = published.table("said")
    line = table[(table["row"] == row) & (table["quantity"] == quantity)].iloc[0]
    return float(line["low"]), float(line["high"])
