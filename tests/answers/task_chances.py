"""Answers to the sampling exercise."""

from answers import edits_of

BASE = '''
def task_chances(batches, how, epoch=1, epochs=1):
    alpha = {"proportional": 1, "sqrt": 0.5, "annealed": 1 - 0.8 * (epoch - 1) / max(epochs - 1, 1)}[how]
    weights = {task: count**alpha for task, count in batches.items()}
    total = sum(weights.values())
    return {task: weight / total for task, weight in weights.items()}
'''
but = edits_of(BASE)
DONE = "(epoch - 1) / max(epochs - 1, 1)"

WRONG = [
    ("do not add up to 1: divide each weight", but(("weight / total", "weight"))),
    ("power of the shares", but(("count**alpha", "(count / sum(batches.values())) ** alpha"), ("weight / total", "weight"))),
    ("divide by the largest size", but(("weight / total", "weight / max(batches.values())"))),
    ("softmax of the sizes", but(("count**alpha", "math.exp(alpha * (count - max(batches.values())))"))),
    ("equally likely", but(("count**alpha", "1"))),
    ("always proportional", but(("count**alpha", "count"))),
    ("smallest task is the likeliest", but(("count**alpha", "count**-alpha"))),
    ("'sqrt' squares", but(("0.5", "2"))),
    ("goes down to α = 0", but(("1 - 0.8 * ", "1 - "))),
    ("α = 0.2 from the start", but(("1 - 0.8 * " + DONE, "0.2"))),
    ("uses epoch / epochs", but((DONE, "epoch / epochs"))),
    ("never arrives", but((DONE, "(epoch - 1) / epochs"))),
    ("wrong way", but((DONE, "(1 - " + DONE + ")"))),
    ("you divide by zero", but(("max(epochs - 1, 1)", "(epochs - 1)"))),
    ("a dictionary task → chance", but(("return {task: weight / total for task, weight in weights.items()}", "return [weight / total for weight in weights.values()]"))),
    ("with KeyError: 'annealed'", but(("annealed", "annealing"))),
]

RIGHT = [
    BASE,
    '''
def task_chances(batches, how, epoch=1, epochs=1):
    if how == "proportional":
        a = 1.0
    elif how == "sqrt":
        a = 0.5
    else:
        a = 1.0 if epochs == 1 else 1 - 0.8 * (epoch - 1) / (epochs - 1)
    sizes = np.array(list(batches.values()), dtype=float) ** a
    return dict(zip(batches, sizes / sizes.sum()))
''',
    '''
def annealed(epoch, epochs):
    return float(np.linspace(1, 0.2, epochs)[epoch - 1])

def task_chances(batches, how, epoch=1, epochs=1):
    power = {"proportional": lambda: 1, "sqrt": lambda: 1 / 2, "annealed": lambda: annealed(epoch, epochs)}[how]()
    return {t: n**power / sum(m**power for m in batches.values()) for t, n in batches.items()}
''',
    '''
def task_chances(batches, how, epoch=1, epochs=1):
    alpha = 1 if how == "proportional" else 0.5 if how == "sqrt" else 1 - 0.8 * (epoch - 1) / max(1, epochs - 1)
    logs = alpha * torch.tensor([float(n) for n in batches.values()], dtype=torch.float64).log()
    return {task: chance.item() for task, chance in zip(batches, logs.softmax(0))}
''',
]
