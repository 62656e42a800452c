"""SMART: a penalty on outputs that change when the embeddings move a little (Jiang et al. 2020).

    R(θ) = mean over examples of  max ‖δ‖ ≤ ε  ℓ(f(x + δ), f(x))        x: the embedding output

ℓ is the symmetric KL or, for scores, the squared error. The maximum is approached from a random δ ~ N(0,
σ²) by K = `steps` ascent steps: divide the gradient by its largest entry, add `step_size` of it, project
on the ball. Defaults are those of their Algorithm 1; every other value of a switch is what somebody's
code does.

Notable choices
- One ball a row, over all its real tokens. Separate pairs have two rows an example: one ascent moves both
  sentences.
- By the paper only the point x̃ = x + δ is detached: parameters get a gradient from both sides of ℓ, the
  embedding table from the clean side alone. `attach=True` lets it through x + δ too, the gradient of R
  where x belongs to θ.
- `projection="divide"` is public code's δ / (‖δ‖ + ε), token by token: a move of size 1, whatever ε is.
- `reduction`: "mean" over examples (kl_div's word is "batchmean"), "sum", "elements" (kl_div's "mean":
  classes too).
- `detach`: "none", "clean" (the clean side is a constant), "targets" (the first argument of each KL is).
- The noise has a generator of its own; unless dropout draws, the run's other random numbers are as
  without SMART.
- Under autocast a pass leaves it for float32 where its perturbation (σ in the ascent, ε after) is below
  .05, which drowns in bfloat16's rounding; `precision` overrides. The ascent's loss is scaled up, so that float16
  does not underflow.

Cost in forward passes (a backward is 2, one to the input alone 1, a plain step 3)
- direction "pass": 3 + 2 K + 3, a ratio of 2.67 for K = 1.
- direction "clean": 3 + 1 + 3. Back through the clean pass, from one label drawn for each example from
  the model's own prediction. Where the output is one number this is the paper's direction as σ → 0; with
  classes it is a random direction that prefers what the outputs are sensitive to.
- direction "random": 3 + 3. No ascent at all.
- share s: about 3 + 5 s, on a random part of the batch; the penalty's expectation is the same.
- Dropout must not differ between compared passes. `dropout=False`: if the model has any, one more clean
  pass without (3 more). "same": the task's masks in every pass, at no cost if the caller hands over
  `rng`, the `random_state` just before `predict_from`. True: new masks each time, so that ℓ measures
  dropout, the mistake to learn from.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn import functional as F

from ..errors import MinbertError
from ..text.batching import Batch
from ..text.tasks import TASKS
from .compare import NotFinite, compared, divergence, frozen, has_dropout, random_state, symmetric_kl, take, wide

__all__ = ["SmartRegularizer", "ascent_step", "symmetric_kl"]
VISIBLE = 0.05  # smaller perturbations of an embedding (MiniLM's are about .5) drown in bfloat16: at .01 random noise makes R twice its own
SWITCHES = {
    "norm": ("linf", "l2"),
    "projection": ("ball", "divide"),
    "reduction": ("mean", "batchmean", "sum", "elements"),
    "detach": ("none", "clean", "targets"),
    "dropout": (False, True, "same"),
    "direction": ("pass", "clean", "random"),
    "precision": ("auto", "float32", "autocast"),
}


def ascent_step(noise, gradient, step_size, radius, norm="linf", projection="ball"):
    """One step up the gradient, then back on the ball of `radius`. noise, gradient: (rows, L, D)."""
    if projection == "divide":  # each token for itself, and the gradient at its own size
        moved = noise + step_size * gradient
        return moved / (_size(moved, norm, -1) + radius)
    moved = noise + step_size * (gradient / _size(gradient, norm).clamp_min(torch.finfo(noise.dtype).tiny))
    if norm == "linf":
        return moved.clamp(-radius, radius)
    return moved * (radius / _size(moved, norm).clamp_min(radius))


def _cosine(a, b):
    """Between two perturbations of each row, on average."""  # each near 1 first: gradients can be very small
    a, b = ((x / _size(x, "linf").clamp_min(torch.finfo(x.dtype).tiny)).flatten(-2) for x in (a, b))
    return F.cosine_similarity(a, b, dim=-1).mean().item()


def _size(x, norm, dims=(-2, -1)):
    """The norm of each row (rows, 1, 1) or, with dims=-1, of each token (rows, L, 1)."""
    return x.abs().amax(dims, keepdim=True) if norm == "linf" else x.square().sum(dims, keepdim=True).sqrt()


class Clean(NamedTuple):
    """The unperturbed side of the comparison."""

    batch: Batch
    kind: str
    embedded: torch.Tensor  # (rows, L, D)
    outputs: torch.Tensor
    rng: tuple | None  # from which dropout draws the same masks again
    whole: torch.Tensor  # embedded is whole[rows]; the graph of the outputs begins at whole
    rows: torch.Tensor | slice


@dataclass(eq=False)
class SmartRegularizer:
    """Call it for R; the caller adds weight · R to the loss, and skips the call where the weight is 0.

    `embedded`, `outputs`: those of the task's own pass, shared where the model has no dropout; with
    `clean=True` those of a pass that had none.
    """

    model: torch.nn.Module
    weight: float | dict = 1.0  # λ, or {task: λ}
    eps: float = 1e-5  # ε, the ball
    sigma: float = 1e-5  # σ, the random start
    step_size: float = 1e-3  # η
    steps: int = 1  # K
    norm: str = "linf"
    projection: str = "ball"
    reduction: str = "mean"
    detach: str = "none"
    dropout: bool | str = False
    perturb_padding: bool = False
    direction: str = "pass"
    share: float = 1.0
    precision: str = "auto"
    attach: bool = False
    seed: int = 0

    def __post_init__(self):
        for name, allowed in SWITCHES.items():
            if getattr(self, name) not in allowed:
                raise MinbertError(f"SMART's {name} is one of {allowed}, not {getattr(self, name)!r}")
        if min(self.eps, self.sigma, self.step_size) <= 0 or self.steps < 1 or not 0 < self.share <= 1:
            raise MinbertError("SMART needs eps, sigma and step_size above 0, steps ≥ 1 and a share in (0, 1]")
        if self.share < 1 and self.dropout == "same":
            raise MinbertError("SMART's share below 1 and dropout 'same' cannot go together: choose one")
        self.device = next(self.model.parameters()).device
        self.generator = torch.Generator(self.device).manual_seed(self.seed)
        self.size = self.eps if self.projection == "ball" else 1.0  # how far δ goes
        self.last = {}  # tensors of the last call, for `attack_size`

    def __call__(self, batch, embedded=None, outputs=None, rng=None, clean=False):
        side = self._clean(batch, embedded, outputs, rng, clean)
        noise = self._attack(side)
        with self._pass(self.size, side.rng):
            moved = (side.embedded if self.attach else side.embedded.detach()) + noise
            perturbed = self.model.predict_from(moved, side.batch)
        penalty = divergence(perturbed, side.outputs, side.kind, self.reduction, self.detach)
        if self.reduction == "sum":
            penalty = penalty * (len(batch.index) / len(side.outputs))
        self.last.update(penalty=penalty.detach(), embedded=side.embedded.detach())
        if not bool(penalty.isfinite() & noise.isfinite().all()):
            what = "penalty" if noise.isfinite().all() else "perturbation"
            raise NotFinite(f"SMART's {what} is not finite (task {batch.task})")
        return penalty

    def _blind(self, size):
        """Must a pass that is perturbed by `size` leave autocast?"""
        small = size < VISIBLE if self.precision == "auto" else self.precision == "float32"
        return small and torch.is_autocast_enabled(self.device.type)

    def _pass(self, size, rng=None):
        """The setting of a pass that is perturbed by `size`, or compared with one that is."""
        return compared(self.model, self._blind(size), self.dropout, rng)

    def _clean(self, batch, embedded, outputs, rng, clean):
        """The task's own pass where it will do, else one more; on a part of the batch where that is asked for."""
        active = not clean and self.dropout is not True and has_dropout(self.model)
        rng = rng if active and self.dropout == "same" else None
        whole, rows = embedded, slice(None)
        if self.share < 1:
            count = max(1, round(self.share * len(batch.index)))
            order = torch.randperm(len(batch.index), generator=self.generator, device=self.device)
            batch, rows = take(batch, order[:count])
            embedded, outputs = (embedded[rows], outputs[order[:count]]) if outputs is not None else (None, None)
        if outputs is None or (active and rng is None):
            with self._pass(self.size):
                whole, rows = self.model.embed(batch), slice(None)
                rng = random_state(self.device) if active and self.dropout == "same" else None
                embedded, outputs = whole, self.model.predict_from(whole, batch)
        elif self._blind(self.size):
            with self._pass(self.size, rng):
                whole, rows = wide(embedded), slice(None)
                embedded, outputs = whole, self.model.predict_from(whole, batch)
        return Clean(batch, TASKS[batch.task].kind, embedded, outputs, rng, whole, rows)

    def _attack(self, side):
        """The perturbation δ, (rows, L, D), a constant."""
        keep = 1 if self.perturb_padding else side.batch.attention_mask[..., None]
        x, target = wide(side.embedded.detach()), side.outputs.detach()
        start = torch.randn(x.shape, generator=self.generator, device=x.device, dtype=x.dtype)
        start = start * self.sigma * keep
        noise, gradient = start, torch.zeros_like(start)
        if self.direction == "pass" and self._blind(self.sigma) and not self._blind(self.size):
            with (
                torch.no_grad(),
                self._pass(self.sigma, side.rng),
            ):  # the ascent must see more than autocast does
                target = self.model.predict_from(x, side.batch)
        for _ in range(self.steps if self.direction == "pass" else 1):
            if self.direction == "pass":
                gradient = self._gradient(side, x, noise, target) * keep
            elif self.direction == "clean":
                gradient = self._sampled_gradient(side, start) * keep
            noise = ascent_step(noise, gradient, self.step_size, self.eps, self.norm, self.projection)
        self.last = {"start": start, "gradient": gradient, "noise": noise}
        return noise

    def _gradient(self, side, x, noise, target):
        """∇ of ℓ by the noise alone: no parameter's gradient is computed."""
        boost = 2.0 ** round(math.log2(len(target) / self.sigma))  # a power of two changes no digit
        noise = noise.detach().requires_grad_()
        with torch.enable_grad(), frozen(self.model), self._pass(self.sigma, side.rng):
            outputs = self.model.predict_from(x + noise, side.batch)
            loss = divergence(outputs, target, side.kind, self.reduction) * boost
            return torch.autograd.grad(loss, noise)[0] / boost

    def _sampled_gradient(self, side, start):
        """∇ of log p(y), y drawn from the model's own p, back through the clean pass, on the start's side."""
        outputs, whole, rows = side.outputs, side.whole, side.rows
        if not whole.requires_grad:  # everything below is frozen: there is no graph to go back through
            with torch.enable_grad(), self._pass(self.size, side.rng):
                whole, rows = side.embedded.detach().requires_grad_(), slice(None)
                outputs = self.model.predict_from(whole, side.batch)
        seed = torch.ones_like(outputs)
        if side.kind == "classes":
            p = wide(outputs.detach()).softmax(-1)
            drawn = torch.multinomial(p, 1, generator=self.generator).squeeze(-1)
            seed = (F.one_hot(drawn, p.shape[-1]) - p).to(outputs.dtype)
        gradient = wide(torch.autograd.grad(outputs, whole, seed, retain_graph=True)[0][rows])
        towards = (gradient * start).sum((1, 2))  # (rows,)
        if side.batch.pair == "separate":  # one sign for both sentences
            towards = (towards[: len(outputs)] + towards[len(outputs) :]).repeat(2)
        return gradient * torch.where(towards < 0, -1.0, 1.0).to(gradient.dtype)[:, None, None]

    def attack_size(self):
        """What the last perturbation was like: how large; does it follow the gradient or its start?"""
        start, gradient, noise = self.last["start"], self.last["gradient"], self.last["noise"]
        return {
            "penalty": self.last["penalty"].item(),
            "linf": noise.abs().max().item(),
            "relative": (noise.norm() / self.last["embedded"].norm()).item(),
            "cosine_start": _cosine(noise, start),
            "cosine_gradient": _cosine(noise, gradient),
        }

    def state_dict(self):
        return {"generator": self.generator.get_state(), "device": self.device.type}

    def load_state_dict(self, state):
        if state["device"] != self.device.type:
            raise MinbertError(f"SMART's noise was drawn on {state['device']}: resume there")
        self.generator.set_state(state["generator"].cpu())
