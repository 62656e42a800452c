"""Answers to the confusion exercise."""

BASE = """
def confusion(predicted, labels, classes):
    counts = np.zeros((classes, classes), dtype=int)
    for said, true in zip(predicted, labels):
        counts[true, said] += 1
    return counts
"""

RIGHT = [
    BASE,
    """
def confusion(predicted, labels, classes):
    counts = np.zeros((classes, classes))
    np.add.at(counts, (labels, predicted), 1)
    return counts
""",
    """
def confusion(predicted, labels, classes):
    return np.array([[((labels == i) & (predicted == j)).sum() for j in range(classes)] for i in range(classes)])
""",
    """
def confusion(predicted, labels, classes):
    true, said = F.one_hot(torch.tensor(labels), classes), F.one_hot(torch.tensor(predicted), classes)
    return true.T @ said
""",
]

but = lambda old, new: BASE.replace(old, new)

WRONG = [
    ("your table is turned", but("counts[true, said]", "counts[said, true]")),
    ("counts once at most", but("    for said, true in zip(predicted, labels):\n        counts[true, said] += 1", "    counts[labels, predicted] += 1")),
    ("only the right answers", but("        counts[true", "        if said == true: counts[true")),
    ("only the errors", but("        counts[true", "        if said != true: counts[true")),
    ("your rows are divided", but("return counts", "return counts / counts.sum(1, keepdims=True).clip(1)")),
    ("your columns are divided", but("return counts", "return counts / counts.sum(0, keepdims=True).clip(1)")),
    ("divided by the number of examples", but("return counts", "return counts / len(labels)")),
    ("in two places", but("+= 1", "+= 1; counts[said, true] += 1")),
    ("its shape is", but("    counts =", "    classes = len(set(labels))\n    counts =")),
    ("returns None", but("return counts", "counts")),
]
