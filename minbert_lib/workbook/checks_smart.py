"""Notebook 06: the symmetric KL and SMART's ascent step."""

import torch

from .judge import Wrong, ask, compare, differs
from .show import Picture


def kl_spec(p_logits, q_logits, twist=""):
    """Σ p (log p − log q) + Σ q (log q − log p), mean over the batch."""
    axis = 0 if twist == "batch axis" else -1
    p, q = p_logits.softmax(axis), q_logits.softmax(axis)
    log_p, log_q = p.log(), q.log()
    if twist == "logits":
        p, q, log_p, log_q = p_logits, q_logits, p_logits, q_logits
    if twist == "half logits":  # kl_div fed with logits for its first argument, probabilities for its second
        return ((q * (log_q - p_logits)).sum(-1) + (p * (log_p - q_logits)).sum(-1)).mean()
    if twist == "no logarithm":
        return ((p - q) ** 2).sum(-1).mean()
    forth, back = p * (log_p - log_q), q * (log_q - log_p)
    both = {
        "forth": forth,
        "back": back,
        "half": (forth + back) / 2,
        "minus": -(forth + back),
        "twice": 2 * forth,
        "twice back": 2 * back,
        "cross": -(p * log_q) - (q * log_p),
    }
    each = both.get(twist, forth + back)
    if twist == "one an example":
        return each.sum(-1)
    return each.mean() if twist == "elements" else each.sum() if twist == "sum" else each.sum(-1).mean()


KL_MISTAKES = {
    "only KL(p‖q) is there; KL(q‖p) is to be added": "forth",
    "only KL(q‖p) is there; KL(p‖q) is to be added": "back",
    "KL(p‖q) is there twice; the second is to be KL(q‖p)": "twice",
    "KL(q‖p) is there twice; the second is to be KL(p‖q)": "twice back",
    "you halve the sum; the two are to be added, not averaged": "half",
    "you average over classes too (kl_div's 'mean'); sum over classes, then mean over the batch ('batchmean')": "elements",
    "you sum over the batch; the mean over the batch is wanted, or λ would depend on its size": "sum",
    "you return one number per example; their mean is wanted": "one an example",
    "you work on the logits themselves: softmax first": "logits",
    "kl_div is given logits as its first argument; log-probabilities, log_softmax, are wanted": "half logits",
    "your softmax runs over the batch; the classes are the last axis": "batch axis",
    "your sign is turned, or the two logarithms are: Σ p (log p − log q) is never negative": "minus",
    "these are cross-entropies; Σ p (log p − log q) has the entropy of p taken off": "cross",
    "this is the squared difference of the probabilities; Σ p (log p − log q) is wanted": "no logarithm",
}


def check_symmetric_kl(answer):
    g = torch.Generator().manual_seed(11)
    cases = [
        {"p_logits": 2 * torch.randn(size, generator=g), "q_logits": 2 * torch.randn(size, generator=g)}
        for size in ((4, 5), (3, 2), (1, 5), (6, 3))
    ]
    right = compare(answer, cases, kl_spec, KL_MISTAKES)
    far = {"p_logits": torch.tensor([[300.0, 0.0, -300.0]]), "q_logits": torch.tensor([[0.0, 300.0, 0.0]])}
    if differs(ask(answer, far), torch.tensor(600.0), rtol=1e-4):
        raise Wrong("with large logits it becomes NaN or infinite: log(softmax(x)) loses small numbers, log_softmax does not")
    near = {name: torch.randn(4, 5, generator=g, dtype=torch.float64, requires_grad=True) for name in ("p_logits", "q_logits")}
    grads = torch.autograd.grad(ask(answer, near), list(near.values()), allow_unused=True)
    wanted = torch.autograd.grad(kl_spec(**near), list(near.values()))
    for name, grad, right_one in zip(near, grads, wanted):
        if grad is None or differs(grad, right_one):
            what = "no gradient reaches" if grad is None else "part of the gradient is lost on its way to"
            raise Wrong(f"{what} {name}: nothing is to be detached, both sides learn")
    return right + 2


def ascent_spec(noise, gradient, step_size, radius, twist=""):
    """Each sentence: the gradient divided by its largest entry, a step along it, back into the ball. (rows, L, D)"""
    largest = gradient.abs().amax((1, 2), keepdim=True)
    size = {
        "all": gradient.abs().max(),
        "token": gradient.abs().amax(-1, keepdim=True),
        "raw": torch.ones_like(largest),
        "l2": gradient.square().sum((1, 2), keepdim=True).sqrt(),
        "signed": gradient.amax((1, 2), keepdim=True),
    }.get(twist, largest)
    direction = gradient.sign() if twist == "sign" else gradient / size.where(size != 0, torch.ones_like(size))
    step = step_size * direction
    moved = {
        "down": noise - step,
        "fresh": step,
        "no size": noise + direction,
        "gone": noise,
        "radius": noise + radius * direction,
    }.get(twist, noise + step)
    if twist == "free":
        return moved
    if twist == "divide":
        return moved / (moved.abs().amax((1, 2), keepdim=True) + radius)
    if twist == "step only":
        return noise + step.clamp(-radius, radius)
    if twist == "upper":
        return moved.clamp(max=radius)
    if twist == "shrink":  # the whole sentence is made smaller, not clamped
        return moved * (radius / moved.abs().amax((1, 2), keepdim=True).clamp(min=radius))
    if twist == "l2 ball":
        return moved * (radius / moved.square().sum((1, 2), keepdim=True).sqrt().clamp(min=radius))
    return moved.clamp(-radius, radius)


ASCENT_MISTAKES = {
    "your step goes down the gradient: SMART looks for the worst noise, so add": "down",
    "there is no projection: clamp the moved noise to ±radius": "free",
    "you divide by the norm + radius, as public code does, which always moves by about 1; clamp to ±radius": "divide",
    "you clamp the step and then add it, so the sum can leave the ball: add first, clamp last": "step only",
    "you clamp from above only: ±radius are both walls": "upper",
    "you shrink the whole sentence's noise into the ball; an ∞-norm ball clamps each number by itself": "shrink",
    "you project on the ball of the 2-norm; that of the ∞-norm is wanted: clamp": "l2 ball",
    "the gradient is not divided by its largest entry": "raw",
    "the gradient is divided by the largest entry of the whole batch; each sentence has its own": "all",
    "the gradient is divided token by token; the largest entry of the whole sentence is wanted": "token",
    "the gradient is divided by its 2-norm; by its ∞-norm, the largest absolute entry, is wanted": "l2",
    "the gradient is divided by its largest entry without taking absolute values first": "signed",
    "you use the sign of the gradient (FGSM); the gradient divided by its largest entry is wanted": "sign",
    "the noise so far is forgotten: add the step to it": "fresh",
    "step_size has no effect": "no size",
    "the gradient has no effect": "gone",
    "you step by the radius; by step_size is wanted": "radius",
}


def check_ascent_step(answer):
    g = torch.Generator().manual_seed(12)
    cases = []
    for rows, length, width, step_size, radius in (
        (3, 4, 5, 0.02, 0.05),
        (2, 3, 4, 0.3, 0.1),
        (1, 2, 6, 1e-3, 1e-5),
        (4, 1, 3, 0.5, 2.0),
    ):
        scale = torch.tensor([1.0, 1e-3, 50.0, 2.0])[:rows, None, None]
        noise, gradient = torch.randn(rows, length, width, generator=g), torch.randn(rows, length, width, generator=g)
        gradient[:, 0, 0] = -4.0
        cases.append({"noise": 0.7 * radius * noise, "gradient": scale * gradient, "step_size": step_size, "radius": radius})
    right = compare(answer, cases, ascent_spec, ASCENT_MISTAKES, picture=_picture, rtol=1e-4, atol=1e-9)
    flat = {**cases[0], "noise": cases[0]["noise"].clamp(-0.04, 0.04), "gradient": torch.zeros_like(cases[0]["gradient"])}
    if differs(ask(answer, flat), ascent_spec(**flat)):
        raise Wrong("where the gradient is 0 you divide 0 by 0: the noise is to stay where it was (clamp the divisor from below)")
    return right + 1


def _picture(answer):
    """Where she moves one number of the noise, for gradients from -1 to 1, beside where it should go."""
    gradient = torch.linspace(-1, 1, 21).reshape(1, 21, 1)
    case = {"noise": torch.full((1, 21, 1), 0.3), "gradient": gradient, "step_size": 1.0, "radius": 0.8}
    try:
        mine = torch.as_tensor(ask(answer, case)).detach().double().reshape(21)
    except Exception:  # the message stands without its picture
        return None
    return Picture(
        "lines",
        mine.tolist(),
        ascent_spec(**case).reshape(21).tolist(),
        "noise 0.3 after a step, radius 0.8",
        x="gradient, from -1 to 1",
        y="noise",
    )
