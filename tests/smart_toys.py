"""Tiny models with the three methods that the penalties rely on, and batches for them."""

import torch
from torch import nn

from minbert_lib.text.batching import Batch


class Toy(nn.Module):
    """Embedding → tanh layer, with dropout on both sides → mean over real tokens → output."""

    def __init__(self, task, dropout=0.0, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.task = task
        self.embedding, self.layer = nn.Embedding(30, 4), nn.Linear(4, 6)
        self.mix = nn.Parameter(torch.randn(6, 6))
        self.head, self.dropout = nn.Linear(6, 5 if task == "sst" else 1), nn.Dropout(dropout)

    def embed(self, batch):
        return self.dropout(self.embedding(batch.input_ids))

    def predict_from(self, embedded, batch):
        mask = batch.attention_mask.unsqueeze(-1)
        hidden = torch.tanh(self.layer(embedded))
        words = (hidden * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
        hidden = self.dropout(torch.tanh(hidden @ self.mix + words))  # tokens see each other
        vectors = (hidden * mask).sum(1) / mask.sum(1)
        if batch.pair == "separate":
            u, v = vectors.chunk(2)
            vectors = u * v + (u - v).abs()
        out = self.head(vectors)
        return out if self.task == "sst" else out.squeeze(-1)

    def forward(self, batch):
        return self.predict_from(self.embed(batch), batch)


def make_batch(task, pair="none", size=3, length=5, seed=0):
    rows = 2 * size if pair == "separate" else size
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, 30, (rows, length), generator=generator)
    mask = torch.arange(length) < torch.randint(2, length + 1, (rows, 1), generator=generator)
    mask[0] = True
    labels = torch.zeros(size, dtype=torch.long if task == "sst" else torch.float)
    return Batch(task, ids * mask, mask, torch.zeros_like(ids), labels, torch.arange(size), pair)


CASES = [("sst", "none"), ("qqp", "cross"), ("qqp", "separate"), ("sts", "cross"), ("sts", "separate")]
