"""What a model is asked to lower (losses) and what it is judged by (scores).

Notable choices: the STS loss is the squared error on the 0–5 scale, as in all five reports; both means of the three scores are always
given, because the reports use either and they must never be compared across.
"""

import numpy as np
import torch
import torch.nn.functional as F

from ..text.tasks import TASKS


def task_loss(outputs, batch, reduction="mean"):
    """Cross-entropy, binary cross-entropy or squared error, by the kind of the task. Always computed in float32 or better."""
    outputs = outputs if outputs.dtype == torch.float64 else outputs.float()
    kind = TASKS[batch.task].kind
    if kind == "classes":
        return F.cross_entropy(outputs, batch.labels, reduction=reduction)
    labels = batch.labels.to(outputs.dtype)
    if kind == "yes_no":
        return F.binary_cross_entropy_with_logits(outputs, labels, reduction=reduction)
    return F.mse_loss(outputs, labels, reduction=reduction)


def predictions_from(outputs, task):
    """Outputs → what records and ensembles keep: class probabilities (n, c), a probability (n,), or a score (n,)."""
    kind = TASKS[task].kind
    outputs = outputs.float()
    if kind == "classes":
        return outputs.softmax(-1)
    return outputs.sigmoid() if kind == "yes_no" else outputs.clamp(TASKS[task].low, TASKS[task].high)


def decide(predictions, task):
    """Predictions → labels: the likeliest class, yes or no, or the score itself."""
    kind = TASKS[task].kind
    if kind == "classes":
        return predictions.argmax(-1)
    return (predictions > 0.5).astype(int) if kind == "yes_no" else predictions


def score(predictions, labels, task):
    """Accuracy, or Pearson's r for a score; nan where r is not defined (all predictions equal)."""
    labels = np.asarray(labels)
    if TASKS[task].kind != "score":
        return float((decide(predictions, task) == labels).mean())
    if np.ptp(predictions) == 0:
        return float("nan")
    x, y = predictions - predictions.mean(), labels - labels.mean()
    spread = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / spread) if spread > 0 else float("nan")


def means(scores):
    """`mean` takes r as it is, `mean_norm` takes (r + 1) / 2; both only when all three tasks are there."""
    if not {"sst", "qqp", "sts"} <= scores.keys():
        return {}
    both = scores["sst"] + scores["qqp"]
    return {"mean": (both + scores["sts"]) / 3, "mean_norm": (both + (scores["sts"] + 1) / 2) / 3}


def selection_score(scores):
    """The one number that decides which epoch is best: the mean of all scores, with r brought to 0–1."""
    parts = [(value + 1) / 2 if TASKS[task].kind == "score" else value for task, value in scores.items()]
    return float(np.mean([0.0 if np.isnan(part) else part for part in parts]))


def share_right(outputs, labels):
    """The share of right answers in a training batch, from its outputs (labels may be soft)."""
    if outputs.dim() == 1:
        return ((outputs > 0) == (labels > 0.5)).float().mean().item()
    wanted = labels.argmax(-1) if labels.dim() > 1 else labels
    return (outputs.argmax(-1) == wanted).float().mean().item()


class Means:
    """Running means by name, for a curve: collect, then take them and begin again."""

    def __init__(self):
        self.sums = {}  # name → (sum of weighted values, sum of weights)

    def add(self, name, value, weight=1):
        total, count = self.sums.get(name, (0.0, 0))
        self.sums[name] = (total + value * weight, count + weight)

    def taken(self):
        means, self.sums = {name: total / count for name, (total, count) in self.sums.items()}, {}
        return means
