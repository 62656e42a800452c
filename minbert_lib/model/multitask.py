"""One model for any set of tasks: which layers they share, how a pair is read, what the heads see.

Notable choices:
- Sharing is a number and a word. `own_layers` = k gives every task its own copy of the top k layers over shared lower ones: 0 is one
  encoder for all, "all" is one per task, embeddings included. `beside` sets a second encoder next to that and joins the two
  vectors: "shared" (multi + triple BERT) or "frozen" (a static copy).
- `model(batch)` is `predict_from(embed(batch), batch)`, cut there because SMART puts its noise in between. With two
  encoders the embeddings are stacked, (2, rows, L, D).
- Settings that may differ between tasks are a plain value or a dictionary by task.
"""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import MinbertError
from ..text.tasks import TASKS
from .heads import Head, feature_width, pair_features, pool
from .routing import RoutingHead

SEPARATE_DEFAULT = ("u", "v", "|u-v|")
BESIDE = ("none", "shared", "frozen")
STS_OUTPUTS = ("linear", "sigmoid", "cosine")


def of_task(value, task, default=None):
    """A setting for one task: the value itself, or its entry where it is a dictionary by task."""
    return value.get(task, default) if isinstance(value, dict) else value


class MultitaskModel(nn.Module):
    def __init__(
        self,
        bert,
        tasks,
        own_layers=0,
        beside="none",
        train_encoder=True,
        pair="cross",
        features=(),
        shared_pair=False,
        hidden_layers=0,
        activation="gelu",
        head_dropout=0.1,
        pooling="cls",
        sts_output="linear",
        sst_head="linear",
    ):
        super().__init__()
        self.tasks, self.pooling, self.train_encoder = tuple(tasks), pooling, train_encoder
        self.sts_output, self.top = sts_output, 5.0
        self._make_encoders(bert, own_layers, beside)
        width = bert.config.hidden_size
        joined = width if beside == "none" else 2 * width  # what pooling gives for one sentence
        self.features = {task: self._features(features, task, pair) for task in self.tasks}
        first_pair = next((task for task in self.tasks if TASKS[task].is_pair), None)
        self.pair_layer = None
        if shared_pair and first_pair:
            widest = joined if pair == "cross" else feature_width(joined, self.features[first_pair])
            self.pair_layer = nn.Sequential(nn.Linear(widest, width), nn.ReLU())
        self.heads = nn.ModuleDict()
        for task in self.tasks:
            if task == "sst" and sst_head == "routing":
                self.heads[task] = RoutingHead(joined, TASKS[task].outputs)
            elif not (task == "sts" and sts_output == "cosine"):
                layers, act = of_task(hidden_layers, task, 0), of_task(activation, task, "gelu")
                dropout = of_task(head_dropout, task, 0.1)
                wide = self._head_width(task, pair, joined, width)
                self.heads[task] = Head(wide, width, TASKS[task].outputs, layers, act, dropout)

    def forward(self, batch):
        return self.predict_from(self.embed(batch), batch)

    def embed(self, batch):
        """The embedding output of every encoder this task uses: (rows, L, D), or (2, rows, L, D) with one beside."""
        outputs = [bert.embed(batch.input_ids, batch.token_type_ids) for bert, _ in self._encoders(batch.task)]
        return outputs[0] if len(outputs) == 1 else torch.stack(outputs)

    def predict_from(self, embedded, batch):
        """Embeddings → (B, n) logits for classes, (B,) logits for yes/no, (B,) scores."""
        task, routing = batch.task, isinstance(self.heads[batch.task] if batch.task in self.heads else None, RoutingHead)
        hidden = self._hidden(embedded, batch, all_words=routing or bool(self.features[task]) and batch.pair == "cross")
        if routing:
            return self.heads[task](hidden, batch.attention_mask)
        vectors = self._pool(hidden, batch.attention_mask, task)  # (rows, width)
        if batch.pair == "separate":
            u, v = vectors.chunk(2)
            if task == "sts" and self.sts_output == "cosine":
                return self.top * F.cosine_similarity(u, v, dim=-1)
            vectors = pair_features(u, v, self.features[task])
        if self.pair_layer is not None and batch.pair != "none":
            vectors = self.pair_layer(vectors)
        if batch.pair == "cross" and self.features[task]:
            vectors = torch.cat([vectors, self._cross_features(hidden, batch)], dim=-1)
        out = self.heads[task](vectors)
        if TASKS[task].kind == "classes":
            return out
        out = out.squeeze(-1)
        return self.top * torch.sigmoid(out) if task == "sts" and self.sts_output == "sigmoid" else out

    def train(self, mode=True):
        """Frozen parts stay in evaluation mode: dropout in an encoder that does not learn is only noise."""
        super().train(mode)
        for part in self._frozen_parts():
            part.eval()
        return self

    def parameter_count(self, trained_only=False):
        return sum(p.numel() for p in self.parameters() if p.requires_grad or not trained_only)

    def _make_encoders(self, bert, own_layers, beside):
        depth = len(bert.layers)
        own = depth if own_layers == "all" else own_layers
        if beside not in BESIDE or not isinstance(own, int) or not 0 <= own <= depth:
            raise MinbertError(f"own_layers is 0 … {depth} or 'all', beside one of {BESIDE}; not {own_layers!r}, {beside!r}")
        self.beside = None if beside == "none" else copy.deepcopy(bert)
        self.beside_frozen = beside == "frozen"
        self.bert, self.own = bert, nn.ModuleDict()
        if own == depth:
            self.bert, self.own = None, nn.ModuleDict({task: copy.deepcopy(bert) for task in self.tasks})
        elif own:
            top = range(depth - own, depth)  # keys are the layers' numbers in the whole, so that names tell the depth
            for task in self.tasks:
                layers = nn.ModuleDict({str(n): copy.deepcopy(bert.layers[n]) for n in top})
                self.own[task] = nn.ModuleDict({"layer": layers})
            del bert.layers[depth - own :]
        for part in self._frozen_parts():
            part.requires_grad_(False)

    def _frozen_parts(self):
        frozen = [self.beside] if self.beside is not None and self.beside_frozen else []
        if not self.train_encoder:
            frozen += [part for part in (self.bert, self.own, self.beside) if part is not None]
        return frozen

    def _encoders(self, task):
        """[(BERT, its layers for this task)], one or two of them."""
        if self.bert is None:
            main = self.own[task], self.own[task].layers
        else:
            main = self.bert, [*self.bert.layers, *(self.own[task]["layer"].values() if task in self.own else ())]
        return [main] if self.beside is None else [main, (self.beside, self.beside.layers)]

    def _hidden(self, embedded, batch, all_words):
        """(rows, L, W), or (rows, 1, W) where only [CLS] will be read; W doubles with a second encoder."""
        first_only = self.pooling in ("cls", "pooler") and not all_words
        encoders = self._encoders(batch.task)
        inputs = [embedded] if len(encoders) == 1 else embedded
        hidden = [
            bert.encode(x, batch.attention_mask, first_only, layers) for (bert, layers), x in zip(encoders, inputs)
        ]
        return hidden[0] if len(hidden) == 1 else torch.cat(hidden, dim=-1)

    def _pool(self, hidden, mask, task):
        if self.pooling != "pooler":
            return pool(hidden, mask, self.pooling)
        encoders = self._encoders(task)
        parts = hidden.chunk(len(encoders), dim=-1)
        return torch.cat([bert.pool(part) for (bert, _), part in zip(encoders, parts)], dim=-1)

    def _cross_features(self, hidden, batch):
        """Features of a pair that was read as one sequence: u and v are the means over each sentence's own words."""
        second = batch.token_type_ids.bool()
        u = pool(hidden, batch.attention_mask & ~second, "mean")
        v = pool(hidden, batch.attention_mask & second, "mean")
        return pair_features(u, v, self.features[batch.task])

    def _features(self, features, task, pair):
        if not TASKS[task].is_pair:
            return ()
        return tuple(of_task(features, task, ())) or (SEPARATE_DEFAULT if pair == "separate" else ())

    def _head_width(self, task, pair, joined, width):
        if not TASKS[task].is_pair:
            return joined
        extra = feature_width(joined, self.features[task])
        base = joined if pair == "cross" else extra
        base = width if self.pair_layer is not None else base
        return base + (extra if pair == "cross" else 0)
