"""Heinsen's routing of vectors in sequences (2022, arXiv 2211.11754), as a head over all words of a sentence.

Input vectors i vote for output vectors j. Each output then predicts the inputs, and every input gives more of itself to
the outputs that predicted it well. An output gains from what it uses and pays for what it ignores: "bang per bit".

Notable choices:
- The form is the author's EfficientVectorRouting, with his parameter names: votes are low-rank, W_F2ᵀ (W_F1_j ∘ x_i) + B_F2_j,
  so that adding up over i comes first and the (B, I, J, H) of them are never held in memory.
- `RoutingHead` follows his classifier: normalise, scale, route to 64 vectors, again to 64, then to one number a class. His
  reads all layers of its encoder, ours the last one.
- Padding is left out for good: it gets no activation, hence no say, and the 1/√n by which inputs are scaled counts real
  words. The author's code counts padding too, so there a sentence's answer depends on its neighbours in the batch.
"""

import torch
import torch.nn.functional as F
from torch import nn


class VectorRouting(nn.Module):
    """`inputs` vectors of size `width_in` (None = any number) → `outputs` vectors of size `width_out`."""

    def __init__(self, inputs, outputs, width_in, width_out, iterations=2):
        super().__init__()
        self.iterations, self.outputs, self.width_out = iterations, outputs, width_out
        rows = inputs or 1  # with any number of inputs all of them share one row
        normal = lambda *shape, std=1.0: nn.Parameter(torch.randn(*shape) * std)
        zeros = lambda *shape: nn.Parameter(torch.zeros(*shape))
        # A: how active is an input
        self.W_A, self.B_A = normal(rows, width_in, std=2 * width_in**-0.5), zeros(rows)
        # F: its votes
        self.W_F1, self.W_F2 = normal(outputs, width_in), normal(width_in, width_out, std=2 * width_in**-0.5)
        self.B_F2 = zeros(outputs, width_out)
        # G: what an output predicts the inputs to be
        self.W_G1, self.W_G2 = normal(width_out, width_in, std=width_out**-0.5), normal(outputs, width_in)
        self.B_G2 = zeros(outputs, width_in)
        # S: how well that fits
        self.W_S, self.B_S = normal(rows, outputs, std=width_in**-0.5), zeros(rows, outputs)
        # β: what an output gains by using an input, and pays for ignoring it
        if inputs:
            self.beta_use, self.beta_ign = normal(inputs, outputs), normal(inputs, outputs)
        else:
            self.compute_beta_use = nn.Linear(width_in, outputs)
            self.compute_beta_ign = nn.Linear(width_in, outputs)

    def forward(self, x, mask=None):
        """x (B, I, D), mask (B, I) True = counts → (B, J, H)."""
        mask = torch.ones(x.shape[:-1], dtype=torch.bool, device=x.device) if mask is None else mask
        counts = mask.unsqueeze(-1)  # (B, I, 1)
        x = x.masked_fill(~counts, 0.0)
        scaled = x * counts.sum(-2, keepdim=True).clamp(min=1).to(x.dtype) ** -0.5
        active = (scaled * self.W_A).sum(-1, keepdim=True) + self.B_A.unsqueeze(-1)  # (B, I, 1)
        active = active.sigmoid() * counts
        use, ignore = self._betas(x)
        share = x.new_full((self.outputs,), 1 / self.outputs)  # at first the same share of every input to every output
        out = None
        for _ in range(self.iterations):
            if out is not None:
                share = self._scores(x, self._predict(out)).softmax(-1)  # (B, I, J)
            credit = active * (use * share - ignore * (1 - share))  # (B, I, J), the paper's φ
            out = self._votes(credit, scaled)
        return self._normalise(out)

    def _betas(self, x):
        """(I, J), or (B, I, J) for any number of inputs."""
        if hasattr(self, "beta_use"):
            return self.beta_use, self.beta_ign
        return self.compute_beta_use(x), self.compute_beta_ign(x)

    def _predict(self, out):
        """What each output (B, J, H) says the inputs look like: (B, J, D)."""
        return (self._normalise(out) @ self.W_G1) * self.W_G2 + self.B_G2

    def _scores(self, x, predicted):
        return F.logsigmoid(x @ predicted.transpose(-2, -1) * self.W_S + self.B_S)

    def _votes(self, credit, scaled):
        """Σ_i φ_ij V_ij, added up before it is projected: (B, J, H)."""
        credit = credit.transpose(-2, -1)  # (B, J, I)
        return ((credit @ scaled) * self.W_F1) @ self.W_F2 + credit.sum(-1, keepdim=True) * self.B_F2

    def _normalise(self, out):
        return F.layer_norm(out, (self.width_out,)) if self.width_out > 1 else out


class RoutingHead(nn.Module):
    """All words of a sentence (B, L, D), by way of `capsules` vectors twice, → logits (B, outputs)."""

    def __init__(self, width, outputs, capsules=64, iterations=2):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.words = VectorRouting(None, capsules, width, width, iterations)
        self.capsules = VectorRouting(capsules, capsules, width, width, iterations)
        self.classes = VectorRouting(capsules, outputs, width, 1, iterations)

    def forward(self, hidden, mask):
        """hidden (B, L, D), mask (B, L) True = a real word."""
        hidden = hidden.masked_fill(~mask.unsqueeze(-1), 0.0)  # whatever stands in the padding, its gradient is 0
        words = F.layer_norm(hidden, hidden.shape[-1:]) * self.scale + self.shift
        return self.classes(self.capsules(self.words(words, mask))).squeeze(-1)
