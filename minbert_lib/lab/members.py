"""From recorded runs to an ensemble: who may join, who is chosen, what the team reaches and what it costs.

Notable choices: a task's candidates are the runs that were scored on one and the same dev file, told by its hash; their stored
predictions are all that choosing needs, no weights and no training data. Every choice is scored twice, the usual way and on
folds that had no part in it. A team's cost is that of its distinct runs, each counted once whatever it serves. ensemble.json,
beside the files to hand in, says all that it takes to make them again: candidates, members, rule, scores and command.
"""

import json
import operator
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import MinbertError
from ..files import write_atomic
from ..home import scale as scale_of
from ..learn.metrics import decide, means
from ..text import iter_file
from ..text.rows import find_file
from . import records
from .config import THREE
from .ensemble import CUTS, Ensemble, Honest, average_predictions, cross_validated_greedy, greedy_ensemble, score_of
from .facts import facts
from .submission import SPLITS, check_submission, submission_path, write_submission

NAME = "ensemble.json"
SINGLE = "single model"
HOW = (
    "a task's members: from the candidate that is best on dev, the one that helps most is added while the dev score does not fall; "
    "their unrounded predictions are averaged. cross_validated: the same choice on all but one of {folds} parts of dev, scored on that "
    "one, the mean of {cuts} ways to cut dev; range: the lowest and the highest of these"
)


@dataclass(frozen=True)
class Pool:
    """One task's candidates, lined up example by example."""

    task: str
    runs: list  # records
    predictions: list  # one array (n, …) a run, on dev
    labels: np.ndarray  # (n,)

    def score(self, chosen):
        """The dev score of the plain mean of these candidates."""
        return score_of(self.task)(average_predictions([self.predictions[i] for i in chosen]), self.labels)


@dataclass(frozen=True)
class Team:
    """The candidates that were chosen for one task."""

    pool: Pool
    ensemble: Ensemble
    honest: Honest

    @property
    def runs(self):
        return [self.pool.runs[i] for i in self.ensemble.chosen]


def recorded(runs, scale):
    """The records of `runs` (systems' names, keys, folders of finished runs), each once; of all runs where none is named."""
    known, found = records.load_all(scale=scale), {}
    for name in runs:
        named = [run for run in known if name in (run["name"], run["key"])]
        if not named and (Path(name) / "result.json").is_file():
            named = [_of_folder(name)]
        if not named:
            raise MinbertError(f"nothing recorded at scale {scale} is called {name!r}, and it is no finished run's folder")
        for run in named:  # if twice, by its system and by its folder, it keeps the folder
            ident = run["name"], run["key"]
            found[ident] = found.get(ident, {}) | run
    return list(found.values()) if runs else known


def _of_folder(folder):
    """A finished run's record with its stored predictions, which lie beside it or with the other records (of the same epoch's weights)."""
    here, alike = records.load(Path(folder) / "result.json"), operator.itemgetter("name", "key", "best_epoch")
    known = records.load_all(scale=here["config"]["scale"], name=here["name"])
    twin = next((run for run in known if alike(run) == alike(here)), here)
    records.predictions(twin)  # refused here where they are nowhere
    return {**twin, "folder": str(folder)}


def where(run):
    """By what `minbert predict` finds a run's weights."""
    return run.get("folder", run["key"])


def taught(known, epochs):
    """The runs that read their data at least so many times: a sweep's short runs are experiments, not candidates."""
    return [run for run in known if run["config"]["epochs"] >= epochs]


LEAST = 0.3  # of the rows that the best taught candidate learned from


def pool(task, known, least=LEAST):
    """The runs of `known` that were scored on the same dev rows of `task` (the most rows, then the most runs); None where there is none.

    Runs that learned from fewer than `least` of the rows that another one had are no candidates: an experiment's small runs would crowd the field.
    Nor are those whose score does not exist: one answer for all pairs has no r, and in a team it changes nothing.
    """
    groups = {}
    for run in known:
        about = run.get("data", {}).get(f"dev/{task}")
        if about and run["scores"].get(task) is not None and records.has_predictions(run):
            groups.setdefault((about["rows"], about["sha256"]), []).append(run)
    if not groups:
        return None
    runs = groups[max(groups, key=lambda group: (group[0], len(groups[group])))]
    taught = [run["data"].get(f"train/{task}", {}).get("rows", 0) for run in runs]
    plain = [rows for run, rows in zip(runs, taught) if task not in run["config"].get("augment", {})]  # augmented rows are copies
    runs = [run for run, rows in zip(runs, taught) if rows >= least * max(plain or taught)]
    labels = facts(runs[0], task)["labels"]
    predictions = [records.predictions(run)["dev"][task] for run in runs]
    return Pool(task, runs, predictions, labels)


def choose(known, tasks=THREE, replacement=False, limit=None, folds=5, least=LEAST):
    """{task: Team} by greedy addition, for every task that some run was scored on."""
    teams = {}
    for task in tasks:
        if candidates := pool(task, known, least):
            score, here = score_of(task), (candidates.predictions, candidates.labels)
            found = greedy_ensemble(*here, score, replacement, limit)
            honest = cross_validated_greedy(*here, score, folds, replacement=replacement, limit=limit)
            teams[task] = Team(candidates, found, honest)
    if not teams:
        raise MinbertError("none of these runs has stored dev predictions: `minbert train` records them with every run")
    return teams


def ways(teams):
    """The table of SerBERTus' Table 7 for one's own runs: a row a way of making one answer, its scores and its cost.

    A single model is one encoder for all tasks; where no run is one, the row is left out and `lacking` says so.
    """
    rows = {}
    serve_all = [run for run in next(iter(teams.values())).pool.runs if all(run in team.pool.runs for team in teams.values())]
    serve_all = [run for run in serve_all if all(run["scores"][task] is not None for task in teams)]  # constant answers have no r
    alone = [run for run in serve_all if run["config"]["beside"] == "none"]
    single = [run for run in alone if run["config"]["own_layers"] == 0]
    shared = [run for run in alone if run["config"]["own_layers"] not in (0, "all")]
    for name, runs in ((SINGLE, single), ("shared lower layers", shared)):
        if runs:
            best = max(runs, key=lambda run: np.mean([run["scores"][task] for task in teams]))
            rows[name] = _way({task: best["scores"][task] for task in teams}, [best])
    first = {task: team.ensemble.path[0] for task, team in teams.items()}  # the greedy way starts with the best
    rows["best per task"] = _way(first, [team.runs[0] for team in teams.values()])
    chosen = [run for team in teams.values() for run in team.runs]
    rows["ensemble"] = _way({task: team.ensemble.score for task, team in teams.items()}, chosen)
    rows["ensemble, cross-validated"] = _way({task: team.honest.honest for task, team in teams.items()}, chosen)
    return rows


def lacking(rows, scale):
    """What to do where `ways` found no single model, or an empty string."""
    command = f"`minbert train S10-multi --scale {scale}`"
    return "" if SINGLE in rows else f"No candidate for all tasks is a single model: {command} makes one."


def _way(scores, runs):
    distinct = list({run["key"]: run for run in runs}.values())
    cost = {"parameters": sum(run["parameters"] for run in distinct), "seconds": _seconds(distinct)}
    return {**scores, **means(scores), **cost, "models": len(distinct)}


def _seconds(runs):
    """Of all runs together; a pre-training that several share counts once, and its first steps are the others' too."""
    before = {}
    for run in runs:
        if made := run.get("pretraining"):
            before[made["of"]] = max(before.get(made["of"], 0.0), made["seconds"] or 0.0)
    return sum(run["seconds"] for run in runs) + sum(before.values())


def as_text(teams):
    """What was chosen and what it gives, for a terminal."""
    lines = []
    for task, team in teams.items():
        candidates = team.pool
        one = len(candidates.runs) == 1
        lines.append(f"{task}: {len(candidates.runs)} candidate{'s' * (not one)}, {len(candidates.labels):,} dev examples")
        lines += [f"  {value:.4f}  + {named(run)}" for run, value in zip(team.runs, team.ensemble.path)]
        if one:
            continue  # nothing was chosen, and so nothing flatters
        low, high = min(team.honest.each), max(team.honest.each)
        flattery = f"{team.honest.optimism:+.4f} (dev cut in {len(team.honest.each)} ways: {low:.4f} to {high:.4f})"
        lines.append(f"  {team.honest.honest:.4f}  cross-validated: the choice flatters itself by {flattery}")
        lines.append(f"  {candidates.score(range(len(candidates.runs))):.4f}  all candidates averaged, nothing chosen")
    columns = [*teams, *(name for name in ("mean", "mean_norm") if set(THREE) <= set(teams))]
    lines.append(f"{'':<28}" + "".join(f"{name:>10}" for name in (*columns, "models", "million", "minutes")))
    table = ways(teams)
    for name, row in table.items():
        cost = f"{row['models']:>10}{row['parameters'] / 1e6:>10.1f}{row['seconds'] / 60:>10.1f}"
        lines.append(f"{name:<28}" + "".join(f"{row[column]:>10.4f}" for column in columns) + cost)
    return "\n".join([*lines, lacking(table, _scale(teams))]).rstrip()


def _scale(teams):
    return next(iter(teams.values())).runs[0]["config"]["scale"]


def named(run):
    """A run in a few words: its system, its seed, and its key, by which it can be found."""
    return f"{run['name']} seed {run['config']['seed']} ({run['key']})"


def hand_in(teams, out, **options):
    """Write the submission files from the members' stored predictions, checked, and ensemble.json; → their paths.

    A file whose rows are not those that every member predicted is not written, and the reason is told: a stored prediction knows its
    row by its place alone. `options`: how the teams were chosen, as `choose` took it (replacement, limit, folds).
    """
    place = scale_of(_scale(teams)).data
    paths = []
    for task, team in teams.items():
        for split in SPLITS:
            try:
                source = find_file(task, split, place)
                ids = [example.id for example in iter_file(source, task, split)]
                stored = [_of_these_rows(run, task, split, source, len(ids)) for run in team.runs]
            except MinbertError as error:
                path = submission_path(out, task, split)
                path.unlink(missing_ok=True)  # an older one is another team's
                print(f"{path}: not written, {error}", file=sys.stderr)
                continue
            paths.append(write_submission(out, task, split, ids, decide(average_predictions(stored), task)))
            if wrong := check_submission(paths[-1], ids, task):
                raise MinbertError(wrong[0])
    paths.append(Path(out) / NAME)
    write_atomic(paths[-1], json.dumps(records.rounded(described(teams, **options)), indent=1) + "\n")
    return paths


def _of_these_rows(run, task, split, source, rows):
    """A run's stored predictions for one split, if they are of the rows of the file `source`."""
    found = records.predictions(run).get(split, {}).get(task)
    if found is None:
        raise MinbertError(f"{named(run)} has no {split} predictions for {task}")
    about = run["data"].get(f"{split}/{task}", {})
    if about.get("sha256", records.fingerprint(source)) != records.fingerprint(source):
        raise MinbertError(f"{named(run)} predicted another {about['file']} ({about['rows']:,} rows) than {source} ({rows:,})")
    if len(found) != rows:
        raise MinbertError(f"{named(run)} predicted {len(found):,} of the {rows:,} rows of {source}")
    return found


def described(teams, replacement=False, limit=None, folds=5):
    """What ensemble.json holds: who was chosen, from whom and how, what that gives, and the command that does it again."""
    table, runs = ways(teams), [run for team in teams.values() for run in team.pool.runs]
    one, many, here = "ensemble, cross-validated", "ensemble", _scale(teams)
    switches = ["--replacement"] * replacement + [f"--limit {limit}"] * (limit is not None) + [f"--folds {folds}"] * (folds != 5)
    switches += [f"--task {task}" for task in teams if len(teams) == 1]
    command = ["minbert ensemble", *dict.fromkeys(map(where, runs)), f"--scale {here}", *switches, "--out FOLDER"]
    scores = {name: {"dev": table[many][name], "cross_validated": table[one][name]} for name in means(table[many])}
    cost = {fact: table[many][fact] for fact in ("models", "parameters", "seconds")}
    return {
        "command": " ".join(command), "model": runs[0]["model"], "scale": here, "how": HOW.format(folds=folds, cuts=CUTS), **scores, **cost,
        "tasks": {task: _described(team) for task, team in teams.items()},
    }  # fmt: skip


def _described(team):
    each, task = team.honest.each, team.pool.task
    scores = {"dev": team.ensemble.score, "cross_validated": team.honest.honest, "range": [min(each), max(each)]}
    of = team.runs[0]["data"]
    files = {split: of[f"{split}/{task}"] for split in SPLITS if f"{split}/{task}" in of}  # what the submission files answer
    candidates = [run["key"] for run in team.pool.runs]
    return {**scores, "files": files, "members": [_member(run) for run in team.runs], "candidates": candidates}


def _member(run):
    known = {"name": run["name"], "seed": run["config"]["seed"], "key": run["key"]}
    return known | ({"folder": str(Path(run["folder"]).resolve())} if "folder" in run else {})


def read_ensemble(folder):
    """What `described` wrote there; None where no ensemble is."""
    path = Path(folder) / NAME
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        [member["key"] for team in found["tasks"].values() for member in team["members"]]
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise MinbertError(
            f"{path}: no ensemble can be read from it ({error!r}); `minbert ensemble … --out` writes one"
        ) from error
    return found
