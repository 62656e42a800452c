"""Landscapes of two weights, to watch an optimiser walk: the loss of a network has millions, and no picture.

Notable choices: every surface takes points (…, 2), so that one function gives a single loss and the whole picture; noise
is added to the gradient, as a small batch adds it, from a generator of its own.
"""

import torch

SURFACES = {
    "valley": lambda p: 0.5 * (0.05 * p[..., 0] ** 2 + 2.0 * p[..., 1] ** 2),
    "slanting valley": lambda p: 0.5 * (0.05 * (p[..., 0] + p[..., 1]) ** 2 + 2.0 * (p[..., 0] - p[..., 1]) ** 2) / 2,
    "bend": lambda p: 0.02 * (p[..., 0] - 1) ** 2 + 0.5 * (p[..., 1] - 0.25 * p[..., 0] ** 2 + 1) ** 2,
    "two hollows": lambda p: 0.01 * (p[..., 0] ** 2 - 9) ** 2 + 0.1 * p[..., 0] + 0.5 * p[..., 1] ** 2,
}
START = (-4.0, 2.0)


def descend(make, surface, steps=100, noise=0.0, l2=0.0, start=START, seed=0):
    """Walk down: `make([p])` gives an optimiser; `l2` adds l2·p to the gradient. → (steps + 1, 2) points."""
    p = torch.nn.Parameter(torch.tensor(start))
    optimizer, g = make([p]), torch.Generator().manual_seed(seed)
    path = [p.detach().clone()]
    for _ in range(steps):
        (p.grad,) = torch.autograd.grad(SURFACES[surface](p), p)
        p.grad += noise * torch.randn(2, generator=g) + l2 * p.detach()
        optimizer.step()
        path.append(p.detach().clone())
    return torch.stack(path)
