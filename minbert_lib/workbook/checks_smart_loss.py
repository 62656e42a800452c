"""Notebook 06: SMART's loss, which is built of the symmetric KL and the ascent step (checks_smart.py)."""

import torch
from torch import nn
from torch.nn import functional as F

from ..text.batching import Batch
from .checks_smart import ascent_spec, kl_spec
from .judge import Wrong, compare, differs


class Watched(nn.Module):
    """A model that remembers the points at which it was asked, and whether a gradient came back through its answer at x itself."""

    def __init__(self):
        super().__init__()
        g = torch.Generator().manual_seed(13)
        sizes = {"words": (20, 4), "layer": (4, 6), "mix": (6, 6), "head": (6, 5)}
        for name, size in sizes.items():
            self.register_parameter(name, nn.Parameter(torch.randn(size, generator=g)))
        self.points, self.through_clean = [], False

    def embed(self, batch):
        return self.words[batch.input_ids]  # (B, L, 4)

    def predict_from(self, embedded, batch):
        real = batch.attention_mask[..., None]
        words = torch.tanh(embedded @ self.layer) * real
        outputs = torch.tanh(words.sum(1) / real.sum(1) @ self.mix) @ self.head  # (B, 5)
        if outputs.requires_grad and torch.equal(embedded, self.embed(batch)):
            outputs.register_hook(self._came_back)
        self.points.append(embedded.detach())
        return outputs

    def _came_back(self, gradient):
        self.through_clean = True


def sentences():
    """Three sentences of words that mean nothing, two of them padded."""
    ids = torch.randint(1, 20, (3, 4), generator=torch.Generator().manual_seed(14))
    real = torch.arange(4) < torch.tensor([[4], [2], [3]])
    return Batch("sst", ids * real, real, torch.zeros_like(ids), torch.tensor([4, 0, 2]), torch.arange(3))


def smart_spec(model, batch, weight, eps, sigma, step_size, steps, seed, twist=""):
    """The task's loss + weight · R: the search with everything detached, then two passes that learn at a point that does not."""
    x = model.embed(batch)
    clean = model.predict_from(x, batch)
    task, real = F.cross_entropy(clean, batch.labels), batch.attention_mask[..., None]
    start = sigma * real * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
    pace = {"swapped": eps, "weighted step": weight * step_size}.get(twist, step_size)
    noise, radius = start, step_size if twist == "swapped" else eps
    for _ in range(1 if twist == "one step" else steps):
        at = (start if twist == "gradient at the start" else noise).detach().requires_grad_()
        asked = model.predict_from(x.detach() + at, batch)
        climbed = F.cross_entropy(asked, batch.labels) if twist == "labels" else kl_spec(asked, clean.detach())
        (gradient,) = torch.autograd.grad(-climbed if twist == "down" else climbed, at)
        noise = ascent_spec(start if twist == "from the start" else noise, gradient, pace, radius)
    final = {"start": start, "no noise": 0 * start, "noise alone": noise - x}.get(twist, noise)
    point = x + noise if twist == "point learns" else (x + final).detach()
    perturbed = model.predict_from(point, batch)
    perturbed = perturbed.detach() if twist in ("perturbed still", "both still") else perturbed
    R = kl_spec(perturbed, clean.detach() if twist in ("clean still", "both still") else clean)
    sums = {"no weight": task + R, "R alone": weight * R, "weight on all": weight * (task + R), "minus": task - weight * R}
    return sums.get(twist, task + weight * R)


THROUGH_CLEAN = (
    "the gradient of your search runs back through the clean side too: hold that still in the search, clean.detach(), and ask for "
    "the noise's gradient alone, torch.autograd.grad(distance, noise)"
)
ON_WEIGHTS = (
    "your search leaves gradients on the weights, as backward() does, and they would be added to the step's own; "
    "torch.autograd.grad(distance, noise) gives that of the noise alone"
)
NOT_ATTACHED = "the noise is not attached, so that there is no gradient by it: noise.requires_grad_() before its pass"
ONCE_ATTACHED = (
    "after the first step the noise is not attached any more: what ascent_step gives is a new tensor, so that "
    "noise.requires_grad_() belongs inside the loop"
)
WEIGHT_INSIDE = (
    "λ is inside the search: dividing the gradient by its size takes it out again, and where λ is very small nothing is left to "
    "climb; weight belongs to R alone, after the search"
)
LOSS_MISTAKES = {
    "weight has no effect: it is the λ that R is multiplied by": "no weight",
    "weight multiplies the task's loss too; R alone is to be weighed": "weight on all",
    "the task's own loss is missing: weight · R is added to it": "R alone",
    "R is taken off the loss; what changes under noise is to be paid for, so add it": "minus",
    "you multiply step_size by weight: λ has no place in the search": "weighted step",
    "your search climbs the task's loss; it is to climb the distance to the clean outputs, which needs no label": "labels",
    "your search goes down: it looks for the noise that changes the outputs most": "down",
    "you compare at the noise that the search began from; the one that it found is wanted": "start",
    "there is no noise in the last pass: its point is x + noise": "no noise",
    "the last pass is asked at the noise itself; its point is x + noise": "noise alone",
    "steps has no effect: as many ascent steps are wanted": "one step",
    "every step takes its gradient at the first noise; each is to take it at the noise that it has reached": "gradient at the start",
    "every step sets out from the first noise; each is to go on from the one before": "from the start",
    "step_size and eps are swapped in ascent_step: its third argument is the step, its fourth the radius": "swapped",
}
GRADIENT_MISTAKES = {
    "in the last comparison the clean side is held still; there both sides learn, and only the search detaches it": "clean still",
    "in the last comparison the perturbed side is held still; both sides learn, and only its point is detached": "perturbed still",
    "R teaches nothing: in the last comparison neither side may be detached": "both still",
    "the last gradient runs through x + noise into the word table; the point is held still, (x + noise).detach()": "point learns",
}


def check_smart_loss(answer):
    names = ("weight", "eps", "sigma", "step_size", "steps", "seed")
    settings = ((1.5, 0.8, 0.1, 0.3, 1, 0), (0.5, 0.8, 0.1, 0.3, 2, 1), (3.0, 0.2, 0.3, 0.1, 1, 2), (2.0, 1.0, 0.2, 0.25, 3, 3))
    cases = [dict(zip(names, values)) for values in settings]
    loss_of = lambda function: lambda *case, **named: _asked(function, *case, **named)[0].detach()
    slope_of = lambda function: lambda *case, **named: _asked(function, *case, **named)[1]
    if _weight_inside(answer, cases[0]):
        raise Wrong(WEIGHT_INSIDE)
    right = compare(loss_of(answer), cases, loss_of(smart_spec), LOSS_MISTAKES, rtol=1e-4)
    mine, wanted = ([slope_of(function)(**case) for case in cases] for function in (answer, smart_spec))
    same = lambda found: not any(differs(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(mine, found))
    if not same(wanted):
        for message, twist in GRADIENT_MISTAKES.items():
            if same([slope_of(smart_spec)(**case, twist=twist) for case in cases]):
                raise Wrong(message)
        raise Wrong(
            "the loss is right, but its gradient on the weights is not: from which passes do they learn, and at what point?"
        )
    return right


def _asked(function, *case, **named):
    """(the loss, its gradient on all weights, the points asked at) of a new model; Wrong where the search harms the weights."""
    model = Watched()
    try:
        loss = function(model, sentences(), *case, **named)
    except Exception as error:
        _look_for_harm(model)
        if "does not require grad" in str(error):  # autograd's words for a tensor without a graph
            raise Wrong(ONCE_ATTACHED if len(model.points) > 2 else NOT_ATTACHED) from error
        raise
    _look_for_harm(model)
    if not isinstance(loss, torch.Tensor) or loss.dim():
        raise Wrong(differs(loss, torch.zeros(())))
    if not loss.requires_grad:
        raise Wrong(
            "the loss that you return has no graph, so that nothing can learn from it: is it detached, or made by .item()?"
        )
    slopes = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
    return loss, torch.cat([slope.flatten() for slope in slopes]), model.points


def _look_for_harm(model):
    """What the search alone has done: the loss's own gradient is not asked for yet."""
    if model.through_clean:
        raise Wrong(THROUGH_CLEAN)
    if any(p.grad is not None for p in model.parameters()):
        raise Wrong(ON_WEIGHTS)


def _weight_inside(answer, case):
    """Does a search that finds the worst point stand still where λ is too small to be multiplied with?"""
    worst = _asked(smart_spec, *case.values())[2][-1]
    passes, found = [], []
    for weight in (case["weight"], 1e-45):
        points = _asked(answer, *{**case, "weight": weight}.values())[2]
        passes.append(len(points))
        found.append(any(point.shape == worst.shape and torch.allclose(point, worst, atol=1e-4) for point in points))
    return passes[0] == passes[1] and found == [True, False]
