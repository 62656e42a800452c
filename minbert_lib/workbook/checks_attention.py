"""Notebook 01: attention, against the formula written out, step by step, with each step turned wrong in turn."""

import inspect
import math

import torch

from .judge import Wrong, ask, compare, differs
from .show import Picture


def spec(q, k, v, mask=None, twist=""):
    """softmax(q kᵀ / √d) v, step by step; `twist` turns one step wrong."""
    d, batch = q.size(-1), q.size(1) if q.dim() > 1 else 1
    wrong_root = {
        "no root": d * d,
        "times": 1 / d,
        "keys' length": k.size(-2),
        "queries' length": q.size(-2),
        "none": 1,
        "late": 1,
        "second": batch,
        "first": q.size(0),
    }
    scores = torch.einsum("...id,...jd->...ij", q, k) / math.sqrt(wrong_root.get(twist, d))  # (…, Lq, Lk)
    may = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.expand(scores.shape)
    may = ~may if twist == "inverted" and mask is not None else may
    fill = {"zero": 0.0, "low": -1.0}.get(twist, -torch.inf)
    open_scores = scores if twist in ("no mask", "after") else torch.where(may, scores, torch.full_like(scores, fill))
    weights = open_scores.softmax({"queries": -2, "axis 0": 0, "axis 1": 1}.get(twist, -1))
    if twist in OTHER_WEIGHTS:
        weights = OTHER_WEIGHTS[twist](scores, may, weights, d)
    if twist == "weights":
        return weights
    return torch.einsum("...ij,...jc->...ic", weights, k if twist == "keys" else v)


OTHER_WEIGHTS = {  # in place of the softmax
    "after": lambda scores, may, weights, d: weights * may,
    "late": lambda scores, may, weights, d: weights / math.sqrt(d),
    "no sum": lambda scores, may, weights, d: scores.exp() * may,
    "sigmoid": lambda scores, may, weights, d: torch.sigmoid(scores) * may,
    "log": lambda scores, may, weights, d: scores.log_softmax(-1) * may,
    "no softmax": lambda scores, may, weights, d: scores * may,
}


MISTAKES = {
    "your scores are not divided by √d, the root of the width of a query": "none",
    "your scores are divided by d; by √d is wanted, so that their spread stays near 1": "no root",
    "your scores are multiplied by √d; divide": "times",
    "you divide after the softmax; the scores have to be divided by √d before it": "late",
    "you divide by the root of the number of keys; d is the width of a query, q.size(-1)": "keys' length",
    "you divide by the root of the number of queries; d is the width of a query, q.size(-1)": "queries' length",
    "you divide by the root of q.size(1); d is the last axis of a query, q.size(-1)": "second",
    "you divide by the root of q.size(0); d is the last axis of a query, q.size(-1)": "first",
    "your softmax runs over the queries; every query's weights over the keys, the last axis, have to add up to 1": "queries",
    "your softmax runs over axis 1; the keys are the last axis, -1": "axis 1",
    "your softmax runs over axis 0; the keys are the last axis, -1": "axis 0",
    "the mask has no effect: keys where it is False still get weight": "no mask",
    "your mask is the wrong way round: True means that a key may be looked at": "inverted",
    "you mask after the softmax, so the weights of a query no longer add up to 1: mask the scores before it": "after",
    "masked scores become 0 or nearly so, which still gets weight, as e⁰ = 1: they have to go to -inf": "zero",
    "masked scores are only lowered to -1, which still gets weight: they have to go to -inf": "low",
    "there is no softmax: the scores themselves weigh the values": "no softmax",
    "your weights are e^score, not divided by their sum: softmax does both": "no sum",
    "your weights are sigmoids, each key for itself; a softmax makes the keys share a weight of 1": "sigmoid",
    "your weights are logarithms: log_softmax in place of softmax": "log",
    "you return the weights; the weighted mean of the values, weights @ v, is wanted": "weights",
    "you average the keys; the weights are for the values, weights @ v": "keys",
}


def cases():
    g = torch.Generator().manual_seed(1)
    r = lambda *shape, dtype=torch.float32: torch.randn(shape, generator=g, dtype=dtype)
    made = []
    for lead, lq, lk, d, dv in [
        ((), 3, 5, 4, 4),
        ((2,), 4, 4, 8, 8),
        ((3,), 2, 6, 5, 7),
        ((2, 3), 5, 4, 6, 6),
        ((1, 2), 1, 7, 16, 3),
    ]:
        made.append({"q": r(*lead, lq, d), "k": r(*lead, lk, d), "v": r(*lead, lk, dv)})
    real = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]], dtype=torch.bool)
    made.append({"q": r(2, 3, 4, 6), "k": r(2, 3, 4, 6), "v": r(2, 3, 4, 6), "mask": real[:, None, None, :]})  # padding
    made.append(
        {"q": r(2, 5, 4), "k": r(2, 5, 4), "v": r(2, 5, 4), "mask": torch.ones(5, 5).tril().bool()}
    )  # only what came before
    some = torch.rand(2, 4, 6, generator=g) < 0.6
    some[..., 0] = True
    made.append({"q": r(2, 4, 9), "k": r(2, 6, 9), "v": r(2, 6, 3), "mask": some})  # any pairs, other lengths
    made.append({"q": r(4, 3, dtype=torch.float64), "k": r(5, 3, dtype=torch.float64), "v": r(5, 2, dtype=torch.float64)})
    return made


def check_attention(answer):
    if parameters(answer)[3:] and parameters(answer, required=True)[3:]:
        raise Wrong("without a mask it cannot be called: give it a default, mask=None")
    right = compare(answer, cases(), spec, MISTAKES, picture=_picture)
    g = torch.Generator().manual_seed(2)
    large = {
        "q": 40 * torch.randn(2, 4, 9, generator=g),
        "k": torch.randn(2, 6, 9, generator=g),
        "v": torch.randn(2, 6, 3, generator=g),
    }
    if differs(ask(answer, large), spec(**large), rtol=1e-4, atol=1e-4):
        raise Wrong("with large scores your exponentials overflow: torch.softmax subtracts the largest score first")
    inputs = {name: torch.randn(3, 4, generator=g, requires_grad=True) for name in "qkv"}
    out = ask(answer, inputs)
    grads = torch.autograd.grad(out.sum(), list(inputs.values()), allow_unused=True) if out.requires_grad else [None] * 3
    for name, grad in zip("qkv", grads):
        if grad is None:
            raise Wrong(
                f"no gradient reaches {name}, so nothing before it could learn: is something detached, or turned into numbers?"
            )
    return right + 2


def parameters(function, required=False):
    """The names of a function's parameters (only those without a default), or [] where Python cannot tell."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in found if not required or (p.default is p.empty and p.kind in plain)]


def _picture(answer):
    """Her weights beside the expected: with the identity for values, the output is the weights."""
    g = torch.Generator().manual_seed(3)
    q, k, mask = 1.5 * torch.randn(1, 6, 8, generator=g), 1.5 * torch.randn(1, 6, 8, generator=g), torch.ones(6, dtype=torch.bool)
    mask[4:] = False
    case = {"q": q, "k": k, "v": torch.eye(6)[None], "mask": mask[None, None]}
    try:
        mine = torch.as_tensor(ask(answer, case)).detach().double()[0]
    except Exception:  # a picture is a help, not a duty: the message stands without it
        return None
    if mine.shape != (6, 6) or not torch.isfinite(mine).all():
        return None
    title = "attention weights; keys 4 and 5 are masked"
    return Picture("heat", mine.tolist(), spec(**case)[0].tolist(), title, x="key", y="query")
