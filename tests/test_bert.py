"""Our BERT against Hugging Face's, on random configurations and on a real checkpoint, both ways."""

import dataclasses
import json

import pytest
import torch
import transformers

from minbert_lib.errors import MinbertError
from minbert_lib.model import BertConfig, BertEmbeddings, BertLayer, BertModel
from minbert_lib.text import Tokenizer


def random_config(seed):
    """A small BERT of a random shape."""
    pick = torch.Generator().manual_seed(seed)
    draw = lambda low, high: int(torch.randint(low, high + 1, (1,), generator=pick))
    heads = draw(1, 6)
    return BertConfig(
        vocab_size=draw(20, 200),
        hidden_size=heads * draw(1, 12),
        num_hidden_layers=draw(1, 4),
        num_attention_heads=heads,
        intermediate_size=draw(4, 80),
        max_position_embeddings=512,
        type_vocab_size=draw(2, 3),
        layer_norm_eps=10.0 ** -draw(5, 12),
    )


def theirs_of(ours):
    """Hugging Face's model with the same weights, by name, without a single one left over."""
    settings = dataclasses.asdict(ours.config)
    theirs = transformers.BertModel(transformers.BertConfig(**settings, hidden_act="gelu")).eval()
    missing, unexpected = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert not unexpected and not missing
    return theirs.to(ours.pooler["dense"].weight.dtype)


def random_model(seed):
    torch.manual_seed(seed)
    ours = BertModel(random_config(seed)).eval()
    with torch.no_grad():
        for parameter in ours.parameters():  # biases and LayerNorms too, so that a mistake in them shows
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return ours


def random_batch(config, seed, length=None, rows=None):
    torch.manual_seed(seed)
    rows = rows or (1 if seed % 4 == 0 else int(torch.randint(2, 5, (1,))))
    length = length or int(torch.randint(1, 60, (1,)))
    ids = torch.randint(0, config.vocab_size, (rows, length))
    sizes = torch.randint(1, length + 1, (rows, 1))
    sizes[0] = length
    mask = torch.arange(length) < sizes
    types = torch.randint(0, config.type_vocab_size, (rows, length))
    return ids, mask, types


LENGTHS = [1, 2, 512, 511, 128, *[None] * 15]


@pytest.mark.parametrize("seed, length", list(enumerate(LENGTHS)))
def test_equals_hugging_face_on_random_configurations(seed, length):
    """Outputs within 1e-5 at every real token, and the gradient of every weight likewise."""
    ours = random_model(seed)
    theirs = theirs_of(ours)
    ids, mask, types = random_batch(ours.config, seed, length)
    mine, other = ours(ids, mask, types), theirs(ids, mask.long(), types)
    assert (mine.last_hidden_state - other.last_hidden_state)[mask].abs().max() <= 1e-5
    assert (mine.pooler_output - other.pooler_output).abs().max() <= 1e-5
    weight = torch.randn_like(mine.last_hidden_state)
    for out in (mine, other):
        ((out.last_hidden_state * weight)[mask].mean() + out.pooler_output.square().mean()).backward()
    grads = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        difference = (parameter.grad - grads[name].grad).abs().max()
        assert difference <= 1e-5 * max(1.0, grads[name].grad.abs().max().item()), name


@pytest.mark.parametrize("seed", range(3))
def test_without_mask_and_types(seed):
    ours = random_model(seed)
    ids, _, _ = random_batch(ours.config, seed)
    mine, other = ours(ids), theirs_of(ours)(ids)
    assert (mine.last_hidden_state - other.last_hidden_state).abs().max() <= 1e-5
    everything = ours(ids, torch.ones_like(ids), torch.zeros_like(ids))
    assert torch.equal(everything.last_hidden_state, mine.last_hidden_state)


@pytest.mark.parametrize("dtype, tolerance", [(torch.bfloat16, 0.15), (torch.float16, 0.02)])
def test_half_precision_within_its_own_tolerance(dtype, tolerance):
    for seed in range(4):
        exact = random_model(seed)
        ids, mask, types = random_batch(exact.config, seed)
        reference = exact(ids, mask, types).last_hidden_state
        half = exact.to(dtype)
        out, other = half(ids, mask, types), theirs_of(half)(ids, mask.long(), types)
        assert out.last_hidden_state.dtype == dtype
        for result in (reference, other.last_hidden_state):
            assert (out.last_hidden_state.float() - result.float())[mask].abs().max() <= tolerance


@pytest.mark.parametrize("seed", range(6))
def test_first_only_is_exact(seed):
    """The [CLS] row, and its gradients, are those of the whole computation."""
    ours = random_model(seed).double()
    ids, mask, types = random_batch(ours.config, seed, rows=3)
    embedded = ours.embed(ids, types)
    whole, first = ours.encode(embedded, mask)[:, :1], ours.encode(embedded, mask, first_only=True)
    assert first.shape == whole.shape
    torch.testing.assert_close(first, whole, rtol=1e-12, atol=1e-12)
    weights = list(ours.encoder.parameters())
    grads = [torch.autograd.grad(out.square().sum(), weights, retain_graph=True) for out in (whole, first)]
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_padding_changes_nothing():
    ours = random_model(7).double()
    ids, _, types = random_batch(ours.config, 7, length=9, rows=2)
    mask = torch.tensor([[True] * 9, [True] * 4 + [False] * 5])
    padded = ours(ids, mask, types).last_hidden_state[1, :4]
    alone = ours(ids[1:, :4], None, types[1:, :4]).last_hidden_state[0]
    torch.testing.assert_close(padded, alone, rtol=1e-12, atol=1e-12)


@pytest.fixture
def minilm(real_home):
    folder = real_home / "weights" / "minilm-l6-h384"
    if not (folder / "config.json").is_file():
        pytest.skip(f"no MiniLM checkpoint in {folder}")
    return folder


SENTENCES = [
    "a gorgeous , witty , seductive movie .",
    "it's slow -- very , very slow .",
    "yes",
    "How do I live for 100 years? " * 12,
]


def test_equals_hugging_face_on_a_real_checkpoint(minilm):
    ours = BertModel.from_pretrained(minilm).eval()
    theirs = transformers.BertModel.from_pretrained(minilm, dtype=torch.float32).eval()
    coded = transformers.BertTokenizerFast.from_pretrained(minilm)(SENTENCES, padding=True, return_tensors="pt")
    mine = ours(coded["input_ids"], coded["attention_mask"], coded["token_type_ids"])
    other = theirs(**coded)
    mask = coded["attention_mask"].bool()
    assert (mine.last_hidden_state - other.last_hidden_state)[mask].abs().max() <= 1e-5
    assert (mine.pooler_output - other.pooler_output).abs().max() <= 1e-5
    assert Tokenizer(minilm).encode(SENTENCES[:1])[0] == coded["input_ids"][0][mask[0]].tolist()[1:-1]


def test_a_real_checkpoint_saved_by_us_loads_there(minilm, tmp_path):
    ours = BertModel.from_pretrained(minilm).eval()
    ours.save_pretrained(tmp_path)
    theirs = transformers.BertModel.from_pretrained(tmp_path)
    assert all(torch.equal(value, ours.state_dict()[name]) for name, value in theirs.state_dict().items())


def test_checkpoints_load_both_ways(tmp_path):
    ours = random_model(3)
    ours.save_pretrained(tmp_path / "ours")
    theirs = transformers.BertModel.from_pretrained(tmp_path / "ours").eval()
    ids, mask, types = random_batch(ours.config, 3)
    same = ours(ids, mask, types).last_hidden_state - theirs(ids, mask.long(), types).last_hidden_state
    assert same[mask].abs().max() <= 1e-5
    theirs.save_pretrained(tmp_path / "theirs")
    back = BertModel.from_pretrained(tmp_path / "theirs")
    assert all(torch.equal(value, back.state_dict()[name]) for name, value in ours.state_dict().items())
    assert dataclasses.asdict(back.config) == dataclasses.asdict(ours.config)


@pytest.mark.parametrize("kind", ["BertForMaskedLM", "BertForSequenceClassification", "BertForPreTraining"])
def test_the_encoder_of_a_larger_model_loads(kind, tmp_path):
    """Names with the prefix "bert.", heads that we have no use for, and at times no pooler."""
    config = transformers.BertConfig(**dataclasses.asdict(random_config(5)))
    theirs = getattr(transformers, kind)(config).eval()
    theirs.save_pretrained(tmp_path)
    ours = BertModel.from_pretrained(tmp_path).eval()
    ids, mask, types = random_batch(ours.config, 5)
    difference = ours(ids, mask, types).last_hidden_state - theirs.bert(ids, mask.long(), types).last_hidden_state
    assert difference[mask].abs().max() <= 1e-5


def test_dropout_rates_can_be_set_when_loading(tmp_path):
    random_model(2).save_pretrained(tmp_path)
    bert = BertModel.from_pretrained(tmp_path, hidden_dropout=0.0, attention_dropout=0.0).train()
    ids = torch.randint(0, 20, (2, 5))
    assert torch.equal(bert(ids).last_hidden_state, bert(ids).last_hidden_state)


def test_a_learners_own_layer_and_embeddings_take_their_place():
    class MyLayer(BertLayer):
        pass

    class MyEmbeddings(BertEmbeddings):
        pass

    bert = BertModel(random_config(1), layer=MyLayer, embeddings=MyEmbeddings)
    assert all(isinstance(layer, MyLayer) for layer in bert.layers) and isinstance(bert.embeddings, MyEmbeddings)


def test_too_many_tokens_are_refused():
    config = dataclasses.replace(random_config(1), max_position_embeddings=8)
    with pytest.raises(MinbertError, match="max_length"):
        BertModel(config)(torch.ones(1, 9, dtype=torch.long))


@pytest.mark.parametrize(
    "change, said",
    [
        ({"hidden_size": 10, "num_attention_heads": 4}, "heads"),
        ({"num_attention_heads": 0}, "num_attention_heads"),
        ({"hidden_size": -768}, "hidden_size"),
        ({"hidden_size": "768"}, "hidden_size"),
        ({"vocab_size": 10**15}, "vocab_size"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
        ({"num_hidden_layers": 2.5}, "num_hidden_layers"),
        ({"max_position_embeddings": None}, "max_position_embeddings"),
        ({"hidden_dropout_prob": 7}, "hidden_dropout_prob"),
        ({"attention_probs_dropout_prob": "much"}, "attention_probs_dropout_prob"),
        ({"layer_norm_eps": -1}, "layer_norm_eps"),
        ({"layer_norm_eps": []}, "layer_norm_eps"),
        ({"pad_token_id": 10**6}, "pad_token_id"),
        ({"model_type": "roberta"}, "roberta"),
        ({"hidden_act": "relu"}, "relu"),
        ({"position_embedding_type": "relative_key"}, "relative"),
    ],
)
def test_a_config_that_is_no_bert_is_refused(change, said, tmp_path):
    random_model(2).save_pretrained(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(MinbertError, match=said):
        BertModel.from_pretrained(tmp_path)
