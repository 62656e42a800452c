"""Two tasks on one surface of two weights: where their gradients pull apart, and what gradient surgery makes of it.

Notable choices: both losses are bowls, narrow ones that cross, so that the picture needs nothing but two numbers; the paths use the same `pcgrad`
as the trainer and plain descent, so that nothing but surgery differs.
"""

import torch

from ..learn.surgery import pcgrad

LOWEST = torch.tensor([[-1.6, -0.8], [1.6, -0.8]])  # where each task would go alone
SLOPE = (0.6, -0.6)  # the direction of each valley


def losses(p, weight=1.0):
    """Both tasks' losses at p (…, 2) → (…, 2); the second counts `weight` times."""
    away = p.unsqueeze(-2) - LOWEST  # (…, 2 tasks, 2)
    slope = torch.tensor(SLOPE)
    across = away[..., 1] - slope * away[..., 0]  # over the valley's side: steep
    along = away[..., 0] + slope * away[..., 1]  # down its floor: gentle
    loss = 0.5 * (2.0 * across**2 + 0.15 * along**2)
    return loss * torch.tensor([1.0, weight])


def gradients(p, weight=1.0):
    """Each task's gradient at one point, (2 tasks, 2): written out, because a slider waits for three hundred of them."""
    away, slope = p - LOWEST, torch.tensor(SLOPE)
    across, along = away[:, 1] - slope * away[:, 0], away[:, 0] + slope * away[:, 1]
    one = torch.ones(2)
    pull = 2.0 * across[:, None] * torch.stack([-slope, one], 1) + 0.15 * along[:, None] * torch.stack([one, slope], 1)
    return pull * torch.tensor([1.0, weight])[:, None]


def descend(start, weight=1.0, surgery=False, steps=150, lr=0.03):
    """The path of plain descent on the sum of both tasks, or on what surgery leaves of it: (steps + 1, 2)."""
    p = torch.tensor(start, dtype=torch.float32)
    path = [p]
    for _ in range(steps):
        pulls = gradients(p, weight)
        total = pcgrad([[pull] for pull in pulls])[0][0] if surgery else pulls.sum(0)
        p = p - lr * total
        path.append(p)
    return torch.stack(path)
