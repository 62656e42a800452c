"""What may stop a run from outside, and how it stops whole: Ctrl-C, and memory that runs out."""

import signal
import threading
from contextlib import contextmanager

import torch

from ..errors import MinbertError

KNOB = "`--max-memory MB` (or run(…, micro_batch=N)) cuts batches into parts that fit, with the same gradient; so does a lower max_length"
SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "Unable to allocate")


class OutOfMemory(MinbertError):
    """Memory ran out, and nothing but the user's choice can help."""


def out_of_memory(error):
    """Did memory run out, of a GPU or of the machine? PyTorch's own class is for accelerators only; a CPU says it in words."""
    words = isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)
    return words or isinstance(error, (MemoryError, torch.OutOfMemoryError))


@contextmanager
def unbroken():
    """Ctrl-C waits until the block has ended: half a step is no state that can be saved."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    waiting = []
    signal.signal(signal.SIGINT, lambda *what: waiting.append(what))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if waiting:
            before(*waiting[0])
