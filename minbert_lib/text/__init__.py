"""Words → batches. Knows nothing of models or learning."""

from .batching import Batch, Dataset, pad
from .rows import Example, Rows, iter_file, read_file, read_rows
from .tasks import SPLITS, TASKS, Task
from .tokenizer import Tokenizer, truncate

__all__ = [
    "Batch",
    "Dataset",
    "Example",
    "Rows",
    "SPLITS",
    "TASKS",
    "Task",
    "Tokenizer",
    "iter_file",
    "pad",
    "read_file",
    "read_rows",
    "truncate",
]
