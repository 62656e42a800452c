"""The specification of the course's AdamW, one parameter after the other, and each typical mistake as a twist of it.

Three parameters in two groups with unlike settings, gradients so small that eps matters, one parameter without a gradient for a
while, a learning rate that changes on the way: 20 such steps in float64 tell all of MISTAKES from the right form and each other.
"""

import math

import torch

DEFAULTS = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 0.0, "correct_bias": True}
FIRST = {"lr": 0.1, "betas": (0.9, 0.98), "eps": 1e-2, "weight_decay": 0.2, "correct_bias": True}
SECOND = {"lr": 0.03, "betas": (0.7, 0.95), "eps": 3e-2, "weight_decay": 0.5, "correct_bias": False}


def trial(steps=20, first=FIRST, second=None, absent=(), change=None, shape=(4,)):
    """Starting points, groups and gradients. absent: steps at which the second parameter has no gradient."""
    g = torch.Generator().manual_seed(7)
    groups = [(first, [0] if second is None else [0, 1])] + ([(second, [2])] if second else [])
    count = sum(len(members) for _, members in groups)
    start = [torch.randn(shape, generator=g, dtype=torch.float64) for _ in range(count)]
    grads = [[0.02 * torch.randn(shape, generator=g, dtype=torch.float64) + 0.01 * i for i in range(count)] for _ in range(steps)]
    for step in absent:
        grads[step][1] = None
    return {"groups": groups, "start": start, "grads": grads, "change": change}


def walk(trial, twist=""):
    """Where the parameters are after every step: (steps, parameters, …). `twist` names the mistake to make."""
    points, states, path, ticks = [p.clone() for p in trial["start"]], {}, [], 0
    for t, grads in enumerate(trial["grads"], 1):
        for number, (own, members) in enumerate(trial["groups"]):
            hyper = dict({"first group": trial["groups"][0][0], "defaults": DEFAULTS}.get(twist, own))
            if trial["change"] and t > trial["change"] and twist not in ("stale lr", "defaults"):
                hyper["lr"] *= 0.25
            for i in members:
                ticks += 1
                if grads[i] is None and twist == "none decays":
                    points[i] = points[i] * (1 - hyper["lr"] * hyper["weight_decay"])
                if grads[i] is None and twist != "none as zero":
                    continue
                grad = torch.zeros_like(points[i]) if grads[i] is None else grads[i]
                key = {"shared": 0, "shared moments": 0, "per group": number}.get(twist, i)
                state = states.setdefault(
                    key, {"m": torch.zeros_like(grad), "v": torch.zeros_like(grad), "t": 0, "most": torch.zeros_like(grad)}
                )
                state["t"] += 1
                count = {"global t": t, "counts parameters": ticks, "t stays 1": 1, "t from 2": state["t"] + 1}.get(
                    twist, state["t"]
                )
                points[i] = one_step(points[i], grad, state, count, hyper, twist)
        path.append(torch.stack(points))
    return torch.stack(path)


def one_step(p, grad, state, t, hyper, twist):
    lr, (b1, b2), eps, decay = hyper["lr"], hyper["betas"], hyper["eps"], hyper["weight_decay"]
    if twist == "betas swapped":
        b1, b2 = b2, b1
    if twist == "L2":
        grad = grad + decay * p
    if twist == "reset":
        state["m"], state["v"] = torch.zeros_like(p), torch.zeros_like(p)
    new = {"m bare": grad, "m turned": b1 * grad}.get(twist, (1 - b1) * grad)
    state["m"] = (1 - b1 if twist == "m turned" else b1) * state["m"] + new
    square = {"v of g": grad, "v of m": state["m"] ** 2, "v abs": grad.abs()}.get(twist, grad**2)
    share = {"v bare": 1.0, "v turned": b2}.get(twist, 1 - b2)
    state["v"] = (1 - b2 if twist == "v turned" else b2) * state["v"] + share * square
    state["most"] = torch.maximum(state["most"], state["v"])
    m = grad if twist == "no momentum" else state["m"]
    v = state["most"] if twist == "amsgrad" else state["v"]
    corrected = {"always": True, "never": False, "correct turned": not hyper["correct_bias"]}.get(twist, hyper["correct_bias"])
    c1, c2 = (1 - b1**t, math.sqrt(1 - b2**t)) if corrected else (1.0, 1.0)
    c1, c2 = {
        "m only": (c1, 1.0),
        "v only": (1.0, c2),
        "no root": (c1, c2**2),
        "upside down": (1 / c1, 1 / c2),
        "v times": (c1, 1 / c2),
        "m times": (1 / c1, c2),
    }.get(twist, (c1, c2))
    root = {
        "eps inside": (v + eps).sqrt(),
        "eps rescaled": v.sqrt() + eps * c2,
        "no eps": v.sqrt(),
        "no sqrt": v + eps,
        "eps squared": (v + eps**2).sqrt(),
        "eps max": v.sqrt().clamp(min=eps),
    }.get(twist, v.sqrt() + eps)
    before = p
    if twist == "decay before":
        p = p * (1 - lr * decay)
    move = lr * c2 / c1 * m / root
    p = p + move if twist == "uphill" else p - move
    factor = {
        "L2": 0.0,
        "decay before": 0.0,
        "no decay": 0.0,
        "decay bare": decay,
        "decay up": -lr * decay,
        "decay by step": lr * c2 / c1 * decay,
        "decay half": lr * decay / 2,
        "decay lr squared": lr * lr * decay,
        "decay default lr": DEFAULTS["lr"] * decay,
    }.get(twist, lr * decay)
    return before.clone() if twist == "still" else p - factor * p


MISTAKES = {
    "still": "no parameter moves: change p in place (p.add_(…) under torch.no_grad(), or p.data); p = p - … only renames",
    "uphill": "your step goes up the gradient: it has to be subtracted",
    "always": "correct_bias=False has no effect: bias is corrected all the same",
    "never": "the bias is never corrected: with correct_bias=True the step is lr·√(1-β₂ᵗ)/(1-β₁ᵗ)",
    "correct turned": "correct_bias is the wrong way round: bias is corrected where it is False",
    "m only": "only m's bias is corrected: √(1-β₂ᵗ) for v is missing",
    "v only": "only v's bias is corrected: dividing by 1-β₁ᵗ for m is missing",
    "no root": "v's correction is 1-β₂ᵗ in your step; its root, √(1-β₂ᵗ), is wanted, as v itself is under a root",
    "upside down": "your bias correction is upside down: lr·√(1-β₂ᵗ)/(1-β₁ᵗ) is wanted",
    "v times": "your step is divided by √(1-β₂ᵗ); multiply by it",
    "m times": "your step is multiplied by 1-β₁ᵗ; divide by it",
    "eps inside": "your eps is inside the root, √(v+eps); outside is wanted, √v + eps",
    "eps squared": "your eps is inside the root, squared; outside is wanted, √v + eps",
    "eps rescaled": "your eps is added after v's correction (PyTorch's form); the course adds it to the plain √v",
    "eps max": "you use eps as a floor under √v; it is to be added, √v + eps",
    "no eps": "eps is missing from the denominator √v + eps",
    "no sqrt": "you divide by v; by √v + eps is wanted",
    "L2": "your decay is added to the gradient (L2, as in Adam); in AdamW it acts on the parameter by itself, after the step",
    "decay before": "you decay before the step; the course's form decays after it, with the parameter as the step left it",
    "no decay": "weight_decay has no effect",
    "decay bare": "your decay is not multiplied by the learning rate: p -= lr·weight_decay·p is wanted",
    "decay up": "your decay makes the parameters grow: subtract lr·weight_decay·p",
    "decay by step": "your decay is multiplied by the bias-corrected step; by plain lr is wanted",
    "decay half": "your decay is half of what it should be: p -= lr·weight_decay·p is wanted, without ½",
    "decay lr squared": "your decay is multiplied by lr twice; once is wanted",
    "decay default lr": "your decay uses the default learning rate; that of the parameter's group is wanted",
    "betas swapped": "β₁ and β₂ are swapped: the first is for m, the second for v",
    "m bare": "m takes in the whole gradient; (1-β₁)·g is wanted",
    "v bare": "v takes in the whole square; (1-β₂)·g² is wanted",
    "m turned": "m keeps 1-β₁ of its past and takes β₁ of the new; the other way round is wanted",
    "v turned": "v keeps 1-β₂ of its past and takes β₂ of the new; the other way round is wanted",
    "v of g": "v is the mean of g; of g² is wanted (your v can be negative, and then its root is NaN)",
    "v abs": "v is the mean of |g|; of g² is wanted",
    "v of m": "v is made from m²; from g² is wanted",
    "no momentum": "your step uses the gradient itself; its running mean m is wanted",
    "amsgrad": "you divide by the largest v so far (AMSGrad); the present one is wanted",
    "reset": "m and v start from zero at every step: make them once per parameter, when its state is empty",
    "shared": "all parameters share one state: m, v and t have to be kept per parameter, in self.state[p]",
    "per group": "all parameters of a group share one state: m, v and t have to be kept per parameter, in self.state[p]",
    "global t": "t counts calls of step(); every parameter has to count its own (one without a gradient has not moved)",
    "counts parameters": "t is counted up for every parameter in turn: keep a count per parameter, in self.state[p]",
    "t stays 1": "your t stays 1: store the count back in the state after adding 1",
    "t from 2": "your t is one ahead: at the first step it has to be 1",
    "first group": "the first group's settings are used for all: take lr, betas, … from the group of each parameter",
    "defaults": "you use the defaults; lr, betas, … are to come from each parameter's group",
    "stale lr": "a learning rate changed in param_groups has no effect: read group['lr'] at every step (schedules need this)",
    "none as zero": "a parameter without a gradient (p.grad is None) moves all the same: pass over it",
    "none decays": "a parameter without a gradient (p.grad is None) decays all the same: pass over it",
}

NARROW = [  # from the smallest trial up: what is new in each
    (
        "in the very first step, without decay and bias correction",
        trial(1, {**FIRST, "weight_decay": 0.0, "correct_bias": False}),
    ),
    (
        "when a second step follows, without decay and bias correction",
        trial(2, {**FIRST, "weight_decay": 0.0, "correct_bias": False}),
    ),
    ("as soon as bias is corrected", trial(3, {**FIRST, "weight_decay": 0.0})),
    ("as soon as there is weight decay", trial(3)),
    ("after more steps", trial(20)),
    ("as soon as there are several parameters and groups", trial(20, FIRST, SECOND)),
    ("as soon as the learning rate changes on the way", trial(20, FIRST, SECOND, change=12)),
    ("as soon as a parameter has no gradient for a while", trial(20, FIRST, SECOND, absent=(0, 5, 6), change=12)),
]
WHOLE = NARROW[-1][1]
