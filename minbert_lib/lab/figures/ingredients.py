"""What each ingredient gave: recorded runs that are one switch apart, compared on the same dev examples.

Notable choices: a pair is found by its settings, seed, data and arithmetic, whatever its runs are called, and without the switch means its
default. Where a switch was recorded at several settings the table's own line speaks, else the one with most seeds; the others are
grey dots, for to show the best of them would be to choose on dev. The interval redraws examples, the same for all seeds.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from ...learn.metrics import decide
from ...text.tasks import TASKS
from .. import records, stats
from ..config import DEFAULTS, THREE
from ..facts import facts
from ..systems import system
from . import Missing, style
from .vary import command, data_note, dev_score, rest, setting


@dataclass(frozen=True)
class Ingredient:
    row: str  # has it
    without: str  # the row that has it not
    fields: tuple  # the switch, and what matters only where it is on
    mine: Callable = lambda config: True  # where one switch serves several ingredients

    def is_on(self, config):
        return not self.is_off(config) and self.mine(config)

    def is_off(self, config):
        return config[self.fields[0]] == getattr(DEFAULTS, self.fields[0])


def _reads_critics(config):
    return config["pretrain"].get("text") == "critics"


INGREDIENTS = {
    "SMART": Ingredient("W-smart", "C2", ("smart", "smart_options")),
    "further pre-training, own text": Ingredient("S13", "C2", ("pretrain",), lambda config: not _reads_critics(config)),
    "further pre-training, critics": Ingredient("W-domain", "C2", ("pretrain",), _reads_critics),
    "own top layers (CerBERTus)": Ingredient("S10-2", "S10-multi", ("own_layers",)),
    "both orders averaged": Ingredient("W-cross-both", "S11", ("both_orders",)),
    "layer decay": Ingredient("S7", "C2", ("layer_decay",)),
    "other tasks first": Ingredient("W-tasks-first", "C2", ("start",)),
    "soft labels": Ingredient("W-distilled", "C2", ("soft_labels",)),
}


def pairs(known, ingredient):
    """{(all else, the switch's setting): [(run with it, run without)]}, one pair a seed."""
    without, found = {}, {}
    for run in known:
        if ingredient.is_off(run["config"]):
            without.setdefault(_all_else(run, ingredient), run)
    for run in known:
        twin = without.get(_all_else(run, ingredient))
        if twin and ingredient.is_on(run["config"]):
            group = _all_else(run, ingredient)[:-1], setting(run, ingredient.fields)
            found.setdefault(group, {}).setdefault(run["config"]["seed"], (run, twin))
    return {group: list(by_seed.values()) for group, by_seed in found.items()}


def _all_else(run, ingredient):
    return rest(run["config"], ingredient.fields), records.ground(run), run["config"]["seed"]


def speaks_first(groups, task, ingredient, scale):
    """The groups that were scored on a task; first the one that speaks for the ingredient: it read most of the task, and least beside it."""
    line = setting({"config": records.rounded(system(ingredient.row, scale).to_dict())}, ingredient.fields)
    rows = lambda runs: runs[0][0]["data"].get(f"train/{task}", {}).get("rows", 0)
    tasks = lambda runs: len(runs[0][0]["config"]["tasks"])
    scored = [group for group in groups if f"dev/{task}" in groups[group][0][0]["data"]]
    rank = lambda group: (group[1] != line, -len(groups[group]), -rows(groups[group]), tasks(groups[group]), group)
    return [groups[group] for group in sorted(scored, key=rank)]


def gain(runs, task):
    """With less without: the mean over seeds, and its interval."""
    labels, kind = facts(runs[0][0], task)["labels"], TASKS[task].kind
    answers = [[decide(records.predictions(run)["dev"][task], task) for run in pair] for pair in runs]
    return stats.paired_over_seeds(answers, labels, "pearson" if kind == "score" else "accuracy")


def ingredients(scale="mini"):
    """What each ingredient of the best systems gave by itself: score with it less score without, seed by seed."""
    known = [run for run in records.load_all(scale=scale) if records.has_predictions(run)]
    found = {name: pairs(known, ingredient) for name, ingredient in INGREDIENTS.items()}
    by_task = {
        task: {name: speaks_first(groups, task, INGREDIENTS[name], scale) for name, groups in found.items()} for task in THREE
    }
    tasks = [task for task, lists in by_task.items() if any(lists.values())]
    if not tasks:
        first = next(iter(INGREDIENTS.values()))
        raise Missing(f"run `{command(first.row, scale)}` and the same for {first.without}")
    told = _told({task: by_task[task] for task in tasks}, scale)
    figure = Figure(figsize=(style.WIDE, 0.3 * len(found) + 1.3 + 0.0015 * len(told)), layout="constrained")
    for axes, task in zip(np.atleast_1d(figure.subplots(1, len(tasks), sharey=True)), tasks):
        for y, lists in enumerate(by_task[task].values()):
            _row(axes, y, lists, task)
        axes.axvline(0, color=style.BLACK, lw=1)
        axes.set(xlabel="score with − without", title=style.TASK_NAME[task], ylim=(len(found) - 0.5, -0.5))
        axes.xaxis.get_major_locator().set_params(nbins=9 // len(tasks))
        axes.set_yticks(range(len(found)), list(found), fontsize=8.5)
    style.caption(figure, told)
    return figure


def _row(axes, y, lists, task):
    """One ingredient on one task."""
    if not lists:
        words = {"fontsize": 7, "color": style.GREY, "bbox": {"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none"}}
        axes.annotate("no pair yet", (0, y), (5, 0), textcoords="offset points", va="center", **words)
        return
    score = dev_score(task)
    difference = lambda pair: score(pair[0]) - score(pair[1])
    first, *others = lists
    axes.plot(
        [np.mean([*map(difference, runs)]) for runs in others], [y + 0.25] * len(others), "o", color=style.GREY, ms=3, alpha=0.6
    )
    mean = gain(first, task)
    axes.plot([mean.low, mean.high], [y, y], color=style.TASK_COLOUR[task], lw=7, alpha=0.25, solid_capstyle="butt")
    axes.plot([*map(difference, first)], [y] * len(first), "o", color=style.TASK_COLOUR[task])
    axes.plot(mean.value, y, "|", color=style.TASK_COLOUR[task], ms=15)


def _told(by_task, scale):
    """For the caption: whose pairs these are, and what makes those that are not there."""
    settings, runs = {}, []
    for task, lists in by_task.items():
        for name, (first, *_) in ((name, groups) for name, groups in lists.items() if groups):
            settings.setdefault(f"{name}, {_setting(first, INGREDIENTS[name])}", []).append(task.upper())
            runs.append(first[0][0])
    notes = dict.fromkeys(sentence for run in runs for sentence in data_note([run]).strip().replace(". ", ".\n").splitlines())
    lines = [f"{runs[0]['model']}. Dot: two runs of one seed, one switch apart; bar: 95 % interval of their mean, dev examples drawn "
             "anew; grey: means at other settings."]  # fmt: skip
    lines.append(
        " ".join(f"{', '.join(tasks)}: {text}." for text, tasks in settings.items()) + "".join(f" {note}" for note in notes)
    )
    there = {name for lists in by_task.values() for name, groups in lists.items() if groups}
    if lacking := [f"{name}: {one.without}, {one.row}" for name, one in INGREDIENTS.items() if name not in there]:
        lines.append(f"No pair yet: run `{command('ROW', scale)}` for the two rows of {'; '.join(lacking)}.")
    return "\n".join(lines)


def _setting(runs, ingredient):
    """How these runs have the ingredient, and on what ground."""
    run, seeds = runs[0][0], len(runs)
    how = ", ".join(f"{field} = {json.dumps(run['config'][field])}" for field in ingredient.fields)
    rows = ", ".join(f"{task.upper()} {run['data'][f'train/{task}']['rows']:,}" for task in run["config"]["tasks"])
    return f"{how}: {seeds} seed{'s' * (seeds > 1)}, epochs: {run['config']['epochs']}, training rows: {rows}"


FIGURES = {"10_5_ingredients": ingredients}
