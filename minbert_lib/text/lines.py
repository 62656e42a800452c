"""Plain lines as the rows that pre-training reads.

Notable choices:
- A line is one sequence, "[CLS] line [SEP]"; a line with a tab is two, "[CLS] a [SEP] b [SEP]". A word after a second tab says
  how the two are related, and [CLS] is asked for it: what next-sentence prediction was to the first BERT. `packed` joins
  lines to rows of full length instead: no padding, but words see their neighbours' sentences.
- Which batch a step reads is a function of the seed and the step's number alone, so that a run resumes where it was.
"""

import math

import numpy as np
import torch

from ..errors import MinbertError
from .batching import by_length, pad
from .masking import IGNORE
from .tokenizer import truncate


class Text:
    """Lines as rows of ids, in batches of like length; which batch step n reads is a function of the seed and n."""

    def __init__(self, lines, tokenizer, max_length=128, packed=False):
        self.tokenizer = tokenizer
        rows = pack(lines, tokenizer, max_length) if packed else per_line(lines, tokenizer, max_length)
        self.ids, self.types, relation = zip(*rows) if rows else ((), (), ())
        self.relation = torch.tensor(relation)  # (n,) the word that [CLS] is asked for, or −100
        if not self.ids:
            raise MinbertError("there is no text to pre-train on: every line is empty")
        self.lengths = np.array([len(row) for row in self.ids])
        self._order = {}

    def __len__(self):
        return len(self.ids)

    def batch(self, step, batch_size, seed=0):
        """(ids, mask, types), each (B, L), of step 0, 1, …: every row once before any comes again."""
        index = self.index(step, batch_size, seed)
        return pad([self.ids[i] for i in index], [self.types[i] for i in index], self.tokenizer.pad_id)

    def index(self, step, batch_size, seed=0):
        """Which rows a step reads."""
        passes, position = divmod(step, math.ceil(len(self) / batch_size))
        if (passes, batch_size, seed) not in self._order:
            self._order = {
                (passes, batch_size, seed): by_length(self.lengths, batch_size, np.random.default_rng([seed, 7, passes]))
            }
        return self._order[passes, batch_size, seed][position]


def per_line(lines, tokenizer, max_length):
    """Every line as (ids, types, relation)."""
    parts = [(line.split("\t") + ["", ""])[:3] for line in lines]
    first, second, words = (tokenizer.encode(column) for column in zip(*parts)) if parts else ((), (), ())
    cls, sep, room = tokenizer.cls_id, tokenizer.sep_id, max_length - 3
    rows = []
    for u, v, word in zip(first, second, words):
        if v:
            v = truncate(v, max(room // 2, room - len(u)))
            u = truncate(u, room - len(v))
            types = [0] * (len(u) + 2) + [1] * (len(v) + 1)
            rows.append(([cls, *u, sep, *v, sep], types, word[0] if word else IGNORE))
        elif u:
            u = truncate(u, max_length - 2)
            rows.append(([cls, *u, sep], [0] * (len(u) + 2), IGNORE))
    return rows


def pack(lines, tokenizer, max_length):
    """All lines end to end, a [SEP] after each, cut into rows of `max_length`."""
    coded = tokenizer.encode([" ".join(line.split("\t")[:2]) for line in lines])
    stream = [number for ids in coded if ids for number in (*ids, tokenizer.sep_id)]
    parts = [stream[start : start + max_length - 1] for start in range(0, len(stream), max_length - 1)]
    return [([tokenizer.cls_id, *part], [0] * (len(part) + 1), IGNORE) for part in parts]
