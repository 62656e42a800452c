"""Attention: every word looks at every other word and takes what it needs.

Notable choices: the attention function is a plain function, so that a learner's own can take its place; the output projection that
follows the heads lives in the layer (as in every BERT checkpoint); `queries` lets the last layer ask for [CLS] alone.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .fast import Linear
from .fast import dropout as drop


def scaled_dot_product_attention(q, k, v, mask=None, dropout=0.0):
    """softmax(q kᵀ / √d) v.   q (…, Lq, d), k (…, Lk, d), v (…, Lk, dv); mask True = may be looked at."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # (…, Lq, Lk)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    wide = torch.promote_types(scores.dtype, torch.float32)  # of 16 bits alone a CPU's softmax takes up to four times as long
    weights = scores.softmax(dim=-1, dtype=wide).to(scores.dtype)
    return (drop(weights, dropout) if dropout else weights) @ v  # (…, Lq, dv)


def fused_attention(q, k, v, mask=None, dropout=0.0):
    """The same by PyTorch's fused kernel where that is faster. On a CPU it is not: with dropout, and in 16 bits (5 × as slow)."""
    if q.device.type == "cpu" and (dropout or q.dtype in (torch.bfloat16, torch.float16)):
        return scaled_dot_product_attention(q, k, v, mask, dropout)
    return F.scaled_dot_product_attention(q, k, v, mask, dropout)


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each in its own slice of the width."""

    attention = staticmethod(fused_attention)  # a learner's own function may take its place

    def __init__(self, config):
        super().__init__()
        self.heads = config.num_attention_heads
        self.dropout = config.attention_probs_dropout_prob
        self.query = Linear(config.hidden_size, config.hidden_size)
        self.key = Linear(config.hidden_size, config.hidden_size)
        self.value = Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden, mask=None, queries=None):
        """hidden (B, L, D), mask (B, L) True = a real token → (B, L, D), or (B, Lq, D) for `queries` (B, Lq, D)."""
        q = self.split(self.query(hidden if queries is None else queries))  # (B, H, Lq, d)
        k, v = self.split(self.key(hidden)), self.split(self.value(hidden))  # (B, H, L, d)
        mask = None if mask is None else mask[:, None, None, :]  # the same keys for every head and query
        chance = {"dropout": self.dropout} if self.training and self.dropout else {}
        return self.merge(self.attention(q, k, v, mask, **chance))

    def split(self, x):
        """(B, L, D) → (B, H, L, d): each head gets its own slice of the width."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def merge(self, x):
        """(B, H, L, d) → (B, L, D)."""
        return x.transpose(1, 2).flatten(2)
