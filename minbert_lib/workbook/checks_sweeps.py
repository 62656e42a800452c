"""Notebook 08: the paired bootstrap. Draws are random, so the interval is compared with the exact one up to what 2,000 draws leave open.

Notable choices: tolerance is in units of the difference's own standard error, so that one serves every case. A mistake is named where
it explains the interval of every case.
"""

from functools import cache

import numpy as np

from .judge import Wrong

DRAWS = 2000
NEAR = 0.3  # standard errors: the ends of an interval by 2,000 draws stray by 0.06, and an accuracy moves in steps
LOOSE = {"range": 1.0, "permutation": 1e-6}  # the largest of many draws is no steady number; a permutation changes nothing


@cache
def cases():
    rng, n = np.random.default_rng(18), 900
    labels = rng.integers(0, 5, n)
    a = np.where(rng.random(n) < 0.6, labels, (labels + 1) % 5)
    b = np.where(rng.random(n) < 0.1, (labels + 2) % 5, a)
    close = a.copy()
    close[np.flatnonzero(a != labels)[:16]] = labels[a != labels][:16]  # 16 better,
    close[np.flatnonzero(a == labels)[:12]] += 7  # 12 worse: nothing is proved
    scores = rng.uniform(0, 5, n)
    first = scores + rng.normal(size=n)
    second = first + 0.5 * rng.normal(size=n)
    return [
        dict(a=a, b=b, labels=labels, metric="accuracy", confidence=0.95),
        dict(a=b, b=a, labels=labels, metric="accuracy", confidence=0.8),
        dict(a=a, b=close, labels=labels, metric="accuracy", confidence=0.95),
        dict(a=first, b=second, labels=scores, metric="pearson", confidence=0.95),
    ]


def score(predictions, labels, metric):
    """Along the last axis: of one sample, or of many at once."""
    if metric == "accuracy":
        return (predictions == labels).mean(-1)
    x, y = (values - values.mean(-1, keepdims=True) for values in (predictions, labels))
    return (x * y).sum(-1) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1))


@cache
def draws(number, twist=""):
    """The differences over many draws for one case, made as the twist would make them."""
    case, rng = cases()[number], np.random.default_rng(19)
    a, b, labels = case["a"], case["b"], case["labels"]
    metric, n = "accuracy" if twist == "metric" else case["metric"], len(labels)
    if twist == "permutation":
        return np.full(DRAWS, score(a, labels, metric) - score(b, labels, metric))
    pick = rng.integers(n, size=(DRAWS, n // 2 if twist == "half" else n))
    other = rng.integers(n, size=(DRAWS, n)) if twist == "unpaired" else pick
    if twist == "shuffled":
        mixed = labels[rng.integers(n, size=(DRAWS, n))]
        return score(a[pick], mixed, metric) - score(b[pick], mixed, metric)
    return score(a[pick], labels[pick], metric) - score(b[other], labels[other], metric)


TWISTED_DRAWS = ("unpaired", "permutation", "half", "shuffled", "metric")


@cache
def spec(number, twist=""):
    """(low, high) of a case, right or with a mistake."""
    found, tail = draws(number, twist if twist in TWISTED_DRAWS else ""), (1 - cases()[number]["confidence"]) / 2
    if twist == "turned":
        found = -found
    if twist == "centred":
        found = found - found.mean()
    if twist == "range":
        return found.min(), found.max()
    if twist == "sd":
        return found.mean() - found.std(), found.mean() + found.std()
    if twist == "root n":
        n = len(cases()[number]["labels"])
        return found.mean() - 1.96 * found.std() / n**0.5, found.mean() + 1.96 * found.std() / n**0.5
    tail = {"one tail": 2 * tail, "always 95": 0.025}.get(twist, tail)
    return tuple(np.quantile(found, [tail, 1 - tail]))


MISTAKES = {
    "your difference is b − a; a − b is wanted": "turned",
    "you draw other examples for b than for a: the same draw has to serve both, or what is hard for both does not cancel": "unpaired",
    "nothing varies: you draw without replacement, so every resample is the whole set (rng.integers, or choice with replace=True)": "permutation",
    "you draw half as many examples as there are; a resample is as large as the set": "half",
    "predictions and labels are drawn apart: a prediction has to stay with its own label": "shuffled",
    "you always score accuracy: METRICS[metric] is wanted": "metric",
    "your interval is about zero: do not take the mean difference away": "centred",
    "your interval is the smallest and the largest draw; its ends are quantiles": "range",
    "your interval is one standard deviation either side; the quantiles at the chosen confidence are wanted": "sd",
    "you divide by √n again: the draws' own spread is the uncertainty already": "root n",
    "each end leaves out 1 − confidence; both ends together should, so (1 − confidence) / 2 at each": "one tail",
    "your confidence is always 95 %: use the argument": "always 95",
}


def check_paired_bootstrap(answer):
    """Right: the interval of each case, the plain difference in it, a two-sided p, and the same answer for the same seed."""
    got = [_ask(answer, case) for case in cases()]
    if not all(_near(found, number) for number, found in enumerate(got)):
        for message, twist in MISTAKES.items():
            if all(_near(found, number, twist) for number, found in enumerate(got)):
                raise Wrong(message)
        number = next(number for number, found in enumerate(got) if not _near(found, number))
        ends = "[{:.3f}, {:.3f}]"
        yours, wanted = ends.format(got[number].low, got[number].high), ends.format(*spec(number))
        raise Wrong(f"the interval of case {number + 1} is {yours}; about {wanted} is wanted")
    for number, (found, case) in enumerate(zip(got, cases())):
        plain = score(case["a"], case["labels"], case["metric"]) - score(case["b"], case["labels"], case["metric"])
        if abs(found.difference - plain) > 1e-9:
            raise Wrong("`difference` is that of all examples as they are, not the mean over draws")
        tails = (draws(number) <= 0).mean(), (draws(number) >= 0).mean()
        wanted = min(1.0, 2 * min(tails))
        if abs(found.p - wanted) > 0.05 + 0.15 * wanted:
            halved = abs(found.p - min(tails)) < 0.03
            more = ": a difference may go either way, so double the smaller tail" if halved else f"; about {wanted:.2f} is wanted"
            raise Wrong(f"p is {found.p:.3f} in case {number + 1}{more}")
    again = _ask(answer, cases()[-1])
    if (again.low, again.high) != (got[-1].low, got[-1].high):
        raise Wrong("the same seed gives two different intervals: draw from np.random.default_rng(seed)")
    return len(got)


def _near(found, number, twist=""):
    """Are the ends where the spec, or a mistake, would have them?"""
    spread = draws(number, twist if twist in TWISTED_DRAWS else "").std()
    allowed = max(1e-9, LOOSE.get(twist, NEAR) * spread)
    return all(abs(one - other) <= allowed for one, other in zip((found.low, found.high), spec(number, twist)))


def _ask(answer, case):
    found = answer(
        *(case[name].copy() for name in ("a", "b", "labels")), metric=case["metric"], confidence=case["confidence"], seed=3
    )
    missing = [name for name in ("difference", "low", "high", "p") if not hasattr(found, name)]
    if found is None:
        raise Wrong("it returns None: is a `return` missing?")
    if missing:
        raise Wrong(f"it returns a {type(found).__name__}; a Comparison(a, b, difference, low, high, p) is wanted")
    return found
