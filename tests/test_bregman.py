"""Bregman proximal point: the teacher is another model, moves as the paper says, and costs what it says."""

import pytest
import torch
from smart_toys import CASES, Toy, make_batch
from test_smart import slow_distance
from torch.nn import functional as F

from minbert_lib.errors import MinbertError
from minbert_lib.learn.bregman import BregmanProximal
from minbert_lib.learn.smart import SmartRegularizer


def move(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))


@pytest.mark.parametrize(("task", "pair"), CASES)
def test_penalty_is_the_mean_distance_of_outputs(task, pair):
    model, batch = Toy(task).double(), make_batch(task, pair)
    bregman = BregmanProximal(model)
    old = [p.clone() for p in model.parameters()]
    target = model(batch).detach()
    penalty = bregman(batch)
    assert penalty == 0
    move(model)
    penalty = bregman(batch)
    slow = sum(slow_distance(a, b, task) for a, b in zip(model(batch), target, strict=True)) / len(target)
    assert abs(penalty - slow) < 1e-9 and penalty > 1e-6
    for fast, other in zip(*(torch.autograd.grad(x, list(model.parameters())) for x in (penalty, slow)), strict=True):
        assert (fast - other).abs().max() < 1e-9
    assert all(torch.equal(a, b) for a, b in zip(bregman.teacher.parameters(), old, strict=True))


def test_teacher_shares_nothing_and_learns_nothing():
    model = Toy("sst")
    bregman = BregmanProximal(model)
    own = {p.data_ptr() for p in model.parameters()}
    assert not own & {p.data_ptr() for p in bregman.teacher.parameters()}
    bregman.update()
    assert not own & {p.data_ptr() for p in bregman.teacher.parameters()}
    assert not any(p.requires_grad for p in bregman.teacher.parameters())
    assert all(p.requires_grad for p in model.parameters())


def test_momentum_is_the_running_average():
    model = Toy("sst").double()
    bregman = BregmanProximal(model, beta=0.9)
    averages = [p.detach().clone() for p in model.parameters()]
    for step in range(5):
        move(model, step)
        bregman.update()
        averages = [0.9 * a + 0.1 * p.detach() for a, p in zip(averages, model.parameters(), strict=True)]
    assert all((a - p).abs().max() < 1e-12 for a, p in zip(averages, bregman.teacher.parameters(), strict=True))


@pytest.mark.parametrize("every", [1, 3])
def test_plain_keeps_the_last_outer_iterate(every):
    model, batch = Toy("sst"), make_batch("sst")
    bregman = BregmanProximal(model, momentum=False, every=every)
    for step in range(1, 7):
        move(model, step)
        bregman.update()
        same = torch.equal(bregman.teacher.mix, model.mix)
        assert same == (step % every == 0) and (bregman(batch) == 0) == same


def test_a_held_teacher_holds_the_student():
    """Larger μ: the outputs stay closer to where they were."""
    distances = []
    for weight in (0.0, 1.0, 10.0):
        model, batch = Toy("sst"), make_batch("sst", size=8)
        start = BregmanProximal(model, beta=1.0)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(50):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(batch), batch.labels) + weight * start(batch)
            loss.backward()
            optimizer.step()
            start.update()
        distances.append(start(batch).item())
    assert distances[0] > 2 * distances[1] > 4 * distances[2]


@pytest.mark.parametrize("momentum", [True, False])
def test_weight_zero_is_smart_alone_bit_for_bit(momentum):
    """Even with the penalty computed: times 0 it changes no weight and no random number."""
    after = []
    for use in (False, True):
        model, batch = Toy("sst", dropout=0.3), make_batch("sst")
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        smart = SmartRegularizer(model, eps=0.1, sigma=0.1, step_size=1.0)
        bregman = BregmanProximal(model, momentum=momentum)
        torch.manual_seed(5)
        for _ in range(3):
            optimizer.zero_grad()
            embedded = model.embed(batch)
            outputs = model.predict_from(embedded, batch)
            loss = F.cross_entropy(outputs, batch.labels) + 2.0 * smart(batch, embedded, outputs)
            loss = loss + 0.0 * bregman(batch, outputs) if use else loss
            loss.backward()
            optimizer.step()
            bregman.update()
        after.append([*model.parameters(), torch.rand(3)])
    assert all(torch.equal(a, b) for a, b in zip(*after, strict=True))


def test_dropout_is_off_in_what_is_compared():
    model, batch = Toy("sst", dropout=0.5), make_batch("sst")
    bregman = BregmanProximal(model)
    outputs = model(batch)
    assert bregman(batch, outputs) == 0 and bregman(batch) == 0
    assert model.dropout.training and not bregman.teacher.dropout.training
    assert BregmanProximal(model, dropout=True)(batch, outputs) > 0
    still = Toy("sst")
    calls = []
    kept, still.embed = still.embed, lambda batch: (calls.append(1), kept(batch))[1]
    clean = BregmanProximal(still)
    clean.teacher.embed = Toy.embed.__get__(clean.teacher)
    given = still(batch)
    calls.clear()
    clean(batch, given)
    assert not calls  # without dropout the task's own outputs serve


def test_a_clean_pass_is_used_as_given():
    model, batch = Toy("sst", dropout=0.5), make_batch("sst")
    bregman = BregmanProximal(model)
    target = model.eval()(batch).detach()
    model.train()
    moved = (target + 1.0 * torch.arange(5)).requires_grad_()
    slow = sum(slow_distance(a, b, "sst") for a, b in zip(moved, target, strict=True)) / len(moved)
    assert abs(bregman(batch, moved, clean=True) - slow) < 1e-4


def test_resumes_exactly():
    model, batch = Toy("sst"), make_batch("sst")
    bregman = BregmanProximal(model, momentum=False, every=2)
    move(model)
    bregman.update()
    state = bregman.state_dict()
    other = BregmanProximal(model, momentum=False, every=2)
    other.load_state_dict(state)
    assert other(batch) == bregman(batch) != 0
    for one in (bregman, other):
        one.update()
        assert one(batch) == 0


def test_wrong_settings_and_a_loss_that_is_not_finite():
    with pytest.raises(MinbertError, match="beta"):
        BregmanProximal(Toy("sst"), beta=1.5)
    model, batch = Toy("sts"), make_batch("sts", "cross")
    bregman = BregmanProximal(model)
    model.head.weight.data.fill_(float("inf"))
    with pytest.raises(MinbertError, match="task sts"):
        bregman(batch)


def test_memory_is_one_copy_of_the_parameters():
    model = Toy("sst")
    bregman = BregmanProximal(model)
    size = sum(p.numel() for p in model.parameters())
    assert sum(p.numel() for p in bregman.teacher.parameters()) == size
    bregman(make_batch("sst"))
    assert all(p.grad is None for p in bregman.teacher.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_finite_under_autocast(dtype):
    model, batch = Toy("sst"), make_batch("sst")
    bregman = BregmanProximal(model)
    move(model)
    exact = bregman(batch).item()
    with torch.autocast("cpu", dtype):
        assert bregman(batch, model(batch)).item() == pytest.approx(exact, rel=0.2)
