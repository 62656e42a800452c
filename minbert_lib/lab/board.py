"""The board: every system's published score beside our own recorded ones, at one scale.

Notable choices:
- One table, as text, as CSV and as the page SYSTEMS.md.
- A system's own score is the mean over the seeds of one setting, with the sample's standard deviation. The setting is the system's
  line in the table; where only others were run it is the nearest of them (`_far` says what is near), and the column `setting` tells it.
- A row that is a view of other systems' runs shows the nearest of these; the column `source` says whose. S14 shows the committed
  ensemble, and W-folds the same as scored on folds that had no part in choosing it.
- Parameters are those of the records, else counted from the shape of the scale's weights. Minutes include pre-training.
- Published numbers are BERT-base's; a gap to them is a distance between models too, never a verdict.
"""

import json
from math import inf, log

import numpy as np
import pandas as pd

from ..files import write_atomic
from ..home import repo
from ..home import scale as scale_of
from ..text.tasks import TASKS
from . import cost, published, records
from .members import read_ensemble
from .systems import SEEN_IN, SYSTEMS, TITLES, system

ROWS = {"limit", "dev_limit"}  # which settings decide how many rows there are
AMOUNT = ROWS | {"epochs"}  # less of the same is nearer to a system than a switch turned
IDENTITY = {"name", "seed"}
SCORES = ("sst", "qqp", "sts", "cfimdb", "mean", "mean_norm")
ENSEMBLE = "data/predictions/best-ensemble"
OF_ENSEMBLE = {"S14": "dev", "W-folds": "cross_validated"}  # rows whose own score is an ensemble's, and which of its scores


def board(scale="mini", where=None):
    """One row a system: what it is, what was published, what was reached here."""
    where = where or records.folders()
    known = records.load_all(where, scale)
    team = read_ensemble(repo() / ENSEMBLE)
    if team and (team["scale"] != scale or repo() / "data/runs" not in where):
        team = None  # it stands beside the committed runs, and is one of them
    printed = published.scores()
    return pd.DataFrame([_row(name, scale, known, team, printed) for name in SYSTEMS])


def _row(name, scale, known, team, printed):
    said = _published(name, printed)
    own = _of_team(name, team) if name in OF_ENSEMBLE else _of_runs(name, scale, known)
    row = {"row": name.split("-")[0], "system": name, "title": TITLES[name], "records": own.pop("records")}
    row |= {f"published_{score}": said.get(score, np.nan) for score in SCORES} | own
    return row | {f"{score}_gap": row[score] - said.get(score, np.nan) for score in SCORES}


def _of_runs(name, scale, known):
    """Own scores and costs of a system: of its runs, or of the nearest ones that it is a view of."""
    mine, seen = ([r for r in known if r["name"] in names] for names in ((name,), SEEN_IN.get(name, ())))
    group, _ = main_group(name, scale, mine or seen)
    source = group[0]["name"] if group else ""
    row = {"records": len(mine + seen), "source": source, "seeds": len(group)}
    lost = sum(r["scores"].get("sts", 0) is None for r in group)
    told = (main_group(source, scale, group)[1], lost and f"r undefined in {lost} of {len(group)}: one answer for all pairs")
    row["setting"] = ", ".join(filter(None, told))  # beside the line of the one that was run
    for score in SCORES:
        scored = group
        if mine and score in TASKS and not any(score in r["scores"] for r in group):  # its runs are of one task each
            scored, _ = main_group(name, scale, [r for r in mine if r["config"]["tasks"] == [score]])
        values = [r["scores"][score] for r in scored if r["scores"].get(score) is not None]
        row[score] = np.mean(values) if values else np.nan
        row[f"{score}_sd"] = np.std(values, ddof=1) if len(values) > 1 else np.nan
    size = [r["parameters"] for r in group] or [cost.parameters(system(name, scale), cost.shape(scale))]
    row |= {"parameters": np.mean(size), "seconds": np.nan, "steps_per_second": np.nan}
    if group:
        row["seconds"], row["steps_per_second"] = np.mean([(records.took(r), r["steps_per_second"]) for r in group], axis=0)
    return row


def _of_team(name, team):
    """The same for a row whose score is an ensemble's."""
    unknown = {fact: np.nan for score in SCORES for fact in (score, f"{score}_sd")} | {"steps_per_second": np.nan}
    if team is None:
        return unknown | {"records": 0, "source": "", "seeds": 0, "setting": "", "parameters": np.nan, "seconds": np.nan}
    scores = {score: said[OF_ENSEMBLE[name]] for score, said in (team["tasks"] | team).items() if score in SCORES}
    how = {
        "dev": f"on the dev sets it was chosen on; cross-validated, mean {team['mean']['cross_validated']:.3f}",
        "cross_validated": "each part of dev by a team chosen without it",
    }
    source, setting = f"{ENSEMBLE}, {team['models']} models", how[OF_ENSEMBLE[name]]
    own = {"records": team["models"], "source": source, "seeds": 0, "setting": setting}
    return unknown | scores | own | {fact: team[fact] for fact in ("parameters", "seconds")}


def main_group(name, scale, found):
    """The records (one a seed) that speak for a system, and how their setting differs from its line in the table."""
    groups = {}
    for record in found:
        config = {key: value for key, value in record["config"].items() if key != "seed"}
        groups.setdefault((json.dumps(config, sort_keys=True), records.ground(record)), []).append(record)
    if not groups:
        return [], ""
    line = records.rounded(system(name, scale).to_dict())  # as records keep it: 3e-5 * 5 is a hair above 0.00015
    best = groups[min(groups, key=lambda key: (*_far(groups[key], line), key))]
    return best, ", ".join(f"{k}={json.dumps(v)}" for k, v in _changes(best[0], line).items())


def _changes(record, line):
    return {key: value for key, value in record["config"].items() if value != line[key] and key not in IDENTITY}


def _far(group, line):
    """How far a setting is from a system's line, the weightiest first: switches turned; training rows that it lacks; how far its
    numbers (a weight, a rate, epochs) were moved; dev rows that it lacks; seeds that it lacks."""
    changes = _changes(group[0], line)
    rows = {
        split: sum(fact["rows"] for name, fact in group[0].get("data", {}).items() if name.startswith(split))
        for split in ("train", "dev")
    }
    moved = sum(_ratio(value, line[key]) for key, value in changes.items() if key not in ROWS)
    return len(changes.keys() - AMOUNT), -rows["train"], moved, -rows["dev"], -len(group)


def _ratio(value, line):
    """|log| of the ratio of two numbers, so that 10 is nearer to 5 than 1 is, and 0 is no neighbour; of anything else no ratio can be told."""
    numbers = all(isinstance(part, (int, float)) and not isinstance(part, bool) and part > 0 for part in (value, line))
    return abs(log(value / line)) if numbers else inf


def _published(name, printed):
    """The report's own scores for this system: on dev, of the run it is about."""
    lines = printed[(printed["run"] == name) & (printed["split"] == "dev")]
    if lines.empty:
        lines = printed[printed["run"] == name]
    if lines.empty:
        return {}
    out = {score: lines[score].dropna().iloc[0] for score in ("sst", "qqp", "sts", "cfimdb") if lines[score].notna().any()}
    one = lines.loc[(lines["statistic"] == "one epoch") & (lines["mean_kind"] == "mean"), "published_mean"].dropna()
    if len(one):  # a mean of best epochs is no model's: own means are those of one epoch
        return out | {"mean": one.iloc[0]}
    both = {score: lines[score].dropna().iloc[0] for score in ("mean", "mean_norm") if lines[score].notna().any()}
    return out | both


def as_text(frame):
    """The board for a terminal: after what a system is and costs, each score as published → own ± spread (gap), and whose it is."""
    lines = [("row", "system", "what", "records", "M weights", "minutes", "dev scores: published → own ± spread (gap)")]
    for _, row in frame.iterrows():
        scores = ", ".join(f"{s} {_journey(row, s)}" for s in SCORES if _has(row, f"published_{s}") or _has(row, s))
        size, minutes = _cost(row)
        lines.append((row["row"], row["system"], row["title"], str(row["records"] or ""), size, minutes, scores + _whose(row)))
    *widths, _ = (max(map(len, column)) for column in zip(*lines))
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, (*widths, 0))).rstrip() for line in lines)


def _journey(row, score):
    """One score's way from the report to here."""
    said = f"{row[f'published_{score}']:.3f}" if _has(row, f"published_{score}") else ""
    own = f" → {_pm(row, score)}" if _has(row, score) else ""
    gap = f" ({row[f'{score}_gap']:+.3f})" if said and own else ""
    return (said + own + gap).strip()


def _whose(row):
    """In brackets, where an own score is not that of the system's very line: of which other one, and with what changed."""
    other = row["source"] if row["source"] != row["system"] else ""
    told = ": ".join(part for part in (other, row["setting"]) if part)
    return f" ({told})" if told else ""


def _cost(row):
    """(millions of parameters, minutes) as text, empty where it is not known."""
    return (
        f"{row['parameters'] / 1e6:.1f}" if _has(row, "parameters") else "",
        f"{row['seconds'] / 60:.0f}" if _has(row, "seconds") else "",
    )


PAGE = """# Every system of the five reports, beside what was reached here

Written by `minbert systems --write` from the records in `data/runs`{title}; `minbert systems --csv` gives more, to machines.
**Published scores are BERT-base's**, so a gap to them is a distance between models too. Own scores: mean over seeds ± standard
deviation, on dev (EKJ's E3 was published on test only); in brackets what was changed and, for a row that is a view of other
systems' runs, whose score it is. `mean` takes the STS correlation r as it is, `mean_norm` takes (r + 1) / 2: never compare one
with the other; published ones are recomputed from their parts. Parameters of what was not run are counted without its weights.
SerBERTus gives S10's tasks each at its own best epoch; where it prints the mean of one epoch, as ours are, that stands here.
QQP's training file here is a rebuilt part of the official one. A row's letter names its report: B SBRRT, E EKJ, M SMARTCS, P Siamese,
S SerBERTus; C are the course's baselines, W what the reports wished to try. Every system runs by its name: `minbert train NAME --scale mini`.

| row | system | what | published | own | gap | records | parameters, millions | minutes |
|---|---|---|---|---|---|---|---|---|
"""


def page(scale="mini"):
    """The board of the committed records as a page."""
    lines = []
    for _, row in board(scale, [repo() / "data/runs"]).iterrows():
        shown = [s for s in ("sst", "qqp", "sts", "cfimdb", "mean", "mean_norm") if _has(row, f"published_{s}") or _has(row, s)]
        said = " ".join(f"{s} {row[f'published_{s}']:.3f}" for s in shown if _has(row, f"published_{s}"))
        own = " ".join(f"{s} {_pm(row, s)}" for s in shown if _has(row, s)) + _whose(row)
        gap = " ".join(f"{s} {row[f'{s}_gap']:+.3f}" for s in shown if _has(row, f"{s}_gap"))
        cells = (row["row"], row["system"], row["title"], said, own, gap, row["records"], *_cost(row))
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return PAGE.format(title=f" ({scale_of(scale).title})") + "\n".join(lines) + "\n"


def write(scale="mini"):
    """Bring SYSTEMS.md up to date; → its path."""
    path = repo() / "SYSTEMS.md"
    write_atomic(path, page(scale))
    return path


def _pm(row, score):
    spread = row[f"{score}_sd"]
    return f"{row[score]:.3f}" + ("" if np.isnan(spread) else f"±{spread:.3f}")


def _has(row, name):
    return name in row and not pd.isna(row[name])
