"""From sentence vectors to an answer: pooling, the features of a pair, and the small network on top.

Notable choices: three functions and one module are enough for every head in the five reports; what differs is data.
"""

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import MinbertError

ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh, "silu": nn.SiLU, "elu": nn.ELU, "sigmoid": nn.Sigmoid}
FEATURES = {
    "u": lambda u, v: u,
    "v": lambda u, v: v,
    "|u-v|": lambda u, v: (u - v).abs(),
    "u*v": lambda u, v: u * v,
    "cos": lambda u, v: F.cosine_similarity(u, v, dim=-1).unsqueeze(-1),
}
POOLINGS = ("cls", "pooler", "mean", "max")


def pool(hidden, mask, how="cls"):
    """hidden (B, L, D), mask (B, L) True = counts → (B, D). "mean" and "max" look at counted tokens only."""
    if how == "cls":
        return hidden[:, 0]
    counts = mask.unsqueeze(-1)  # (B, L, 1)
    if how == "mean":
        return (hidden * counts).sum(1) / counts.sum(1).clamp(min=1)
    if how == "max":
        return hidden.masked_fill(~counts, torch.finfo(hidden.dtype).min).amax(1)
    raise MinbertError(f"there is no pooling of words called {how!r}: it is cls, mean or max")


def pair_features(u, v, features):
    """The named features of a pair side by side: u, v (B, D) → (B, …) in the order of `features`."""
    feature_width(0, features)
    return torch.cat([FEATURES[name](u, v) for name in features], dim=-1)


def feature_width(width, features):
    """How many numbers `pair_features` gives; a name that means nothing is refused."""
    unknown = [name for name in features if name not in FEATURES]
    if unknown:
        raise MinbertError(f"pair features are some of {', '.join(FEATURES)}, not {unknown[0]!r}")
    return sum(1 if name == "cos" else width for name in features)


class Head(nn.Sequential):
    """(Linear → activation → Dropout) × layers → Linear; without layers Dropout → Linear."""

    def __init__(self, width_in, width, outputs, layers=0, activation="gelu", dropout=0.1):
        if activation not in ACTIVATIONS:
            raise MinbertError(f"there is no activation called {activation!r}: it is one of {', '.join(ACTIVATIONS)}")
        if type(layers) is not int or layers < 0 or not 0 <= dropout <= 1:
            raise MinbertError(f"a head has 0 or more hidden layers and a dropout of 0 … 1, not {layers!r} and {dropout!r}")
        hidden = [] if layers else [nn.Dropout(dropout)]
        for number in range(layers):
            hidden += [nn.Linear(width if number else width_in, width), ACTIVATIONS[activation](), nn.Dropout(dropout)]
        super().__init__(*hidden, nn.Linear(width if layers else width_in, outputs))
