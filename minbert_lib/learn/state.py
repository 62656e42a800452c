"""What changes in a trainer: over a run, for a checkpoint, and within one update, for taking it back."""

import torch

from ..errors import MinbertError
from .compare import random_state

COUNTERS = ("epoch", "position", "step", "seconds", "tokens", "curve", "history", "best", "micro_batch")
FOREIGN = (KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError)  # what PyTorch's loaders raise


def of(trainer):
    """Everything that changes over a run."""
    return {
        "counters": {name: getattr(trainer, name) for name in COUNTERS},
        "means": [trainer.window.sums, trainer.running.sums],
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "scaler": trainer.scaler.state_dict(),
        "feeds": {task: feed.state_dict() for task, feed in trainer.feeds.items()},
        "penalties": [part and part.state_dict() for part in (trainer.smart, trainer.bregman)],
        "random": list(random_state(trainer.device)),
        "best_weights": trainer.best_weights,
    }


def restore(trainer, state):
    """Put a state back that `of` gave; one of something else is told."""
    try:
        _restore(trainer, state)
    except FOREIGN as error:
        what = f"{type(error).__name__}: {error}".splitlines()[0][:160]
        raise MinbertError(f"the saved state does not fit this run ({what}): empty its folder to begin again") from error


def _restore(trainer, state):
    chosen = trainer.micro_batch
    for name in COUNTERS:
        setattr(trainer, name, state["counters"][name])
    trainer.micro_batch = min(filter(None, (chosen, trainer.micro_batch)), default=None)  # smaller parts may be asked for now
    trainer.window.sums, trainer.running.sums = map(dict, state["means"])
    trainer.model.load_state_dict(state["model"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    trainer.scaler.load_state_dict(state["scaler"])
    for task, feed in trainer.feeds.items():
        feed.load_state_dict(state["feeds"][task])
    for part, saved in zip((trainer.smart, trainer.bregman), state["penalties"]):
        if part is not None:
            part.load_state_dict(saved)
    _set_random(trainer.device, state["random"])
    trainer.best_weights = state["best_weights"]


def moment(trainer):
    """What an update changes before the optimiser steps."""
    feeds = {task: feed.state_dict() for task, feed in trainer.feeds.items()}
    sums = dict(trainer.window.sums), dict(trainer.running.sums)
    smart = trainer.smart.state_dict() if trainer.smart is not None else None
    return feeds, sums, smart, random_state(trainer.device)


def return_to(trainer, before):
    feeds, (trainer.window.sums, trainer.running.sums), smart, random_numbers = before
    for task, feed in trainer.feeds.items():
        feed.load_state_dict(feeds[task])
    if smart is not None:
        trainer.smart.load_state_dict(smart)
    _set_random(trainer.device, random_numbers)


def _set_random(device, numbers):
    cpu, cuda = numbers
    torch.set_rng_state(cpu)
    if cuda is not None and device.type == "cuda":
        torch.cuda.set_rng_state(cuda, device)
