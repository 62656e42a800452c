"""Answers to the accuracy exercise."""

BASE = """
def accuracy(predictions, labels):
    return (predictions == labels).mean()
"""

RIGHT = [
    BASE,
    """
def accuracy(predictions, labels):
    right = 0
    for said, true in zip(predictions, labels):
        if said == true:
            right += 1
    return right / len(labels)
""",
    """
def accuracy(predictions, labels):
    return float(np.count_nonzero(np.equal(predictions, labels)) / np.size(labels))
""",
    """
def accuracy(predictions, labels):
    return torch.tensor(predictions).eq(torch.tensor(labels)).float().mean()
""",
]

but = lambda expression: BASE.replace("(predictions == labels).mean()", expression)

WRONG = [
    ("the share of wrong answers", but("(predictions != labels).mean()")),
    ("how many are right", but("(predictions == labels).sum()")),
    ("in per cent", but("100 * (predictions == labels).mean()")),
    ("a neighbouring class", but("(np.abs(predictions - labels) <= 1).mean()")),
    ("mean distance", but("np.abs(predictions - labels).mean()")),
    ("only the first example", but("[float(p == y) for p, y in zip(predictions, labels)][0]")),
    ("only if all are right", but("float(all(predictions == labels))")),
    ("one less than the number of examples", but("(predictions == labels).sum() / max(len(labels) - 1, 1)")),
    ("number of classes", but("(predictions == labels).sum() / len(set(labels))")),
    ("one number is wanted", but("predictions == labels")),
    ("returns None", BASE.replace("return ", "")),
]
