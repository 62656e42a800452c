"""Which parameter learns how fast and when: names to depths, depths to rates, schedules against their formulas."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minbert_lib.errors import MinbertError
from minbert_lib.learn.groups import depth_of, parameter_groups, schedule, unfreeze
from minbert_lib.model import BertConfig, BertModel
from minbert_lib.model.multitask import MultitaskModel

LAYERS = 4


def model(**switches):
    torch.manual_seed(0)
    return MultitaskModel(BertModel(BertConfig(50, 16, LAYERS, 4, 32, 40)), ("sst", "qqp", "sts"), **switches)


def settings_by_name(made, **factors):
    """{parameter's name: (lr, weight decay)} as the groups have it."""
    names = {id(p): name for name, p in made.named_parameters()}
    groups = parameter_groups(made.named_parameters(), 1e-3, LAYERS, **factors)
    found = [(names[id(p)], (group["lr"], group["weight_decay"])) for group in groups for p in group["params"]]
    assert len(found) == len(dict(found))  # nobody is in two groups
    return dict(found)


@pytest.mark.parametrize(
    "name, depth",
    [
        ("bert.embeddings.word_embeddings.weight", 0),
        ("bert.embeddings.LayerNorm.bias", 0),
        ("bert.encoder.layer.0.attention.self.query.weight", 1),
        ("bert.encoder.layer.11.output.LayerNorm.bias", 12),
        ("own.sst.layer.3.output.dense.weight", 4),
        ("own.sst.encoder.layer.3.output.dense.weight", 4),
        ("beside.encoder.layer.0.output.dense.weight", 1),
        ("bert.pooler.dense.weight", 12),
        ("heads.sst.1.weight", None),
        ("pair_layer.0.weight", None),
        ("heads.sst.words.compute_beta_use.weight", None),
    ],
)
def test_depth_is_in_the_name(name, depth):
    assert depth_of(name, 12) == depth


@pytest.mark.parametrize("switches", [{}, {"own_layers": 2}, {"own_layers": "all"}, {"beside": "shared"}, {"shared_pair": True}])
def test_layer_decay_counts_from_the_top_in_every_way_of_sharing(switches):
    made = model(**switches)
    found = settings_by_name(made, layer_decay=0.5, embedding_lr=0.1, head_lr=7.0)
    assert set(found) == {name for name, _ in made.named_parameters()}
    for name, (rate, _) in found.items():
        depth = depth_of(name, LAYERS)
        wanted = 7e-3 if depth is None else 1e-3 * 0.5 ** (LAYERS - depth) * (0.1 if depth == 0 else 1.0)
        assert rate == pytest.approx(wanted), name
    assert len({rate for rate, _ in found.values()}) == LAYERS + 2


def test_without_factors_there_is_one_rate_and_one_decay():
    assert set(settings_by_name(model(), weight_decay=0.01).values()) == {(1e-3, 0.01)}


def test_biases_and_layer_norms_can_be_spared_from_decay():
    for name, (_, decay) in settings_by_name(model(), weight_decay=0.01, decay_all=False).items():
        assert decay == (0.0 if name.endswith("bias") or "LayerNorm" in name else 0.01), name


def test_what_is_frozen_is_in_no_group():
    made = model(train_encoder=False)
    assert set(settings_by_name(made)) == {name for name, _ in made.named_parameters() if name.startswith("heads.")}
    made = model(beside="frozen")
    assert not any(name.startswith("beside.") for name in settings_by_name(made))
    made = model()
    assert not any("embeddings" in name for name in settings_by_name(made, embedding_lr=0.0))
    assert not any(p.requires_grad for name, p in made.named_parameters() if "embeddings." in name)


# schedules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total, warmup", [(100, 0.1), (37, 0.2), (1000, 0.0)])
def test_linear_and_cosine_are_hugging_faces(total, warmup):
    from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

    rise = int(total * warmup)
    for kind, make in (("linear", get_linear_schedule_with_warmup), ("cosine", get_cosine_schedule_with_warmup)):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        theirs, factors = make(optimizer, rise, total), []
        for _ in range(total):
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            theirs.step()
        ours = [schedule(kind, step, total, rise / total) for step in range(total)]
        assert ours[rise:] == pytest.approx(factors[rise:])
        # theirs begins at 0, a step that learns nothing; ours at 1/rise, so it is theirs one step on
        assert ours[: max(0, rise - 1)] == pytest.approx(factors[1:rise])


@pytest.mark.parametrize("total, share", [(100, 0.1), (333, 0.1), (50, 0.3)])
def test_slanted_is_howard_and_ruders(total, share):
    cut = math.floor(total * share)
    for step in range(total):
        p = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / share - 1))
        assert schedule("slanted", step, total, share) == pytest.approx((1 + p * 31) / 32, abs=0.01)
    assert schedule("slanted", 0, total, share) == pytest.approx(1 / 32) and schedule("slanted", cut, total, share) == 1


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["constant", "linear", "cosine", "slanted"]), st.integers(1, 500), st.floats(0, 0.9), st.integers(0, 499))
def test_every_factor_lies_between_0_and_1_and_rises_only_while_warming_up(kind, total, warmup, step):
    factors = [schedule(kind, s, total, warmup) for s in range(total)]
    assert all(0 <= factor <= 1 for factor in factors)
    top = factors.index(max(factors))
    assert factors[top:] == sorted(factors[top:], reverse=True) and factors[:top] == sorted(factors[:top])
    assert schedule("constant", step, total) == 1.0


def test_a_wrong_schedule_is_refused():
    with pytest.raises(MinbertError, match="liner.*linear"):
        schedule("liner", 0, 1)


# gradual unfreezing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("per_epoch", [1, 2, 5])
def test_layers_thaw_from_the_top(per_epoch):
    made = model(own_layers=2)
    named = list(made.named_parameters())
    for epoch in range(1, 8):
        unfreeze(named, epoch, LAYERS, per_epoch)
        thawed = {depth_of(name, LAYERS) for name, p in named if p.requires_grad}
        lowest = LAYERS + 1 - (epoch - 1) * per_epoch
        assert thawed == {None, *range(max(0, lowest), LAYERS + 1)}
