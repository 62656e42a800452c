"""Notebook 03: AdamW in the course's form, by 20 steps in float64 beside the specification of `walk_adamw.py`.

An error that is none of the typical mistakes is narrowed down: the smallest trial that already goes wrong is named.
"""

import torch

from .judge import Wrong, differs
from .show import Picture
from .walk_adamw import DEFAULTS, FIRST, MISTAKES, NARROW, SECOND, WHOLE, trial, walk


def run(answer, trial, resume_at=None):
    """The path of her optimizer; with resume_at, a second one takes over from the first one's state_dict there."""
    points = [torch.nn.Parameter(p.clone()) for p in trial["start"]]
    make = lambda: answer([{"params": [points[i] for i in members], **hyper} for hyper, members in trial["groups"]])
    optimizer, path = make(), []
    for t, grads in enumerate(trial["grads"], 1):
        if t == resume_at:
            saved = optimizer.state_dict()
            optimizer = make()
            optimizer.load_state_dict(saved)
        if trial["change"] and t == trial["change"] + 1:
            for group in optimizer.param_groups:
                group["lr"] *= 0.25
        for p, grad in zip(points, grads):
            p.grad = None if grad is None else grad.clone()
        optimizer.step()
        for p, grad in zip(points, grads):
            if grad is not None and (p.grad is None or not torch.equal(p.grad, grad)):
                raise Wrong("your step changes the gradient itself: p.grad belongs to the caller; work on a copy or out of place")
        path.append(torch.stack([p.detach().clone() for p in points]))
    return torch.stack(path)


def check_adamw(answer):
    _form(answer)
    path, expected = _path(answer, WHOLE), walk(WHOLE)
    if not _near(path, expected):
        raise Wrong(_name(answer, path, expected), _picture(path, expected))
    small = trial(6, FIRST, SECOND, shape=(2, 3))
    if not _near(_path(answer, small), walk(small)):
        raise Wrong("right for vectors, wrong for matrices: m and v have to have the parameter's own shape")
    if not _near(run(answer, WHOLE, resume_at=9), expected):
        raise Wrong("it cannot be stopped and resumed: keep all it remembers in self.state[p], where state_dict() finds it")
    _closure(answer)
    return 3 * len(WHOLE["grads"]) + 6 + 1


def _form(answer):
    if not (isinstance(answer, type) and issubclass(answer, torch.optim.Optimizer)):
        raise Wrong("AdamW has to be a class that inherits from torch.optim.Optimizer: `class AdamW(torch.optim.Optimizer):`")
    group = answer([torch.nn.Parameter(torch.zeros(2))]).param_groups[0]
    for name, value in DEFAULTS.items():
        if name not in group:
            raise Wrong(f"param_groups has no {name!r}: hand a dict of all five settings to super().__init__(params, defaults)")
        if group[name] != value:
            raise Wrong(f"the default of {name} is {group[name]!r}; {value!r} is wanted")


def _path(answer, trial):
    try:
        return run(answer, trial)
    except ZeroDivisionError as error:
        raise Wrong("you divide by zero in bias correction: t starts at 1, so count the step before you use it") from error
    except (TypeError, AttributeError) as error:
        if "NoneType" in str(error):
            raise Wrong("it stops at a parameter without a gradient (p.grad is None): pass over it with `continue`") from error
        raise
    except RuntimeError as error:
        if "leaf Variable" in str(error) or "requires grad" in str(error):
            raise Wrong("autograd watches your step: put @torch.no_grad() above step(), or work on p.data and p.grad") from error
        raise


def _near(path, expected, tolerance=1e-9):
    return torch.allclose(path, expected, rtol=tolerance, atol=tolerance / 10, equal_nan=True)


def _name(answer, path, expected):
    for twist, message in MISTAKES.items():
        if _near(path, walk(WHOLE, twist)):
            return message
    if _near(path, expected, 1e-5):
        return "right to about six digits only: m and v have to have the parameter's own dtype (zeros_like(p))"
    for words, smaller in NARROW:
        mine = _path(answer, smaller)
        if not _near(mine, right := walk(smaller)):
            return f"it goes wrong {words}: {differs(mine[-1], right[-1], rtol=1e-9, atol=1e-10)} after {len(mine)} steps"
    return f"it goes wrong only in the whole trial: {differs(path, expected, rtol=1e-9, atol=1e-10)}"


def _closure(answer):
    """step(closure) computes the loss again, with gradients, and returns it."""
    p = torch.nn.Parameter(torch.ones(2))
    calls = []

    def closure():
        calls.append(torch.is_grad_enabled())
        loss = (p**2).sum()
        p.grad = None
        if loss.requires_grad:
            loss.backward()
        return loss

    try:
        loss = answer([p]).step(closure)
    except TypeError as error:
        raise Wrong(f"step(closure) does not work ({error}): its form is `def step(self, closure=None)`") from error
    if calls != [True] or loss is None or abs(float(torch.as_tensor(loss).detach()) - 2) > 1e-6:
        raise Wrong("step(closure) has to call closure() once, under torch.enable_grad(), and return the loss that it gives")


def _picture(path, expected):
    mine = path[:, 0, 0]
    if not torch.isfinite(mine).all():
        return None
    return Picture("lines", mine.tolist(), expected[:, 0, 0].tolist(), "one number of the first parameter", x="step", y="value")
