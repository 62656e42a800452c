"""The training loop against steps written out by hand: weights of tasks, clipping, surgery, thawing, the best epoch."""

import copy
import math
import random

import numpy as np
import pytest
import torch

from minbert_lib.errors import MinbertError
from minbert_lib.learn import SmartRegularizer
from minbert_lib.learn.groups import depth_of, schedule
from minbert_lib.learn.metrics import Means, selection_score, share_right, task_loss
from minbert_lib.learn.surgery import joined
from minbert_lib.learn.trainer import Trainer
from minbert_lib.model import BertConfig, BertModel
from minbert_lib.model.multitask import MultitaskModel
from minbert_lib.text import TASKS, Dataset, Example, Rows, Tokenizer

THREE = ("sst", "qqp", "sts")
LAYERS = 3


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Three small datasets of made-up words."""
    folder, rng = tmp_path_factory.mktemp("words"), np.random.default_rng(0)
    words = [chr(97 + n) * 3 for n in range(20)]
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    tokenizer = Tokenizer(folder)
    text = lambda: " ".join(rng.choice(words, rng.integers(2, 9)))

    def made(task):
        label = {"sst": lambda: int(rng.integers(5)), "qqp": lambda: int(rng.integers(2)), "sts": lambda: 5 * rng.random()}[task]
        texts = lambda: (text(), text()) if TASKS[task].is_pair else (text(),)
        examples = [Example(str(n), texts(), label()) for n in range({"sst": 20, "qqp": 30, "sts": 9}[task])]
        return Dataset(Rows(task, "train", examples, folder, "none"), tokenizer)

    return {task: made(task) for task in THREE}


def model_of(tasks=THREE, **switches):
    torch.manual_seed(0)
    bert = BertModel(BertConfig(25, 16, LAYERS, 2, 32, 40, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
    return MultitaskModel(bert, tasks, head_dropout=0.0, **switches)


def trainer_of(model, sets, evaluate=None, lr=0.1, **settings):
    """Plain descent, so that a step is the gradient itself."""
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr)
    nothing = lambda model: ({"sst": 0.5}, {"sst": 1.0}, {})
    return Trainer(model, sets, optimizer, evaluate or nothing, **{"schedule": "constant", "batch_size": 4, **settings})


def gradients_of(model, batch):
    """One task's gradient for every parameter, by autograd alone."""
    loss = task_loss(model(batch), batch)
    return torch.autograd.grad(loss, list(model.parameters()), allow_unused=True), loss.item()


def moved(before, model, lr=0.1):
    """Each parameter's step, divided by −lr: the gradient that was followed."""
    return [(old - new.detach()) / lr for old, new in zip(before, model.parameters())]


def stepped(sets, weights=1.0, **settings):
    """The gradient the trainer followed in one step on one batch of each task, and each task's own."""
    model = model_of()
    trainer = trainer_of(model, sets, sampling="together", task_weights=weights, **settings)
    twin = copy.deepcopy(model).train()
    feeds = {task: copy.deepcopy(feed) for task, feed in trainer.feeds.items()}
    before = [p.detach().clone() for p in model.parameters()]
    model.train()
    trainer.update(THREE)
    own = [gradients_of(twin, feeds[task].next()) for task in THREE]
    return moved(before, model), [gradient for gradient, _ in own], trainer, [loss for _, loss in own]


def zero(parts, like):
    return [torch.zeros_like(x) if part is None else part for part, x in zip(parts, like)]


# steps ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [1.0, {"sst": 2.0, "sts": 0.0}])
def test_a_step_follows_the_sum_of_the_tasks_gradients_each_with_its_weight(sets, weights):
    followed, own, _, _ = stepped(sets, weights=weights)
    share = [weights.get(task, 1.0) if isinstance(weights, dict) else 1.0 for task in THREE]
    for k, step in enumerate(followed):
        wanted = sum(weight * zero(gradient, followed)[k] for weight, gradient in zip(share, own))
        assert torch.allclose(step, wanted, atol=2e-6)


def test_clipping_shortens_the_whole_gradient(sets):
    free, _, _, _ = stepped(sets)
    norm = torch.cat([g.flatten() for g in free]).norm()
    cut, _, trainer, _ = stepped(sets, clip=float(norm) / 3)
    assert trainer.curve[-1]["norm"] == pytest.approx(norm.item(), rel=1e-4)  # the curve tells the norm before
    for a, b in zip(free, cut):
        assert torch.allclose(a / 3, b, atol=1e-6)


def test_losses_on_the_curve_are_those_of_the_batches(sets):
    _, _, trainer, losses = stepped(sets, weights={"sst": 9.0}, epochs=1)
    assert [trainer.curve[0][task] for task in THREE] == pytest.approx(losses, rel=1e-5)  # without the weights


# surgery --------------------------------------------------------------------------------------------------------------


def by_hand(own, shared, rng):
    """PCGrad as the paper prints it, on flattened shared gradients."""
    flat = [torch.cat([own[i][k].flatten() for k in shared]) for i in range(len(own))]
    total = torch.zeros_like(flat[0])
    for i in range(len(flat)):
        g, others = flat[i].clone(), [j for j in range(len(flat)) if j != i]
        for j in rng.sample(others, len(others)):
            dot = g @ flat[j]
            if dot < 0:
                g -= dot / (flat[j] @ flat[j]) * flat[j]
        total += g
    return flat, total


@pytest.mark.parametrize("surgery", ["watch", "pcgrad"])
def test_surgery_in_the_trainer_is_the_algorithm_by_hand(sets, surgery):
    followed, own, trainer, _ = stepped(sets, surgery=surgery, epochs=1)
    shared = [k for k in range(len(followed)) if sum(gradient[k] is not None for gradient in own) > 1]
    names = [name for name, _ in trainer.trained]
    assert {k for k, name in enumerate(names) if "heads." not in name and "pooler" not in name} == set(shared)
    flat, operated = by_hand(own, shared, random.Random(0))
    got = torch.cat([followed[k].flatten() for k in shared])
    assert torch.allclose(got, operated if surgery == "pcgrad" else sum(flat), atol=5e-6)
    for k in set(range(len(followed))) - set(shared):  # heads follow their own task alone
        assert torch.allclose(followed[k], sum(zero(gradient, followed)[k] for gradient in own), atol=2e-6)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        cosine = (flat[i] @ flat[j] / flat[i].norm() / flat[j].norm()).item()
        assert trainer.curve[0][f"cos {THREE[i]}·{THREE[j]}"] == pytest.approx(cosine, abs=1e-4)


def test_watching_changes_nothing(sets):
    plain, _, _, _ = stepped(sets)
    watched, _, _, _ = stepped(sets, surgery="watch")
    assert all(torch.allclose(a, b, atol=2e-6) for a, b in zip(plain, watched))


def test_tasks_that_share_nothing_have_no_angle():
    alone = [[torch.ones(2), None], [None, -torch.ones(3)]]
    combined, cosines = joined(alone, "pcgrad")
    assert torch.equal(combined[0], alone[0][0]) and torch.equal(combined[1], alone[1][1]) and cosines.isnan().all()


def test_a_head_does_not_change_what_surgery_does_to_the_encoder():
    pull = [torch.tensor([1.0, 0.0]), torch.tensor([-0.5, 1.0])]
    bare, _ = joined([[pull[0]], [pull[1]]], "pcgrad")
    headed, cosines = joined([[pull[0], torch.full((4,), 100.0), None], [pull[1], None, torch.ones(3)]], "pcgrad")
    assert torch.equal(bare[0], headed[0]) and cosines[0, 1] == pytest.approx(-0.5 / math.sqrt(1.25))
    assert torch.equal(headed[1], torch.full((4,), 100.0)) and torch.equal(headed[2], torch.ones(3))


# a whole run ----------------------------------------------------------------------------------------------------------


def test_the_rate_of_every_step_is_the_schedules(sets):
    trainer = trainer_of(model_of(), sets, lr=0.05, schedule="linear", warmup=0.25, epochs=2)
    rates = []
    trainer.run(on_update=lambda t: rates.append(t.optimizer.param_groups[0]["lr"]))
    assert trainer.total == 2 * (5 + 8 + 3) == len(rates)
    assert rates == pytest.approx([0.05 * schedule("linear", step, trainer.total, 0.25) for step in range(trainer.total)])


def test_each_epoch_reads_what_its_plan_says(sets):
    trainer = trainer_of(
        model_of(), sets, sampling="round_robin", epoch_of="sts", epochs=2, batch_size={"sst": 2, "sts": 3, "qqp": 7}
    )
    assert trainer.plans == [[("sst",), ("qqp",), ("sts",)] * 3] * 2
    trainer.run()
    assert {task: (feed.passes, feed.position) for task, feed in trainer.feeds.items()} == {
        "sst": (0, 6),
        "qqp": (1, 1),
        "sts": (2, 0),
    }


def test_gradual_unfreezing_moves_only_what_has_thawed(sets):
    model = model_of(("sst",))
    trainer = trainer_of(model, {"sst": sets["sst"]}, unfreeze_per_epoch=1, epochs=5)
    seen, before = [], {}

    def look(trainer):
        now = {name: p.detach().clone() for name, p in model.named_parameters()}
        if before:
            seen.append({depth_of(name, LAYERS) for name in now if not torch.equal(now[name], before[name])})
        before.update(now)

    look(trainer)
    trainer.run(on_epoch=look)
    everything = {None, *range(LAYERS + 1)}
    assert seen == [{None}, {None, 3}, {None, 3, 2}, {None, 3, 2, 1}, everything]


def test_the_best_epoch_is_the_first_with_the_highest_mean_of_all_tasks(sets):
    told = iter([(0.40, 0.70, 0.10), (0.42, 0.80, 0.30), (0.60, 0.70, 0.10), (0.42, 0.80, 0.30)])
    weights = []

    def evaluate(model):
        weights.append({name: p.detach().clone() for name, p in model.state_dict().items()})
        return dict(zip(THREE, next(told))), dict.fromkeys(THREE, 1.0), {}

    trainer = trainer_of(model_of(), sets, evaluate, lr=1e-3, epochs=4)
    trainer.run()
    assert trainer.best["epoch"] == 2  # epoch 3 has the best SST, epoch 4 only equals the second
    assert all(torch.equal(weights[1][name], value) for name, value in trainer.best_weights.items())
    assert not torch.equal(weights[3]["heads.sst.1.weight"], trainer.best_weights["heads.sst.1.weight"])


def test_the_mean_that_selects_brings_r_to_0_to_1_and_takes_no_nan():
    assert selection_score({"sst": 0.5, "sts": 0.0}) == pytest.approx(0.5)
    assert selection_score({"sst": 0.5, "sts": float("nan")}) == pytest.approx(0.25)


def test_a_step_too_far_stops_the_run_and_names_the_place(sets):
    trainer = trainer_of(model_of(), sets, lr=1e12, epochs=2)
    with pytest.raises(MinbertError, match=r"not finite at step \d+ \(epoch \d; examples (sst|qqp|sts)"):
        trainer.run()


# small parts ----------------------------------------------------------------------------------------------------------


def test_float16_skips_a_step_or_two_and_stops_where_every_step_is_lost(sets):
    """Where the gradient is never finite no smaller scale helps: an error, and not a run of skipped steps."""
    model = model_of(("sst",))
    trainer = trainer_of(model, {"sst": sets["sst"]}, precision="float16", epochs=20, lr=1e-3)
    trainer.run()  # begins at a scale of 65,536
    assert trainer.step == trainer.total and all(math.isfinite(point.get("norm", 1.0)) for point in trainer.curve)
    hook = next(model.parameters()).register_hook(lambda gradient: gradient * math.nan)
    again = trainer_of(model, {"sst": sets["sst"]}, precision="float16", epochs=20)
    with pytest.raises(MinbertError, match="gradient is not finite at step"):
        again.run()
    hook.remove()


def test_a_sum_over_parts_is_the_sum(sets):
    """SMART with reduction="sum" means the same weight in one batch and in micro-batches (its noise is drawn anew in each)."""

    def penalty(size):
        torch.manual_seed(1)
        model = model_of(("sst",))
        smart = SmartRegularizer(model, weight=1.0, eps=0.5, sigma=0.5, step_size=50.0, reduction="sum")
        trainer = trainer_of(model, {"sst": sets["sst"]}, smart=smart, batch_size=8, micro_batch=size)
        found = []
        for seed in range(12):
            smart.generator.manual_seed(seed)
            batch, total = trainer.feeds["sst"].next(), 0.0
            for start in range(0, len(batch), size):
                part = batch.part(start, start + size)
                loss, whole = trainer._losses(part, len(part) / len(batch))
                total += (whole - loss).item() * len(part) / len(batch)
            found.append(total)
        return np.mean(found)

    assert penalty(2) == pytest.approx(penalty(8), rel=0.25)


def test_r_of_equal_predictions_is_not_a_number():
    from minbert_lib.learn.metrics import score

    labels = np.linspace(0, 5, 50)
    assert all(math.isnan(score(np.full(50, value, np.float32), labels, "sts")) for value in (2.3, 3.1, 1.7, 0.1, 4.2))


def test_means_are_weighted_and_begin_again():
    means = Means()
    means.add("a", 1.0, 3)
    means.add("a", 5.0)
    assert means.taken() == {"a": 2.0} and means.taken() == {}


def test_the_share_that_is_right_in_a_batch():
    classes = torch.tensor([[0.1, 0.9], [2.0, -1.0]])
    assert share_right(classes, torch.tensor([1, 1])) == 0.5
    assert share_right(classes, torch.tensor([[0.2, 0.8], [0.9, 0.1]])) == 1.0  # soft labels
    assert share_right(torch.tensor([0.3, -0.3, 2.0]), torch.tensor([1.0, 1.0, 1.0])) == pytest.approx(2 / 3)


# what stops a step ----------------------------------------------------------------------------------------------------


def short_of_memory(model, rows, error=torch.OutOfMemoryError("CUDA out of memory")):
    """From here on the model takes no more than `rows` rows while it learns."""
    embed = model.embed

    def limited(batch):
        if model.training and len(batch.input_ids) > rows:
            raise error
        return embed(batch)

    model.embed = limited


def learned(sets, rows=None, dtype=torch.float32, **settings):
    torch.manual_seed(7)
    model = model_of().to(dtype)
    trainer = trainer_of(model, sets, **{"epochs": 2, "batch_size": 8, **settings})
    if rows:
        short_of_memory(model, rows)
        with pytest.warns(UserWarning, match="going on with 2 examples at a time, same batch size"):
            trainer.run()
    else:
        trainer.run()
    return trainer


@pytest.mark.parametrize("settings", [{}, {"sampling": "together", "surgery": "pcgrad"}])
def test_a_gpu_that_runs_out_of_memory_goes_on_in_halves_with_the_same_numbers(sets, settings):
    free, short = learned(sets, dtype=torch.float64, **settings), learned(sets, rows=3, dtype=torch.float64, **settings)
    assert free.micro_batch is None and short.micro_batch == 2
    for a, b in zip(free.model.parameters(), short.model.parameters()):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)
    for a, b in zip(free.curve, short.curve):
        assert a == pytest.approx(b, rel=1e-6, nan_ok=True)
    assert len(free.curve) == len(short.curve) and free.tokens == short.tokens


def test_the_failed_tries_leave_no_trace(sets):
    """With dropout and SMART's noise drawn: bit for bit the run that had small parts from the beginning."""

    def made(micro_batch, rows=None):
        model = model_of()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.1
        smart = SmartRegularizer(model, eps=1e-2, sigma=1e-2, step_size=1.0)
        trainer = trainer_of(model, sets, batch_size=8, epochs=1, micro_batch=micro_batch, smart=smart, lr=0.01)
        if rows:
            short_of_memory(model, rows)
        torch.manual_seed(7)
        trainer.run()
        return trainer

    with pytest.warns(UserWarning, match="out of GPU memory"):
        short = made(None, rows=4)
    small = made(4)
    assert short.curve == small.curve and short.history[0]["train"] == small.history[0]["train"]
    assert all(torch.equal(a, b) for a, b in zip(short.model.parameters(), small.model.parameters()))


def test_memory_that_cannot_be_halved_any_more_names_what_helps(sets):
    model = model_of()
    short_of_memory(model, 0)
    with pytest.raises(MinbertError, match="one example at a time: lower max_length"), pytest.warns(UserWarning):
        trainer_of(model, sets).run()


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")],
)
def test_elsewhere_the_knob_is_named(sets, error):
    model = model_of()
    short_of_memory(model, 3, error)
    trainer = trainer_of(model, sets, lr=0.01)
    with pytest.raises(MinbertError, match="out of memory at step 1, with 4 examples at a time: `--max-memory MB`"):
        trainer.run()
    trainer.micro_batch = 3
    trainer.run()  # the knob turned, it goes on: the failed step had changed nothing


@pytest.mark.parametrize("error", [RuntimeError("a fault of ours"), torch.OutOfMemoryError("CUDA out of memory")])
def test_a_step_that_is_not_taken_changes_nothing(sets, error):
    trainer = trainer_of(model_of(), sets, sampling="together", batch_size=1)
    trainer.update(THREE)
    before = str(trainer.state_dict())
    calls, embed = [], trainer.model.embed

    def fails_late(batch):
        calls.append(1)
        if len(calls) == 3:  # two tasks have had their backward pass
            raise error
        return embed(batch)

    trainer.model.embed = fails_late
    with pytest.raises((RuntimeError, MinbertError)):
        trainer.update(THREE)
    assert str(trainer.state_dict()) == before
    assert all(p.grad is None for p in trainer.model.parameters())
    trainer.update(THREE)


def test_smaller_parts_can_be_asked_for_when_a_run_goes_on(sets):
    saved = trainer_of(model_of(), sets).state_dict()
    trainer = trainer_of(model_of(), sets, micro_batch=2)
    trainer.load_state_dict(saved)
    assert trainer.micro_batch == 2
