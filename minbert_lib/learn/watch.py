"""What does a step really change? The cheapest check there is, and the one that a frozen encoder cannot pass."""

import torch


def what_moves(model, step):
    """Call step() once; → the names of the parameters that are not what they were before, in the model's order."""
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    step()
    return [name for name, p in model.named_parameters() if not torch.equal(before[name], p)]
