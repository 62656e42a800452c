"""The sample sets: SST-, CFIMDB-, QQP- and STS-like files in the CS224N format, small, seeded, written here.

    python -m minbert_lib.text.sample data/sample      writes the same bytes every time

They let every notebook run in minutes without a download. What the sentences say comes from `sample_films`
and `sample_pairs`; here are the splits, the noise, the file format with its quirks (a leading space, the odd
header of the test files). Only the standard library's `random` decides, so the files do not depend on the
versions of anything else. The text on which the tiny BERT is pre-trained is in `sample_corpus`.
"""

import csv
import hashlib
import io
import random
import sys
from dataclasses import dataclass
from pathlib import Path

from ..files import write_atomic
from . import sample_films as films
from . import sample_pairs as pairs
from .tasks import SPLITS, TASKS

SEED = 224
SIZES = {"sst": (2000, 400, 200), "cfimdb": (800, 200, 100), "qqp": (2000, 400, 200), "sts": (1200, 300, 150)}
SST_NOISE = 0.08  # share of SST labels that are one class off, as people's are
STS_NOISE = 0.2  # standard deviation of the judges' scores
SST_SHARES = (13, 26, 20, 26, 15)  # in percent, close to the real set's


@dataclass(frozen=True)
class Row:
    texts: tuple
    label: float  # what the file says
    truth: float  # what the grammar meant; the best any reader can predict


def draw(task, rng):
    """One row of a task."""
    if task == "sst":
        truth = rng.choices(range(5), SST_SHARES)[0]
        text = films.finish(films.sentence(rng, truth - 2))
        wrong = [label for label in (truth - 1, truth + 1) if 0 <= label <= 4]
        return Row((text,), rng.choice(wrong) if rng.random() < SST_NOISE else truth, truth)
    if task == "cfimdb":
        truth = rng.randrange(2)
        return Row((films.review(rng, truth),), truth, truth)
    if task == "qqp":
        first, second, truth = pairs.question_pair(rng)
        return Row((first, second), truth, truth)
    first, second, truth = pairs.caption_pair(rng)
    noisy = min(5.0, max(0.0, truth + rng.gauss(0, STS_NOISE)))
    return Row((first, second), round(round(noisy * 5) / 5, 1), truth)


def sets(task, seed=SEED):
    """{"train": rows, "dev": rows, "test": rows}: no row twice, and no text of one split in another."""
    rng = random.Random(f"{task} {seed}")
    seen, elsewhere, made = set(), set(), {}
    for split, size in zip(SPLITS, SIZES[task], strict=True):
        rows = []
        while len(rows) < size:
            row = draw(task, rng)
            key = frozenset(row.texts)
            if key in seen or len(key) < len(row.texts) or key & elsewhere:
                continue
            seen.add(key)
            rows.append(row)
        elsewhere |= {text for row in rows for text in row.texts}
        made[split] = rows
    return made


def render(task, split, rows):
    """The file's text: tab-separated, with the layout of the course's files."""
    columns = ["sentence"] if len(rows[0].texts) == 1 else ["sentence1", "sentence2"]
    odd = split == "test" and len(columns) == 1  # there the course's files have one more column, headed "0"
    labels = [] if split == "test" else [TASKS[task].label_column]
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    writer.writerow((["0"] if odd else []) + ["", "id"] + columns + labels)
    for number, row in enumerate(rows):
        key = hashlib.sha256("\t".join((task, split, *row.texts)).encode()).hexdigest()[:25]
        texts = [" " + row.texts[0]] if len(columns) == 1 else row.texts
        label = float(row.label) if task in ("qqp", "sts") else row.label
        index = [number + 1, float(number)] if odd else [number]
        writer.writerow([*index, key, *texts] + [label] * len(labels))
    return out.getvalue()


def write(folder):
    """Write all twelve files; what is there already is replaced by the same bytes."""
    for task in SIZES:
        for split, rows in sets(task).items():
            write_atomic(Path(folder) / TASKS[task].file(split), render(task, split, rows))


def held_out(seed=SEED):
    """Every sentence of the dev and test sets, alone and as a part of its review."""
    held = set()
    for task in SIZES:
        made = sets(task, seed)
        for row in made["dev"] + made["test"]:
            for text in row.texts:
                held.add(text.lower())
                held.update(sentences(text))
    return held


def sentences(text):
    return [part.strip() for part in text.lower().replace(" .", " .\n").splitlines()]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m minbert_lib.text.sample FOLDER")
    write(sys.argv[1])
