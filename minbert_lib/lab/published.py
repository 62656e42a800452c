"""The five reports' numbers, read from data/published, and checked by doing their sums again.

Notable choices: the CSV files keep each number with the digits that the report prints, because the digits
say how far a mean of rounded parts may lie from the mean computed before rounding. A published mean
further off than that is a slip. Two means are in use, and they must not be compared with each other:
    mean       (SST accuracy + QQP accuracy + r) / 3
    mean_norm  (SST accuracy + QQP accuracy + (r + 1) / 2) / 3
"""

import pandas as pd

from ..errors import MinbertError
from ..home import repo
from .config import THREE
from .stats import fisher, wilson

REPORTS = {  # short name -> title, authors; all are reports of Stanford's CS224N, default project
    "EKJ": ("Not-So-SMART BERT", "Eliot Jones"),
    "SBRRT": ("SBRRT: Investigating Extensions on BERT", "Diego Valdez Duran"),
    "SerBERTus": ("SerBERTus: A SMART Three-Headed BERT Ensemble", "Matthew Hayes"),
    "Siamese": (
        "Optimizing minBERT on Downstream Tasks Using Pretraining and Siamese Network Architecture",
        "Edwin Pua",
    ),
    "SMARTCS": (
        "SMARTCS: Additional Pretraining and Robust Finetuning on BERT",
        "Yasmine Mabene, Ayesha Khawaja, Rachel Clinton",
    ),
}
SIZES = {  # rows of the course's files, on which the reports' scores rest
    "dev": {"sst": 1101, "qqp": 20212, "sts": 863},
    "test": {"sst": 2210, "qqp": 40431, "sts": 1725},
}
NUMBERS = (*THREE, "cfimdb", "mean", "time", "parameters")


def folder():
    return repo() / "data/published"


def table(name):
    """One of the small tables, `serbertus_table6_architectures` for example, as pandas reads it."""
    path = folder() / f"{name}.csv"
    if not path.exists():
        names = ", ".join(sorted(file.stem for file in folder().glob("*.csv")))
        raise MinbertError(f"there is no published table {name!r}; data/published has: {names or 'nothing'}")
    return pd.read_csv(path)


def scores():
    """Every published result, as printed (`published_mean`) and recomputed (`mean`, `mean_norm`).

    Recomputed means are empty where a part is missing. `slack`: how far rounding can move the published mean.
    """
    printed = _printed()
    frame = printed.copy()
    for column in NUMBERS:
        frame[column] = pd.to_numeric(printed[column])
    frame = frame.rename(columns={"mean": "published_mean"})
    frame["mean"] = (frame.sst + frame.qqp + frame.sts) / 3
    frame["mean_norm"] = (frame.sst + frame.qqp + (frame.sts + 1) / 2) / 3
    unit = {part: printed[part].map(_half_unit) for part in (*THREE, "mean")}
    sts_weight = frame.mean_kind.map({"mean_norm": 0.5}).fillna(1.0)  # halving r halves its rounding error
    frame["slack"] = (unit["sst"] + unit["qqp"] + sts_weight * unit["sts"]) / 3 + unit["mean"]
    return frame


def slips():
    """The published means that do not follow from their own parts, however they were rounded.

    `gap` = published − recomputed; `why` says where the other kind of mean is what was printed.
    """
    frame = scores()
    plain = frame.mean_kind == "mean"
    frame["recomputed"] = frame["mean"].where(plain, frame["mean_norm"])
    other = frame["mean_norm"].where(plain, frame["mean"])
    frame["gap"] = frame.published_mean - frame.recomputed
    swapped = (frame.published_mean - other).abs() <= frame.slack
    frame["why"] = swapped.map({True: "the other kind of mean was taken", False: "not told by the parts"})
    wrong = frame[frame.gap.abs() > frame.slack + 1e-9]
    named = ["report", "row", "variant", "system", "split", "source"]
    return wrong[[*named, "mean_kind", "published_mean", "recomputed", "gap", "why"]].reset_index(drop=True)


def intervals():
    """`scores()` with the 95 % interval of each score, as far as the size of the file alone tells it.

    Columns sst_low, sst_high and so on. Most gains that the reports tell of lie well inside them.
    """
    frame = scores()
    for part in THREE:
        found = [_interval(part, *pair) for pair in zip(frame[part], frame.split, strict=True)]
        frame[f"{part}_low"], frame[f"{part}_high"] = zip(*found, strict=True)
    return frame


def claims():
    """Sentences of the reports that their own tables contradict."""
    return table("claims")


def of_system(name, split="dev"):
    """The published results of one entry of SYSTEMS (`S10-2`, say), headline first; empty where there is none."""
    frame = scores()
    return frame[(frame.run == name) & (frame.split == split)].reset_index(drop=True)


def headline(name):
    """The one published result to show beside an entry of SYSTEMS: on dev, or on test where only that is told; or None."""
    both = pd.concat([of_system(name, "dev"), of_system(name, "test")])
    return None if both.empty else both.iloc[0]


def _printed():
    """scores.csv with every cell as text, so that '0.500' keeps its three decimals."""
    path = folder() / "scores.csv"
    if not path.exists():
        raise MinbertError(f"{path} is missing: restore data/published from the repository")
    return pd.read_csv(path, dtype=str).fillna({"variant": "", "run": ""})


def _interval(part, score, split):
    if pd.isna(score):
        return float("nan"), float("nan")
    n = SIZES[split][part]
    found = fisher(score, n) if part == "sts" else wilson(round(score * n), n)
    return found.low, found.high


def _half_unit(text):
    """Half a unit of the last printed decimal: '0.764' -> 0.0005."""
    if not isinstance(text, str):
        return float("nan")
    return 0.5 * 10.0 ** -len(text.partition(".")[2])
