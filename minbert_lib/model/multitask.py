"""One model for any set of tasks: which layers they share, how a pair is read, what the heads see.

Notable choices:
- Sharing is a number and a word. `own_layers` = k gives every task its own copy of the top k layers over shared lower
  ones: 0 is one encoder for all, "all" is one per task, embeddings included. `beside` sets a second encoder next to that
  and joins the two vectors: "shared" (multi + triple BERT) or "frozen" (a static copy).
- `model(batch)` is `predict_from(embed(batch), batch)`, cut there because SMART puts its noise in between. With two
  encoders their embeddings stand side by side, (rows, L, 2D).
- A setting that may differ between tasks is a plain value or a dictionary by task.
- Switches that contradict each other are refused when the model is made, not ignored.
"""

import copy

import torch
from torch import nn

from ..errors import MinbertError
from ..text.batching import PAIRS
from ..text.tasks import TASKS
from .heads import POOLINGS, Head, feature_width, pair_features, pool
from .routing import RoutingHead

CHOICES = {
    "pair": PAIRS,
    "beside": ("none", "shared", "frozen"),
    "pooling": POOLINGS,
    "sts_output": ("linear", "sigmoid", "cosine"),
    "sst_head": ("linear", "routing"),
}
SEPARATE_DEFAULT = ("u", "v", "|u-v|")


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
        head=Head,
        compare=pair_features,
    ):
        """`bert` becomes part of this model and learns with it. `head` and `compare`: a Head and a pair_features of your own."""
        super().__init__()
        self.compare = compare
        self.tasks, self.pair, self.pooling, self.sts_output = tuple(tasks), pair, pooling, sts_output
        self.train_encoder = train_encoder
        by_task = (features, hidden_layers, activation, head_dropout)
        refuse_unknown(self.tasks, by_task, pair=pair, beside=beside, pooling=pooling, sts_output=sts_output, sst_head=sst_head)
        refuse_contradictions(self.tasks, pair, features, shared_pair, hidden_layers, sts_output, sst_head)
        self._make_encoders(bert, own_layers, beside)

        width = bert.config.hidden_size
        joined = width if beside == "none" else 2 * width  # what pooling gives for one sentence
        self.features = {task: self._features_of(task, features) for task in self.tasks}
        pairs = [task for task in self.tasks if TASKS[task].is_pair]
        self.pair_layer = None
        if shared_pair and pairs:
            wide = joined if pair == "cross" else feature_width(joined, self.features[pairs[0]])
            self.pair_layer = nn.Sequential(nn.Linear(wide, width), nn.ReLU())
        self.heads = nn.ModuleDict()
        for task in self.tasks:
            if task == "sst" and sst_head == "routing":
                self.heads[task] = RoutingHead(joined, TASKS[task].outputs)
            elif task == "sts" and sts_output == "cosine":
                self.heads[task] = nn.Identity()  # the only feature, the cosine, is the answer
            else:
                layers, act = of_task(hidden_layers, task, 0), of_task(activation, task, "gelu")
                dropout = of_task(head_dropout, task, 0.1)
                wide = self._head_width(task, joined, width)
                self.heads[task] = head(wide, width, TASKS[task].outputs, layers, act, dropout)
        self.train(self.training)  # parts that are frozen are in evaluation mode from the start

    def forward(self, batch):
        return self.predict_from(self.embed(batch), batch)

    def embed(self, batch):
        """The embedding output of every encoder this task uses: (rows, L, D), or (rows, L, 2D) with one beside."""
        if batch.task not in self.tasks or batch.pair not in ("none", self.pair):
            made = f"made for {', '.join(self.tasks)} with pair={self.pair!r}"
            raise MinbertError(f"this model is {made} and cannot read a {batch.task} batch with pair={batch.pair!r}")
        return side_by_side([bert.embed(batch.input_ids, batch.token_type_ids) for bert, _ in self._encoders(batch.task)])

    def predict_from(self, embedded, batch):
        """Embeddings → (B, n) logits for classes, (B,) logits for yes/no, (B,) scores."""
        task, mask, head, features = batch.task, batch.attention_mask, self.heads[batch.task], self.features[batch.task]
        routing, beside_pair = isinstance(head, RoutingHead), bool(features) and batch.pair == "cross"
        first_only = self.pooling in ("cls", "pooler") and not routing and not beside_pair
        hidden = self._encode(embedded, mask, task, first_only)
        if routing:
            return head(hidden, mask)
        vectors = self._pool(hidden, mask, task)  # (rows, joined)
        if batch.pair == "separate":
            vectors = self.compare(*vectors.chunk(2), features)
        if batch.pair != "none" and self.pair_layer is not None:
            vectors = self.pair_layer(vectors)
        if beside_pair:  # u and v are the means over either sentence, with the marks beside it
            second = batch.token_type_ids.bool()
            u, v = pool(hidden, mask & ~second, "mean"), pool(hidden, mask & second, "mean")
            vectors = torch.cat([vectors, self.compare(u, v, features)], dim=-1)
        return self._answer(head(vectors), task)

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
        if type(own) is not int or not 0 <= own <= depth:
            raise MinbertError(f"own_layers={own_layers!r}: it is 0 … {depth}, or 'all'")
        self.beside = None if beside == "none" else copy.deepcopy(bert)
        self.beside_frozen = beside == "frozen"
        self.bert, self.own = bert, nn.ModuleDict()
        if own == depth:
            self.bert, self.own = None, nn.ModuleDict({task: copy.deepcopy(bert) for task in self.tasks})
        elif own:
            self.bert = copy.deepcopy(bert)
            del self.bert.layers[depth - own :]
            for task in self.tasks:  # keys are the layers' numbers in the whole, so that names tell the depth
                top = {str(n): copy.deepcopy(bert.layers[n]) for n in range(depth - own, depth)}
                self.own[task] = nn.ModuleDict({"layer": nn.ModuleDict(top)})
        for part in self._frozen_parts():
            part.requires_grad_(False)

    def _frozen_parts(self):
        if not self.train_encoder:
            return [part for part in (self.bert, self.own, self.beside) if part is not None]
        return [self.beside] if self.beside_frozen else []

    def _encoders(self, task):
        """[(BERT, its layers for this task)], one or two of them."""
        if self.bert is None:
            main = self.own[task], self.own[task].layers
        else:
            main = self.bert, [*self.bert.layers, *(self.own[task]["layer"].values() if self.own else ())]
        return [main] if self.beside is None else [main, (self.beside, self.beside.layers)]

    def _encode(self, embedded, mask, task, first_only):
        """(rows, L, joined), or (rows, 1, joined) where only [CLS] will be read."""
        encoders = self._encoders(task)
        parts = zip(encoders, embedded.chunk(len(encoders), dim=-1), strict=True)
        return side_by_side([bert.encode(part, mask, first_only, layers) for (bert, layers), part in parts])

    def _pool(self, hidden, mask, task):
        if self.pooling != "pooler":
            return pool(hidden, mask, self.pooling)
        encoders = self._encoders(task)
        parts = zip(encoders, hidden.chunk(len(encoders), dim=-1), strict=True)
        return side_by_side([bert.pool(part) for (bert, _), part in parts])

    def _answer(self, out, task):
        if TASKS[task].kind == "classes":
            return out
        out, top = out.squeeze(-1), TASKS[task].high
        if task != "sts" or self.sts_output == "linear":
            return out
        return top * (out if self.sts_output == "cosine" else out.sigmoid())

    def _features_of(self, task, features):
        if not TASKS[task].is_pair:
            return ()
        if task == "sts" and self.sts_output == "cosine":
            return ("cos",)
        return tuple(of_task(features, task, ())) or (SEPARATE_DEFAULT if self.pair == "separate" else ())

    def _head_width(self, task, joined, width):
        """How many numbers the head of a task reads."""
        features = feature_width(joined, self.features[task])
        if TASKS[task].is_pair and self.pair_layer is not None:
            return width + (features if self.pair == "cross" else 0)
        return features if TASKS[task].is_pair and self.pair == "separate" else joined + features


def side_by_side(tensors):
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors, dim=-1)


def refuse_unknown(tasks, by_task, **switches):
    """Names that mean nothing, in switches, tasks and dictionaries by task."""
    for name, value in switches.items():
        if value not in CHOICES[name]:
            raise MinbertError(f"{name}={value!r}: it is one of {', '.join(CHOICES[name])}")
    named = [task for setting in by_task if isinstance(setting, dict) for task in setting]
    for task in (*tasks, *named):
        if task not in TASKS:
            raise MinbertError(f"there is no task called {task!r}: tasks are {', '.join(TASKS)}")
    if not tasks:
        raise MinbertError("a model needs at least one task")


def refuse_contradictions(tasks, pair, features, shared_pair, hidden_layers, sts_output, sst_head):
    """Two switches of which one would silently do nothing, or that ask for two shapes of one layer."""
    cosine = sts_output == "cosine" and "sts" in tasks
    routing = sst_head == "routing" and isinstance(hidden_layers, dict) and hidden_layers.get("sst")
    wanted = {tuple(of_task(features, task, ())) for task in tasks if TASKS[task].is_pair}
    for wrong, why in (
        (cosine and pair == "cross", "sts_output='cosine' compares two sentence vectors, pair='cross' makes one of both"),
        (cosine and of_task(hidden_layers, "sts", 0), "sts_output='cosine' has no head that could have hidden_layers"),
        (cosine and shared_pair, "sts_output='cosine' compares the sentences as they are, shared_pair puts a layer between"),
        (
            cosine and isinstance(features, dict) and tuple(features.get("sts", ("cos",))) != ("cos",),
            "sts_output='cosine' reads the cosine alone, features asks for others",
        ),
        (routing, "sst_head='routing' has no place for the hidden_layers that sst asks for"),
        (
            shared_pair and pair == "separate" and len(wanted) > 1,
            "shared_pair is one layer for all pairs, and features would give it different widths",
        ),
    ):
        if wrong:
            raise MinbertError(f"{why}: choose one")
