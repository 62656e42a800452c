"""What an architecture costs, by arithmetic alone: parameters, and the work of a step. No weights, no data, no clock.

Notable choices:
- Models are built with an encoder of `Blocks`, one parameter a layer, on PyTorch's "meta" device, where tensors have shapes and no
  numbers: the 438 million parameters of BERT-base's multi + triple take no memory, and the whole table of systems a fraction of a second.
- The work of a step is told in passes of the encoder: forward and backward of all its layers is 1, forward alone ⅓ (backward costs
  twice a forward). It counts the encoder alone; heads come on top, and what penalties add is a factor of its own.
"""

import json

import torch
from torch import nn

from ..home import scale
from ..model import BertConfig
from ..model.multitask import MultitaskModel, of_task
from ..text import read_rows
from ..text.sources import MANIFEST
from .build import MODEL_FIELDS

FORWARD = 1 / 3
MINILM = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}


def shape(scale_name):
    """The BertConfig of a scale's official weights, whether or not they are here."""
    if scale_name == "tiny":
        return BertConfig.from_dict(json.loads((scale("tiny").weights / "config.json").read_text(encoding="utf-8")))
    return BertConfig(**(MINILM if scale_name == "mini" else {}))


def parameters(config, bert=None):
    """How many parameters the config's model has; `bert` is a BertConfig, BERT-base's without."""
    switches = {name: getattr(config, name) for name in MODEL_FIELDS}
    with torch.random.fork_rng(devices=[]):  # heads are real: what they draw is taken from nobody
        return MultitaskModel(Blocks(bert or BertConfig()), config.heads, **switches).parameter_count()


class Blocks(nn.Module):
    """A BERT whose parts are one parameter each, of as many numbers: sharing and copying them counts as with the real ones."""

    def __init__(self, config):
        super().__init__()
        width, wide = config.hidden_size, config.intermediate_size
        norm = 2 * width
        words = (config.vocab_size + config.max_position_embeddings + config.type_vocab_size) * width + norm
        attention, feed_forward = 4 * (width * width + width) + norm, 2 * width * wide + wide + width + norm
        self.config, self.embeddings, self.pooler = config, _block(words), _block(width * width + width)
        self.layers = nn.ModuleList(_block(attention + feed_forward) for _ in range(config.num_hidden_layers))


def _block(size):
    part = nn.Module()
    part.weight = nn.Parameter(torch.empty(size, device="meta"))
    return part


def passes(config):
    """Work of one token's step in whole forward-and-backward passes of the encoder, whatever is shared in it."""
    own = 1.0 if config.train_encoder else FORWARD
    beside = {"none": 0.0, "frozen": FORWARD, "shared": own}[config.beside]
    return own + beside


def penalties(task, smart, smart_options, bregman, dropout=False):
    """A training step of this task with its penalties, in plain ones: those are 3 forward passes; learn/smart.py counts SMART's.

    In a model with `dropout` the side that they compare with is a pass more, 3, of which one serves both.
    """
    added, clean = (1.0, 3.0) if of_task(bregman, task) else (0.0, 0.0)
    if of_task(smart, task):
        ascent = {"pass": 2 * smart_options.get("steps", 1), "clean": 1, "random": 0}
        share = smart_options.get("share", 1.0)
        added += share * (ascent[smart_options.get("direction", "pass")] + 3)
        clean = max(clean, 0.0 if smart_options.get("dropout") else 3 * share)
    return 1 + FORWARD * (added + clean * dropout)


def read_in_an_epoch(config, sizes, epoch=1):
    """{task: (examples read, share of its data)} in one epoch of the config's sampling; `sizes` {task: rows}. In expectation where drawn."""
    from ..learn.sampling import epoch_plan, task_chances

    size = {task: config.of(task, "batch_size") for task in config.tasks}
    batches = {task: -(-sizes[task] // size[task]) for task in config.tasks}
    if config.sampling in ("proportional", "sqrt", "annealed"):
        chances = task_chances(batches, config.sampling, epoch, config.epochs)
        visits = {task: chance * sum(batches.values()) for task, chance in chances.items()}
    else:
        import numpy as np

        plan = epoch_plan(batches, config.sampling, np.random.default_rng(0), epoch, config.epochs, config.epoch_of)
        visits = {task: sum(task in update for update in plan) for task in config.tasks}
    read = {task: visits[task] * sizes[task] / batches[task] for task in config.tasks}  # the last batch of a pass is smaller
    return {task: (read[task], read[task] / sizes[task]) for task in config.tasks}


def official_sizes(split="train"):
    """Rows of the course's own files, as the manifest has them: {task: rows}."""
    return {file.group: file.rows for file in MANIFEST if file.name.endswith(f"-{split}.csv") and file.rows}


def sizes_of(place, tasks=("sst", "qqp", "sts")):
    """Rows of the training files at a scale."""
    return {task: len(read_rows(task, "train", place.data)) for task in tasks}
