"""AdamW against the formula written out, against PyTorch's where both say the same, and against bad use."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minbert_lib.errors import MinbertError
from minbert_lib.learn import AdamW

SHAPES = [(3, 4), (5,), (2, 2, 2)]


def parameters(seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(shape, dtype=dtype)) for shape in SHAPES]


def gradients(seed, step, missing=()):
    """One gradient per parameter, of very different sizes; None for those in `missing`."""
    generator = torch.Generator().manual_seed(1000 * seed + step)
    grads = [torch.randn(shape, generator=generator, dtype=torch.float64) * 10.0 ** (-2 * k) for k, shape in enumerate(SHAPES)]
    return [None if number in missing else grad for number, grad in enumerate(grads)]


class Slow:
    """The course's formula for one number at a time, with Python's own floats."""

    def __init__(self, values, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, correct_bias=True):
        self.values, self.m, self.v, self.t = list(values), [0.0] * len(values), [0.0] * len(values), 0
        self.lr, self.betas, self.eps, self.decay, self.correct = lr, betas, eps, weight_decay, correct_bias

    def step(self, grads):
        self.t += 1
        b1, b2 = self.betas
        for i, g in enumerate(grads):
            self.m[i] = b1 * self.m[i] + (1 - b1) * g
            self.v[i] = b2 * self.v[i] + (1 - b2) * g * g
            size = self.lr
            if self.correct:
                size *= math.sqrt(1 - b2**self.t) / (1 - b1**self.t)
            self.values[i] -= size * self.m[i] / (math.sqrt(self.v[i]) + self.eps)
            self.values[i] -= self.lr * self.decay * self.values[i]


def largest_difference(params, slow):
    return max(
        abs(a - b) / max(1.0, abs(b))
        for p, s in zip(params, slow, strict=True)
        for a, b in zip(p.flatten().tolist(), s.values, strict=True)
    )


def run_both(steps, groups, fused, seed=0, missing=lambda step: ()):
    """→ our parameters and the slow ones after `steps`; groups: [(indices, settings)]."""
    params = parameters(seed)
    slow = [None] * len(params)
    for indices, options in groups:
        for i in indices:
            slow[i] = Slow(params[i].flatten().tolist(), **options)
    optimiser = AdamW([{"params": [params[i] for i in indices], **options} for indices, options in groups], fused=fused)
    for step in range(steps):
        for p, s, grad in zip(params, slow, gradients(seed, step, missing(step)), strict=True):
            p.grad = grad
            if grad is not None:
                s.step(grad.flatten().tolist())
        optimiser.step()
    return params, slow


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("correct_bias", [True, False])
def test_a_thousand_steps_of_the_formula(fused, correct_bias):
    """Two groups, a parameter that is at times without a gradient, small gradients beside a large eps."""
    groups = [
        ([0, 2], dict(lr=3e-3, eps=1e-2, weight_decay=0.1, correct_bias=correct_bias)),
        ([1], dict(lr=1e-2, betas=(0.8, 0.95), eps=1e-8, correct_bias=correct_bias)),
    ]
    params, slow = run_both(1000, groups, fused, missing=lambda step: (2,) if step % 3 == 0 else ())
    assert largest_difference(params, slow) <= 1e-12


@st.composite
def hyper_parameters(draw):
    return dict(
        lr=draw(st.floats(0, 0.1)),
        betas=(draw(st.floats(0, 0.99)), draw(st.floats(0, 0.9999))),
        eps=draw(st.sampled_from([1e-8, 1e-6, 1e-2, 1.0])),
        weight_decay=draw(st.floats(0, 1)),
        correct_bias=draw(st.booleans()),
    )


@settings(max_examples=60, deadline=None)
@given(hyper_parameters(), st.integers(0, 99), st.booleans())
def test_any_hyper_parameters(options, seed, fused):
    params, slow = run_both(7, [([0, 1, 2], options)], fused, seed)
    assert largest_difference(params, slow) <= 1e-11


def test_gradients_are_not_touched():
    for fused in (False, True):
        params = parameters()
        optimiser = AdamW(params, weight_decay=0.1, fused=fused)
        for p, grad in zip(params, gradients(0, 0), strict=True):
            p.grad = grad.clone()
        optimiser.step()
        assert all(torch.equal(p.grad, grad) for p, grad in zip(params, gradients(0, 0), strict=True))


@pytest.mark.parametrize("fused", [False, True])
def test_resumes_exactly(fused):
    """state_dict → saved, read back by a fresh optimiser: the same bits as without the interruption."""
    straight, broken = parameters(), parameters()

    def make(params):
        return AdamW([{"params": params[:1], "lr": 1e-2}, {"params": params[1:]}], weight_decay=0.01, fused=fused)

    def walk(params, optimiser, steps):
        for step in steps:
            for p, grad in zip(params, gradients(0, step, (1,) if step < 2 else ()), strict=True):
                p.grad = grad
            optimiser.step()

    walk(straight, make(straight), range(20))
    first = make(broken)
    walk(broken, first, range(9))
    state = copy.deepcopy(first.state_dict())
    second = make(broken)
    second.load_state_dict(state)
    walk(broken, second, range(9, 20))
    assert all(torch.equal(a, b) for a, b in zip(straight, broken, strict=True))


def test_loop_and_kernel_share_their_state():
    """A run begun with one goes on with the other."""
    params, twin = parameters(), parameters()
    loop, kernel = AdamW(params), AdamW(twin, fused=True)
    for step in range(10):
        for a, b, grad in zip(params, twin, gradients(0, step), strict=True):
            a.grad, b.grad = grad, grad.clone()
        loop.step(), kernel.step()
        if step == 4:
            kernel.load_state_dict(copy.deepcopy(loop.state_dict()))
    assert max((a - b).abs().max().item() for a, b in zip(params, twin, strict=True)) <= 1e-13


def test_closure():
    w = torch.nn.Parameter(torch.tensor([3.0]))
    optimiser = AdamW([w], lr=0.1)

    def closure():
        optimiser.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    losses = [optimiser.step(closure).item() for _ in range(50)]
    assert losses[0] == 9.0 and losses[-1] < 0.5


def test_without_any_gradient_nothing_moves():
    for fused in (False, True):
        params = parameters()
        AdamW(params, weight_decay=0.5, fused=fused).step()
        assert all(torch.equal(a, b) for a, b in zip(params, parameters(), strict=True))


@pytest.mark.parametrize("fused", [False, True])
def test_agrees_with_pytorch_where_both_define_the_same(fused):
    """Without decay and with a vanishing eps, and at any eps that is divided by √(1 − β₂ᵗ) as ours is at each step."""
    ours, theirs = parameters(), parameters()
    mine = AdamW(ours, lr=1e-3, eps=1e-30, fused=fused)
    other = torch.optim.AdamW(theirs, lr=1e-3, eps=1e-30, weight_decay=0.0)
    for step in range(200):
        for a, b, grad in zip(ours, theirs, gradients(0, step), strict=True):
            a.grad, b.grad = grad, grad.clone()
        mine.step(), other.step()
    assert max((a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True)) <= 1e-12
    ours, theirs = parameters(), parameters()
    mine, other = AdamW(ours, eps=1e-2, fused=fused), torch.optim.AdamW(theirs, lr=1e-3, weight_decay=0.0)
    for step in range(200):
        other.param_groups[0]["eps"] = 1e-2 / math.sqrt(1 - 0.999 ** (step + 1))
        for a, b, grad in zip(ours, theirs, gradients(0, step), strict=True):
            a.grad, b.grad = grad, grad.clone()
        mine.step(), other.step()
    assert max((a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True)) <= 1e-12


def test_the_order_of_decay_is_the_courses():
    """θ ← (θ − α u)(1 − lr λ), where PyTorch has θ (1 − lr λ) − α u: they differ by lr λ α u."""
    ours, theirs = (torch.nn.Parameter(torch.ones(1, dtype=torch.float64)) for _ in range(2))
    for p in (ours, theirs):
        p.grad = torch.ones(1, dtype=torch.float64)
    AdamW([ours], lr=0.1, eps=1e-30, weight_decay=0.5).step()
    torch.optim.AdamW([theirs], lr=0.1, eps=1e-30, weight_decay=0.5).step()
    assert abs(ours.item() - (1 - 0.1) * (1 - 0.05)) < 1e-12
    assert abs((ours - theirs).item() - 0.1 * 0.5 * 0.1) < 1e-12


@pytest.mark.parametrize("fused", [False, True])
def test_float32_stays_near_the_formula(fused):
    params = parameters(dtype=torch.float32)
    slow = [Slow(p.flatten().tolist(), weight_decay=0.01) for p in params]
    optimiser = AdamW(params, weight_decay=0.01, fused=fused)
    for step in range(100):
        for p, s, grad in zip(params, slow, gradients(0, step), strict=True):
            p.grad = grad.float()
            s.step(p.grad.flatten().tolist())
        optimiser.step()
    assert largest_difference(params, slow) <= 1e-5


def test_pytorchs_schedulers_work_with_it():
    params = parameters()
    optimiser = AdamW(params, lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 0.5**step)
    optimiser.step(), schedule.step()
    assert optimiser.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("fused", [False, True])
def test_sparse_and_complex_gradients_are_refused_before_anything_moves(fused):
    dense = torch.nn.Parameter(torch.ones(4, 2))
    dense.grad = torch.ones(4, 2)
    table = torch.nn.Embedding(4, 2, sparse=True)
    table(torch.tensor([1])).sum().backward()
    number = torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))
    number.grad = torch.ones(2, dtype=torch.complex64)
    for bad, word in ((table.weight, "sparse"), (number, "complex")):
        for groups in ([dense, bad], [{"params": [dense]}, {"params": [bad]}]):
            optimiser = AdamW(groups, fused=fused)
            with pytest.raises(MinbertError, match=word):
                optimiser.step()
            assert torch.equal(dense, torch.ones(4, 2))
            assert not optimiser.state


@pytest.mark.parametrize(
    "name, value",
    [
        ("lr", -1.0),
        ("lr", math.nan),
        ("lr", math.inf),
        ("lr", "fast"),
        ("lr", None),
        ("betas", (1.0, 0.999)),
        ("betas", (0.9, 1.0)),
        ("betas", (-0.1, 0.9)),
        ("betas", (0.9, math.nan)),
        ("betas", 0.9),
        ("betas", (0.9,)),
        ("eps", -1e-8),
        ("eps", math.inf),
        ("weight_decay", -0.1),
        ("weight_decay", math.nan),
    ],
)
def test_bad_hyper_parameters_are_named(name, value):
    with pytest.raises(MinbertError, match=name):
        AdamW(parameters(), **{name: value})
    with pytest.raises(MinbertError, match=name):
        AdamW([{"params": parameters(), name: value}])
