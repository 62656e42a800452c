"""Answers to the sampling exercise."""

from answers import edits_of

BASE = '''
def epoch_plan(batches, how, rng, epoch=1, epochs=1, epoch_of=None):
    tasks = list(batches)
    rounds = batches[epoch_of] if epoch_of else min(batches.values())
    in_turn = [(task,) for _ in range(rounds) for task in tasks]
    if how == "round_robin":
        return in_turn
    if how == "together":
        return [tuple(tasks)] * rounds
    if how == "largest_first":
        largest = max(tasks, key=batches.get)
        first_half = epochs > 1 and epoch <= (epochs + 1) // 2
        return [(largest,)] * len(in_turn) if first_half else in_turn
    if how == "shuffled":
        plan = [(task,) for task in tasks for _ in range(batches[task])]
        rng.shuffle(plan)
        return [tuple(update) for update in plan]
    alpha = {"proportional": 1, "sqrt": 0.5, "annealed": 1 - 0.8 * (epoch - 1) / max(epochs - 1, 1)}[how]
    weights = [batches[task] ** alpha for task in tasks]
    chances = [weight / sum(weights) for weight in weights]
    drawn = rng.choice(len(tasks), size=sum(batches.values()), p=chances)
    return [(tasks[number],) for number in drawn]
'''
but = edits_of(BASE)
DONE = "(epoch - 1) / max(epochs - 1, 1)"
TURNS = "[(task,) for _ in range(rounds) for task in tasks]"
ALONE = "[(largest,)] * len(in_turn)"
HALF = "epochs > 1 and epoch <= (epochs + 1) // 2"
SHUFFLE = "        rng.shuffle(plan)\n"
DRAWN = "rng.choice(len(tasks), size=sum(batches.values()), p=chances)"
PLAN = "plan = [(task,) for task in tasks for _ in range(batches[task])]\n" + SHUFFLE

WRONG = [
    ("round_robin: `epoch_of` has no effect", but(("batches[epoch_of] if epoch_of else min(batches.values())", "min(batches.values())"))),
    ("yours takes the one with the most", but(("else min(", "else max("))),
    ("falls out of the rounds", but((TURNS, "[(task,) for number in range(rounds) for task in tasks if number < batches[task]]"))),
    ("one of each in turn is wanted", but((TURNS, "[(task,) for task in tasks for _ in range(rounds)]"))),
    ("together: a round is to be one update", but(("return [tuple(tasks)] * rounds", "return in_turn"))),
    ("the tasks' own order", but((TURNS, "[(task,) for _ in range(rounds) for task in sorted(tasks, key=batches.get)]"))),
    ("you plan 12 updates", but(("else min(batches.values())", "else min(batches.values()) * 2"))),
    ("the largest task is never alone", but((HALF, "False"))),
    ("the largest task stays alone", but((HALF, "True"))),
    ("in the second half of the epochs; in the first", but((HALF, "epochs > 1 and epoch > (epochs + 1) // 2"))),
    ("rounded up", but(("(epochs + 1) // 2", "epochs // 2"))),
    ("a single epoch would leave", but(("epochs > 1 and ", ""))),
    ("the smallest task comes first", but(("largest = max", "largest = min"))),
    ("only as many updates as there are rounds", but((ALONE, "[(largest,)] * rounds"))),
    ("one pass over its data", but((ALONE, "[(largest,)] * batches[largest]"))),
    ("the order is the same in every epoch", but((SHUFFLE, ""))),
    ("two generators with one seed", but(("rng.shuffle(plan)", "random.shuffle(plan)"))),
    ("every batch once is wanted (drawn by chance", but((PLAN, "plan = [(tasks[n],) for n in rng.integers(len(tasks), size=sum(batches.values()))]\n"))),
    ("some orders never come", but((PLAN, "order = rng.permutation(tasks)\n        plan = [(task,) for task in order for _ in range(batches[str(task)])]\n"))),
    ("proportional: all tasks are equally likely", but(("** alpha", "** 0"))),
    ("sqrt: the chances are proportional", but(("** alpha", "** 1"))),
    ("smallest task is the likeliest", but(("** alpha", "** -alpha"))),
    ("the sizes are squared", but(("0.5", "2"))),
    ("α goes down to 0", but(("1 - 0.8 * ", "1 - "))),
    ("α is 0.2 from the start", but(("1 - 0.8 * " + DONE, "0.2"))),
    ("you use epoch / epochs", but((DONE, "epoch / epochs"))),
    ("never arrives", but((DONE, "(epoch - 1) / epochs"))),
    ("wrong way", but((DONE, "(1 - " + DONE + ")"))),
    ("you divide by zero", but(("max(epochs - 1, 1)", "(epochs - 1)"))),
    ("an epoch has 3 updates; as many as there are batches", but(("size=sum(batches.values())", "size=len(tasks)"))),
    ("the same number of each task", but((DRAWN, "rng.permutation([n for n, task in enumerate(tasks) for _ in range(batches[task])])"))),
    ("the tasks come in blocks", but(("return [(tasks[number],) for number in drawn]", "return [(tasks[number],) for number in sorted(drawn)]"))),
    ("robabilities do not sum to 1", but((" / sum(weights)", ""))),
    ("a tuple of tasks is wanted, even for one", but((TURNS, "[task for _ in range(rounds) for task in tasks]"))),
    ("not a NoneType: is a `return` missing?", but(("return [(tasks[number],)", "[(tasks[number],)"))),
    ("with KeyError: 'annealed'", but(('"annealed"', '"annealing"'))),
]

RIGHT = [
    BASE,
    '''
def chances(batches, power):
    sizes = np.array(list(batches.values()), dtype=float) ** power
    return sizes / sizes.sum()

def epoch_plan(batches, how, rng, epoch=1, epochs=1, epoch_of=None):
    names = list(batches)
    count = min(batches.values()) if epoch_of is None else batches[epoch_of]
    if how in ("round_robin", "together", "largest_first"):
        if how == "largest_first" and epochs > 1 and epoch <= math.ceil(epochs / 2):
            return [(sorted(names, key=batches.get)[-1],)] * (count * len(names))
        plan = []
        for _ in range(count):
            plan.extend([tuple(names)] if how == "together" else [(name,) for name in names])
        return plan
    total = sum(batches.values())
    if how == "shuffled":
        everything = sum(([name] * batches[name] for name in names), [])
        return [(everything[i],) for i in rng.permutation(total)]
    if how == "annealed":
        power = 1.0 if epochs == 1 else 1 - 0.8 * (epoch - 1) / (epochs - 1)
    else:
        power = 1.0 if how == "proportional" else 0.5
    return [(str(name),) for name in rng.choice(names, total, p=chances(batches, power))]
''',
    '''
def epoch_plan(batches, how, rng, epoch=1, epochs=1, epoch_of=None):
    rounds = batches.get(epoch_of, min(batches.values()))
    turn = [[task] for task in batches]
    if how == "together":
        return [list(batches) for _ in range(rounds)]
    if how == "largest_first" and epoch <= (epochs + 1) // 2 and epochs != 1:
        return [[max(batches, key=batches.get)]] * rounds * len(turn)
    if how in ("round_robin", "largest_first"):
        return turn * rounds
    pool = [task for task, count in batches.items() for _ in range(count)]
    if how == "shuffled":
        return [[str(task)] for task in rng.permutation(pool)]
    alpha = dict(proportional=lambda: 1, sqrt=lambda: 1 / 2, annealed=lambda: float(np.linspace(1, 0.2, epochs)[epoch - 1]))[how]()
    ends = np.cumsum([n**alpha for n in batches.values()])
    throws = rng.random(len(pool)) * ends[-1]
    return [[list(batches)[np.searchsorted(ends, throw, side="right")]] for throw in throws]
''',
    '''
from minbert_lib.learn.sampling import task_chances

def epoch_plan(batches, how, rng, epoch=1, epochs=1, epoch_of=None):
    match how:
        case "shuffled":
            left = dict(batches)
            plan = []
            while any(left.values()):
                tasks = [task for task in left if left[task]]
                share = np.array([left[task] for task in tasks], dtype=float)
                task = tasks[rng.choice(len(tasks), p=share / share.sum())]
                left[task] -= 1
                plan.append((task,))
            return plan
        case "proportional" | "sqrt" | "annealed":
            p = task_chances(batches, how, epoch, epochs)
            return [(str(rng.choice(list(p), p=list(p.values()))),) for _ in range(sum(batches.values()))]
    rounds = batches[epoch_of] if epoch_of else min(batches.values())
    if how == "together":
        return [tuple(batches)] * rounds
    if how == "largest_first" and 1 < epochs and 2 * epoch <= epochs + 1:
        return [(max(batches, key=batches.get),)] * (len(batches) * rounds)
    return [(task,) for _ in range(rounds) for task in batches]
''',
]
