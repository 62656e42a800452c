"""What an architecture costs, by arithmetic alone: parameters, and the work of a step. No weights, no data, no clock.

Notable choices:
- Models are built on PyTorch's "meta" device, where tensors have shapes and no numbers, so BERT-base's 438 million parameters of
  multi + triple take no memory.
- The work of a step is told in passes of the encoder: forward and backward of all its layers is 1, forward alone ⅓ (backward costs
  twice a forward). It counts the encoder alone; heads and penalties come on top.
"""

import torch

from ..model import BertConfig, BertModel
from ..model.multitask import MultitaskModel
from ..text import read_rows
from ..text.sources import MANIFEST
from .build import MODEL_FIELDS

FORWARD = 1 / 3


def parameters(config, bert=None):
    """How many parameters the config's model has; `bert` is a BertConfig, BERT-base's without."""
    with torch.device("meta"):
        encoder = BertModel(bert or BertConfig())
        tasks = tuple(dict.fromkeys((*config.tasks, *config.scored)))
        return MultitaskModel(encoder, tasks, **{name: getattr(config, name) for name in MODEL_FIELDS}).parameter_count()


def passes(config):
    """Work of one token's step in whole forward-and-backward passes of the encoder, whatever is shared in it."""
    own = 1.0 if config.train_encoder else FORWARD
    beside = {"none": 0.0, "frozen": FORWARD, "shared": own}[config.beside]
    return own + beside


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
