"""The board: every system's published score beside our own recorded ones, at one scale.

Notable choices: one table, as text, as CSV and as the page SYSTEMS.md. A system's own score is the mean over the seeds of one
setting, with the sample's standard deviation; the setting is the system's line in the table, or where only a changed one was run
(a part of QQP, say) that one, and the column `setting` says so. Published numbers are BERT-base's; a gap to them is a distance
between models too, never a verdict.
"""

import json

import numpy as np
import pandas as pd

from ..files import write_atomic
from ..home import repo
from ..home import scale as scale_of
from . import published, records
from .systems import SEEN_IN, SYSTEMS, TITLES, system

AMOUNT = {"limit", "dev_limit", "epochs"}  # less of the same is nearer to a system than a switch turned
SCORES = ("sst", "qqp", "sts", "cfimdb", "mean", "mean_norm")


def board(scale="mini", where=None):
    """One row a system: what it is, what was published, what was reached here."""
    known = records.load_all(where, scale)
    printed = published.scores()
    rows = []
    for name in SYSTEMS:
        shown = (name, *SEEN_IN.get(name, ()))
        rows.append(_row(name, scale, [r for r in known if r["name"] in shown], printed))
    return pd.DataFrame(rows)


def _row(name, scale, found, printed):
    row = {"row": name.split("-")[0], "system": name, "title": TITLES[name], "records": len(found)}
    row |= {f"published_{score}": value for score, value in _published(name, printed).items()}
    group, changed = main_group(name, scale, [r for r in found if r["name"] == name])
    row["seeds"], row["setting"] = len(group), changed
    for score in SCORES:
        values = [r["scores"][score] for r in group if r["scores"].get(score) is not None]
        row[score] = np.mean(values) if values else np.nan
        row[f"{score}_sd"] = np.std(values, ddof=1) if len(values) > 1 else np.nan
        row[f"{score}_gap"] = row[score] - row.get(f"published_{score}", np.nan)
    for fact in ("parameters", "seconds", "steps_per_second"):
        row[fact] = np.mean([r[fact] for r in group]) if group else np.nan
    return row


def main_group(name, scale, found):
    """The records (one a seed) that speak for a system, and how their setting differs from its line in the table."""
    groups = {}
    for record in found:
        config = {key: value for key, value in record["config"].items() if key != "seed"}
        groups.setdefault((json.dumps(config, sort_keys=True), records.ground(record)), []).append(record)
    if not groups:
        return [], ""
    line = records.rounded(system(name, scale).to_dict())  # as records keep it: 3e-5 * 5 is a hair above 0.00015
    changes = {key: {k: v for k, v in json.loads(key[0]).items() if v != line[k] and k != "seed"} for key in groups}
    other = lambda key: len(changes[key].keys() - AMOUNT)
    best = min(groups, key=lambda key: (other(key), len(changes[key]), -len(groups[key]), key))
    return groups[best], ", ".join(f"{k}={json.dumps(v)}" for k, v in changes[best].items())


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
    """The board for a terminal: after what a system is and costs, each score as published → own ± spread (gap)."""
    lines = [("row", "system", "what", "records", "M weights", "minutes", "dev scores: published → own ± spread (gap)")]
    for _, row in frame.iterrows():
        scores = ", ".join(f"{s} {_journey(row, s)}" for s in SCORES if _has(row, f"published_{s}") or _has(row, s))
        size, minutes = _cost(row)
        lines.append((row["row"], row["system"], row["title"], str(row["records"] or ""), size, minutes, scores))
    *widths, _ = (max(map(len, column)) for column in zip(*lines))
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, (*widths, 0))).rstrip() for line in lines)


def _journey(row, score):
    """One score's way from the report to here."""
    said = f"{row[f'published_{score}']:.3f}" if _has(row, f"published_{score}") else ""
    own = f" → {_pm(row, score)}" if _has(row, score) else ""
    gap = f" ({row[f'{score}_gap']:+.3f})" if said and own else ""
    return (said + own + gap).strip()


def _cost(row):
    """(millions of parameters, minutes) as text, empty where nothing was run."""
    return (
        f"{row['parameters'] / 1e6:.1f}" if _has(row, "parameters") else "",
        f"{row['seconds'] / 60:.0f}" if _has(row, "seconds") else "",
    )


PAGE = """# Every system of the five reports, beside what was reached here

Written by `minbert systems --write` from the records in `data/runs`{title}; `minbert systems --csv` gives more, to machines.
**Published scores are BERT-base's**, so a gap to them is a distance between models too. Own scores: mean over seeds ± standard
deviation, on dev (EKJ's E3 was published on test only); a changed setting stands in brackets. `mean` takes the STS correlation r
as it is, `mean_norm` takes (r + 1) / 2: never compare one with the other; published ones are recomputed from their parts.
SerBERTus gives S10's tasks each at its own best epoch; where it prints the mean of one epoch, as ours are, that stands here.
QQP's training file here is a rebuilt part of the official one. Every system runs by its name: `minbert train NAME --scale mini`.

| row | system | what | published | own | gap | records | parameters, millions | minutes |
|---|---|---|---|---|---|---|---|---|
"""


def page(scale="mini"):
    """The board of the committed records as a page."""
    lines = []
    for _, row in board(scale, [repo() / "data/runs"]).iterrows():
        shown = [s for s in ("sst", "qqp", "sts", "cfimdb", "mean", "mean_norm") if _has(row, f"published_{s}") or _has(row, s)]
        said = " ".join(f"{s} {row[f'published_{s}']:.3f}" for s in shown if _has(row, f"published_{s}"))
        own = " ".join(f"{s} {_pm(row, s)}" for s in shown if _has(row, s)) + (f" ({row['setting']})" if row["setting"] else "")
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
