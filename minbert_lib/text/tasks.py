"""The four tasks of the course, as plain data: what a row holds, what a label may be, and which file it is in.

Notable choices: a task is described, never subclassed. `kind` is the only thing that the rest of the library asks for:
"classes" (one of n), "yes_no" (a logit), "score" (a number from `low` to `high`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    name: str
    title: str
    kind: str
    text_columns: tuple[str, ...]
    label_column: str
    low: float
    high: float
    stem: str  # files are <stem>-train.csv, <stem>-dev.csv and <stem>-test-student.csv

    @property
    def classes(self):
        """How many classes the labels name (0 where they are a score)."""
        return 0 if self.kind == "score" else int(self.high) + 1

    @property
    def outputs(self):
        """How many numbers a head gives for one example."""
        return self.classes if self.kind == "classes" else 1

    @property
    def is_pair(self):
        return len(self.text_columns) == 2

    def file(self, split):
        return f"{self.stem}-{'test-student' if split == 'test' else split}.csv"


PAIR = ("sentence1", "sentence2")
TASKS = {
    task.name: task
    for task in (
        Task("sst", "SST-5 sentiment", "classes", ("sentence",), "sentiment", 0, 4, "ids-sst"),
        Task("cfimdb", "CFIMDB sentiment", "classes", ("sentence",), "sentiment", 0, 1, "ids-cfimdb"),
        Task("qqp", "Quora paraphrase", "yes_no", PAIR, "is_duplicate", 0, 1, "quora"),
        Task("sts", "STS similarity", "score", PAIR, "similarity", 0, 5, "sts"),
    )
}
SPLITS = ("train", "dev", "test")
