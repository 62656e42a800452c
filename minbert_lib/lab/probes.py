"""What can be read off a vector with nothing but a linear model: word counts, and what each layer of a BERT knows.

    python -m minbert_lib.lab.probes SCALE     measures every layer at a scale and writes data/probes/SCALE.json

Notable choices: ridge regression on 0/1 labels. It has a closed form, so a probe takes milliseconds and has no learning rate to get wrong; its one
number, the penalty, is chosen on a fifth of the train set. Vectors are made once; both ways to get one vector a sentence
([CLS] and the mean over its words) come from the same pass.
"""

from collections import Counter
from dataclasses import replace

import numpy as np
import torch

from ..home import scale
from ..model import BertModel
from ..model.heads import pool
from ..text import TASKS, Dataset, Tokenizer, read_rows
from .measured import main
from .stats import accuracy

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # times the number of examples
POOLINGS = ("cls", "mean")


def ridge(x, labels, classes, penalty):
    """Least squares of 0/1 labels on standardised features: x (n, d) → a function x → scores (n, classes)."""
    centre, size = x.mean(0), x.std(0) + 1e-6
    z = (x - centre) / size
    wanted = np.eye(classes)[labels]
    mean = wanted.mean(0)
    inner = z.T @ z + penalty * len(z) * np.eye(z.shape[1])
    weights = np.linalg.solve(inner, z.T @ (wanted - mean))  # (d, classes)
    return lambda x: (x - centre) / size @ weights + mean


def probe(train, labels, dev, classes):
    """Predicted classes for `dev`; the penalty is the one that does best on the last fifth of `train`."""
    train, dev = np.asarray(train, float), np.asarray(dev, float)
    cut = len(train) * 4 // 5
    held = [accuracy(ridge(train[:cut], labels[:cut], classes, p)(train[cut:]).argmax(1), labels[cut:]) for p in PENALTIES]
    return ridge(train, labels, classes, PENALTIES[int(np.argmax(held))])(dev).argmax(1)


def word_counts(texts, vocabulary=None, most=1500):
    """(n, words) how often each word occurs in each text, and the words: the `most` that occur in the most texts."""
    split = [text.lower().split() for text in texts]
    if vocabulary is None:
        seen = Counter(word for words in split for word in set(words))
        vocabulary = sorted(sorted(seen, key=lambda word: (-seen[word], word))[:most])
    place = {word: number for number, word in enumerate(vocabulary)}
    counts = np.zeros((len(texts), len(vocabulary)), dtype=np.float32)
    for row, words in enumerate(split):
        for word in words:
            if word in place:
                counts[row, place[word]] += 1
    return counts, vocabulary


@torch.no_grad()
def layer_vectors(bert, data, tokens=4096):
    """{pooling: (layers + 1, n, D)}: one vector a sentence after the embeddings and after every layer."""
    bert.eval()
    found = {how: np.empty((len(bert.layers) + 1, len(data), bert.config.hidden_size), np.float32) for how in POOLINGS}
    for index in data.in_order(0, tokens):
        batch = data.batch(index)
        hidden = bert.embed(batch.input_ids, batch.token_type_ids)
        for number in range(len(bert.layers) + 1):
            for how in POOLINGS:
                found[how][number, index] = pool(hidden, batch.attention_mask, how)
            if number < len(bert.layers):
                hidden = bert.encode(hidden, batch.attention_mask, layers=bert.layers[number : number + 1])
    return found


def sampled(task, split, place, limit, tokenizer):
    """Up to `limit` examples of a split as a Dataset, in random order: SST's files have the praise first."""
    rows = read_rows(task, split, place.data)
    order = np.random.default_rng(0).permutation(len(rows))[:limit]
    return Dataset(replace(rows, examples=[rows.examples[i] for i in order]), tokenizer, max_length=128)


def layer_scores(name, task="sst", limit=3000, bert=None):
    """Dev accuracy of a probe on every layer, both poolings, and on word counts; all that a figure needs to know."""
    place = scale(name)
    bert = bert or BertModel.from_pretrained(place.weights)
    data = {split: sampled(task, split, place, limit, Tokenizer(place.weights)) for split in ("train", "dev")}
    vectors = {split: layer_vectors(bert, part) for split, part in data.items()}
    labels, classes = {split: part.labels for split, part in data.items()}, TASKS[task].classes
    texts = {split: [example.texts[0] for example in part.rows.examples] for split, part in data.items()}
    counted, vocabulary = word_counts(texts["train"])
    words = probe(counted, labels["train"], word_counts(texts["dev"], vocabulary)[0], classes)
    score = {
        how: [
            accuracy(probe(x, labels["train"], y, classes), labels["dev"])
            for x, y in zip(vectors["train"][how], vectors["dev"][how])
        ]
        for how in POOLINGS
    }
    commonest = np.full(len(data["dev"]), np.bincount(labels["train"]).argmax())
    return {
        "scale": name,
        "title": place.title,
        "task": task,
        "train": len(data["train"]),
        "dev": len(data["dev"]),
        **score,
        "words": accuracy(words, labels["dev"]),
        "commonest": accuracy(commonest, labels["dev"]),
    }


if __name__ == "__main__":
    main("probes/", layer_scores)
