"""Gradient surgery, PCGrad (Yu et al. 2020): where two tasks pull against each other, each gives that up.

For each task i, g = gᵢ; for every other task j in random order: where g · gⱼ < 0, take away the part of g
along gⱼ. What is projected on are the original gradients, never the changed ones. The results are added
("mean" divides by T).

Every result is a weighted sum of the original gradients, so the algorithm needs only their T × T dot
products: one pass over the parameters for these, arithmetic on T numbers, one pass for the sum. The
textbook loop makes up to T (T − 1) passes over flattened copies.

`joined` is what the trainer calls. Tasks can be in conflict only where more than one of them pulls, so it
operates on shared parameters; a head of one task keeps its gradient, and does not dilute the angles.
"""

import random

import torch

from ..errors import MinbertError
from .compare import wide


def gram(gradients):
    """Dot products between tasks, T × T, in float64. gradients[task]: a tensor or None a parameter."""
    count, dots = len(gradients), {}
    for parts in zip(*gradients, strict=True):  # one parameter of every task, while it is in the cache
        flat = [None if part is None else wide(part.detach()).reshape(-1) for part in parts]
        for i in range(count):
            for j in range(i, count):
                if flat[i] is not None and flat[j] is not None:
                    dots.setdefault((i, j), []).append(torch.dot(flat[i], flat[j]))
    matrix = torch.zeros(count, count, dtype=torch.float64)
    for (i, j), values in dots.items():
        matrix[i, j] = matrix[j, i] = torch.stack(values).double().sum().item()
    return matrix


def project(matrix, orders):
    """How much of each original gradient every task's result holds, T × T, from their dot products alone."""
    dots, count = matrix.tolist(), len(matrix)
    shares = [[float(i == k) for k in range(count)] for i in range(count)]
    for i, order in enumerate(orders):
        for j in order:
            dot = sum(share * dots[k][j] for k, share in enumerate(shares[i]))
            if dot < 0:
                shares[i][j] -= dot / dots[j][j]
    return shares


def pcgrad(gradients, rng=random, orders=None, reduction="sum"):
    """→ (combined gradient for each parameter, cosines between the tasks' originals (T, T)).

    rng shuffles the other tasks for each task; `orders` fixes that: orders[i] lists the tasks j ≠ i.
    A parameter that no task touches stays None. The cosine of a zero gradient is nan.
    """
    if reduction not in ("sum", "mean"):
        raise MinbertError(f"surgery adds the gradients by 'sum' or 'mean', not {reduction!r}")
    count = len(gradients)
    if orders is None:
        others = [[j for j in range(count) if j != i] for i in range(count)]
        orders = [rng.sample(rest, len(rest)) for rest in others]
    matrix = gram(gradients)
    scale = count if reduction == "mean" else 1
    weights = [sum(column) / scale for column in zip(*project(matrix, orders), strict=True)]
    combined = []
    for parts in zip(*gradients, strict=True):
        held = [(weight, part) for weight, part in zip(weights, parts, strict=True) if part is not None]
        total = held[0][1] * held[0][0] if held else None
        for weight, part in held[1:]:
            total.add_(part, alpha=weight)
        combined.append(total)
    norms = matrix.diagonal().sqrt()
    return combined, matrix / torch.outer(norms, norms)


def joined(gradients, how, rng=random):
    """One gradient for each parameter, "pcgrad" or the plain sum ("watch"), and the cosines of what the tasks share."""
    shared = [sum(part is not None for part in parts) > 1 for parts in zip(*gradients, strict=True)]
    chosen = [[part for part, both in zip(task, shared, strict=True) if both] for task in gradients]
    operated, cosines = pcgrad(chosen, rng, [[]] * len(chosen) if how == "watch" else None)
    operated = iter(operated)
    own = lambda parts: next((part for part in parts if part is not None), None)
    return [next(operated) if both else own(parts) for both, parts in zip(shared, zip(*gradients))], cosines
