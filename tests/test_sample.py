"""The sample sets: always the same bytes, disjoint, in the course's format, and not to be solved by counting words."""

import csv
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minbert_lib.text import sample, sample_corpus, sample_films, sample_pairs
from minbert_lib.text.rows import read_rows
from minbert_lib.text.tasks import SPLITS, TASKS

REPO = Path(__file__).parent.parent
SETS = {task: sample.sets(task) for task in sample.SIZES}


def test_written_again_it_is_the_same_byte_for_byte(tmp_path):
    subprocess.run([sys.executable, "-m", "minbert_lib.text.sample", tmp_path], check=True, cwd=REPO)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in (REPO / "data/sample").glob("*.csv")}
    assert len(made) == 12 and made == kept


def test_the_reader_reads_what_the_grammar_meant():
    for name, task in TASKS.items():
        for split, size in zip(SPLITS, sample.SIZES[name], strict=True):
            rows = read_rows(name, split, REPO / "data/sample")
            assert len(rows) == size and not rows.problems
            assert [example.texts for example in rows.examples] == [row.texts for row in SETS[name][split]]
            labels = [None if split == "test" else row.label for row in SETS[name][split]]
            assert [example.label for example in rows.examples] == labels
            assert all(task.low <= row.label <= task.high for row in SETS[name][split])


def test_the_files_look_like_the_course_s():
    with open(REPO / "data/sample/ids-sst-test-student.csv", newline="") as file:
        head, first = list(csv.reader(file, delimiter="\t"))[:2]
    assert head == ["0", "", "id", "sentence"] and first[:2] == ["1", "0.0"] and len(first[2]) == 25
    assert first[3].startswith(" ") and not first[3].startswith("  ")
    assert (REPO / "data/sample/quora-dev.csv").read_text().startswith("\tid\tsentence1\tsentence2\tis_duplicate\n0\t")


@pytest.mark.parametrize("task", sample.SIZES)
def test_no_row_twice_and_no_text_in_two_splits(task):
    rows = [(split, row) for split in SPLITS for row in SETS[task][split]]
    assert len({frozenset(row.texts) for _, row in rows}) == len(rows)
    texts = [{text.lower() for row in SETS[task][split] for text in row.texts} for split in SPLITS]
    assert not (texts[0] & texts[1] or texts[0] & texts[2] or texts[1] & texts[2])


def test_reviews_fit_the_tiny_model_and_few_labels_are_off():
    lengths = [len(row.texts[0].split()) for rows in SETS["cfimdb"].values() for row in rows]
    assert min(lengths) >= 35 and max(lengths) <= 120  # the tiny model has 128 positions
    off = [row.label - row.truth for row in SETS["sst"]["train"]]
    assert {abs(step) for step in off} == {0, 1} and 0.06 < np.mean(np.abs(off)) < 0.10
    assert all(round(row.label * 5) == pytest.approx(row.label * 5) for row in SETS["sts"]["train"])


# A bag of words ------------------------------------------------------------------------------------------------------


def words(text):
    return re.findall(r"\w+|[^\w\s]", text.lower())


def features(rows, vocabulary):
    """Counts of one text; of two: counts together, apart, shared, and how much they overlap."""
    table = []
    for row in rows:
        counts = [np.bincount([vocabulary[w] for w in words(t) if w in vocabulary], minlength=len(vocabulary)) for t in row.texts]
        if len(counts) == 2:
            one, two = counts
            both, either = np.minimum(one, two).sum(), np.maximum(one, two).sum()
            cosine = one @ two / np.sqrt(one @ one * (two @ two))
            counts = [one, two, abs(one - two), np.minimum(one, two), [both, both / either, cosine, abs(one.sum() - two.sum())]]
        table.append(np.concatenate(counts))
    return torch.tensor(np.array(table), dtype=torch.float64)


def best_bag_of_words(task):
    """Best dev score (accuracy or Pearson r) of a linear model of counts, over strengths of its ridge."""
    train, dev = SETS[task]["train"], SETS[task]["dev"]
    vocabulary = {w: i for i, w in enumerate(sorted({w for row in train for t in row.texts for w in words(t)}))}
    x, z = features(train, vocabulary), features(dev, vocabulary)
    mean, spread = x.mean(0), x.std(0) + 1e-6
    x, z = (x - mean) / spread, (z - mean) / spread
    y, target = torch.tensor([row.label for row in train]), np.array([row.label for row in dev])
    scores = []
    for ridge in (0.01, 0.1):
        guess = fitted(x, y, ridge, 1 if task == "sts" else TASKS[task].classes)(z).numpy()
        scores.append(np.corrcoef(guess[:, 0], target)[0, 1] if task == "sts" else (guess.argmax(1) == target).mean())
    return max(scores)


def fitted(x, y, ridge, outputs):
    weight = torch.zeros(x.shape[1], outputs, dtype=x.dtype, requires_grad=True)
    bias = torch.zeros(outputs, dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=40, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        out = x @ weight + bias
        misfit = torch.nn.functional.cross_entropy(out, y.long()) if outputs > 1 else ((out[:, 0] - y) ** 2).mean()
        (misfit + ridge * (weight**2).sum()).backward()
        return misfit

    optimizer.step(closure)
    return lambda z: (z @ weight + bias).detach()


def ceiling(task):
    rows = SETS[task]["dev"]
    truth, label = np.array([row.truth for row in rows]), np.array([row.label for row in rows])
    return np.corrcoef(truth, label)[0, 1] if task == "sts" else (truth == label).mean()


@pytest.mark.parametrize("task, low, high, top", [
    ("sst", 0.45, 0.68, 0.88), ("cfimdb", 0.60, 0.85, 1.0), ("qqp", 0.50, 0.70, 1.0), ("sts", 0.45, 0.75, 0.98),
])  # fmt: skip
def test_counting_words_is_not_enough(task, low, high, top):
    score = best_bag_of_words(task)
    print(f"{task}: bag of words {score:.3f}, ceiling {ceiling(task):.3f}")
    assert low <= score <= high and ceiling(task) >= top


# The grammar ---------------------------------------------------------------------------------------------------------

seeds = st.integers(0, 2**32).map(random.Random)


@settings(max_examples=300, deadline=None)
@given(seeds, st.integers(-2, 2))
def test_every_sentence_is_one_clean_line(rng, value):
    question, caption = sample_pairs.question(rng), sample_pairs.caption(rng)
    for text in (sample_films.finish(sample_films.sentence(rng, value)), sample_films.review(rng, value > 0),
                 sample_pairs.say_question(rng, question), sample_pairs.say_caption(rng, caption)):  # fmt: skip
        assert text == " ".join(text.split()) and text[0].isupper() and text[-1] in ".?"
        assert not re.search(r"[{}|/]|\b[Aa] [aeiou]|\b[Aa]n (?!hour)[^aeiou]", text), text


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_a_near_miss_means_something_else(rng):
    question = sample_pairs.question(rng)
    assert sample_pairs.near_miss(rng, question) != question
    caption = sample_pairs.caption(rng)
    assert sample_pairs.similarity(caption, caption) == pytest.approx(5)
    changed = sample_pairs.alter(rng, caption)
    assert 0 <= sample_pairs.similarity(caption, changed) <= 5 and changed.who != changed.whom


def test_the_same_question_is_recognised_from_its_words():
    """ "a before b" and "b after a" say the same; "b before a" does not: read back what `order` and `compare` wrote."""
    rng = random.Random(1)
    for _ in range(300):
        question = sample_pairs.question(rng)
        said = sample_pairs.say_question(rng, question).rstrip("?").lower().replace(" ,", "").split()
        if question.ask == "order":
            word = "before" if "before" in said else "after"
            assert (said[said.index(word) + 1] == question.b.lower()) == (word == "before"), said
        if question.ask == "trip":
            assert said.index(question.a.lower()) - 1 in [i for i, w in enumerate(said) if w in ("from", "leave")]


# The corpus ----------------------------------------------------------------------------------------------------------


def test_the_corpus_is_varied_and_knows_no_dev_or_test_sentence():
    lines = list(sample_corpus.corpus(3000, seed=3))
    assert len(set(lines)) == 3000 and lines[:50] == list(sample_corpus.corpus(50, seed=3))
    assert lines[:50] != list(sample_corpus.corpus(50, seed=4))
    held = {text.lower() for rows in SETS.values() for split in ("dev", "test") for row in rows[split] for text in row.texts}
    sentences = {part for line in lines for part in re.split(r"(?<=[.?]) ", line.lower())}
    assert not held & (sentences | {line.lower() for line in lines})
    vocabulary = {word for line in lines for word in words(line)}
    train = {word for rows in SETS.values() for row in rows["train"] for text in row.texts for word in words(text)}
    assert len(vocabulary) < 1500 and len(train - vocabulary) < 0.03 * len(train)
