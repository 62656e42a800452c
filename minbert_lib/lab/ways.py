"""The ways of taking a training step that `bench` compares: same sentences, weights, batch size and number of updates.

Notable choices
- One pool of sentences for all. Ways that group by length sort it (our trainer's own pools are larger, so it pads even less); the
  usual way shuffles it. Every n-th of the sorted batches would leave out the longest sentences, which make random batches long.
- At the first step the two AdamWs differ only in what eps means; EPS is one number in either's terms.
- Own steps are the real `Trainer.update`: collation, norm, checks and curve are in their time.
- With random weights of BERT-base's shape, time is the same as with trained ones.
"""

import copy
import dataclasses
from functools import partial

import numpy as np
import torch

from ..errors import MinbertError
from ..home import scale
from ..learn import AdamW, SmartRegularizer
from ..learn.metrics import task_loss
from ..learn.precision import autocast
from ..learn.trainer import Trainer
from ..model import BertConfig, BertModel
from ..model.multitask import MultitaskModel
from ..text import Dataset, Tokenizer, read_rows
from ..text.masking import mask_tokens, never_hidden
from . import rivals
from .cost import MINILM

LR = 2e-5
EPS = 1e-8  # PyTorch's default
OWN = dict(lr=LR, eps=EPS * 0.001**0.5)  # ours has eps outside the bias correction
ROWS = 20_000  # of QQP: enough
SMART = dict(eps=0.05, sigma=0.05, step_size=0.05, steps=1)  # bfloat16 sees it; less is computed in float32


class Ground:
    """Data and weights: MiniLM on real data where they are here, else its shape with random weights on the sample."""

    def __init__(self):
        place = scale("mini")
        self.real = (place.weights / "config.json").is_file() and (place.data / "ids-sst-train.csv").is_file()
        self.place = place if self.real else scale("tiny")
        self.tokenizer = Tokenizer(self.place.weights)
        self._sets = {}

    def __str__(self):
        return "MiniLM-L6-H384, real data" if self.real else "random weights of MiniLM's shape, sample data"

    def data(self, task, split="train", rows=ROWS):
        if (task, split) not in self._sets:
            found = read_rows(task, split, self.place.data, rows)
            self._sets[task, split] = Dataset(found, self.tokenizer, 128)
        return self._sets[task, split]

    def bert(self, shape="mini", hidden=0.0, attention=0.0):
        torch.manual_seed(0)
        if self.real and shape == "mini":
            return BertModel.from_pretrained(self.place.weights, hidden, attention)
        sizes = dict(hidden_dropout_prob=hidden, attention_probs_dropout_prob=attention)
        if shape == "mini":
            sizes |= MINILM
        return BertModel(BertConfig(**sizes))

    def model(self, task, shape="mini", hidden=0.0, attention=0.0):
        """With the pooler before the head, as Hugging Face's classifier has it."""
        return MultitaskModel(self.bert(shape, hidden, attention), (task,), pooling="pooler", head_dropout=hidden)

    def batches(self, task, size, count):
        """`count` batches by length, as positions, and the same sentences in random batches."""
        lengths = self.data(task).lengths
        mixed = np.random.default_rng(0).permutation(len(lengths))[: size * count]
        by_length = mixed[np.argsort(lengths[mixed], kind="stable")]
        cut = range(0, len(mixed) - size + 1, size)
        grouped = [by_length[start : start + size] for start in cut]
        grouped = [grouped[number] for number in np.random.default_rng(1).permutation(len(grouped))]
        return self._longest_first(grouped, lengths), self._longest_first([mixed[start : start + size] for start in cut], lengths)

    @staticmethod
    def _longest_first(batches, lengths):
        """The first batch takes the most memory, so that none of the later ones has to ask for more."""
        first = max(range(len(batches)), key=lambda number: lengths[batches[number]].max())
        return batches[first:] + batches[:first]


class Feed:
    """The same batches for ever."""

    def __init__(self, data, indices):
        self.data, self.indices, self.batches, self.at = data, indices, len(indices), -1

    def next(self):
        self.at = (self.at + 1) % len(self.indices)
        return self.data.batch(self.indices[self.at])

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


class Own:
    """Call it for one update by our trainer; → the batch's loss."""

    def __init__(self, model, data, indices, precision, smart=None):
        self.task, self.feed = data.task, Feed(data, indices)
        penalty = SmartRegularizer(model, **smart) if smart else None
        optimizer = AdamW(model.parameters(), fused=True, **OWN)
        self.trainer = Trainer(
            model, {data.task: data}, optimizer, None, 1, len(indices[0]), schedule="constant", smart=penalty, precision=precision
        )
        self.trainer.feeds = {data.task: self.feed}
        self.trainer.total = 1  # every update is a point of the curve
        model.train()

    def __call__(self):
        self.trainer.update((self.task,))
        return self.trainer.curve.pop()[self.task]


class Their:
    """Call it for one turn of the loop that everybody writes; → the batch's loss."""

    def __init__(self, model, data, indices, precision="float32", optimizer=None, penalty=None):
        self.model, self.feed, self.precision, self.penalty = model.train(), Feed(data, indices), precision, penalty
        self.optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.0)

    def __call__(self):
        batch = self.feed.next()
        self.optimizer.zero_grad()
        with autocast("cpu", self.precision):
            if self.penalty is None:
                loss = total = task_loss(self.model(batch), batch)
            else:
                embedded = self.model.embed(batch)
                out = self.model.predict_from(embedded, batch)
                loss = task_loss(out, batch)
                total = loss + self.penalty(self.model.predict_from, embedded, batch, out)
        total.backward()
        self.optimizer.step()
        return loss.item()


def training(ground, task, size, count, precisions, dropout=0.1, shape="mini", all_ways=True):
    """{name of a way: what makes its step}. Own bfloat16 has hidden dropout only, our default; float32 has all that the others have."""
    data = ground.data(task)
    grouped, mixed = ground.batches(task, size, count)

    def like(precision):
        return ground.model(task, shape, dropout, dropout if precision == "float32" else 0.0)

    def usual():
        return Their(rivals.HuggingFace(like("float32"), task), data, mixed)

    def plain():
        model = rivals.Plain(like("float32"), task)
        return Their(model, data, mixed, optimizer=AdamW(model.parameters(), **OWN))

    def well(precision):
        theirs = rivals.HuggingFace(like(precision), task)
        fused = torch.optim.AdamW(theirs.parameters(), lr=LR, weight_decay=0.0, fused=True)
        return Their(theirs, data, grouped, precision, fused)

    ways = {"hf": usual} | ({"plain": plain} if all_ways else {})
    for precision in precisions:
        if all_ways:
            ways[f"hf well {precision}"] = partial(well, precision)
        ways[f"own {precision}"] = lambda precision=precision: Own(like(precision), data, grouped, precision)
    return ways


def check_losses(ways, take, data, indices, updates=2):
    """Every way has the same losses over some updates on the same batches (dropout off), or nothing is timed."""

    def losses_of(make):
        step = make()
        step.feed.data, step.feed.indices = data, indices
        return [step() for _ in range(updates)]

    losses = {name: take(name, partial(losses_of, make)) for name, make in ways.items()}
    wanted = next(iter(losses.values()))
    for name, values in losses.items():
        room = 5e-2 if "16" in name else 1e-3
        if not np.allclose(values, wanted, rtol=room, atol=room):
            raise MinbertError(f"bench: the losses of {name!r} are {values}, not {wanted}: nothing was timed")
    return losses


def subset(data, rows):
    """Some rows of a dataset as a dataset of its own."""
    part = copy.copy(data)
    part.texts = [[column[i] for i in rows] for column in data.texts]
    part.lengths, part.labels = data.lengths[rows], data.labels[rows]
    part.rows = dataclasses.replace(data.rows, examples=[data.rows.examples[i] for i in rows])
    return part


def masked(ground, batch):
    tokenizer, generator = ground.tokenizer, torch.Generator().manual_seed(0)
    ids, labels = mask_tokens(
        batch.input_ids, batch.attention_mask, never_hidden(tokenizer), tokenizer.mask_id, len(tokenizer), generator=generator
    )
    return ids, batch.attention_mask, batch.token_type_ids, labels
