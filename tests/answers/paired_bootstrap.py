"""Answers to the paired bootstrap exercise."""

BASE = """
from minbert_lib.lab.stats import METRICS, Comparison

def paired_bootstrap(a, b, labels, metric="accuracy", resamples=2000, confidence=0.95, seed=0):
    score, rng, n = METRICS[metric], np.random.default_rng(seed), len(labels)
    differences = []
    for _ in range(resamples):
        pick = rng.integers(n, size=n)
        differences.append(score(a[pick], labels[pick]) - score(b[pick], labels[pick]))
    differences = np.array(differences)
    tail = (1 - confidence) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    p = min(1, 2 * min((differences <= 0).mean(), (differences >= 0).mean()))
    first, second = score(a, labels), score(b, labels)
    return Comparison(first, second, first - second, low, high, p)
"""

RIGHT = [
    BASE,
    """
from minbert_lib.lab.stats import METRICS, Comparison

def paired_bootstrap(a, b, labels, metric="accuracy", resamples=2000, confidence=0.95, seed=0):
    rng = np.random.default_rng(seed)
    score = METRICS[metric]
    def once():
        pick = rng.choice(len(labels), len(labels), replace=True)
        return score(a[pick], labels[pick]) - score(b[pick], labels[pick])
    d = sorted(once() for _ in range(resamples))
    k = int(resamples * (1 - confidence) / 2)
    below = sum(x <= 0 for x in d) + 1
    above = sum(x >= 0 for x in d) + 1
    whole = score(a, labels) - score(b, labels)
    return Comparison(score(a, labels), score(b, labels), whole, d[k], d[-k - 1], min(1.0, 2 * min(below, above) / (resamples + 1)))
""",
    """
import random
from minbert_lib.lab.stats import METRICS, Comparison

def paired_bootstrap(a, b, labels, metric="accuracy", resamples=2000, confidence=0.95, seed=0):
    rng = random.Random(seed)
    where = range(len(labels))
    s = METRICS[metric]
    d = []
    while len(d) < resamples:
        i = rng.choices(where, k=len(labels))
        d.append(s(a[i], labels[i]) - s(b[i], labels[i]))
    edge = 100 * (1 - confidence) / 2
    low, high = np.percentile(d, (edge, 100 - edge))
    p = 2 * min(np.mean([x <= 0 for x in d]), np.mean([x >= 0 for x in d]))
    return Comparison(s(a, labels), s(b, labels), s(a, labels) - s(b, labels), low, high, min(p, 1))
""",
    """
from types import SimpleNamespace
from minbert_lib.lab import stats

def paired_bootstrap(a, b, labels, metric="accuracy", resamples=2000, confidence=0.95, seed=0):
    generator = torch.Generator().manual_seed(seed)
    picks = torch.randint(len(labels), (resamples, len(labels)), generator=generator).numpy()
    score = stats.METRICS[metric]
    d = torch.tensor([score(a[i], labels[i]) - score(b[i], labels[i]) for i in picks], dtype=torch.float64)
    ends = d.quantile(torch.tensor([(1 - confidence) / 2, (1 + confidence) / 2], dtype=torch.float64)).tolist()
    p = min(1.0, 2 * min((d <= 0).double().mean().item(), (d >= 0).double().mean().item()))
    x, y = score(a, labels), score(b, labels)
    return SimpleNamespace(a=x, b=y, difference=x - y, low=ends[0], high=ends[1], p=p)
""",
]

but = lambda old, new: BASE.replace(old, new)

WRONG = [
    ("b − a", but("differences = np.array(differences)", "differences = -np.array(differences)")),
    ("other examples for b", but("score(b[pick], labels[pick]))", "score(b[other], labels[other]))").replace("        pick =", "        other = rng.integers(n, size=n)\n        pick =")),
    ("without replacement", but("rng.integers(n, size=n)", "rng.permutation(n)")),
    ("half as many", but("rng.integers(n, size=n)", "rng.integers(n, size=n // 2)")),
    ("stay with its own label", but("differences.append(score(a[pick], labels[pick]) - score(b[pick], labels[pick]))", "mixed = rng.permutation(labels); differences.append(score(a[pick], mixed) - score(b[pick], mixed))")),
    ("always score accuracy", but("METRICS[metric]", 'METRICS["accuracy"]')),
    ("about zero", but("np.array(differences)", "np.array(differences) - np.mean(differences)")),
    ("smallest and the largest", but("np.quantile(differences, [tail, 1 - tail])", "differences.min(), differences.max()")),
    ("one standard deviation", but("np.quantile(differences, [tail, 1 - tail])", "differences.mean() - differences.std(), differences.mean() + differences.std()")),
    ("divide by √n", but("np.quantile(differences, [tail, 1 - tail])", "(differences.mean() + s * 1.96 * differences.std() / n ** 0.5 for s in (-1, 1))")),
    ("each end leaves out", but("(1 - confidence) / 2", "1 - confidence")),
    ("always 95", but("(1 - confidence) / 2", "0.025")),
    ("not the mean over draws", but("first - second", "differences.mean()")),
    ("double the smaller tail", but("2 * min(", "min(")),
    ("default_rng(seed)", but("default_rng(seed)", "default_rng()")),
    ("returns None", but("return Comparison(", "Comparison(")),
    ("a tuple", but("return Comparison(first, second, first - second, low, high, p)", "return low, high")),
]
