"""Notebook 05: the features of a pair, and the head that stands on them."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from .judge import Wrong, compare

ALL = ("u", "v", "|u-v|", "u*v", "cos")


def features_spec(u, v, features, twist=""):
    """The named features side by side, in the order in which they are named."""
    dot, length_u, length_v = (x.sum(-1, keepdim=True) for x in (u * v, u * u, v * v))
    cosine = dot / (length_u * length_v).sqrt()  # (B, 1)
    cosine = {"dot": dot, "half": dot / length_u.sqrt(), "distance": 1 - cosine}.get(twist, cosine)
    difference = {"signed": u - v, "squared": (u - v) ** 2, "relu": (u - v).clamp(min=0)}.get(twist, (u - v).abs())
    product = {"sum": u + v, "abs": (u * v).abs()}.get(twist, u * v)
    made = {"u": u, "v": v, "|u-v|": difference, "u*v": product, "cos": cosine}
    if twist == "swapped":
        made["u"], made["v"] = v, u
    if twist == "second u":
        made["v"] = u
    in_table = [name for name in ALL if name in features]
    names = {"all": ALL, "own order": in_table, "reversed": features[::-1], "first": features[:1]}.get(twist, features)
    return torch.cat([made[name] for name in names], 0 if twist == "stacked" else -1)


FEATURES_MISTAKES = {
    "the difference has a sign; |u-v| is to be the same for (u, v) and (v, u)": "signed",
    "the difference is squared; |u-v| is its absolute value": "squared",
    "negative differences become 0; |u-v| keeps their size": "relu",
    "u*v is made by adding; multiply, number by number": "sum",
    "u*v lost its sign": "abs",
    "u and v are swapped": "swapped",
    "v is a copy of u": "second u",
    "your cosine is the plain dot product; divide by the lengths of u and v": "dot",
    "your cosine is divided by the length of u only; by both lengths is wanted": "half",
    "your cosine is a distance, 1 - cos": "distance",
    "you always give all features; only those named are wanted": "all",
    "your order is fixed; the order of `features` is wanted": "own order",
    "your order is reversed": "reversed",
    "only the first feature comes out: is the return inside the loop?": "first",
    "the features are stacked under one another; side by side is wanted: dim=-1": "stacked",
}


def check_pair_features(answer):
    g = torch.Generator().manual_seed(13)
    draw = lambda: torch.randn(3, 4, generator=g)
    sets = (ALL, ("u", "v"), ("|u-v|", "u*v"), ("cos", "v", "u"), ("u*v", "u", "|u-v|"), ("cos",))
    cases = [{"u": draw(), "v": draw(), "features": features} for features in sets]
    return compare(answer, cases, features_spec, FEATURES_MISTAKES)


SHAPES = ((0, "gelu"), (1, "relu"), (1, "tanh"), (2, "gelu"), (3, "tanh"), (2, "relu"))  # hidden layers, activation
BEND = {"gelu": F.gelu, "relu": F.relu, "tanh": torch.tanh}


def check_head(answer):
    if not (isinstance(answer, type) and issubclass(answer, nn.Module)):
        raise Wrong("a class that inherits from nn.Module is wanted, with super().__init__() first in its __init__")
    right = 0
    for outputs, (layers, activation) in zip((5, 1, 5, 1, 3, 5), SHAPES):
        module, weights = _built(answer, 6, 4, outputs, layers, activation, 0.1)
        g = torch.Generator().manual_seed(14)
        cases = [{"features": 2 * torch.randn(rows, 6, generator=g)} for rows in (3, 1, 8)]
        right += compare(module.eval(), cases, partial(head_spec, weights, activation), HEAD_MISTAKES)
    return right + sum(_check_dropout(answer, layers) for layers in (0, 1, 3))


def head_spec(weights, activation, features, twist=""):
    """Linear → activation, for each hidden layer; a last Linear. `weights` [(W, b), …]; dropout is looked at by itself."""
    bend = {"gelu": F.gelu, "relu": F.relu, "rough": partial(F.gelu, approximate="tanh")}.get(twist, BEND[activation])
    x, last = features, len(weights) - 1
    for number, (weight, bias) in enumerate(weights):
        x = (bend(x) if twist == "before" else x) @ weight.T + bias
        flat = twist in ("flat", "before") or twist == "first only" and number > 0
        x = bend(x) if number < last and not flat or number == last and twist == "after" else x
    ends = {"softmax": lambda x: x.softmax(-1), "sigmoid": torch.sigmoid, "squeezed": lambda x: x.squeeze(-1)}
    return ends.get(twist, lambda x: x)(x)


HEAD_MISTAKES = {
    "the activation is missing; without it hidden layers are one linear map after another, which is a linear map": "flat",
    "`activation` has no effect: yours is always GELU": "gelu",
    "`activation` has no effect: yours is always ReLU": "relu",
    "your GELU is the tanh approximation; the exact one is wanted: nn.GELU()": "rough",
    "the activation comes before each linear layer; after each hidden one is wanted": "before",
    "only the first hidden layer has an activation; each is to have one": "first only",
    "there is an activation after the last layer; an answer may be any number": "after",
    "your head ends in a softmax; the loss wants the logits as they are": "softmax",
    "your head ends in a sigmoid; the loss wants the logits as they are": "sigmoid",
    "your head drops the last axis; (B, outputs) is wanted, for one output too": "squeezed",
}


def _built(answer, wide, width, outputs, layers, activation, dropout):
    """Her head with weights of ours in its linear layers; → (head, [(W, b), …])."""
    module = answer(wide, width, outputs, layers, activation, dropout)
    linear = [part for part in module.modules() if isinstance(part, nn.Linear)]
    linear.sort(key=lambda part: (part.in_features != wide, part.out_features == outputs))  # she may make the last one first
    widths = [wide, *[width] * layers, outputs]
    where, count = f"with layers={layers}", sum(p.numel() for p in module.parameters())
    if len(linear) != layers + 1:
        if plain := [name for name, part in vars(module).items() if name[0] != "_" and _holds_modules(part)]:
            raise Wrong(f"{plain[0]} is a plain list, into which nn.Module does not look: nn.Sequential or nn.ModuleList")
        raise Wrong(f"{where} your head has {len(linear)} linear layers; {layers + 1} are wanted, each with weights of its own")
    for number, (part, shape) in enumerate(zip(linear, zip(widths, widths[1:]))):
        if (part.in_features, part.out_features) != shape:
            said = f"from {part.in_features} to {part.out_features} numbers; from {shape[0]} to {shape[1]} is wanted"
            raise Wrong(f"{where}, width_in={wide}, width={width} and outputs={outputs} linear layer {number + 1} goes {said}")
        if part.bias is None:
            raise Wrong("your linear layers have no bias")
    if count != sum(part.weight.numel() + part.bias.numel() for part in linear):
        raise Wrong("your head has parameters beside those of its linear layers; activation and dropout need none")
    g, weights = torch.Generator().manual_seed(15), []
    with torch.no_grad():
        for part in linear:
            weights.append([torch.randn(p.shape, generator=g) for p in (part.weight, part.bias)])
            part.weight.copy_(weights[-1][0]), part.bias.copy_(weights[-1][1])
    return module, weights


def _holds_modules(parts):
    parts = parts.values() if isinstance(parts, dict) else parts if isinstance(parts, (list, tuple)) else ()
    return any(isinstance(part, nn.Module) for part in parts)


def _check_dropout(answer, layers):
    """What goes into each linear layer while training: half of the numbers gone, the rest doubled, and only where dropout belongs."""
    module, _ = _built(answer, 6, 16, 5, layers, "tanh", 0.5)
    seen = []
    for part in module.modules():
        if isinstance(part, nn.Linear):
            part.register_forward_hook(lambda part, came, went: seen.append((came[0].detach(), went.detach())))
    features = torch.randn(200, 6, generator=torch.Generator().manual_seed(16))
    out = module.train()(features)
    before = [features, *(went.tanh() for _, went in seen[:-1])]
    for number, (whole, (came, _)) in enumerate(zip(before, seen)):
        place = f"after the activation of hidden layer {number}" if number else "before the one linear layer"
        if number == 0 and layers:
            if not torch.equal(came, whole):
                raise Wrong("the features are dropped before the first of the hidden layers; dropout comes after each activation")
        elif torch.allclose(came, whole):
            raise Wrong(f"with layers={layers} dropout is missing {place}")
        elif not ((came == 0) | torch.isclose(came, 2 * whole)).all() or not 0.3 < (came == 0).float().mean() < 0.7:
            raise Wrong(
                f"with layers={layers} dropout is in the wrong place or strength; it belongs {place}, nn.Dropout(dropout)"
            )
    if not torch.equal(out, seen[-1][1]):
        raise Wrong("there is dropout after the last layer, where it throws whole answers away")
    return 1
