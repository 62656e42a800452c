"""Notebook 05: which parameters does a step really change?"""

import torch
from torch import nn

from .judge import Wrong


class Toy(nn.Module):
    """A norm with running means (buffers, no parameters), an encoder and a head; `spare` is used by nobody."""

    def __init__(self):
        super().__init__()
        self.norm, self.encoder = nn.BatchNorm1d(3), nn.Linear(3, 4)
        self.head, self.spare = nn.Linear(4, 2), nn.Linear(2, 2)


def descent(*parts, rate=0.5, without=()):
    """A step of plain descent on the named parts only; those in `without` get a gradient but no rate."""

    def step(model):
        model.zero_grad()
        x = torch.linspace(-1, 1, 15).view(5, 3) ** 2
        model.head(model.encoder(model.norm(x)).tanh()).square().sum().backward()
        with torch.no_grad():
            for name, p in model.named_parameters():
                if name.split(".")[0] in parts and name not in without:
                    p -= rate * p.grad

    return step


def by_hand(name, amount):
    """A step that moves one number of one parameter, whatever its gradient."""

    def step(model):
        with torch.no_grad():
            dict(model.named_parameters())[name].view(-1)[0] += amount

    return step


CASES = (
    ("everything that is used", descent("encoder", "norm", "head")),
    ("the head alone", descent("head")),
    ("nothing: every rate is 0", descent()),
    ("the head, but not its bias", descent("head", without=("head.bias",))),
    ("one number, by 1e-4", by_hand("encoder.weight", 1e-4)),
    ("one number, by 1e-6", by_hand("head.bias", 1e-6)),
    ("one number that has no gradient", by_hand("spare.weight", 1.0)),
)


def check_what_moves(answer):
    for what, change in CASES:
        torch.manual_seed(5)
        model, calls = Toy(), []
        nn.init.ones_(model.head.bias)  # to which 1e-6 is a change, if a small one
        before = {name: p.detach().clone() for name, p in model.named_parameters()}

        def step():
            calls.append(1)
            change(model)

        said = answer(model, step)
        after = dict(model.named_parameters())
        true = [name for name in before if not torch.equal(before[name], after[name])]
        if len(calls) != 1:
            raise Wrong(
                "step() is never called, so nothing can move"
                if not calls
                else f"step() is called {len(calls)} times; once is wanted"
            )
        if said is None:
            raise Wrong("it returns nothing; a list of names is wanted")
        if isinstance(said, (bool, int, str, dict)):
            raise Wrong(f"a list of names is wanted, not a {type(said).__name__}")
        _compare(list(said), true, model, what)
    return len(CASES)


def _compare(said, true, model, what):
    """Raise with the mistake that gives just these names."""
    every = [name for name, _ in model.named_parameters()]
    with_gradient = [name for name, p in model.named_parameters() if p.grad is not None]
    if said == true:
        return
    if any(not isinstance(name, str) for name in said):
        raise Wrong(f"the list holds things of type {type(said[0]).__name__}; the parameters' names are wanted")
    if sorted(said) == sorted(true):
        raise Wrong("the right names in another order; the model's own order is wanted, and a set has none")
    if said == [name for name in every if name not in true]:
        raise Wrong("these are the parameters that stayed where they were; those that moved are wanted")
    if not said and what.startswith("one number, by"):
        raise Wrong(f"a change of {what.split()[-1]} in one number is overlooked: torch.equal, not nearly equal, not sums")
    if not said:
        raise Wrong(
            "you say that nothing moved: is your 'before' a copy? detach() and .data share the model's own memory; clone() does not"
        )
    if any(name in dict(model.named_buffers()) for name in said):
        raise Wrong("running means are among the names; they are buffers, no parameters: named_parameters() leaves them out")
    if set(said) == set(with_gradient):
        raise Wrong(f"you look at gradients, not at the values (case: {what}); a gradient without a rate moves nothing")
    if set(said) == set(every):
        raise Wrong(f"you name all parameters, whether they moved or not (case: {what})")
    raise Wrong(f"where the step moved {what}, {', '.join(true) or 'none'} should be named, not {', '.join(said[:6])}")
