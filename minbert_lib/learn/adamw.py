"""AdamW, as the course defines it: momentum, a scale for every weight, and decay that is no part of the gradient.

Notable choices: `eps` stands outside the root and is not touched by the bias correction, and the decay comes after the step; in
both it differs from `torch.optim.AdamW`, by amounts that notebook 03 shows. `fused=True` runs PyTorch's one-pass kernel with the
arguments that make it compute this formula: the same numbers to rounding, three times as fast.
"""

import math

import torch
from torch.optim.adamw import adamw

from ..errors import MinbertError


class AdamW(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, correct_bias=True, fused=False):
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, correct_bias=correct_bias)
        self.fused = fused
        super().__init__(params, defaults)

    def add_param_group(self, param_group):
        super().add_param_group(param_group)
        _check(self.param_groups[-1])

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        live = [[p for p in group["params"] if p.grad is not None] for group in self.param_groups]
        for p in (p for params in live for p in params):  # all are looked at before any is moved
            if p.grad.is_sparse or p.grad.is_complex():
                kind = "sparse" if p.grad.is_sparse else "complex"
                raise MinbertError(f"AdamW keeps dense real averages and cannot use a {kind} gradient")
        for params, group in zip(live, self.param_groups, strict=True):
            for p in params:
                self._age(p)
            (self._fused_update if self.fused else self._update)(params, group)
        return loss

    def _age(self, p):
        state = self.state[p]
        if not state:
            state["step"] = 0
            state["m"] = torch.zeros_like(p, memory_format=torch.preserve_format)
            state["v"] = torch.zeros_like(p, memory_format=torch.preserve_format)
        state["step"] += 1

    def _update(self, params, group):
        beta1, beta2 = group["betas"]
        for p in params:
            state = self.state[p]
            m, v, t = state["m"], state["v"], state["step"]
            m.mul_(beta1).add_(p.grad, alpha=1 - beta1)  # m ← β₁ m + (1 − β₁) g
            v.mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)  # v ← β₂ v + (1 − β₂) g²
            step_size = group["lr"]
            if group["correct_bias"]:
                step_size *= math.sqrt(1 - beta2**t) / (1 - beta1**t)
            p.addcdiv_(m, v.sqrt().add_(group["eps"]), value=-step_size)  # θ ← θ − α m / (√v + ε)
            p.mul_(1 - group["lr"] * group["weight_decay"])  # θ ← θ − lr λ θ

    def _fused_update(self, params, group):
        """The kernel divides √v by √(1 − β₂ᵗ) before it adds its eps, so eps is handed over divided likewise."""
        beta1, beta2 = group["betas"]
        ages = {}
        for p in params:  # parameters that skipped a step are younger; the kernel takes one age, and eps, per call
            ages.setdefault(self.state[p]["step"], []).append(p)
        for t, same in ages.items():
            eps, seen = group["eps"], t
            if group["correct_bias"]:
                eps /= math.sqrt(1 - beta2**t)
            else:
                seen = 1e9  # at this age the kernel's own correction is 1
            states = [self.state[p] for p in same]
            adamw(
                same,
                [p.grad for p in same],
                [state["m"] for state in states],
                [state["v"] for state in states],
                [],
                [torch.full((), float(seen - 1), device=p.device) for p in same],  # it adds 1 itself
                fused=True,
                amsgrad=False,
                maximize=False,
                beta1=beta1,
                beta2=beta2,
                lr=group["lr"],
                weight_decay=0.0,
                eps=eps,
            )
        if group["weight_decay"] and params:
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])


def _check(group):
    """Refuse hyper-parameters that have no meaning, and name them."""
    betas = group["betas"] if isinstance(group["betas"], (tuple, list)) else ()
    if len(betas) != 2:
        raise MinbertError(f"AdamW: betas = {group['betas']!r} makes no sense here: it is a pair of numbers")
    values = {name: group[name] for name in ("lr", "eps", "weight_decay")}
    for name, value in (*values.items(), ("betas[0]", betas[0]), ("betas[1]", betas[1])):
        number = isinstance(value, (int, float)) and math.isfinite(value)
        if not number or value < 0 or (value >= 1 and name.startswith("betas")):
            limit = "from 0 to below 1" if name.startswith("betas") else "of 0 or more"
            raise MinbertError(f"AdamW: {name} = {value!r} makes no sense here: it is a finite number {limit}")
