"""Answers to the what-moves exercise."""

from answers import edits_of

BASE = '''
def what_moves(model, step):
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    step()
    return [name for name, p in model.named_parameters() if not torch.equal(before[name], p)]
'''
but = edits_of(BASE)

WRONG = [
    ("is your 'before' a copy", but((".detach().clone()", ".detach()"))),
    ("never called", but(("    step()\n", "    step\n"))),
    ("called 2 times", but(("    step()\n", "    step()\n    step()\n"))),
    ("a change of 1e-6 in one number", but(("torch.equal(", "torch.allclose("))),
    ("a change of 1e-4 in one number", but(("not torch.equal(before[name], p)", "(before[name] - p).abs().mean() > 1e-3"))),
    ("those that moved are wanted", but(("if not torch", "if torch"))),
    ("running means are among", but(("p in model.named_parameters() if", "p in model.state_dict().items() if"), ("p.detach().clone() for name, p in model.named_parameters()", "p.detach().clone() for name, p in model.state_dict().items()"))),
    ("look at gradients", but(("if not torch.equal(before[name], p)", "if p.grad is not None"))),
    ("you name all parameters", but((" if not torch.equal(before[name], p)", " if p.requires_grad"))),
    ("returns nothing", but(("return [", "[")),),
    ("not a int", but(("return [", "return len(["), ("before[name], p)]", "before[name], p)])"))),
    ("another order", but(("return [", "return sorted(["), ("before[name], p)]", "before[name], p)], reverse=True)"))),
    ("things of type Parameter", but(("return [name for", "return [p for"))),
]

RIGHT = [
    BASE,
    '''
def what_moves(model, step):
    import copy
    old = copy.deepcopy(model)
    step()
    moved = []
    for (name, now), then in zip(model.named_parameters(), old.parameters()):
        if (now != then).any():
            moved.append(name)
    return moved
''',
    '''
def what_moves(model, step):
    names = [name for name, _ in model.named_parameters()]
    then = [p.data.numpy().copy() for p in model.parameters()]
    step()
    now = [p.data.numpy() for p in model.parameters()]
    return [name for name, a, b in zip(names, then, now) if not np.array_equal(a, b)]
''',
    '''
def snapshot(model):
    return [(name, p.detach().clone()) for name, p in model.named_parameters()]

def what_moves(model, step):
    before = snapshot(model)
    step()
    moved = []
    for (name, a), (_, b) in zip(before, snapshot(model)):
        if (a - b).abs().sum().item() != 0:
            moved += [name]
    return moved
''',
]
