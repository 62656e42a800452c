"""BERT as it was pre-trained: guess the hidden words.

Notable choices:
- The head is tied: its last layer is the word embeddings themselves, plus a bias. It has Hugging Face's names, so a
  `BertForMaskedLM` checkpoint loads here and ours loads there.
- Logits over the vocabulary are computed at hidden places only, a seventh of all. For every position of a batch they would be the
  largest tensor of the whole run: 32 × 128 × 30,522 numbers are 500 MB.
- A checkpoint without a head gets a fresh one, and `fresh_head` says so: such a model has guessed nothing yet.
"""

from dataclasses import asdict

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import MinbertError
from ..text.batching import pad
from ..text.masking import IGNORE
from . import weights
from .bert import BertModel
from .fast import Linear

BLANK = "___"  # what a person types; the model reads [MASK]


class MLMHead(nn.Module):
    """hidden (…, D) → logits (…, V)."""

    def __init__(self, config, word_embeddings):
        super().__init__()
        width = config.hidden_size
        parts = {"dense": Linear(width, width), "LayerNorm": nn.LayerNorm(width, eps=config.layer_norm_eps)}
        self.transform = nn.ModuleDict(parts)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.decoder = Linear(width, config.vocab_size)
        self.decoder.weight, self.decoder.bias = word_embeddings.weight, self.bias  # tied: one matrix, two uses
        nn.init.normal_(self.transform["dense"].weight, std=config.initializer_range)
        nn.init.zeros_(self.transform["dense"].bias)

    def forward(self, hidden):
        return self.decoder(self.transform["LayerNorm"](F.gelu(self.transform["dense"](hidden))))


def mlm_loss(head, hidden, labels):
    """Mean cross-entropy of the hidden words. hidden (B, L, D), labels (B, L) with −100 where nothing is asked."""
    asked = labels != IGNORE  # (B, L)
    logits = head(hidden[asked])  # (n, V): the hidden places only
    total = F.cross_entropy(logits.float(), labels[asked], reduction="sum")
    return total / asked.sum().clamp(min=1)  # a batch in which nothing is hidden costs nothing


class MaskedLM(nn.Module):
    """A BERT and the head that guesses its hidden words."""

    def __init__(self, bert, fresh_head=True):
        super().__init__()
        self.bert = bert
        self.cls = nn.ModuleDict({"predictions": MLMHead(bert.config, bert.embeddings.word_embeddings)})
        self.fresh_head = fresh_head

    @property
    def head(self):
        return self.cls["predictions"]

    def forward(self, input_ids, attention_mask, labels, token_type_ids=None):
        """→ the loss."""
        return mlm_loss(self.head, self.hidden(input_ids, attention_mask, token_type_ids), labels)

    def hidden(self, input_ids, attention_mask=None, token_type_ids=None):
        return self.bert.encode(self.bert.embed(input_ids, token_type_ids), attention_mask)

    @classmethod
    def from_pretrained(cls, name_or_folder, hidden_dropout=None, attention_dropout=None):
        """A checkpoint's encoder and, where it has one, its own head."""
        folder = weights.resolve(name_or_folder)
        bert = BertModel.from_pretrained(folder, hidden_dropout, attention_dropout)
        model = cls(bert)
        _, tensors = weights.load(folder)
        prefix = "cls.predictions."
        found = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        found = {weights._modern(name): tensor for name, tensor in found.items()}
        own = ("transform.dense.weight", "transform.dense.bias", "transform.LayerNorm.weight", "transform.LayerNorm.bias", "bias")
        if absent := [name for name in own if name not in found]:
            if len(absent) < len(own):
                raise MinbertError(f"{folder}: a part of its masked-language head is missing: cls.predictions.{absent[0]}")
            return model
        for name in own:
            target = model.head.get_parameter(name)
            if found[name].shape != target.shape:
                shapes = f"{tuple(found[name].shape)}, not {tuple(target.shape)}"
                raise MinbertError(f"{folder}: cls.predictions.{name} has the shape {shapes}")
            target.data.copy_(found[name])
        model.fresh_head = False
        return model

    def save_pretrained(self, folder, dtype=torch.float32):
        """A folder that BertModel here, and BertForMaskedLM at Hugging Face, load."""
        settings = {"model_type": "bert", "hidden_act": "gelu", "tie_word_embeddings": True, **asdict(self.bert.config)}
        settings["architectures"] = ["BertForMaskedLM"]
        weights.save(folder, settings, {name: value.to(dtype) for name, value in self.own_tensors().items()})

    def own_tensors(self):
        """The state without the decoder, which is the word embeddings and the bias by other names."""
        return {name: value for name, value in self.state_dict().items() if ".decoder." not in name}


@torch.no_grad()
def fill(model, tokenizer, text, k=5):
    """The k likeliest words for each blank ("[MASK]" or "___") of a text: [[(word, probability), …], …]."""
    ids = [tokenizer.cls_id, *_encode(tokenizer, text), tokenizer.sep_id]
    ids = torch.tensor([ids], device=model.head.bias.device)  # (1, L)
    blanks = ids[0] == tokenizer.mask_id
    if not blanks.any():
        raise MinbertError("there is no blank to fill: write [MASK] or ___ where a word is missing")
    model.eval()
    chances = model.head(model.hidden(ids)[0, blanks]).softmax(-1)  # (blanks, V)
    best, words = chances.topk(k)
    return [list(zip(tokenizer.tokens(row.tolist()), chance.tolist())) for row, chance in zip(words, best)]


@torch.no_grad()
def pseudo_perplexity(model, tokenizer, text):
    """exp of the mean of −log p(word | all others), each word hidden in turn (Salazar et al. 2020): low = expected."""
    ids = tokenizer.encode([text])[0]
    if not ids:
        raise MinbertError("an empty text has no perplexity")
    whole = [tokenizer.cls_id, *ids, tokenizer.sep_id]
    rows, _, _ = pad([whole] * len(ids))  # (n, L): a copy of the sentence for each word
    hidden_at = torch.arange(len(ids)) + 1
    labels = torch.full_like(rows, IGNORE)
    place = torch.arange(len(ids)), hidden_at
    labels[place] = rows[place]
    rows[place] = tokenizer.mask_id
    model.eval()
    device = model.head.bias.device
    total = sum(
        model(part.to(device), None, wanted.to(device)).item() * len(part)
        for part, wanted in zip(rows.split(64), labels.split(64))
    )
    return float(torch.tensor(total / len(ids)).exp())


def _encode(tokenizer, text):
    return tokenizer.encode([text.replace(BLANK, " [MASK] ")])[0]
