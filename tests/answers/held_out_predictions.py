"""Answers to the exercise of the honest score."""

from answers import edits_of

BASE = '''
def held_out_predictions(members, labels, score, dev, test):
    chosen, best = [], -math.inf
    while len(chosen) < len(members):
        left = [i for i in range(len(members)) if i not in chosen]
        scores = [score(np.mean([members[j][dev] for j in chosen + [i]], axis=0), labels[dev]) for i in left]
        top = int(np.argmax(scores))
        if scores[top] < best:
            break
        best = scores[top]
        chosen.append(left[top])
    return np.mean([members[i][test] for i in chosen], axis=0)
'''
but = edits_of(BASE)
RETURN = "return np.mean([members[i][test] for i in chosen], axis=0)"

WRONG = [
    ("choose on test", but(("[dev]", "[test]"))),
    ("choose on all examples", but(("[dev]", ""))),
    ("choose on dev and predict dev", but(("members[i][test]", "members[i][dev]"))),
    ("you predict all examples", but(("members[i][test]", "members[i]"))),
    ("you average all members", but(("for i in chosen]", "for i in range(len(members))]"))),
    ("with the best member only", but(("for i in chosen]", "for i in chosen[:1]]"))),
    ("the first ones in the list", but(("for i in chosen]", "for i in range(len(chosen))]"))),
    ("first of the chosen members is forgotten", but((RETURN, RETURN.replace("in chosen]", "in chosen[1:]]")))),
    ("rounded predictions, or labels", but((RETURN, RETURN.replace("[test]", "[test].round()")))),
    ("you return the score", but((RETURN, "return score(np.mean([members[i][test] for i in chosen], axis=0), labels[test])"))),
    ("returns None", but((RETURN, "np.mean([members[i][test] for i in chosen], axis=0)"))),
]

LIBRARY = "from minbert_lib.lab.ensemble import average_predictions, greedy_ensemble\n"
RIGHT = [
    BASE,
    LIBRARY
    + '''
def held_out_predictions(members, labels, score, dev, test):
    chosen = greedy_ensemble([member[dev] for member in members], labels[dev], score).chosen
    return average_predictions([members[i][test] for i in chosen])
''',
    LIBRARY
    + '''
def held_out_predictions(members, labels, score, dev, test):
    stack = np.stack(members)
    chosen = list(greedy_ensemble(stack[:, dev], labels[dev], score).chosen)
    return stack[chosen][:, test].mean(0)
''',
    LIBRARY
    + '''
def held_out_predictions(members, labels, score, dev, test):
    found = greedy_ensemble([np.take(m, dev, axis=0) for m in members], np.take(labels, dev), score)
    total = 0
    for i in found.chosen:
        total = total + np.take(members[i], test, axis=0)
    return (total / len(found.chosen)).tolist()
''',
]
