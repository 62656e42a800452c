"""Which parameter learns how fast, and how the rate moves over a run.

Notable choices: a parameter's depth is read off its name ("…layer.7.…"), because Hugging Face's names already tell it; the embeddings
are depth 0 and everything above the encoder has no depth.
"""

import math
import re

from ..errors import MinbertError

SCHEDULES = ("constant", "linear", "cosine", "slanted")


def depth_of(name, layers):
    """0 for embeddings, 1 … `layers` for the encoder's layers and its pooler, None for heads."""
    if found := re.search(r"(?:^|\.)layer\.(\d+)\.", name):
        return int(found.group(1)) + 1
    if "embeddings." in name:
        return 0
    return layers if "pooler." in name else None


def is_norm_or_bias(name):
    return name.endswith(".bias") or "LayerNorm" in name


def parameter_groups(
    named_parameters, lr, layers, weight_decay=0.0, layer_decay=1.0, embedding_lr=1.0, head_lr=1.0, decay_all=True
):
    """Optimiser groups: `lr` × head_lr for heads, × layer_decay^(distance from the top) in the encoder, × embedding_lr below.

    `decay_all=False` spares biases and LayerNorms from weight decay.
    """
    groups = {}
    for name, parameter in named_parameters:
        if not parameter.requires_grad:
            continue
        depth = depth_of(name, layers)
        factor = head_lr if depth is None else layer_decay ** (layers - depth)
        factor *= embedding_lr if depth == 0 else 1.0
        if factor == 0:
            parameter.requires_grad_(False)
            continue
        decay = weight_decay if decay_all or not is_norm_or_bias(name) else 0.0
        group = groups.setdefault((factor, decay), {"params": [], "lr": lr * factor, "weight_decay": decay})
        group["params"].append(parameter)
    return list(groups.values())


def schedule(kind, step, total, warmup=0.0):
    """The factor on every learning rate at `step` (0 …) of `total`; `warmup` is a share of the run."""
    if kind not in SCHEDULES:
        raise MinbertError(f"there is no schedule called {kind!r}: it is one of {', '.join(SCHEDULES)}")
    if kind == "slanted":  # Howard & Ruder 2018: a short rise, a long fall to 1/32
        ratio, cut = 32, max(1, math.floor(total * warmup))
        p = step / cut if step < cut else 1 - (step - cut) / max(1, total - cut)
        return (1 + max(0.0, p) * (ratio - 1)) / ratio
    rise = total * warmup
    if step < rise:
        return min(1.0, (step + 1) / rise)
    done = min(1.0, (step - rise) / max(1.0, total - rise))
    return {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[kind]


def unfreeze(named_parameters, epoch, layers, per_epoch):
    """Gradual unfreezing: in epoch 1 only heads learn, then `per_epoch` more layers each epoch from the top."""
    lowest = layers + 1 - (epoch - 1) * per_epoch
    for name, parameter in named_parameters:
        depth = depth_of(name, layers)
        parameter.requires_grad_(depth is None or depth >= lowest)
