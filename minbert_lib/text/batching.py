"""Token ids → batches.

Notable choices:
- Sentences are tokenised once, when a `Dataset` is made; an epoch only gathers ids.
- A batch holds sentences of about the same length: the shuffled epoch is cut into pools of many batches, and each pool is sorted.
  Random batches of SST waste half of all arithmetic on padding; these waste a few per cent. `pool=1` gives the usual random ones.
- A pair is one sequence, `[CLS] u [SEP] v [SEP]`, or two: then the batch has 2B rows, first every u and then every v, so
  that one pass of the encoder serves both.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import MinbertError
from .tasks import TASKS
from .tokenizer import TRUNCATIONS, truncate

POOL = 50  # batches that are sorted by length together
PAIRS = ("cross", "separate")
ORDERS = ("given", "reversed", "random")


@dataclass
class Batch:
    task: str
    input_ids: torch.Tensor  # (rows, L); rows = B, or 2B for separate pairs
    attention_mask: torch.Tensor  # (rows, L) bool, True = a real token
    token_type_ids: torch.Tensor  # (rows, L)
    labels: torch.Tensor | None  # (B,)
    index: torch.Tensor  # (B,) position of each example in its dataset
    pair: str = "none"  # "none" | "cross" | "separate"

    def __len__(self):
        return len(self.index)

    @property
    def tokens(self):
        return int(self.attention_mask.sum())

    def to(self, device):
        moved = {
            name: value.to(device, non_blocking=True) for name, value in vars(self).items() if isinstance(value, torch.Tensor)
        }
        return replace(self, **moved)

    def part(self, start, end):
        """Examples start … end as a batch of their own, cut to its own longest sentence."""
        rows = list(range(start, min(end, len(self))))
        rows += [row + len(self) for row in rows] if self.pair == "separate" else []
        length = int(self.attention_mask[rows].sum(1).max())
        cut = (tensor[rows, :length] for tensor in (self.input_ids, self.attention_mask, self.token_type_ids))
        labels = None if self.labels is None else self.labels[start:end]
        return Batch(self.task, *cut, labels, self.index[start:end], self.pair)


class Dataset:
    """One split of one task, tokenised once, ready to be cut into batches."""

    def __init__(self, rows, tokenizer, max_length=512, truncation="end", pair="cross", order="given"):
        if rows.task not in TASKS:
            raise MinbertError(f"there is no task called {rows.task!r}")
        if pair not in PAIRS or order not in ORDERS:
            raise MinbertError(f"a pair is one of {PAIRS} in one of the orders {ORDERS}, not {pair!r}, {order!r}")
        if max_length < 8 or truncation not in TRUNCATIONS:
            raise MinbertError(f"max_length={max_length}, truncation={truncation!r}: at least 8, and one of {TRUNCATIONS}")
        if not rows.examples:
            raise MinbertError(f"{rows.path}: no rows of {rows.task} are left to make a dataset of")
        self.rows, self.tokenizer, self.task = rows, tokenizer, rows.task
        self.max_length, self.truncation, self.order = max_length, truncation, order
        self.pair = pair if TASKS[rows.task].is_pair else "none"
        columns = zip(*(example.texts for example in rows.examples))
        self.texts = [tokenizer.encode(column) for column in columns]  # one list of ids per text column
        sizes = np.array([[len(ids) for ids in column] for column in self.texts]).T  # (n, 1 or 2)
        longest = sizes.sum(1) if self.pair == "cross" else sizes.max(1)
        self.lengths = np.minimum(longest + (3 if self.pair == "cross" else 2), max_length)
        self.truncated = int((longest + (3 if self.pair == "cross" else 2) > max_length).sum())
        labels = [example.label for example in rows.examples]
        self.labels = None if any(label is None for label in labels) else np.array(labels)

    def __len__(self):
        return len(self.rows.examples)

    def truncation_note(self):
        """One line for the user, or nothing when every example fits."""
        if self.truncated:
            part = f"{self.truncated:,} of {len(self):,} {TASKS[self.task].title} {self.rows.split} examples"
            return f"{part} are longer than {self.max_length} tokens and are cut at the {self.truncation}"

    def epoch(self, batch_size, rng, pool=POOL):
        """The indices of one epoch's batches: every example once, in an order that `rng` (numpy) decides."""
        return by_length(self.lengths, batch_size, rng, pool)

    def in_order(self, batch_size, tokens=None):
        """Batches for scoring: sorted by length. With `tokens`, each holds about that many instead of `batch_size` rows."""
        order = np.argsort(-self.lengths, kind="stable")  # longest first, so that running out of memory shows at once
        batches, start = [], 0
        while start < len(order):
            long = int(self.lengths[order[start]]) * (2 if self.pair == "separate" else 1)
            size = max(1, tokens // long) if tokens else batch_size
            batches.append(order[start : start + size])
            start += size
        return batches

    def batch(self, index, rng=None, order=None):
        """The examples at `index` as one Batch. `order` overrides how a pair is read ("given", "reversed", "random")."""
        index = np.asarray(index)
        order = order or self.order
        if self.pair == "none":
            rows = [self._one(self.texts[0][i]) for i in index]
        else:
            pairs = [(self.texts[0][i], self.texts[1][i]) for i in index]
            if order == "random" and rng is None:
                raise MinbertError("order='random' needs a random generator: pass rng to batch()")
            if order != "given":
                flip = rng.random(len(pairs)) < 0.5 if order == "random" else np.ones(len(pairs), bool)
                pairs = [(v, u) if turned else (u, v) for (u, v), turned in zip(pairs, flip)]
            if self.pair == "cross":
                rows = [self._two(u, v) for u, v in pairs]
            else:
                rows = [self._one(u) for u, _ in pairs] + [self._one(v) for _, v in pairs]
        ids, types = zip(*rows)
        labels = None if self.labels is None else torch.from_numpy(self.labels[index])
        if labels is not None and (TASKS[self.task].kind != "classes" or labels.dim() > 1):  # (B, n): soft labels
            labels = labels.float()
        tensors = pad(ids, types, self.tokenizer.pad_id)
        return Batch(self.task, *tensors, labels, torch.from_numpy(index), self.pair)

    def _one(self, ids):
        ids = truncate(ids, self.max_length - 2, self.truncation)
        return [self.tokenizer.cls_id, *ids, self.tokenizer.sep_id], [0] * (len(ids) + 2)

    def _two(self, u, v):
        room = self.max_length - 3
        if len(u) + len(v) > room:  # the longer one gives way first
            u = truncate(u, max(room - len(v), room // 2), self.truncation)
            v = truncate(v, room - len(u), self.truncation)
        sep = self.tokenizer.sep_id
        return [self.tokenizer.cls_id, *u, sep, *v, sep], [0] * (len(u) + 2) + [1] * (len(v) + 1)


def by_length(lengths, batch_size, rng, pool=POOL):
    """Positions in batches of like length: drawn at random, sorted within every `pool` batches, and these shuffled."""
    order = rng.permutation(len(lengths))
    size = batch_size * pool
    pools = [order[start : start + size] for start in range(0, len(order), size)]
    pools = [part[np.argsort(lengths[part], kind="stable")] for part in pools] if pool > 1 else pools
    batches = [part[start : start + batch_size] for part in pools for start in range(0, len(part), batch_size)]
    return [batches[number] for number in rng.permutation(len(batches))]


def pad(ids, types=None, pad_id=0):
    """Lists of unequal length → (ids, mask, types), each (rows, L) with L the longest."""
    sizes = np.array([len(row) for row in ids])
    mask = np.arange(sizes.max()) < sizes[:, None]  # (rows, L)
    filled = np.full(mask.shape, pad_id, dtype=np.int64)
    filled[mask] = np.concatenate([np.asarray(row) for row in ids])
    kinds = np.zeros(mask.shape, dtype=np.int64)
    if types is not None:
        kinds[mask] = np.concatenate([np.asarray(row) for row in types])
    return torch.from_numpy(filled), torch.from_numpy(mask), torch.from_numpy(kinds)
