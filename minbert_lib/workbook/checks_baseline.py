"""Notebooks 00 and 04: accuracy, dropout, and the table of what was taken for what."""

import numpy as np
import torch

from .judge import Wrong, ask, compare, differs
from .show import Picture


def accuracy_spec(predictions, labels, twist=""):
    p, y = (torch.as_tensor(np.asarray(values), dtype=torch.float64) for values in (predictions, labels))
    right = (p == y).double()
    return {
        "wrong": 1 - right.mean(),
        "count": right.sum(),
        "percent": 100 * right.mean(),
        "near": ((p - y).abs() <= 1).double().mean(),
        "distance": (p - y).abs().mean(),
        "first": right[0],
        "all": right.min(),
        "sign": ((p > p.mean()) == (y > y.mean())).double().mean(),
        "one less": right.sum() / max(len(right) - 1, 1),
        "classes": right.sum() / len(torch.unique(y)),
    }.get(twist, right.mean()).item()


ACCURACY_MISTAKES = {
    "this is the share of wrong answers; that of right ones is wanted": "wrong",
    "this is how many are right; divide by how many there are": "count",
    "this is in per cent; a share from 0 to 1 is wanted": "percent",
    "a neighbouring class counts as right in yours; only the class itself does": "near",
    "this is the mean distance of prediction and label; the share that are equal is wanted": "distance",
    "only the first example counts: is the return inside the loop?": "first",
    "yours is 1 only if all are right; the share of right ones is wanted": "all",
    "you divide by one less than the number of examples": "one less",
    "you divide by the number of classes; by the number of examples is wanted": "classes",
    "you compare whether both are above their mean; whether they are equal is wanted": "sign",
}


def check_accuracy(answer):
    g = np.random.default_rng(15)
    cases = [{"predictions": g.integers(0, c, n), "labels": g.integers(0, c, n)} for n, c in ((10, 5), (7, 3), (400, 5), (50, 2))]
    cases += [
        {"predictions": np.array([4]), "labels": np.array([4])},
        {"predictions": np.array([0, 4, 2]), "labels": np.array([1, 3, 4])},
    ]
    return compare(answer, cases, accuracy_spec, ACCURACY_MISTAKES)


def check_dropout(answer):
    """No single right output: what is checked is what must hold for whichever numbers were dropped."""
    if not (isinstance(answer, type) and issubclass(answer, torch.nn.Module)):
        raise Wrong("a class that inherits from nn.Module is wanted, with super().__init__() first in its __init__")
    g = torch.Generator().manual_seed(16)
    shapes = ((300, 200), (20, 50, 40), (100, 300))
    for p, shape in zip((0.1, 0.5, 0.8), shapes):
        x = torch.randn(shape, generator=g) + 3 * torch.randn(1, generator=g).sign()
        _training(answer(p).train(), p, x)
        _evaluation(answer(p).eval(), p, x)
    module = answer(0.0).train()
    if problem := differs(ask(module, {"x": x}), x):
        raise Wrong(f"with p = 0 nothing may change: {problem}")
    return 2 * len(shapes) + 1


def _evaluation(module, p, x):
    y = ask(module, {"x": x})
    if problem := differs(y, x):
        if isinstance(y, torch.Tensor) and y.shape == x.shape and (y == 0).any():
            raise Wrong("it drops in evaluation mode too: look at self.training")
        if not differs(y, x * (1 - p)):
            raise Wrong(
                "it multiplies by 1-p in evaluation mode; what is kept is scaled up while training, and then nothing is left to do"
            )
        raise Wrong(f"in evaluation mode (self.training is False) x has to come back as it is: {problem}")


def _training(module, p, x):
    x = x.requires_grad_()
    y = ask(module, {"x": x})
    if not isinstance(y, torch.Tensor) or y.shape != x.shape:
        raise Wrong(differs(y, x))
    dropped = (y == 0).detach()
    share, kept = dropped.double().mean().item(), ~dropped
    if share == 0:
        same = torch.equal(y, x)
        raise Wrong(
            "while training nothing happens: self.training is True then"
            if same
            else "no number becomes 0: each is to be dropped, set to 0, with chance p"
        )
    _which(dropped, share, p)
    ratio = (y[kept] / x[kept]).mean().item()
    if abs(ratio - 1 / (1 - p)) > 1e-3 / (1 - p):
        scales = {
            1.0: "as they were; divide them by 1-p, so that the mean stays",
            1 - p: "multiplied by 1-p; divide by it, so that the mean stays",
            1 / p: "divided by p; by 1-p, the chance to be kept, is wanted",
            p: "multiplied by p; divide by 1-p, the chance to be kept",
        }
        near = min(scales, key=lambda scale: abs(scale - ratio))
        known = abs(near - ratio) < 0.01 and p != 0.5
        raise Wrong(
            f"the numbers that are kept are {scales[near] if known else f'multiplied by {ratio:.3g}; by {1 / (1 - p):.3g} is wanted'}"
        )
    if torch.equal((ask(module, {"x": x}) == 0), dropped):
        raise Wrong("the same numbers are dropped at every call: draw anew in forward")
    if not y.requires_grad:
        raise Wrong("no gradient comes through: multiply x itself, without detach(), .data or no_grad()")
    (slope,) = torch.autograd.grad(y.sum(), x)
    if differs(slope, (y / x).detach(), rtol=1e-4):
        raise Wrong("the gradient is not that of your output: it has to be 0 where x was dropped and 1/(1-p) elsewhere")


def _which(dropped, share, p):
    tolerance = 0.02
    for axis in range(dropped.dim()):
        if (dropped.all(axis) | ~dropped.any(axis)).all():
            raise Wrong("whole rows or columns are dropped together: draw a number for every entry, torch.rand_like(x)")
    if abs(share - p) < tolerance:
        return
    if abs(share - (1 - p)) < tolerance:
        raise Wrong("it drops with chance 1-p: p is the chance to be dropped, not kept")
    raise Wrong(f"with p = {p} it drops {share:.0%} of the numbers")


def confusion_spec(predicted, labels, classes, twist=""):
    rows = torch.zeros(classes, classes, dtype=torch.float64)
    for said, true in zip(predicted, labels):
        i, j = (said, true) if twist == "turned" else (true, said)
        rows[i, j] = 1 if twist == "once" else rows[i, j] + 1
    if twist == "right":
        return torch.diag(torch.diag(rows))
    if twist == "wrong":
        return rows - torch.diag(torch.diag(rows))
    if twist == "both":
        return rows + rows.T
    sums = {"rows": rows.sum(1, keepdim=True), "columns": rows.sum(0, keepdim=True), "shares": rows.sum()}.get(twist)
    return rows if sums is None else rows / sums.clamp(min=1)


CONFUSION_MISTAKES = {
    "your table is turned: rows are the true classes, columns the predicted ones": "turned",
    "every place counts once at most: numpy adds repeated places in `counts[labels, predicted] += 1` one time only; use np.add.at or a loop": "once",
    "only the right answers are counted": "right",
    "only the errors are counted; the right answers belong on the diagonal": "wrong",
    "your rows are divided by their sums; plain counts are wanted": "rows",
    "your columns are divided by their sums; plain counts are wanted": "columns",
    "your counts are divided by the number of examples; plain counts are wanted": "shares",
    "every example is counted in two places, (true, predicted) and (predicted, true)": "both",
}


def check_confusion(answer):
    g = np.random.default_rng(17)
    cases = [
        {"predicted": g.integers(0, c, n), "labels": g.integers(0, c, n), "classes": c} for n, c in ((60, 3), (400, 5), (30, 2))
    ]
    cases.append({"predicted": g.integers(1, 3, 40), "labels": g.integers(0, 3, 40), "classes": 5})  # some classes never occur

    def called(predicted, labels, classes):
        counts = answer(predicted, labels, classes)
        return counts if counts is None else torch.as_tensor(np.asarray(counts, dtype=float))

    picture = lambda _: _confusion_picture(called, cases[0])
    return compare(called, cases, confusion_spec, CONFUSION_MISTAKES, picture=picture)


def _confusion_picture(called, case):
    mine, right = called(**case), confusion_spec(**case)
    if mine is None or mine.shape != right.shape:
        return None
    return Picture("heat", mine.tolist(), right.tolist(), "counts", "predicted", "true")
