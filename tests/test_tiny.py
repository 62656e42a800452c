"""The tiny BERT that ships: what it is, what it knows, and that its recipe leads there."""

import csv
import json

import pytest
import torch

from minbert_lib.home import scale
from minbert_lib.lab import tiny
from minbert_lib.learn.pretrain import masked_score
from minbert_lib.model import BertModel
from minbert_lib.model.mlm import MaskedLM, fill, pseudo_perplexity
from minbert_lib.text import Tokenizer
from minbert_lib.text.lines import Text
from minbert_lib.text.sample import corpus
from minbert_lib.text.sample_words import KINDS

STEPS = 151  # of the recipe that the test walks again


@pytest.fixture(scope="module")
def folder():
    return scale("tiny").weights


@pytest.fixture(scope="module")
def model(folder):
    return MaskedLM.from_pretrained(folder).eval()


def test_it_is_an_ordinary_folder_of_a_few_megabytes(folder, model):
    assert sum(path.stat().st_size for path in folder.iterdir()) < 4e6
    assert {p.dtype for p in model.parameters()} == {torch.float32} and not model.fresh_head
    assert len(Tokenizer(folder)) == json.loads((folder / "config.json").read_text())["vocab_size"]
    assert isinstance(BertModel.from_pretrained("tiny"), BertModel)


def test_whatever_a_person_types_can_be_read(folder):
    tokenizer = Tokenizer(folder)
    for text in ("Supercalifragilistic zebras (2026)?!", "I'd rather not: $5 & 10%...", "naïve café"):
        (ids,) = tokenizer.encode([text])
        assert ids and tokenizer.unk_id not in ids
        assert tokenizer.decode(ids).replace(" ", "") == text.lower().replace(" ", "").replace("ï", "i").replace("é", "e")


def test_the_recipe_leads_down_the_recorded_curve(folder, tmp_path):
    """The same text, the same start, the same steps: the loss begins as recorded, up to the draws of dropout."""
    trainer, _ = tiny.recipe(tmp_path)
    assert (tmp_path / "vocab.txt").read_bytes() == (folder / "vocab.txt").read_bytes()
    trainer.run(STEPS)
    with open(folder / "loss.csv") as file:
        recorded = {int(row["step"]): float(row["loss"]) for row in csv.DictReader(file)}
    for point in trainer.curve:
        assert point["loss"] == pytest.approx(recorded[point["step"]], rel=0.02), point
    assert trainer.curve[-1]["loss"] < trainer.curve[0]["loss"] - 1 and max(recorded) > tiny.STEPS - 25


def test_it_knows_its_little_world(folder, model):
    tokenizer = Tokenizer(folder)
    text = list(corpus(400, seed=77))  # lines it did not learn from, but for a few
    _, right = masked_score(model, Text(text, tokenizer), batches=6)
    assert right > 0.6
    (guessed,) = fill(model, tokenizer, "it is a dull ___ about love and war .", 5)
    assert {word for word, _ in guessed} <= set(KINDS), "a kind of film belongs there"


def test_what_makes_sense_surprises_it_less(folder, model):
    tokenizer = Tokenizer(folder)
    for sense, nonsense in (
        ("the film is dull and lifeless .", "the film lifeless is and . dull"),
        ("a dog is chasing a cat in the park .", "a park is chasing a dog in the cat ."),
    ):
        assert pseudo_perplexity(model, tokenizer, sense) < pseudo_perplexity(model, tokenizer, nonsense) / 2
