"""PCGrad against the textbook loop over flattened gradients, and what it must do to conflicts."""

import itertools
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minbert_lib.errors import MinbertError
from minbert_lib.learn.surgery import gram, pcgrad

SHAPES = [(3, 2), (4,), (1, 2, 2)]


def make(count, seed, missing=True):
    """Gradients of `count` tasks for three parameters; some tasks do not touch some parameters."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda shape: torch.randn(shape, generator=generator, dtype=torch.float64)
    return [[None if missing and (task + k + seed) % 4 == 3 else draw(s) for k, s in enumerate(SHAPES)] for task in range(count)]


def flat(gradients):
    return torch.cat([(torch.zeros(s) if g is None else g).flatten() for g, s in zip(gradients, SHAPES)])


def textbook(gradients, orders):
    originals = [flat(g) for g in gradients]
    changed = [g.clone() for g in originals]
    for i, order in enumerate(orders):
        for j in order:
            dot = changed[i] @ originals[j]
            if dot < 0:
                changed[i] -= dot / (originals[j] @ originals[j]) * originals[j]
    return sum(changed)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 5), st.integers(0, 10_000), st.booleans(), st.randoms(use_true_random=False))
def test_equals_the_textbook_loop(count, seed, missing, rng):
    gradients = make(count, seed, missing)
    orders = [rng.sample([j for j in range(count) if j != i], count - 1) for i in range(count)]
    combined, _ = pcgrad(gradients, orders=orders)
    slow = textbook(gradients, orders)
    assert (flat(combined) - slow).abs().max() <= 1e-9
    mean, _ = pcgrad(gradients, orders=orders, reduction="mean")
    assert (flat(mean) - slow / count).abs().max() <= 1e-9


def test_every_order_of_three_tasks():
    pulls = torch.tensor([[1.0, 0.2, 0.0], [-0.9, 0.3, 0.5], [-0.3, -0.8, -0.4]]).double()  # all in conflict
    gradients = [[pull, None] for pull in pulls]
    seen = set()
    for orders in itertools.product(*([list(p) for p in itertools.permutations(set(range(3)) - {i})] for i in range(3))):
        combined, _ = pcgrad(gradients, orders=orders)
        slow = textbook([[pull.clone()] for pull in pulls], orders)
        assert combined[1] is None and (combined[0] - slow).abs().max() <= 1e-9
        seen.add(round(slow.sum().item(), 9))
    assert len(seen) > 1  # so the order matters, and the shuffle must not be lost


def test_the_shuffle_is_the_generators():
    gradients = [[pull] for pull in torch.randn(4, 3, generator=torch.Generator().manual_seed(1))]
    runs = [pcgrad(gradients, random.Random(seed))[0][0] for seed in (1, 1, 2, 3, 4, 5)]
    assert torch.equal(runs[0], runs[1]) and any(not torch.equal(runs[0], other) for other in runs[2:])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_two_tasks_no_longer_pull_against_each_other(seed):
    gradients = make(2, seed, missing=False)
    a, b = (flat(g) for g in gradients)
    combined, cosines = pcgrad(gradients)
    total = flat(combined)
    assert total @ a >= -1e-9 and total @ b >= -1e-9
    assert cosines[0, 1] == pytest.approx((a @ b / a.norm() / b.norm()).item())
    if a @ b >= 0:
        assert torch.allclose(total, a + b)


def test_inputs_stay_and_missing_parts_stay_missing():
    gradients = [[torch.ones(2), None, None], [torch.tensor([-1.0, 0.5]), torch.ones(3), None]]
    before = [[None if g is None else g.clone() for g in task] for task in gradients]
    combined, cosines = pcgrad(gradients)
    assert combined[2] is None and combined[1].shape == (3,)
    for task, old in zip(gradients, before, strict=True):
        assert all((g is None and o is None) or torch.equal(g, o) for g, o in zip(task, old, strict=True))
    assert combined[0].data_ptr() not in {task[0].data_ptr() for task in gradients}
    assert torch.allclose(cosines.diagonal(), torch.ones(2, dtype=torch.float64))


def test_a_zero_gradient_changes_nothing():
    gradients = [[torch.tensor([1.0, -1.0])], [torch.zeros(2)], [torch.tensor([-1.0, 0.0])]]
    combined, cosines = pcgrad(gradients)
    without, _ = pcgrad([gradients[0], gradients[2]])
    assert torch.allclose(combined[0], without[0]) and cosines[0, 1].isnan()


def test_one_task_and_wrong_settings():
    gradients = make(1, 0)
    combined, _ = pcgrad(gradients)
    assert torch.equal(flat(combined), flat(gradients[0]))
    with pytest.raises(MinbertError, match="'sum' or 'mean'"):
        pcgrad(gradients, reduction="max")


def test_gram_of_half_precision_and_strides():
    wide = torch.randn(6, 4)
    gradients = [[wide.T], [wide.T.contiguous()]]  # the same numbers, laid out differently
    assert torch.allclose(gram(gradients), torch.full((2, 2), wide.square().sum().double().item(), dtype=torch.float64))
    low = [[wide.bfloat16()], [-wide.bfloat16()]]
    combined, _ = pcgrad(low)
    assert combined[0].abs().max() < 0.05
