"""How sure can one be? Intervals, paired comparison, and the number of seeds that a difference needs.

Notable choices:
- Accuracy and Pearson's r are functions of column means (right or wrong; x, y, xx, yy, xy). A resample only
  changes how often each row counts, so it is one draw from a multinomial and one matrix product. Rows that
  are alike are counted together: an accuracy has two kinds of rows, a comparison of two accuracies four,
  however long the file is.
- A paired bootstrap draws the *same* examples for both systems. What is hard for both cancels, and the
  interval of the difference is narrower than two separate intervals suggest.
- Everything is seeded: the same numbers give the same interval.
"""

from dataclasses import dataclass
from math import atanh, ceil, sqrt, tanh
from statistics import NormalDist

import numpy as np

from ..errors import MinbertError
from ..learn import metrics


@dataclass(frozen=True)
class Interval:
    value: float
    low: float
    high: float

    def __str__(self):
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Comparison:
    """System a against system b on the same examples: `difference` is a − b."""

    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float  # two-sided

    def __str__(self):
        return f"{self.difference:+.3f} [{self.low:+.3f}, {self.high:+.3f}], p = {self.p:.3f}"


@dataclass(frozen=True)
class Spread:
    """Several runs that differ in their seed only."""

    mean: float
    sd: float  # sample standard deviation; nan for a single run
    n: int
    low: float
    high: float

    def __str__(self):
        return f"{self.mean:.3f} ± {self.sd:.3f} (n = {self.n})" if self.n > 1 else f"{self.mean:.3f} (n = 1)"


def accuracy(predictions, labels):
    predictions, labels = aligned(predictions, labels)
    return float((predictions == labels).mean())


def pearson(x, y):
    """Pearson's r; nan where it does not exist, and then `why_no_pearson` says why."""
    x, y = aligned(x, y)
    if why_no_pearson(x, y):
        return float("nan")
    x, y = (_centred(values) for values in (x, y))
    r = (x @ y) / sqrt((x @ x) * (y @ y))
    return float(np.clip(r, -1, 1))  # rounding can step over 1 by one unit in the last place


def why_no_pearson(x, y):
    """The reason in words why there is no correlation, or an empty string where there is one."""
    x, y = aligned(x, y)
    if len(x) < 2:
        return "a correlation needs at least two examples"
    for name, values in (("predictions", x), ("labels", y)):
        if not np.isfinite(values).all():
            return f"some {name} are not finite numbers"
        if np.ptp(values) <= 1e-13 * np.abs(values).max():
            return f"the {name} are all the same: nothing varies, so nothing can vary together"
    return ""


METRICS = {"accuracy": accuracy, "pearson": pearson}


def bootstrap(predictions, labels, metric="accuracy", resamples=2000, confidence=0.95, seed=0):
    """Percentile interval of a score: what it could have been on other examples of the same kind."""
    scores = resampled(predictions, labels, metric, resamples, seed)
    return Interval(METRICS[metric](predictions, labels), *_quantiles(scores, confidence))


def resampled(predictions, labels, metric="accuracy", resamples=2000, seed=0):
    """The score on each of `resamples` draws of as many examples. (resamples,)"""
    predictions, labels = aligned(predictions, labels)
    return _scores(_resample(_columns(predictions, labels, metric), resamples, seed), metric)


def bootstrap_means(answers, resamples=2000, confidence=0.95):
    """Intervals of `mean` and `mean_norm`: each task's examples are drawn by themselves, for no two tasks share one.

    `answers`: {task: (predictions, labels, metric)}; {} unless all three tasks are there.
    """
    values = metrics.means({task: METRICS[metric](*pair) for task, (*pair, metric) in answers.items()})
    draws = metrics.means({task: resampled(*answer, resamples, seed) for seed, (task, answer) in enumerate(answers.items())})
    return {name: Interval(values[name], *_quantiles(scores, confidence)) for name, scores in draws.items()}


def paired_bootstrap(a, b, labels, metric="accuracy", resamples=2000, confidence=0.95, seed=0):
    """Compare two systems' predictions for the same examples: difference a − b, its interval, two-sided p."""
    (a, _), (b, labels) = aligned(a, labels), aligned(b, labels)
    columns = np.hstack([_columns(a, labels, metric), _columns(b, labels, metric)])
    means = _resample(columns, resamples, seed)  # (n, 2k) -> (resamples, 2k)
    half = columns.shape[1] // 2
    differences = _scores(means[:, :half], metric) - _scores(means[:, half:], metric)
    differences = differences[~np.isnan(differences)]
    tails = [(differences <= 0).sum() + 1, (differences >= 0).sum() + 1]  # + 1: p is never exactly 0
    score_a, score_b = METRICS[metric](a, labels), METRICS[metric](b, labels)
    low, high = _quantiles(differences, confidence)
    p = min(1.0, 2 * min(tails) / (len(differences) + 1))
    return Comparison(score_a, score_b, score_a - score_b, low, high, float(p))


def paired_over_seeds(pairs, labels, metric="accuracy", resamples=2000, confidence=0.95, seed=0):
    """The mean difference of several (a, b), one pair a seed. Its interval redraws the examples, the same ones for all."""
    columns = [_columns(*aligned(predictions, labels), metric) for pair in pairs for predictions in pair]
    means = _resample(np.hstack(columns), resamples, seed)  # (n, 2k a pair) -> (resamples, 2k a pair)
    scores = _scores(means.reshape(-1, columns[0].shape[1]), metric).reshape(resamples, len(pairs), 2)
    differences = (scores[:, :, 0] - scores[:, :, 1]).mean(axis=1)
    value = np.mean([METRICS[metric](a, labels) - METRICS[metric](b, labels) for a, b in pairs])
    return Interval(float(value), *_quantiles(differences, confidence))


def wilson(right, n, confidence=0.95):
    """Wilson's interval for `right` of `n`: a formula in place of resampling, and sound near 0 and 1 too."""
    if not 0 <= right <= n or n < 1:
        raise MinbertError(f"{right} right of {n} is not a share: 0 ≤ right ≤ n and n ≥ 1 are needed")
    z = _z(confidence)
    share = right / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


def fisher(r, n, confidence=0.95):
    """Fisher's interval for a correlation of n pairs, for when only the number is known and not the predictions."""
    if not -1 <= r <= 1 or n < 4:
        raise MinbertError(f"r = {r} of {n} pairs: −1 ≤ r ≤ 1 and n ≥ 4 are needed")
    if abs(r) == 1:
        return Interval(r, r, r)
    half = _z(confidence) / sqrt(n - 3)
    return Interval(r, tanh(atanh(r) - half), tanh(atanh(r) + half))


def seeds_needed(sd, difference, power=0.8, confidence=0.95):
    """Runs for *each* of two systems, so that a true `difference` is found with probability `power`.

    For a two-sided t-test of two means; the last term stands for the wider tails of t.
    """
    if not (sd >= 0 and difference != 0 and 0 < power < 1 and 0 < confidence < 1):
        raise MinbertError("seeds_needed wants sd ≥ 0, difference ≠ 0, power and confidence between 0 and 1")
    z = _z(confidence)
    return max(2, ceil(2 * ((z + NormalDist().inv_cdf(power)) * sd / difference) ** 2 + z * z / 4))


def spread(scores):
    """Mean, sample standard deviation, count and range over seeds."""
    scores = np.asarray(scores, dtype=float)
    if not len(scores):
        raise MinbertError("there is no run to take the spread of")
    sd = float(scores.std(ddof=1)) if len(scores) > 1 else float("nan")
    return Spread(float(scores.mean()), sd, len(scores), float(scores.min()), float(scores.max()))


def _columns(predictions, labels, metric):
    """(n, k) numbers whose column means are all that the metric needs."""
    if metric not in METRICS:
        raise MinbertError(f"there is no metric {metric!r}: choose one of {', '.join(METRICS)}")
    if metric == "accuracy":
        return (predictions == labels)[:, None].astype(float)
    x, y = _centred(predictions), _centred(labels)  # r stays as it is, and the squares below lose no digits
    return np.stack([x, y, x * x, y * y, x * y], axis=1)


def _scores(means, metric):
    """(resamples, k) column means -> (resamples,) scores."""
    if metric == "accuracy":
        return means[:, 0]
    x, y, xx, yy, xy = means.T
    var_x, var_y = xx - x * x, yy - y * y
    varies = (var_x > 1e-14) & (var_y > 1e-14)  # a constant resample has no r and is left out
    return np.where(varies, (xy - x * y) / np.sqrt(np.where(varies, var_x * var_y, 1)), np.nan)


def _resample(columns, resamples, seed):
    """Column means of `resamples` samples of n rows drawn with replacement."""
    rows, counts = np.unique(columns, axis=0, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(columns), counts / len(columns), size=resamples)
    return draws @ rows / len(columns)


def _quantiles(scores, confidence):
    scores = scores[~np.isnan(scores)]
    if not len(scores):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2  # 12 digits: the last ones hang on how many threads shared a sum, and would reach a figure
    return tuple(round(float(value), 12) for value in np.quantile(scores, [tail, 1 - tail]))


def aligned(predictions, labels):
    """Both as arrays, or one line that says why they cannot belong together."""
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    if predictions.shape != labels.shape or predictions.ndim != 1 or not len(labels):
        shapes = f"predictions {predictions.shape} and labels {labels.shape}"
        raise MinbertError(f"{shapes} must be lists of one length, and not empty")
    return predictions, labels


def _centred(values):
    """Less their mean, and scaled to at most 1 so that no square overflows."""
    values = values.astype(float)
    values = values - values.mean()
    return values / (np.abs(values).max() or 1.0)


def _z(confidence):
    return NormalDist().inv_cdf((1 + confidence) / 2)
