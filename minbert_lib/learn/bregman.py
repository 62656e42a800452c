"""Bregman proximal point: a penalty on outputs that leave an earlier self's (Jiang et al. 2020, section 3.2).

    D(θ, θ̃) = mean over examples of  ℓ(f(x; θ), f(x; θ̃)),      ℓ as in SMART

- momentum (the default, the paper's better one): θ̃ ← β θ̃ + (1 − β) θ after every step.
- plain: θ̃ is the last outer iterate, θ̃ ← θ after every `every` steps (the paper's S). With S = 1 the
  two are always the same and D and its gradient are 0; only from the second step of an outer iteration on
  is there a pull back.

Cost: one forward pass without a graph (4 units against 3, a ratio of 1.33) and one more copy of the
parameters, no gradients, no moments: a quarter of what the student takes with AdamW. The copy is deep: a
teacher that shares the student's parameters by mistake is common in public code, and its D is always 0.

As in SMART, compared outputs are free of dropout unless `dropout=True`: the task's own serve if the model
has none, else the student runs once more (3 units). `clean=True` says that `outputs` come from such a
pass already.
"""

import copy

import torch

from ..errors import MinbertError
from ..text.tasks import TASKS
from .compare import NotFinite, divergence, has_dropout, without_dropout


class BregmanProximal:
    """Call it for D; the caller adds weight · D to the loss and calls `update` after the optimiser's step."""

    def __init__(self, model, weight=1.0, beta=0.99, momentum=True, every=1, dropout=False):
        if not 0 <= beta <= 1 or every < 1:
            raise MinbertError("Bregman needs a beta from 0 to 1 and `every` of at least 1")
        self.model, self.weight, self.beta, self.momentum = model, weight, beta, momentum
        self.every, self.dropout, self.steps = every, dropout, 0
        self.teacher = copy.deepcopy(model).requires_grad_(False).eval()

    def __call__(self, batch, outputs=None, clean=False):
        if outputs is None or not (clean or self.dropout) and has_dropout(self.model):
            outputs = self._student(batch)
        with torch.no_grad():
            target = self.teacher.predict_from(self.teacher.embed(batch), batch)
        penalty = divergence(outputs, target, TASKS[batch.task].kind)
        if not bool(penalty.isfinite()):
            raise NotFinite(f"the Bregman penalty is not finite (task {batch.task})")
        return penalty

    def _student(self, batch):
        if self.dropout:
            return self.model.predict_from(self.model.embed(batch), batch)
        with without_dropout(self.model):
            return self.model.predict_from(self.model.embed(batch), batch)

    @torch.no_grad()
    def update(self):
        self.steps += 1
        if not self.momentum and self.steps % self.every:
            return
        kept = self.beta if self.momentum else 0.0
        for old, new in zip(self.teacher.parameters(), self.model.parameters(), strict=True):
            old.lerp_(new, 1 - kept)
        for old, new in zip(self.teacher.buffers(), self.model.buffers(), strict=True):
            old.copy_(new)

    def state_dict(self):
        return {"teacher": self.teacher.state_dict(), "steps": self.steps}

    def load_state_dict(self, state):
        self.teacher.load_state_dict(state["teacher"])
        self.steps = state["steps"]
