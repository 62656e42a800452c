"""Notebook 10: averaging predictions, the greedy choice of an ensemble's members, and its honest score."""

import numpy as np
import torch

from .judge import Wrong, compare


def average_spec(predictions, twist=""):
    stack = torch.stack([torch.as_tensor(np.asarray(p, dtype=float)) for p in predictions])  # (members, n, …)
    several = stack.dim() == 3
    if twist == "labels" and several:
        stack = torch.nn.functional.one_hot(stack.argmax(-1), stack.size(-1)).double()
    if twist in ("labels", "rounded") and not (twist == "labels" and several):
        stack = stack.round()
    if twist == "class numbers":
        return stack.argmax(-1).double().mean(0)
    if twist == "vote":
        return (stack.argmax(-1) if several else stack.round()).mode(0).values.double()
    if twist == "forgets first":
        return stack[min(1, len(stack) - 1) :].mean(0)
    if twist in NOTHING:
        if several or len(stack) > 1:
            raise ValueError("only of one member nothing is left")
        return NOTHING[twist](stack[0])
    if twist == "yes/no logits":
        return stack.logit().mean(0).sigmoid()
    if twist == "forgets last":
        return stack[: max(1, len(stack) - 1)].mean(0)
    if twist == "running":
        mean = stack[0]
        for one in stack[1:]:
            mean = (mean + one) / 2
        return mean
    if twist in ("geometric", "logits"):
        logs = stack.clamp(min=1e-12).log().mean(0)
        if several:
            return logs.softmax(-1)
        return logs.exp() if twist == "geometric" else stack.mean(0)
    if twist == "softmax":
        return stack.softmax(-1).mean(0) if several else stack.sigmoid().mean(0)
    if twist == "decided":
        return stack.mean(0).argmax(-1).double() if several else stack.mean(0).round()
    others = {
        "sum": stack.sum(0),
        "median": stack.quantile(0.5, dim=0),
        "largest": stack.amax(0),
        "first": stack[0],
        "one less": stack.sum(0) / max(len(stack) - 1, 1),
        "sum without first": stack[1:].sum(0) / len(stack),
        "each": stack.flatten(1).mean(1),
    }
    return others.get(twist, stack.mean(0))


NOTHING = {  # what is left of one member without the first, in three ways to write it
    "no rows": lambda member: torch.full_like(member, torch.nan),
    "no mean": lambda member: member.new_tensor(torch.nan),
    "no sum": lambda member: member.new_tensor(0.0),
}
AVERAGE_MISTAKES = {
    "you average labels, or let them vote, which throws away how sure each member was: average the probabilities": (
        "labels", "class numbers", "vote",
    ),
    "you round before averaging: average first, round last and elsewhere": "rounded",
    "you round, or choose the class, after averaging: return the mean itself": "decided",
    "the first member is forgotten": ("forgets first", "sum without first", *NOTHING),
    "the last member is forgotten": "forgets last",
    "you halve after every member, so that the last counts for most: sum all, then divide by their number": "running",
    "you average logits, whose scale is each head's own, so that the loudest head decides: average the probabilities": (
        "logits", "yes/no logits",
    ),
    "this is the mean of logarithms, in which one member that is sure of No outvotes all: average the probabilities": "geometric",
    "you put probabilities through a softmax again before averaging": "softmax",
    "this is the sum; divide by the number of members": "sum",
    "this is the median; the mean is wanted": "median",
    "this is the largest; the mean is wanted": "largest",
    "you divide by one less than the number of members": "one less",
    "you return the first member only": "first",
    "you average each member over its examples; the mean over members, example by example, is wanted": "each",
}  # fmt: skip


def check_average(answer):
    g = torch.Generator().manual_seed(14)
    draw = lambda *size: torch.rand(size, generator=g, dtype=torch.float64)
    sets = [
        [(4 * draw(6, 5)).softmax(-1) for _ in range(3)],
        [draw(7) for _ in range(4)],
        [5 * draw(5) for _ in range(3)],
        [(3 * draw(4, 2)).softmax(-1) for _ in range(5)],
        [draw(3)],
    ]
    cases = [{"predictions": [one.numpy() for one in members]} for members in sets]

    def called(predictions):
        before = [one.copy() for one in predictions]
        mean = answer(predictions)
        if len(before) != len(predictions) or any(not np.array_equal(a, b) for a, b in zip(before, predictions)):
            raise Wrong("your code changes the members' predictions; the next ensemble still needs them")
        return mean if mean is None else torch.as_tensor(np.asarray(mean, dtype=float))

    return compare(called, cases, average_spec, AVERAGE_MISTAKES)


def greedy_spec(members, labels, score, twist=""):
    """Positions, in order of choice: the best member, then whichever helps most, while the score does not fall."""
    if twist in AS:
        members = [AS[twist](np.asarray(member)) for member in members]
    alone = [score(member, labels) for member in members]
    chosen, path = [], []
    if twist == "starts at 0":
        chosen, path = [0], [alone[0]]
    if twist == "starts with worst":
        chosen, path = [int(np.argmin(alone))], [min(alone)]
    while len(chosen) < len(members):
        left = [i for i in range(len(members)) if i not in chosen or twist == "again"]
        first = 1 if twist.startswith("without first") else 0  # where the sum begins
        count = {"sum": 1, "too few": max(len(chosen), 1), "without first": max(len(chosen), 1)}.get(twist, len(chosen) + 1)
        mean = lambda i: sum(members[j] for j in [*chosen[first:], i]) / count
        scores = [alone[i] if twist == "by own score" else score(mean(i), labels) for i in left]
        best = int(np.argmin(scores) if twist == "worst" else np.argmax(scores))
        value = score(mean(left[best]), labels)
        falls = value <= path[-1] if path and twist == "strict" else bool(path) and value < path[-1]
        if falls and twist != "all" or len(chosen) == {"one": 1, "two": 2}.get(twist):
            break
        chosen.append(left[best])
        path.append(value)
    return {"sorted": sorted(chosen), "forgets first": chosen[1:], "one less": chosen[:-1] if len(chosen) > 1 else chosen}.get(
        twist, chosen
    )


def _logit(member):
    inside = np.clip(member, 1e-6, 1 - 1e-6)
    return np.log(inside / (1 - inside))


AS = {"rounded": np.round, "logits": _logit}  # what else than predictions she may average
GREEDY_MISTAKES = {
    "you return the best member only: does it count in the mean when the next ones are tried?": "one",
    "the best member is chosen, but left out of the mean when the next ones are tried": (
        "without first",
        "without first, counted",
    ),
    "you divide by the number of members before the new one: it counts too": "too few",
    "you average rounded predictions, or labels: average the predictions as they are": "rounded",
    "you average logits: average the predictions as they are": "logits",
    "you start from member 0; from the best one is wanted": "starts at 0",
    "you start from the worst member": "starts with worst",
    "the first member is forgotten in what you return": "forgets first",
    "the last choice is forgotten in what you return": "one less",
    "you stop where the score stays the same; only a fall is to stop it": "strict",
    "you never stop: a member that makes the score fall is not to be added": "all",
    "you add members in the order of their own scores; the one that helps the ensemble most is wanted": "by own score",
    "a member is chosen more than once; without replacement each is chosen once at most": "again",
    "you score the sum of the predictions; their mean is wanted": "sum",
    "you add the member that helps least": "worst",
    "you stop after two members": "two",
    "you return the members sorted; the order of choice is wanted": "sorted",
}


def near(predictions, labels):
    """A score for the cases: minus the mean squared error."""
    return -float(np.mean((np.asarray(predictions) - np.asarray(labels)) ** 2))


def hits(predictions, labels):
    """A score with ties: how often the rounded prediction is right."""
    return float(np.mean(np.round(predictions) == labels))


def check_greedy(answer):
    rng = np.random.default_rng(15)
    cases = []
    for count, n, score in ((5, 12, near), (6, 8, hits), (4, 10, near), (7, 6, hits), (3, 9, near), (6, 14, near)):
        labels = rng.integers(0, 2, n).astype(float)
        # some so small that their sum comes closer than their mean, some so large that half of one does
        size, spoilt = {3: (0.3, 1.0), 4: (1.8, 0.3)}.get(count, (1.0, 1.0))
        noise = spoilt * rng.uniform(0.2, 0.8, count)[:, None]
        members = [size * np.clip(row, 0, 1) for row in labels + noise * rng.normal(size=(count, n))]
        cases.append({"members": members, "labels": labels, "score": score})

    def called(members, labels, score):
        found = answer(members, labels, score)
        found = getattr(found, "chosen", found)
        found = found[0] if isinstance(found, tuple) and found and isinstance(found[0], (list, tuple)) else found
        if isinstance(found, (list, tuple)) and len(found) > len(members):
            raise Wrong(f"{len(found)} positions for {len(members)} members: without replacement each is chosen once at most")
        try:
            return torch.tensor([int(i) for i in found] + [-1] * (len(members) - len(found)))
        except (TypeError, ValueError) as error:
            raise Wrong(f"the positions of the chosen members, in order of choice, are wanted, not {str(found)[:60]}") from error

    full = lambda chosen, size: torch.tensor([*chosen, *[-1] * (size - len(chosen))])
    spec = lambda members, labels, score, twist="": full(greedy_spec(members, labels, score, twist), len(members))
    return compare(called, cases, spec, GREEDY_MISTAKES)


def held_out_spec(members, labels, score, dev, test, twist=""):
    """Chosen on dev, predicted on test."""
    on = {"chooses on test": test, "chooses on all": np.arange(len(labels))}.get(twist, dev)
    chosen = greedy_spec([member[on] for member in members], labels[on], score)
    if twist == "all members":
        chosen = range(len(members))
    if twist == "best only":
        chosen = chosen[:1]
    if twist == "first members":
        chosen = range(len(chosen))
    if twist == "forgets first":
        chosen = chosen[1:] if len(chosen) > 1 else chosen
    where = dev if twist == "predicts dev" else np.arange(len(labels)) if twist == "predicts all" else test
    mean = np.mean([AS.get(twist, np.asarray)(members[i][where]) for i in chosen], axis=0)
    if twist == "score":
        return torch.tensor(score(mean, labels[where]), dtype=torch.float64)
    return torch.as_tensor(mean)


HELD_OUT_MISTAKES = {
    "you choose on test: its labels must have no say in who is chosen": "chooses on test",
    "you choose on all examples, test among them: only those of dev may have a say": "chooses on all",
    "you choose on dev and predict dev; the predictions for test are wanted": "predicts dev",
    "you predict all examples; only those of test are wanted, in its order": "predicts all",
    "you average all members; only the chosen ones are wanted": "all members",
    "you predict with the best member only; the mean of all chosen is wanted": "best only",
    "the first of the chosen members is forgotten": "forgets first",
    "you average rounded predictions, or labels: average the predictions as they are": "rounded",
    "you average logits: average the predictions as they are": "logits",
    "you take as many members as were chosen, but the first ones in the list: chosen holds their positions": "first members",
    "you return the score; the mean predictions for test are wanted": "score",
}


def check_held_out(answer):
    rng = np.random.default_rng(16)
    cases = []
    for count, n, score in ((5, 24, near), (6, 20, hits), (4, 18, near), (7, 26, near)):
        labels = rng.integers(0, 2, n).astype(float)
        noise = rng.uniform(0.3, 0.9, count)[:, None]
        members = list(np.clip(labels + noise * rng.normal(size=(count, n)), 0, 1))
        dev, test = np.split(rng.permutation(n), [n // 2])
        cases.append({"members": members, "labels": labels, "score": score, "dev": dev, "test": test})

    def called(*case):
        found = answer(*case)
        return found if found is None else torch.as_tensor(np.asarray(found, dtype=float))

    return compare(called, cases, held_out_spec, HELD_OUT_MISTAKES)
