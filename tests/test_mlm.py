"""The masked-language head against Hugging Face's BertForMaskedLM; no logits where nothing is asked."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from minbert_lib.errors import MinbertError
from minbert_lib.model import BertConfig, BertModel
from minbert_lib.model.mlm import MaskedLM, fill, mlm_loss, pseudo_perplexity
from minbert_lib.text.masking import IGNORE, mask_tokens

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a film good bad is the not very , .".split()
SHAPE = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, max_position_embeddings=40)


@pytest.fixture
def theirs():
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    torch.manual_seed(0)
    model = transformers.BertForMaskedLM(transformers.BertConfig(vocab_size=300, **SHAPE)).eval()
    for p in model.parameters():  # biases and norms too: nothing may hide behind a zero
        p.data.add_(torch.randn_like(p) * 0.1)
    return model


def example(size=300):
    ids = torch.randint(5, size, (6, 20), generator=torch.Generator().manual_seed(1))
    mask = torch.arange(20) < torch.tensor([20, 3, 11, 20, 7, 16])[:, None]
    ids = ids.masked_fill(~mask, 0)
    masked, labels = mask_tokens(ids, mask, range(5), 4, size, share=0.3, generator=torch.Generator().manual_seed(2))
    return masked, mask, labels


def test_the_loss_and_its_gradients_are_hugging_faces(theirs, tmp_path):
    theirs.save_pretrained(tmp_path)
    ours = MaskedLM.from_pretrained(tmp_path).eval()
    assert not ours.fresh_head
    masked, mask, labels = example()
    mine, other = ours(masked, mask, labels), theirs(masked, attention_mask=mask.long(), labels=labels).loss
    assert abs(mine.item() - other.item()) <= 1e-5
    mine.backward()
    other.backward()
    for name, p in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name).grad, p.grad, atol=1e-6, rtol=1e-4, msg=name)


def test_ours_loads_at_hugging_face(theirs, tmp_path):
    ours = MaskedLM(BertModel(BertConfig(vocab_size=300, **SHAPE))).eval()
    for p in ours.parameters():
        p.data.add_(torch.randn_like(p) * 0.1)
    ours.save_pretrained(tmp_path)
    back = type(theirs).from_pretrained(tmp_path).eval()
    masked, mask, labels = example()
    assert abs(back(masked, attention_mask=mask.long(), labels=labels).loss.item() - ours(masked, mask, labels).item()) <= 1e-5
    again = MaskedLM.from_pretrained(tmp_path).eval()
    assert not again.fresh_head and again(masked, mask, labels).item() == ours(masked, mask, labels).item()
    assert BertModel.from_pretrained(tmp_path).config.vocab_size == 300


def test_a_checkpoint_without_a_head_gets_a_fresh_one(tmp_path):
    BertModel(BertConfig(vocab_size=50, **SHAPE)).save_pretrained(tmp_path)
    assert MaskedLM.from_pretrained(tmp_path).fresh_head


def test_a_part_of_a_head_is_refused(theirs, tmp_path):
    from minbert_lib.model import weights

    theirs.save_pretrained(tmp_path)
    config, tensors = weights.load(tmp_path)
    del tensors["cls.predictions.transform.dense.bias"]
    weights.save(tmp_path, config, tensors)
    with pytest.raises(MinbertError, match="transform.dense.bias"):
        MaskedLM.from_pretrained(tmp_path)


def test_the_decoder_is_the_word_embeddings():
    model = MaskedLM(BertModel(BertConfig(vocab_size=50, **SHAPE)))
    assert model.head.decoder.weight is model.bert.embeddings.word_embeddings.weight
    assert sum(p is model.head.decoder.weight for p in model.parameters()) == 1


class Largest(TorchDispatchMode):
    """The largest tensor that any operation makes, forwards and backwards, and all that are as wide as the vocabulary."""

    def __init__(self, width):
        super().__init__()
        self.width, self.numbers, self.wide = width, 0, set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self.numbers = max(self.numbers, tensor.numel())
                self.wide |= {tuple(tensor.shape)} if tensor.dim() > 1 and tensor.size(-1) == self.width else set()
        return out


def test_logits_exist_at_hidden_places_only():
    """No tensor of a whole training step has a row of vocabulary width for each position."""
    model = MaskedLM(BertModel(BertConfig(vocab_size=5000, **SHAPE)))
    masked, mask, labels = example(5000)
    asked = int((labels != IGNORE).sum())
    with Largest(5000) as largest:
        model(masked, mask, labels).backward()
    assert (asked, 5000) in largest.wide and {rows for rows, *_ in largest.wide} <= {asked, 32}  # 32: the weights' own width
    assert largest.numbers <= max(asked, 32) * 5000 < labels.numel() * 5000 / 2


def test_nothing_hidden_costs_nothing_and_is_no_nan():
    model = MaskedLM(BertModel(BertConfig(vocab_size=300, **SHAPE)))
    masked, mask, labels = example()
    loss = model(masked, mask, torch.full_like(labels, IGNORE))
    loss.backward()
    assert loss.item() == 0 and all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_the_loss_is_a_mean_over_hidden_words_not_over_sentences():
    model = MaskedLM(BertModel(BertConfig(vocab_size=300, **SHAPE))).eval()
    masked, mask, labels = example()
    hidden = model.hidden(masked, mask)
    every = F.log_softmax(model.head(hidden), -1)  # the slow way: everywhere, then picked
    total, count = 0.0, 0
    for row in range(len(labels)):
        for place in range(labels.size(1)):
            if labels[row, place] != IGNORE:
                total, count = total - every[row, place, labels[row, place]].item(), count + 1
    assert mlm_loss(model.head, hidden, labels).item() == pytest.approx(total / count, abs=1e-5)


@pytest.fixture
def speaker(tmp_path):
    from minbert_lib.text import Tokenizer

    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    torch.manual_seed(1)
    return MaskedLM(BertModel(BertConfig(vocab_size=len(WORDS), **SHAPE))).eval(), Tokenizer(tmp_path)


def test_fill(speaker):
    model, tokenizer = speaker
    for text in ("a [MASK] film is ___ .", "a ___ film is [MASK] ."):
        guesses = fill(model, tokenizer, text, 3)
        assert len(guesses) == 2 and all(len(row) == 3 for row in guesses)
        ids = torch.tensor([[2, 5, 4, 6, 9, 4, 14, 3]])
        chances = model.head(model.hidden(ids))[0, 2].softmax(-1)
        assert guesses[0][0] == (WORDS[int(chances.argmax())], pytest.approx(float(chances.max()), abs=1e-6))
    with pytest.raises(MinbertError, match="no blank"):
        fill(model, tokenizer, "a film")


def test_pseudo_perplexity_hides_each_word_in_turn(speaker):
    model, tokenizer = speaker
    ids = [2, 5, 7, 6, 3]  # a good film
    total = 0.0
    for place in (1, 2, 3):
        row = list(ids)
        row[place] = 4
        total -= model.head(model.hidden(torch.tensor([row])))[0, place].log_softmax(-1)[ids[place]].item()
    assert pseudo_perplexity(model, tokenizer, "a good film") == pytest.approx(math.exp(total / 3), rel=1e-5)
    with pytest.raises(MinbertError, match="empty"):
        pseudo_perplexity(model, tokenizer, " ")
