"""SMART against a slow reference of its own, finite differences, and what must hold of any smoothness penalty."""

import copy
import importlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from smart_toys import CASES, Toy, make_batch
from torch import nn
from torch.nn import functional as F

from minbert_lib.errors import MinbertError
from minbert_lib.lab import system, toy
from minbert_lib.lab.build import prepare
from minbert_lib.learn import checkpoint
from minbert_lib.learn import smart as smart_room
from minbert_lib.learn.compare import divergence, has_dropout, random_state, take
from minbert_lib.learn.smart import Clean, SmartRegularizer, ascent_step, symmetric_kl
from minbert_lib.model.bert import BertConfig, BertModel
from minbert_lib.model.multitask import MultitaskModel
from minbert_lib.text.batching import Batch

runs = importlib.import_module("minbert_lib.lab.run")  # lab.run is the function
LARGE = {"eps": 0.05, "sigma": 0.05, "step_size": 0.2}  # so large that float64 agreement means something


# --- an independent, slow implementation: one example at a time, KL from its definition --------------------------------


def slow_distance(a, b, task):
    if task == "sts":
        return (a - b).pow(2).sum()
    if task == "qqp":
        p, q = (torch.stack([torch.sigmoid(x), 1 - torch.sigmoid(x)]) for x in (a, b))
    else:
        p, q = a.exp() / a.exp().sum(), b.exp() / b.exp().sum()
    return sum(p[k] * torch.log(p[k] / q[k]) + q[k] * torch.log(q[k] / p[k]) for k in range(len(p)))


def one(batch, i):
    """Example i alone, without padding beyond its rows' own."""
    size = len(batch.index)
    rows = [i, i + size] if batch.pair == "separate" else [i]
    cut = [x[rows] for x in (batch.input_ids, batch.attention_mask, batch.token_type_ids)]
    return Batch(batch.task, *cut, batch.labels[i : i + 1], batch.index[i : i + 1], batch.pair), rows


def slow_smart(model, batch, start, eps, step_size, steps, norm, attach=False):
    total = 0.0
    for i in range(len(batch.index)):
        single, rows = one(batch, i)
        x = model.embed(single)
        clean = model.predict_from(x, single)[0]
        delta = start[rows]
        for _ in range(steps):
            moving = (x.detach() + delta).clone().requires_grad_()
            distance = slow_distance(model.predict_from(moving, single)[0], clean.detach(), batch.task)
            (gradient,) = torch.autograd.grad(distance, moving)
            rebuilt = []
            for row, pull in zip(delta, gradient, strict=True):
                size = pull.abs().max() if norm == "linf" else (pull * pull).sum().sqrt()
                row = row + step_size * pull / size
                if norm == "linf":
                    row = torch.minimum(torch.maximum(row, torch.tensor(-eps)), torch.tensor(eps))
                elif (row * row).sum().sqrt() > eps:
                    row = eps * row / (row * row).sum().sqrt()
                rebuilt.append(row)
            delta = torch.stack(rebuilt)
        point = x + delta if attach else (x + delta).detach()
        total = total + slow_distance(model.predict_from(point, single)[0], clean, batch.task)
    return total / len(batch.index)


def first_noise(batch, sigma, seed, width=4):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(*batch.input_ids.shape, width, generator=generator, dtype=torch.float64)
    return noise * sigma * batch.attention_mask[..., None]


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(("task", "pair"), CASES)
@pytest.mark.parametrize("attach", [False, True])
def test_equals_the_slow_reference(task, pair, norm, steps, attach):
    model, batch = Toy(task).double(), make_batch(task, pair)
    smart = SmartRegularizer(model, steps=steps, norm=norm, attach=attach, seed=7, **LARGE)
    penalty = smart(batch)
    slow = slow_smart(model, batch, first_noise(batch, 0.05, 7), 0.05, 0.2, steps, norm, attach)
    assert abs(penalty.item() - slow.item()) < 1e-9 and penalty > 1e-6
    names = list(model.parameters())
    for fast, other in zip(torch.autograd.grad(penalty, names), torch.autograd.grad(slow, names), strict=True):
        assert (fast - other).abs().max() < 1e-9


def tiny_bert(tasks, dropout=0.0, **kwargs):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30, hidden_size=4, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=8, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
    )  # fmt: skip
    return MultitaskModel(BertModel(config), tasks, head_dropout=dropout, **kwargs)


@pytest.mark.parametrize(("task", "pair"), CASES)
def test_a_real_bert_equals_the_slow_reference(task, pair):
    model = tiny_bert((task,), pair="separate" if pair == "separate" else "cross").double()
    batch = make_batch(task, pair)
    penalty = SmartRegularizer(model, seed=3, **LARGE)(batch)
    slow = slow_smart(model, batch, first_noise(batch, 0.05, 3), 0.05, 0.2, 1, "linf")
    assert abs(penalty.item() - slow.item()) < 1e-9


def test_two_encoders_side_by_side_are_both_perturbed():
    model = tiny_bert(("sst",), beside="shared")
    smart = SmartRegularizer(model)
    smart(make_batch("sst")).backward()
    assert smart.last["noise"].shape == (3, 5, 8) and (smart.last["noise"][:, 0] != 0).all()


# --- finite differences ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "pair"), CASES)
def test_inner_gradient_by_finite_differences(task, pair):
    model, batch = Toy(task).double(), make_batch(task, pair)
    smart = SmartRegularizer(model, **LARGE)
    x = model.embed(batch).detach()
    target = model.predict_from(x, batch).detach()
    noise = first_noise(batch, 0.05, 1)
    kind = {"sst": "classes", "qqp": "yes_no", "sts": "score"}[task]
    side = Clean(batch, kind, x, target, None, x, slice(None))
    gradient = smart._gradient(side, x, noise, target)
    for place in [(0, 0, 1), (1, 1, 2), (2, 0, 3)]:
        around = []
        for h in (1e-5, -1e-5):
            moved = noise.clone()
            moved[place] += h
            outputs = model.predict_from(x + moved, batch)
            distances = [slow_distance(a, b, task) for a, b in zip(outputs, target, strict=True)]
            around.append(sum(distances) / len(distances))
        assert abs((around[0] - around[1]) / 2e-5 - gradient[place]) < 1e-8


@pytest.mark.parametrize(("task", "pair"), CASES)
def test_gradient_of_parameters_by_finite_differences(task, pair):
    """With `attach` and a fixed δ the penalty is a plain function of θ; the default leaves out x̃'s part of the table."""
    model, batch = Toy(task).double(), make_batch(task, pair)
    smart = SmartRegularizer(model, attach=True, **LARGE)
    smart(batch).backward()
    delta = smart.last["noise"]

    def penalty():
        x = model.embed(batch)
        a, b = model.predict_from(x + delta, batch), model.predict_from(x, batch)
        distances = [slow_distance(p, q, task) for p, q in zip(a, b, strict=True)]
        return sum(distances) / len(distances)

    for p, place in [(model.embedding.weight, (int(batch.input_ids[0, 0]), 1)), (model.layer.weight, (2, 3)),
                     (model.mix, (1, 4)), (model.head.weight, (0, 2))]:  # fmt: skip
        around = []
        for h in (1e-5, -1e-5):
            with torch.no_grad():
                p[place] += h
                around.append(penalty())
                p[place] -= h
        assert abs((around[0] - around[1]) / 2e-5 - p.grad[place]) < 1e-8


# --- what must hold ----------------------------------------------------------------------------------------------------

numbers = st.floats(-30, 30, width=32)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8))
def test_divergence_is_never_negative_and_zero_for_equals(pairs):
    p, q = torch.tensor(pairs).T
    for kind, a, b in [("score", p, q), ("yes_no", p, q), ("classes", p[None], q[None])]:
        for detach in ("none", "clean", "targets"):
            assert divergence(a, b, kind, detach=detach) >= 0
            assert divergence(a, a.clone(), kind, detach=detach) == 0


def test_symmetric_kl_by_definition():
    torch.manual_seed(0)
    p, q = torch.randn(6, 5, dtype=torch.float64), torch.randn(6, 5, dtype=torch.float64)
    slow = sum(slow_distance(a, b, "sst") for a, b in zip(p, q, strict=True)) / 6
    assert abs(symmetric_kl(p, q) - slow) < 1e-12 and abs(symmetric_kl(q, p) - slow) < 1e-12
    two = torch.stack([p[:, 0], torch.zeros(6)], -1), torch.stack([q[:, 0], torch.zeros(6)], -1)
    assert abs(symmetric_kl(p[:, 0], q[:, 0]) - symmetric_kl(*two)) < 1e-12
    assert torch.allclose(symmetric_kl(p + 3, q - 2), symmetric_kl(p, q))  # logits are known up to a constant


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["linf", "l2"]), st.floats(1e-6, 10), st.floats(1e-6, 10))
def test_ascent_step_stays_in_the_ball_and_goes_up(seed, norm, radius, step):
    generator = torch.Generator().manual_seed(seed)
    noise, gradient = torch.randn(2, 3, 4, 5, generator=generator).double()
    moved = ascent_step(noise, gradient, step, radius, norm)
    size = moved.abs().amax((1, 2)) if norm == "linf" else moved.square().sum((1, 2)).sqrt()
    assert (size <= radius * (1 + 1e-12)).all()
    unmoved = ascent_step(noise, torch.zeros_like(noise), step, radius, norm)
    assert ((moved - unmoved) * gradient).sum() >= 0 or norm == "l2"
    assert torch.allclose(ascent_step(noise, gradient * 1e-20, step, radius, norm), moved)  # only the direction counts


@pytest.mark.parametrize(("task", "pair"), CASES)
@pytest.mark.parametrize("direction", ["pass", "clean", "random"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_perturbation_is_in_the_ball_and_never_on_padding(task, pair, direction, norm):
    model, batch = Toy(task), make_batch(task, pair)
    smart = SmartRegularizer(model, direction=direction, norm=norm, **LARGE)
    assert smart(batch) >= 0
    noise = smart.last["noise"]
    size = noise.abs().amax((1, 2)) if norm == "linf" else noise.square().sum((1, 2)).sqrt()
    assert (size <= 0.05 * (1 + 1e-6)).all() and (size > 0).all()  # of both sentences of a pair
    assert not batch.attention_mask.all() and (noise[~batch.attention_mask] == 0).all()
    assert not noise.requires_grad
    everywhere = SmartRegularizer(model, direction="random", perturb_padding=True, **LARGE)
    everywhere(batch)
    assert (everywhere.last["noise"][~batch.attention_mask] != 0).all()


@pytest.mark.parametrize("task", ["sst", "qqp", "sts"])
@pytest.mark.parametrize("direction", ["pass", "clean", "random"])
def test_zero_for_a_constant_model(task, direction):
    model, batch = Toy(task), make_batch(task, "none" if task == "sst" else "cross")
    nn.init.zeros_(model.head.weight)
    smart = SmartRegularizer(model, direction=direction, **LARGE)
    penalty = smart(batch)
    penalty.backward()
    assert penalty == 0 and model.layer.weight.grad.abs().max() == 0
    assert smart.attack_size()["linf"] <= 0.0500001


def test_more_ascent_finds_more():
    model, batch = Toy("sst").double(), make_batch("sst", size=16)
    found = {k: SmartRegularizer(model, steps=k, eps=0.05, sigma=0.05, step_size=0.03)(batch).item() for k in (1, 3, 9)}
    noise = SmartRegularizer(model, direction="random", eps=0.05, sigma=0.05)(batch).item()
    assert noise < found[1] < found[3] <= found[9] * 1.01


def test_larger_weight_gives_a_smoother_boundary():
    points, labels = toy.noisy_points()  # noisy: memorising is rough
    fits = [toy.fit(points, labels, weight, eps=0.2, sigma=0.1, step_size=1.0) for weight in (0.0, 1.0, 10.0)]
    slopes = [toy.slope(model) for model in fits]
    assert slopes[0] > 1.5 * slopes[1] > 1.5 * slopes[2]
    assert all((model.net(points).argmax(-1) == labels).float().mean() > 0.7 for model in fits)


# --- weight 0, random numbers, resuming -------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["pass", "clean", "random"])
@pytest.mark.parametrize("dropout", [False, "same"])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_weight_zero_is_the_plain_step_bit_for_bit(direction, dropout, share):
    """Nothing but λ decides: with the penalty computed and multiplied by 0, weights and random numbers are as without."""
    if dropout == "same" and share < 1:
        with pytest.raises(MinbertError, match="share"):
            SmartRegularizer(Toy("sst"), dropout=dropout, share=share)
        return
    after = []
    for use in (False, True):
        model, batch = Toy("sst", dropout=0.3), make_batch("sst", size=4)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        smart = SmartRegularizer(model, direction=direction, dropout=dropout, share=share, **LARGE)
        torch.manual_seed(5)
        for _ in range(3):
            optimizer.zero_grad()
            embedded = model.embed(batch)
            rng = random_state(torch.device("cpu"))
            outputs = model.predict_from(embedded, batch)
            loss = F.cross_entropy(outputs, batch.labels)
            loss = loss + 0.0 * smart(batch, embedded, outputs, rng) if use else loss
            loss.backward()
            optimizer.step()
        after.append([*model.parameters(), torch.rand(3)])
        assert model.training and model.dropout.training
    assert all(torch.equal(a, b) for a, b in zip(*after, strict=True))


def test_resumes_with_the_same_noise():
    model, batch = Toy("sst"), make_batch("sst")
    smart = SmartRegularizer(model, share=0.5, direction="clean", **LARGE)
    smart(batch)
    state = copy.deepcopy(smart.state_dict())
    ahead = [smart(batch).item() for _ in range(3)]
    other = SmartRegularizer(model, share=0.5, direction="clean", seed=99, **LARGE)
    other.load_state_dict(state)
    assert [other(batch).item() for _ in range(3)] == ahead
    with pytest.raises(MinbertError, match="resume there"):
        other.load_state_dict({"device": "cuda", "generator": state["generator"]})


# --- the switches ------------------------------------------------------------------------------------------------------


def both(model, batch, first, second):
    """Penalty and gradients of two settings with the same noise."""
    found = []
    for options in (first, second):
        penalty = SmartRegularizer(model, **{**LARGE, **options})(batch)
        gradients = torch.autograd.grad(penalty, list(model.parameters()), allow_unused=True)
        found.append((penalty.item(), torch.cat([g.flatten() for g in gradients])))
    return found


def test_divide_is_nearly_the_random_start():
    model, batch = Toy("sst"), make_batch("sst", size=8)
    smart = SmartRegularizer(model, projection="divide")
    smart(batch)
    size = smart.attack_size()
    per_token = smart.last["noise"].abs().amax(-1)[batch.attention_mask]
    assert ((per_token > 0.2) & (per_token <= 1)).all()  # ε is 1e-5
    assert size["cosine_start"] > 0.95
    noise, start, gradient = (smart.last[name] for name in ("noise", "start", "gradient"))
    moved = start + 1e-3 * gradient
    assert torch.allclose(noise, moved / (moved.abs().amax(-1, keepdim=True) + 1e-5))
    exact = SmartRegularizer(model)
    exact(batch)
    assert exact.attack_size()["linf"] <= 1.0001e-5
    assert exact.attack_size()["cosine_gradient"] > 0.6 and exact.attack_size()["cosine_start"] < 0.7


def test_reduction():
    model, batch = Toy("sst").double(), make_batch("sst", size=4)
    (mean, _), (total, _) = both(model, batch, {}, {"reduction": "sum"})
    (same, _), (elements, _) = both(model, batch, {"reduction": "batchmean"}, {"reduction": "elements"})
    assert total == pytest.approx(4 * mean) and same == mean and elements == pytest.approx(mean / 5)


@pytest.mark.parametrize("task", ["sst", "qqp", "sts"])
def test_detach(task):
    """The value stays; held targets halve the gradient, a held clean side turns it."""
    model, batch = Toy(task).double(), make_batch(task, "none" if task == "sst" else "cross")
    small = {"eps": 1e-3, "sigma": 1e-3, "attach": True}
    (value, free), (held_value, held) = both(model, batch, small, {**small, "detach": "targets"})
    assert held_value == pytest.approx(value)
    assert F.cosine_similarity(free, held, dim=0) > 0.99
    assert held.norm().item() == pytest.approx(free.norm().item() / 2, rel=0.05)
    (value, free), (clean_value, clean) = both(model, batch, small, {**small, "detach": "clean"})
    assert clean_value == pytest.approx(value) and F.cosine_similarity(free, clean, dim=0) < 0.9


def test_targets_are_the_first_arguments_of_both_kl():
    torch.manual_seed(0)
    p, q = (torch.randn(4, 5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    kl = lambda a, b: F.kl_div(b.log_softmax(-1), a.softmax(-1), reduction="batchmean")
    slow = torch.autograd.grad(kl(p.detach(), q) + kl(q.detach(), p), (p, q))
    fast = torch.autograd.grad(divergence(p, q, "classes", detach="targets"), (p, q))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(fast, slow, strict=True))


def test_dropout_false_compares_without_it_and_true_measures_it():
    model, batch = Toy("sst", dropout=0.3), make_batch("sst", size=16)
    still = Toy("sst", dropout=0.0)
    still.load_state_dict(model.state_dict())
    embedded = model.embed(batch)
    rng = random_state(torch.device("cpu"))
    outputs = model.predict_from(embedded, batch)
    quiet = SmartRegularizer(model)(batch, embedded, outputs)
    assert quiet == SmartRegularizer(still)(batch) and quiet < 1e-7
    loud = SmartRegularizer(model, dropout=True)(batch, embedded, outputs)
    assert loud > 1e-3
    for given_rng in (rng, None):  # without the state SMART runs a clean pass of its own
        same = SmartRegularizer(model, dropout="same")
        assert same(batch, embedded, outputs, given_rng) < 1e-7
    fresh = SmartRegularizer(model, dropout="same", direction="clean", **LARGE)
    assert 0 < fresh(batch, embedded, outputs, rng) < 1


def test_same_masks_equal_a_replay_by_hand():
    model, batch = Toy("sst", dropout=0.5).double(), make_batch("sst")
    embedded = model.embed(batch)
    rng = random_state(torch.device("cpu"))
    outputs = model.predict_from(embedded, batch)
    smart = SmartRegularizer(model, dropout="same", **LARGE)
    penalty = smart(batch, embedded, outputs, rng)
    torch.set_rng_state(rng[0])
    again = model.predict_from(embedded + smart.last["noise"], batch)
    slow = sum(slow_distance(a, b, "sst") for a, b in zip(again, outputs, strict=True)) / len(outputs)
    assert abs(penalty - slow) < 1e-12


def test_dropout_is_seen_wherever_it_sits():
    model = tiny_bert(("sst",))
    assert not has_dropout(model)
    for module in model.modules():
        if hasattr(module, "dropout") and isinstance(module.dropout, float):
            module.dropout = 0.1  # attention's alone
    assert has_dropout(model) and not has_dropout(model.eval())
    model.train()
    batch = make_batch("sst")
    assert SmartRegularizer(model)(batch, model.embed(batch), model(batch)) < 1e-6


def test_a_clean_pass_is_used_as_given():
    model, batch = Toy("sst", dropout=0.4), make_batch("sst")
    model.eval()
    embedded = model.embed(batch)
    outputs = model.predict_from(embedded, batch)
    model.train()
    calls = []
    model.embed = lambda batch: calls.append(1)
    assert SmartRegularizer(model, **LARGE)(batch, embedded, outputs, clean=True) > 0
    assert not calls


@pytest.mark.parametrize(("task", "pair"), [("qqp", "separate"), ("qqp", "cross"), ("sts", "cross")])
def test_clean_direction_is_the_papers_where_the_output_is_one_number(task, pair):
    model, batch = Toy(task).double(), make_batch(task, pair)
    small = {"eps": 1e-6, "sigma": 1e-6, "step_size": 1e-4}
    exact, cheap = SmartRegularizer(model, **small), SmartRegularizer(model, direction="clean", **small)
    assert cheap(batch).item() == pytest.approx(exact(batch).item(), rel=1e-3)
    assert torch.allclose(cheap.last["noise"], exact.last["noise"], atol=2e-8)


def test_clean_direction_finds_more_than_noise_with_classes():
    model, batch = Toy("sst").double(), make_batch("sst", size=64)
    size = {"eps": 0.01, "sigma": 0.01, "step_size": 1.0}
    found = {way: SmartRegularizer(model, direction=way, **size)(batch).item() for way in ("pass", "clean", "random")}
    assert found["random"] < 0.5 * found["clean"] and found["clean"] < 1.5 * found["pass"]


def test_a_share_is_unbiased():
    """A linear score: every example's worst case is known, so only the choice of examples varies."""

    class Linear(Toy):
        def predict_from(self, embedded, batch):
            return (embedded * self.embedding.weight[batch.input_ids] ** 2).sum((1, 2))

    batch = make_batch("sts", "cross", size=8)
    model = Linear("sts")
    options = {"eps": 0.01, "sigma": 1e-4, "step_size": 1e6}
    whole = SmartRegularizer(model, **options)(batch).item()
    for share, reduction, factor in [(0.5, "mean", 1), (0.25, "mean", 1), (0.5, "sum", 8)]:
        smart = SmartRegularizer(model, share=share, reduction=reduction, **options)
        draws = torch.tensor([smart(batch).item() for _ in range(300)]) / factor
        assert abs(draws.mean() - whole) < 4 * draws.std() / 300**0.5 and draws.std() > 0
        assert len(smart.last["noise"]) == 8 * share


@pytest.mark.parametrize(("task", "pair"), CASES)
@pytest.mark.parametrize("direction", ["pass", "clean", "random"])
def test_a_share_of_the_tasks_own_pass(task, pair, direction):
    """Sharing the task's pass and running one anew give the same penalty and the same gradients."""
    model, batch = Toy(task).double(), make_batch(task, pair, size=4)
    embedded = model.embed(batch)
    outputs = model.predict_from(embedded, batch)
    found = []
    for given_pass in ((), (embedded, outputs)):
        penalty = SmartRegularizer(model, share=0.5, direction=direction, **LARGE)(batch, *given_pass)
        found.append([penalty, *torch.autograd.grad(penalty, list(model.parameters()))])
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(*found, strict=True))


def test_take_keeps_pairs_together():
    batch = make_batch("qqp", "separate", size=3)
    part, rows = take(batch, torch.tensor([2, 0]))
    assert rows.tolist() == [2, 0, 5, 3] and part.index.tolist() == [2, 0] and len(part.labels) == 2
    assert torch.equal(part.input_ids, batch.input_ids[rows]) and part.pair == "separate"
    model = Toy("qqp")
    assert torch.allclose(model(part), model(batch)[[2, 0]])
    smart = SmartRegularizer(model, share=0.67, **LARGE)
    assert smart(batch) >= 0 and len(smart.last["noise"]) == 4


# --- numbers, frozen parts, mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("task", "pair"), CASES)
@pytest.mark.parametrize("direction", ["pass", "clean"])
def test_autocast(dtype, task, pair, direction):
    model, batch = Toy(task), make_batch(task, pair, size=8)
    plain = SmartRegularizer(model, direction="pass")(batch).item()
    with torch.autocast("cpu", dtype):
        embedded = model.embed(batch)
        outputs = model.predict_from(embedded, batch)
        penalty = SmartRegularizer(model, direction=direction)(batch, embedded, outputs)
        wide = SmartRegularizer(model, direction=direction, **LARGE)(batch, embedded, outputs)
    assert outputs.dtype == dtype and penalty.dtype == wide.dtype == torch.float32
    if direction == "pass":
        assert penalty.item() == pytest.approx(plain, rel=1e-5)  # too small for 16 bits: computed in float32
    (penalty + wide).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    expected = SmartRegularizer(model, direction=direction, **LARGE)(batch).item()
    assert wide.item() == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize("size", [1e-3, 1e-2])
@pytest.mark.parametrize("direction", ["pass", "random"])
def test_what_bfloat16_cannot_see_is_computed_in_float32(direction, size):
    model, batch = Toy("sst"), make_batch("sst", size=8)
    switches = dict(eps=size, sigma=size, step_size=100 * size, direction=direction)
    exact = SmartRegularizer(model, **switches)(batch).item()
    rounded = SmartRegularizer(model, precision="autocast", **switches)
    with torch.autocast("cpu", torch.bfloat16):
        assert SmartRegularizer(model, **switches)(batch).item() == pytest.approx(exact, rel=1e-5)
        assert rounded(batch).item() != pytest.approx(exact, rel=1e-2)


def test_precision_switch():
    model, batch = Toy("sst"), make_batch("sst", size=8)
    reference = SmartRegularizer(model, **LARGE)(batch).item()
    with torch.autocast("cpu", torch.bfloat16):
        assert SmartRegularizer(model, precision="float32", **LARGE)(batch).item() == reference
        assert SmartRegularizer(model, precision="autocast", **LARGE)(batch).item() != reference
        mixed = SmartRegularizer(model, eps=0.05, sigma=1e-5)  # the ascent in float32, the comparison in bfloat16
        mixed(batch)
    exact = SmartRegularizer(model, eps=0.05, sigma=1e-5)
    exact(batch)
    near = F.cosine_similarity(mixed.last["gradient"].flatten(1), exact.last["gradient"].flatten(1), eps=1e-30)
    assert (near > 0.9).all()


@pytest.mark.parametrize("direction", ["pass", "clean", "random"])
def test_frozen_encoder_and_no_grad(direction):
    model, batch = Toy("sst"), make_batch("sst")
    model.embedding.requires_grad_(False)
    model.layer.requires_grad_(False)
    SmartRegularizer(model, direction=direction, **LARGE)(batch).backward()
    assert model.head.weight.grad.abs().sum() > 0 and model.layer.weight.grad is None
    with torch.no_grad():
        assert SmartRegularizer(model, direction=direction, **LARGE)(batch) > 0


def test_only_the_penalty_reaches_gradients():
    """The ascent leaves nothing behind in .grad, and the embedding table hears from the clean side alone."""
    model, batch = Toy("sst").double(), make_batch("sst")
    smart = SmartRegularizer(model, **LARGE)
    penalty = smart(batch)
    assert all(p.grad is None for p in model.parameters())
    penalty.backward()
    got = model.embedding.weight.grad.clone()
    model.zero_grad()
    moved = (model.embed(batch) + smart.last["noise"]).detach()
    divergence(model.predict_from(moved, batch).detach(), model(batch), "classes").backward()
    assert torch.allclose(got, model.embedding.weight.grad, atol=1e-12)


@pytest.mark.parametrize("what", ["penalty", "perturbation"])
def test_not_finite_names_the_task(what):
    model, batch = Toy("qqp"), make_batch("qqp", "cross")
    with torch.no_grad():
        (model.head.weight if what == "penalty" else model.layer.weight).fill_(float("nan"))
    direction = "random" if what == "penalty" else "pass"
    with pytest.raises(MinbertError, match=f"{what} is not finite .task qqp"):
        SmartRegularizer(model, direction=direction)(batch)


@pytest.mark.parametrize(
    "wrong",
    [{"norm": "l1"}, {"projection": "no"}, {"eps": 0}, {"steps": 0}, {"share": 0}, {"dropout": "off"}],
)
def test_wrong_settings_are_named(wrong):
    with pytest.raises(MinbertError, match=next(iter(wrong))):
        SmartRegularizer(Toy("sst"), **wrong)


@pytest.mark.parametrize("direction", ["pass", "clean"])
def test_the_ascent_computes_no_gradient_of_a_weight(direction, monkeypatch):
    """Backward to the input alone is half of a backward: no product for a weight, whichever kernel multiplies."""
    from minbert_lib.model import fast

    products = []
    monkeypatch.setattr(fast, "onednn_is_faster", lambda: True)
    monkeypatch.setattr(fast, "product", lambda a, b, bias=None: (products.append(1), F.linear(a, b, bias))[1])
    model, batch = tiny_bert(("sst",)), make_batch("sst")
    embedded = model.embed(batch)
    outputs = model.predict_from(embedded, batch)
    forward = len(products)
    products.clear()
    smart = SmartRegularizer(model, direction=direction, **LARGE)
    penalty = smart(batch, embedded, outputs)
    assert len(products) == forward * (3 if direction == "pass" else 2)  # (pass and) back, then the perturbed pass
    products.clear()
    penalty.backward()
    assert len(products) == 4 * forward - 3  # x̃ is a constant: nothing goes further than its first layer's q, k, v
    assert all(p.requires_grad for p in model.parameters())


# --- inside a run -------------------------------------------------------------------------------------------------------


def a_run(**changes):
    few = {"limit": {"sst": 96}, "dev_limit": {"sst": 16}, "epochs": 1, "batch_size": 16, "smart": 1.0, "precision": "float32"}
    return system("C2", "tiny", smart_options=LARGE, **few, **changes)


def test_a_broken_penalty_stops_the_run_keeps_the_checkpoint_and_goes_on_from_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path))
    monkeypatch.setattr(runs, "CHECKPOINT_SECONDS", 0)
    whole = runs.run(a_run(), out=tmp_path / "whole", progress=False)
    called, ascend = [], smart_room.ascent_step

    def breaks(noise, *others):
        called.append(1)
        return ascend(noise, *others) * (float("nan") if len(called) == 4 else 1)

    monkeypatch.setattr(smart_room, "ascent_step", breaks)
    place = r"perturbation is not finite .task sst. at step 4 .epoch 1; examples sst .*the state of step 3, the last good one, is kept in"
    with pytest.raises(MinbertError, match=place):
        runs.run(a_run(), out=tmp_path / "broken", progress=False)
    state, damaged = checkpoint.load(tmp_path / "broken")
    assert state["counters"]["step"] == 3 and not damaged
    assert all(value.isfinite().all() for value in state["model"].values())
    again = runs.run(a_run(), out=tmp_path / "broken", progress=False)  # the fault is gone: on from step 3
    assert [point["sst"] for point in again["curve"]] == [point["sst"] for point in whole["curve"]]


def test_one_clean_pass_serves_smart_and_bregman(tmp_path, monkeypatch):
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path))
    made = prepare(a_run(bregman=0.5))
    trainer, batch = made.trainer, made.train["sst"].batch(range(8))
    with torch.no_grad():  # the teacher of a first step equals its student: let it differ
        for p in trainer.bregman.teacher.parameters():
            p.add_(0.01 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
    made.model.train()
    assert has_dropout(made.model)
    calls, embed = [], made.model.embed
    made.model.embed = lambda batch: (calls.append(1), embed(batch))[1]
    torch.manual_seed(0)
    loss, total = trainer._losses(batch)
    assert len(calls) == 2  # the task's own, and one for both penalties
    trainer.smart.generator.manual_seed(0)
    torch.manual_seed(0)
    alone = loss.item() + trainer.smart(batch).item() + 0.5 * trainer.bregman(batch).item()
    assert total.item() == pytest.approx(alone, rel=1e-6) and total > loss
