"""SMART where it can be seen: sentences of one word, words of two features, two classes, and a network small enough to train under a slider.

Notable choices: the toy has the two methods that the penalties rely on, so it is the library's own SMART that draws the boundary. Labels are
noisy on purpose: a network that learns them all by heart must draw islands, and a smooth one may not. In float64, so that every
machine draws the same picture.
"""

import torch
from torch import nn
from torch.nn import functional as F

from ..learn import SmartRegularizer
from ..text.batching import Batch


class TwoFeatures(nn.Module):
    """A point in the plane is a one-word sentence: its id is its row in `points`."""

    def __init__(self, points, width=32):
        super().__init__()
        torch.manual_seed(0)
        self.register_buffer("points", points)
        self.net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2))
        self.net.to(points.dtype)

    def embed(self, batch):
        return self.points[batch.input_ids]  # (B, 1, 2)

    def predict_from(self, embedded, batch):
        return self.net(embedded[:, 0])  # (B, 2)


def noisy_points(count=60, seed=1):
    """Points (count, 2) and labels that mostly follow the first feature."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(count, 2, generator=generator).double()
    return points, ((points[:, 0] + 0.8 * torch.randn(count, generator=generator)) > 0).long()


def batch_of(labels):
    """All points as one batch of one-word sentences."""
    ids = torch.arange(len(labels))[:, None]
    return Batch("cfimdb", ids, ids >= 0, ids * 0, labels, ids[:, 0])


def fit(points, labels, weight, updates=200, lr=0.02, **options):
    """Train a TwoFeatures with `weight` · R on top of its loss; → the model."""
    model, batch = TwoFeatures(points), batch_of(labels)
    smart = SmartRegularizer(model, **options)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    for _ in range(updates):
        optimizer.zero_grad()
        embedded = model.embed(batch)
        outputs = model.predict_from(embedded, batch)
        loss = F.cross_entropy(outputs, labels)
        loss = loss + weight * smart(batch, embedded, outputs) if weight else loss
        loss.backward()
        optimizer.step()
    return model


def slope(model, cells=40):
    """The mean steepness of p(class 1) over the plane: what a smoothness penalty should lower."""
    grid = torch.cartesian_prod(*[torch.linspace(-2, 2, cells, dtype=model.points.dtype)] * 2).requires_grad_()
    return torch.autograd.grad(model.net(grid).softmax(-1)[:, 1].sum(), grid)[0].norm(dim=-1).mean().item()


@torch.no_grad()
def landscape(model, reach, cells=41):
    """p(class 1) on a grid from -reach to reach: (cells, cells), rows from bottom to top."""
    axis = torch.linspace(-reach, reach, cells, dtype=model.points.dtype)
    x, y = torch.meshgrid(axis, axis, indexing="xy")
    return model.net(torch.stack([x, y], -1).reshape(-1, 2)).softmax(-1)[:, 1].reshape(cells, cells)
