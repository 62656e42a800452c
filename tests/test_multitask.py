"""One model for many tasks: sharing, heads and pairs as combinations of switches, and the ones that contradict."""

import copy
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minbert_lib.errors import MinbertError
from minbert_lib.model import BertConfig, BertModel
from minbert_lib.model.heads import ACTIVATIONS, FEATURES, POOLINGS, Head, feature_width, pair_features, pool
from minbert_lib.model.multitask import MultitaskModel
from minbert_lib.text import TASKS, Batch, pad

THREE = ("sst", "qqp", "sts")
SMALL = BertConfig(50, 16, 4, 4, 32, 40, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def small(seed=0, config=SMALL):
    torch.manual_seed(seed)
    bert = BertModel(config)
    for parameter in bert.parameters():
        parameter.data.normal_(std=0.3)
    return bert


def batch_of(task, pair="cross", count=5, seed=0):
    """A batch of random ids, of unequal lengths, as `Dataset` lays it out."""
    rng = np.random.default_rng(seed)
    pair = pair if TASKS[task].is_pair else "none"
    words = lambda: list(rng.integers(5, 50, rng.integers(1, 9)))
    if pair == "cross":
        pairs = [(words(), words()) for _ in range(count)]
        rows = [([2, *u, 3, *v, 3], [0] * (len(u) + 2) + [1] * (len(v) + 1)) for u, v in pairs]
    else:
        rows = [([2, *u, 3], [0] * (len(u) + 2)) for u in (words() for _ in range(count * (1 + (pair == "separate"))))]
    ids, types = zip(*rows, strict=True)
    labels = torch.tensor(rng.integers(0, 2, count))
    return Batch(task, *pad(ids, types), labels if task == "sst" else labels.float(), torch.arange(count), pair)


def one_row(batch, row):
    """A batch's example `row` alone, without padding."""
    rows = [row, row + len(batch)] if batch.pair == "separate" else [row]
    length = int(batch.attention_mask[rows].sum(1).max())
    tensors = (tensor[rows, :length] for tensor in (batch.input_ids, batch.attention_mask, batch.token_type_ids))
    return Batch(batch.task, *tensors, batch.labels[row : row + 1], batch.index[row : row + 1], batch.pair)


def losses(model, batches):
    return sum(model(batch).square().mean() for batch in batches)


# sharing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [0, 1, 2, 3, 4, "all"])
def test_at_the_start_every_sharing_gives_the_same_outputs(own):
    reference = MultitaskModel(small(), THREE, head_dropout=0.0)
    model = MultitaskModel(small(), THREE, own_layers=own, head_dropout=0.0)
    model.heads.load_state_dict(reference.heads.state_dict())
    for task in THREE:
        assert torch.equal(model(batch_of(task)), reference(batch_of(task)))


def trained(model, steps=3):
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in range(steps):
        for task in THREE:
            if task in model.tasks:
                optimiser.zero_grad()
                losses(model, [batch_of(task, seed=step)]).backward()
                optimiser.step()
    return model


def test_all_own_layers_is_one_model_per_task():
    """After training too: three single-task models and the triple give the same bits."""
    triple = MultitaskModel(small(), THREE, own_layers="all", head_dropout=0.0)
    singles = {task: MultitaskModel(small(), (task,), head_dropout=0.0) for task in THREE}
    for task in THREE:
        singles[task].heads[task].load_state_dict(triple.heads[task].state_dict())
    trained(triple)
    for task in THREE:
        assert torch.equal(trained(singles[task])(batch_of(task, seed=9)), triple(batch_of(task, seed=9)))
    depth = MultitaskModel(small(), THREE, own_layers=4)
    assert depth.parameter_count() == triple.parameter_count()


def test_no_own_layers_is_one_encoder_for_all():
    model = MultitaskModel(small(), THREE, own_layers=0)
    assert len(model.own) == 0
    losses(model, [batch_of("sst")]).backward()
    assert all(p.grad is not None for name, p in model.bert.named_parameters() if not name.startswith("pooler"))


@pytest.mark.parametrize("own", [1, 2, 3])
def test_own_layers_learn_from_their_own_task_only(own):
    model = MultitaskModel(small(), THREE, own_layers=own)
    losses(model, [batch_of("qqp")]).backward()
    touched = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert not any(name.startswith(("own.sst", "own.sts", "heads.sst", "heads.sts")) for name in touched)
    for layer in range(4):
        place = "own.qqp.layer" if layer >= 4 - own else "bert.encoder.layer"
        assert any(name.startswith(f"{place}.{layer}.") for name in touched), (layer, place)


def test_the_bert_that_was_given_is_not_cut():
    bert = small()
    MultitaskModel(bert, THREE, own_layers=2)
    assert len(bert.layers) == 4


def base(own=0, beside="none"):
    """The model at BERT-base's shape, without its memory."""
    with torch.device("meta"):
        return MultitaskModel(BertModel(BertConfig()), THREE, own_layers=own, beside=beside).parameter_count()


def test_parameter_counts_are_the_reports():
    """SerBERTus: multi 110M, two own layers 138M, three 153M (152.0 by arithmetic), three models three times as many."""
    layer = 4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768
    encoder, heads = 109_482_240, (5 + 1 + 1) * 769
    assert base() == encoder + heads
    assert base(2) == encoder + 2 * 2 * layer + heads and round(base(2) / 1e6) == 138
    assert base(3) == encoder + 2 * 3 * layer + heads and abs(base(3) / 1e6 - 153) < 1.1
    assert base("all") == 3 * encoder + heads
    assert base("all", "shared") == 4 * encoder + (5 + 1 + 1) * (2 * 768 + 1)


def test_shared_layers_run_once_per_batch():
    calls = []
    model = MultitaskModel(small(), THREE, own_layers=2)
    for module in (*model.bert.layers, *(layer for own in model.own.values() for layer in own["layer"].values())):
        module.register_forward_hook(lambda *_: calls.append(1))
    model(batch_of("sts"))
    assert len(calls) == 4


# frozen and beside --------------------------------------------------------------------------------------------------


def weights_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_frozen_stays_frozen():
    """Under training with decay, no weight of a frozen encoder moves, and its dropout never draws."""
    config = copy.copy(SMALL)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.5
    for switches, name in (({"train_encoder": False}, "bert"), ({"beside": "frozen"}, "beside")):
        model = MultitaskModel(small(config=config), THREE, head_dropout=0.0, **switches)
        part = getattr(model, name)
        before = weights_of(part)
        model.train()
        optimiser = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.5)
        for _ in range(3):
            losses(model, [batch_of(task) for task in THREE]).backward()
            optimiser.step()
        assert all(torch.equal(value, before[key]) for key, value in part.state_dict().items())
        assert not any(module.training for module in part.modules())
        assert model.parameter_count(trained_only=True) == model.parameter_count() - sum(p.numel() for p in part.parameters())
    assert not torch.equal(next(model.bert.parameters()), next(part.parameters()))  # the other one did learn


def test_a_frozen_model_is_quiet_before_anyone_calls_train():
    config = copy.copy(SMALL)
    config.hidden_dropout_prob = 0.5
    model = MultitaskModel(small(config=config), ("sst",), train_encoder=False, head_dropout=0.0)
    assert torch.equal(model(batch_of("sst")), model(batch_of("sst")))


def test_a_second_encoder_doubles_what_the_heads_see():
    model = MultitaskModel(small(), THREE, own_layers=2, beside="shared").eval()
    embedded = model.embed(batch_of("sts"))
    assert embedded.shape[-1] == 32
    assert torch.equal(embedded[..., :16], embedded[..., 16:])
    assert torch.equal(model.predict_from(embedded, batch_of("sts")), model(batch_of("sts")))
    model.beside.embeddings.word_embeddings.weight.data += 1
    assert not torch.equal(*model.embed(batch_of("sts")).chunk(2, dim=-1))


def test_the_copy_beside_is_the_encoder_as_it_came():
    """Joined vectors are those of two BERTs, one after the other."""
    bert = small()
    model = MultitaskModel(small(), ("sst",), beside="frozen").eval()
    batch = batch_of("sst")
    alone = bert(batch.input_ids, batch.attention_mask).last_hidden_state[:, 0]
    expected = model.heads["sst"](torch.cat([alone, alone], -1))
    torch.testing.assert_close(model(batch), expected)


# every combination of switches ----------------------------------------------------------------------------------------

ANY_FEATURES = st.lists(st.sampled_from(sorted(FEATURES)), min_size=0, max_size=5).map(tuple)


@st.composite
def switches(draw):
    pair = draw(st.sampled_from(["cross", "separate"]))
    sts_output = draw(st.sampled_from(["linear", "sigmoid", "cosine"] if pair == "separate" else ["linear", "sigmoid"]))
    cosine = sts_output == "cosine"
    layers = st.integers(0, 3)
    return dict(
        own_layers=draw(st.sampled_from([0, 1, 3, "all"])),
        beside=draw(st.sampled_from(["none", "shared", "frozen"])),
        pair=pair,
        sts_output=sts_output,
        features=draw(ANY_FEATURES),
        shared_pair=not cosine and draw(st.booleans()),
        hidden_layers={"sst": 0, "qqp": draw(layers), "sts": 0 if cosine else draw(layers)},
        activation=draw(st.sampled_from([*ACTIVATIONS, {"qqp": "relu"}])),
        head_dropout=draw(st.sampled_from([0.0, 0.3, {"sst": 0.5}])),
        pooling=draw(st.sampled_from(POOLINGS)),
        sst_head=draw(st.sampled_from(["linear", "routing"])),
    )


@settings(max_examples=60, deadline=None)
@given(switches())
def test_every_combination_of_switches(switches):
    """Right shapes, finite, learnable, the same example by example as in a padded batch, and cut where SMART cuts it."""
    model = MultitaskModel(small(), THREE, **switches).eval()
    for task in THREE:
        batch = batch_of(task, switches["pair"])
        out = model(batch)
        assert out.shape == ((5, 5) if task == "sst" else (5,)) and out.isfinite().all()
        assert torch.equal(model.predict_from(model.embed(batch), batch), out)
        alone = torch.cat([model(one_row(batch, row)) for row in range(2)])
        torch.testing.assert_close(alone, out[:2], rtol=1e-3, atol=2e-4)
        if task == "sts" and switches["sts_output"] == "sigmoid":
            assert ((out >= 0) & (out <= 5)).all()
        if task == "sts" and switches["sts_output"] == "cosine":
            assert (out.abs() <= 5 + 1e-4).all()
        model.zero_grad()
        out.square().sum().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
        reached = {name for name, p in model.named_parameters() if p.grad is not None}
        assert any(name.startswith(f"heads.{task}.") for name in reached) or switches["sts_output"] == "cosine"
        assert any("word_embeddings" in name for name in reached)


def test_cfimdb_is_a_task_of_two_classes():
    model = MultitaskModel(small(), ("cfimdb", "sst"))
    assert model(batch_of("cfimdb")).shape == (5, 2)


# what the parts mean --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["mean", "max"])
def test_pooling_looks_at_real_words_only(how):
    hidden = torch.randn(3, 6, 4)
    mask = torch.arange(6) < torch.tensor([1, 4, 6])[:, None]
    for row, length in enumerate((1, 4, 6)):
        words = hidden[row, :length]
        expected = words.mean(0) if how == "mean" else words.max(0).values
        torch.testing.assert_close(pool(hidden, mask, how)[row], expected)


@pytest.mark.parametrize("features", [c for n in (1, 2, 5) for c in itertools.combinations(FEATURES, n)])
def test_pair_features(features):
    u, v = torch.randn(3, 4), torch.randn(3, 4)
    expected = {"u": u, "v": v, "|u-v|": abs(u - v), "u*v": u * v}
    expected["cos"] = ((u * v).sum(1) / (u.norm(dim=1) * v.norm(dim=1)))[:, None]
    out = pair_features(u, v, features)
    torch.testing.assert_close(out, torch.cat([expected[name] for name in features], 1))
    assert out.shape[1] == feature_width(4, features)


def test_cosine_output_is_five_times_the_cosine():
    model = MultitaskModel(small(), ("sts",), pair="separate", sts_output="cosine").eval()
    batch = batch_of("sts", "separate")
    first = model.bert(batch.input_ids, batch.attention_mask).last_hidden_state[:, 0]
    torch.testing.assert_close(model(batch), 5 * torch.cosine_similarity(first[:5], first[5:], dim=-1))


def test_sigmoid_output_is_the_linear_one_through_a_sigmoid():
    plain, squashed = (MultitaskModel(small(), ("sts",), sts_output=how).eval() for how in ("linear", "sigmoid"))
    squashed.load_state_dict(plain.state_dict())
    torch.testing.assert_close(squashed(batch_of("sts")), 5 * plain(batch_of("sts")).sigmoid())


def test_shared_pair_layer_is_shared():
    model = MultitaskModel(small(), THREE, shared_pair=True)
    for task, expected in (("sst", False), ("qqp", True), ("sts", True)):
        model.zero_grad()
        losses(model, [batch_of(task)]).backward()
        assert (model.pair_layer[0].weight.grad is not None) == expected


def test_features_beside_a_cross_encoded_pair_are_means_over_each_sentence():
    model = MultitaskModel(small(), ("sts",), features={"sts": ("cos",)}, shared_pair=True).eval()
    batch = batch_of("sts", count=1)
    hidden = model.bert(batch.input_ids, batch.attention_mask, batch.token_type_ids).last_hidden_state[0]
    second = batch.token_type_ids[0].bool()
    cosine = torch.cosine_similarity(hidden[~second].mean(0), hidden[second].mean(0), dim=0)
    expected = model.heads["sts"](torch.cat([model.pair_layer(hidden[:1]), cosine.reshape(1, 1)], 1))
    torch.testing.assert_close(model(batch), expected[:, 0])


@pytest.mark.parametrize("layers", [0, 1, 2, 4])
def test_heads_are_as_deep_as_asked(layers):
    head = Head(12, 8, 3, layers, "relu", 0.2)
    kinds = [type(module).__name__ for module in head]
    assert kinds == (["Linear", "ReLU", "Dropout"] * layers if layers else ["Dropout"]) + ["Linear"]
    assert head(torch.randn(2, 12)).shape == (2, 3)


def test_dropout_per_task():
    model = MultitaskModel(small(), THREE, head_dropout={"sst": 0.3, "qqp": 0.0})
    assert [model.heads[task][0].p for task in THREE] == [0.3, 0.0, 0.1]


# what cannot be meant -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "switches, said",
    [
        (dict(sts_output="cosine"), ("sts_output", "pair")),
        (dict(sts_output="cosine", pair="separate", hidden_layers=2), ("sts_output", "hidden_layers")),
        (dict(sts_output="cosine", pair="separate", hidden_layers={"sts": 1}), ("sts_output", "hidden_layers")),
        (dict(sts_output="cosine", pair="separate", shared_pair=True), ("sts_output", "shared_pair")),
        (dict(sts_output="cosine", pair="separate", features={"sts": ("u",)}), ("sts_output", "features")),
        (dict(sst_head="routing", hidden_layers={"sst": 1}), ("sst_head", "hidden_layers")),
        (dict(pair="separate", shared_pair=True, features={"qqp": ("u",)}), ("shared_pair", "features")),
        (dict(pair="both"), ("pair", "both", "cross")),
        (dict(beside="frosen"), ("beside", "frosen", "frozen")),
        (dict(pooling="first"), ("pooling", "first", "cls")),
        (dict(sts_output="tanh"), ("sts_output", "tanh")),
        (dict(sst_head="capsule"), ("sst_head", "capsule")),
        (dict(features=("u", "w")), ("features", "'w'")),
        (dict(features={"sts": ("u+v",)}, pair="separate"), ("features", "u+v")),
        (dict(features="cos", pair="separate"), ("features",)),
        (dict(activation="swish"), ("activation", "swish", "gelu")),
        (dict(hidden_layers=-1), ("-1",)),
        (dict(hidden_layers=1.5), ("1.5",)),
        (dict(head_dropout=2), ("dropout", "2")),
        (dict(hidden_layers={"sts2": 1}), ("sts2", "sts")),
        (dict(own_layers=5), ("own_layers", "5", "4")),
        (dict(own_layers=-1), ("own_layers", "-1")),
        (dict(own_layers="top"), ("own_layers", "top", "all")),
        (dict(own_layers=True), ("own_layers",)),
    ],
)
def test_contradictions_and_unknown_names_are_refused(switches, said):
    with pytest.raises(MinbertError) as error:
        MultitaskModel(small(), THREE, **switches)
    assert all(word in str(error.value) for word in said), str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("tasks", [(), ("sst", "imdb")])
def test_unknown_tasks_are_refused(tasks):
    with pytest.raises(MinbertError):
        MultitaskModel(small(), tasks)


def test_a_batch_the_model_was_not_made_for_is_refused():
    model = MultitaskModel(small(), ("sst", "sts"))
    for batch in (batch_of("qqp"), batch_of("sts", "separate")):
        with pytest.raises(MinbertError, match="cannot read"):
            model(batch)
