"""Two passes of a model, compared: how far apart their outputs are, and what must be equal in both.

Notable choices
- ℓ is the symmetric KL of classes, KL(p‖q) + KL(q‖p), or the squared error of scores. All three kinds are
  a sum of products of two differences with the same sign, Σ (p − q)(log p − log q), so no rounding makes
  it negative.
- `detach` "targets" (the first argument of each KL held still) is the same product with its first factor
  held still.
- ℓ is computed in float32 or wider, whatever the model ran in.
"""

from contextlib import ExitStack, contextmanager
from dataclasses import replace

import torch

from ..errors import MinbertError


class NotFinite(MinbertError):
    """A loss, a penalty or a gradient is infinite or no number: the run cannot go on from here."""


def symmetric_kl(p_logits, q_logits):
    """KL(p‖q) + KL(q‖p), mean over the batch. Logits: (B, n), or (B,) for the probability of a yes."""
    return divergence(p_logits, q_logits, "yes_no" if p_logits.dim() == 1 else "classes")


def divergence(p, q, kind, reduction="mean", detach="none"):
    """How far the outputs p are from the outputs q. `smart.py` says what the switches do."""
    p, q = wide(p), wide(q.detach() if detach == "clean" else q)
    if kind == "score":
        first = second = p - q  # (B,)
    elif kind == "yes_no":
        first, second = p.sigmoid() - q.sigmoid(), p - q  # (B,): both answers in one
    else:
        p, q = p.log_softmax(-1), q.log_softmax(-1)
        first, second = p.exp() - q.exp(), p - q  # (B, n)
    terms = (first.detach() if detach == "targets" else first) * second
    if reduction == "elements":
        return terms.mean()
    return terms.sum() / (1 if reduction == "sum" else len(terms))


def wide(x):
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def has_dropout(model):
    """Would a pass of the model now draw random numbers?"""
    for module in model.modules():
        name = "p" if isinstance(module, torch.nn.modules.dropout._DropoutNd) else "dropout"
        chance = getattr(module, name, 0)  # attention keeps a plain number called dropout, as PyTorch's does
        if module.training and isinstance(chance, (int, float)) and chance > 0:
            return True
    return False


@contextmanager
def frozen(model):
    """Inside, no graph asks for a gradient of a parameter."""
    trained = [p for p in model.parameters() if p.requires_grad]
    for p in trained:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in trained:
            p.requires_grad_(True)


@contextmanager
def without_dropout(model):
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def random_state(device):
    """The state of the random numbers that dropout draws from, for `replayed`."""
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


@contextmanager
def replayed(state, device):
    """Inside, dropout draws the masks that it drew from `state`; afterwards all goes on as before."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.set_rng_state(state[0])
        if state[1] is not None:
            torch.cuda.set_rng_state(state[1], device)
        yield


def take(batch, chosen):
    """The examples at positions `chosen` of a batch, and their rows."""
    rows = torch.cat([chosen, chosen + len(batch.index)]) if batch.pair == "separate" else chosen
    ids, mask, types = batch.input_ids[rows], batch.attention_mask[rows], batch.token_type_ids[rows]
    labels = None if batch.labels is None else batch.labels[chosen]
    part = replace(batch, input_ids=ids, attention_mask=mask, token_type_ids=types, labels=labels)
    return replace(part, index=batch.index[chosen]), rows


@contextmanager
def compared(model, precise=False, dropout=False, rng=None):
    """The setting of a compared pass. `precise`: not in autocast; `rng`: dropout masks to use again."""
    device = next(model.parameters()).device
    with ExitStack() as stack:
        if precise:
            stack.enter_context(torch.autocast(device.type, enabled=False))
        if dropout is False:
            stack.enter_context(without_dropout(model))
        elif rng is not None:
            stack.enter_context(replayed(rng, device))
        yield
