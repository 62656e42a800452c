"""Answers to the greedy exercise."""

from answers import edits_of

BASE = '''
def greedy_ensemble(members, labels, score):
    chosen, best = [], -math.inf
    while len(chosen) < len(members):
        left = [i for i in range(len(members)) if i not in chosen]
        scores = [score(np.mean([members[j] for j in chosen + [i]], axis=0), labels) for i in left]
        top = int(np.argmax(scores))
        if scores[top] < best:
            break
        best = scores[top]
        chosen.append(left[top])
    return chosen
'''
but = edits_of(BASE)
START = "chosen, best = [], -math.inf"
MEAN = "np.mean([members[j] for j in chosen + [i]], axis=0)"

WRONG = [
    ("start from member 0", but((START, "chosen, best = [0], score(members[0], labels)"))),
    ("start from the worst", but((START, "alone = [score(m, labels) for m in members]; chosen, best = [int(np.argmin(alone))], min(alone)"))),
    ("first member is forgotten", but(("return chosen", "return chosen[1:]"))),
    ("last choice is forgotten", but(("return chosen", "return chosen[:-1] or chosen"))),
    ("score stays the same", but(("scores[top] < best", "scores[top] <= best"))),
    ("you never stop", but(("scores[top] < best", "False"))),
    ("order of their own scores", but(("top = int(np.argmax(scores))", "top = int(np.argmax([score(members[i], labels) for i in left]))"))),
    ("chosen more than once", but((" if i not in chosen", ""))),
    ("sum of the predictions", but(("np.mean([members[j] for j in chosen + [i]], axis=0)", "np.sum([members[j] for j in chosen + [i]], axis=0)"))),
    ("helps least", but(("np.argmax", "np.argmin"))),
    ("best member only", but(("return chosen", "return chosen[:1]"))),
    ("stop after two", but(("return chosen", "return chosen[:2]"))),
    ("members sorted", but(("return chosen", "return sorted(chosen)"))),
    ("positions of the chosen members", but(("return chosen", "return best"))),
    ("best member only", but((MEAN, "np.mean([members[j] for j in chosen[1:] + [i]], axis=0)"))),
    ("left out of the mean", but((MEAN, "sum([members[j] for j in chosen[1:]], members[i]) / (len(chosen) + 1)"))),
    ("it counts too", but((MEAN, "sum([members[j] for j in chosen], members[i]) / max(len(chosen), 1)"))),
    ("rounded predictions, or labels", but((MEAN, "np.mean([members[j].round() for j in chosen + [i]], axis=0)"))),
    ("you average logits", but((
        MEAN, "np.mean([np.log(np.clip(members[j], 1e-6, 1 - 1e-6) / (1 - np.clip(members[j], 1e-6, 1 - 1e-6))) for j in chosen + [i]], axis=0)"
    ))),
    ("50 positions for", but(("len(chosen) < len(members)", "len(chosen) < 50"), (" if i not in chosen", ""))),
    ("a loop that never ends", but(("            break\n", "            continue\n"))),
]

RIGHT = [
    BASE,
    '''
def greedy_ensemble(members, labels, score):
    members = np.stack(members)
    total, chosen, path = np.zeros_like(members[0]), [], []
    left = list(range(len(members)))
    while left:
        scores = {i: score((total + members[i]) / (len(chosen) + 1), labels) for i in left}
        i = max(scores, key=scores.get)
        if path and scores[i] < path[-1]:
            return tuple(chosen)
        total = total + members[i]
        chosen.append(i)
        path.append(scores[i])
        left.remove(i)
    return tuple(chosen)
''',
    '''
def greedy_ensemble(members, labels, score, replacement=False, limit=None):
    alone = [score(m, labels) for m in members]
    chosen = [alone.index(max(alone))]
    best = max(alone)
    for _ in range(len(members) - 1):
        top, which = None, None
        for i, m in enumerate(members):
            if i in chosen:
                continue
            s = score(sum([members[j] for j in chosen], m) / (len(chosen) + 1), labels)
            if top is None or s > top:
                top, which = s, i
        if top < best:
            break
        best = top
        chosen += [which]
    return np.array(chosen)
''',
    '''
from dataclasses import dataclass

@dataclass
class Found:
    chosen: tuple
    path: tuple

def grow(members, labels, score, chosen, path):
    left = set(range(len(members))) - set(chosen)
    if not left:
        return Found(tuple(chosen), tuple(path))
    value, i = max(((score(np.mean([members[j] for j in (*chosen, i)], 0), labels), -i) for i in left))
    if path and value < path[-1]:
        return Found(tuple(chosen), tuple(path))
    return grow(members, labels, score, [*chosen, -i], [*path, value])

def greedy_ensemble(members, labels, score):
    return grow(members, labels, score, [], [])
''',
]
