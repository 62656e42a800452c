"""What a model gets wrong, and where: tables of predictions against labels, for notebook 11 and its figures.

Everything takes arrays and returns arrays or a pandas table; nothing here knows of models or records.
Counts stand beside every share, because a bin of nine sentences proves little.

Notable choices: bins of length or overlap hold about equally many examples (quantiles), so that each bar is
as sure as the next; calibration bins are of equal width, as confidence is read on a fixed scale from 0 to
1.
"""

import numpy as np
import pandas as pd

from ..errors import MinbertError
from .stats import aligned, wilson


def confusion(predicted, labels, classes):
    """(classes, classes) counts: row = true class, column = predicted class."""
    predicted, labels = (values.astype(int) for values in aligned(predicted, labels))
    for name, values in (("predictions", predicted), ("labels", labels)):
        if not 0 <= values.min() <= values.max() < classes:
            raise MinbertError(f"some {name} are not classes from 0 to {classes - 1}")
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def per_class(counts):
    """Recall, precision and F1 of each class of a confusion matrix; nan where a class never occurs or is never predicted."""
    right, true, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, precision, f1 = right / true, right / said, 2 * right / (true + said)
    return pd.DataFrame({"n": true, "predicted": said, "recall": recall, "precision": precision, "f1": f1})


def distances(counts):
    """How far off: `n` and `share` of examples whose predicted class is 0, 1, 2, … classes from the true one."""
    classes = np.arange(len(counts))
    off = np.abs(classes[:, None] - classes)  # (classes, classes)
    n = np.bincount(off.ravel(), weights=counts.ravel(), minlength=len(counts)).astype(int)
    return pd.DataFrame({"n": n, "share": n / max(1, n.sum())}).rename_axis("distance")


def neighbour_share(counts):
    """Of each class's errors, the share that fell into a class next to it; nan where a class has no error."""
    classes = np.arange(len(counts))
    near = (counts * (np.abs(classes[:, None] - classes) == 1)).sum(axis=1)
    wrong = counts.sum(axis=1) - np.diag(counts)
    return np.divide(near, wrong, out=np.full(len(counts), np.nan), where=wrong > 0)


def confidence(probabilities):
    """(n, classes) or (n,) yes-probabilities -> (confidence in the prediction, predicted class)."""
    probabilities = np.asarray(probabilities, dtype=float)
    if probabilities.ndim == 1:
        yes = probabilities > 0.5
        return np.where(yes, probabilities, 1 - probabilities), yes.astype(int)
    return probabilities.max(axis=1), probabilities.argmax(axis=1)


def calibration(probabilities, labels, bins=10):
    """Does 80 % sure mean right in 80 of 100? A row for each bin that holds examples: n, mean confidence, accuracy."""
    sure, predicted = confidence(probabilities)
    which = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)  # bins are (low, high]
    table = pd.DataFrame({"bin": which, "confidence": sure, "accuracy": predicted == np.asarray(labels)})
    means = table.groupby("bin").agg(n=("accuracy", "size"), confidence=("confidence", "mean"), accuracy=("accuracy", "mean"))
    return means.reset_index().assign(low=lambda t: t.bin / bins, high=lambda t: (t.bin + 1) / bins)


def calibration_error(probabilities, labels, bins=10):
    """Expected calibration error: |accuracy − confidence|, averaged over bins by the examples that they hold."""
    table = calibration(probabilities, labels, bins)
    return float((table.n * (table.accuracy - table.confidence).abs()).sum() / table.n.sum())


def by_bins(values, right, bins=5):
    """Share of right answers (or mean of any `right`) in bins of `values` with about equally many examples each.

    Equal values stay together, so there may be fewer bins than asked for. For right/wrong there is Wilson's interval.
    """
    table = pd.DataFrame({"value": np.asarray(values, dtype=float), "right": np.asarray(right, dtype=float)})
    cut = pd.qcut(table.value, bins, labels=False, duplicates="drop") if table.value.nunique() > 1 else 0
    grouped = table.groupby(np.zeros(len(table), dtype=int) + cut)
    found = grouped.agg(low=("value", "min"), high=("value", "max"), n=("value", "size"), mean=("right", "mean"))
    if table.right.isin([0, 1]).all():
        intervals = [wilson(round(share * n), n) for share, n in zip(found["mean"], found.n, strict=True)]
        found["mean_low"], found["mean_high"] = [i.low for i in intervals], [i.high for i in intervals]
    return found.reset_index(drop=True)


def words(text):
    """Lower-case words, without the punctuation at their edges."""
    return [word for token in text.lower().split() if (word := token.strip(".,;:!?\"'`()[]-"))]


def word_overlap(first, second):
    """Shared words over all words of a pair (Jaccard), from 0 to 1; two empty texts overlap wholly."""
    first, second = set(words(first)), set(words(second))
    return len(first & second) / len(first | second) if first | second else 1.0


def worst_cases(predictions, labels, task, most=20):
    """Positions of the worst predictions, worst first: the surest wrong ones; for a score the furthest from its label."""
    predictions, labels = np.asarray(predictions, dtype=float), np.asarray(labels)
    if task == "sts":
        badness = np.abs(predictions - labels)
    else:
        sure, predicted = confidence(predictions)
        badness = np.where(predicted == labels, -1.0, sure)
    order = np.argsort(-badness, kind="stable")
    return order[badness[order] > 0][:most]
