"""The tiny BERT that ships: what it is, what it knows, and that its recipe leads there."""

import csv
import json
import math

import pytest
import torch

from minbert_lib.home import scale
from minbert_lib.lab import tiny
from minbert_lib.learn.pretrain import masked_score
from minbert_lib.model import BertModel
from minbert_lib.model.mlm import MaskedLM, fill, pseudo_perplexity
from minbert_lib.text import Tokenizer
from minbert_lib.text.lines import Text
from minbert_lib.text.sample import sets
from minbert_lib.text.sample_corpus import corpus
from minbert_lib.text.sample_words import KINDS


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


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The recipe in small: both parts as they stand after their first steps, and the text that they do not learn from."""
    place = tmp_path_factory.mktemp("begun")
    return place, *tiny.rehearse(place)


def recorded(path):
    with open(path) as file:
        return {int(row["step"]): float(row["loss"]) for row in csv.DictReader(file)}


def follows(points, curve, within):
    for point in points:
        assert point["loss"] == pytest.approx(curve[point["step"]], rel=within), point


def test_the_recipe_leads_down_the_recorded_curves(folder, begun):
    """The first part's beginning is that of the shipped one; the second's, begun early, that of the shipped one's rehearsal."""
    place, first, trainer, _ = begun
    assert (place / "vocab.txt").read_bytes() == (folder / "vocab.txt").read_bytes()
    follows(first.curve, curve := recorded(folder / "first.csv"), 0.02)
    assert first.step == tiny.REHEARSAL[0] and first.curve[-1]["loss"] < first.curve[0]["loss"] - 1
    follows(trainer.curve, recorded(folder / "rehearsal.csv"), 0.01)
    assert trainer.step == tiny.REHEARSAL[1] and trainer.curve[-1]["loss"] < trainer.curve[0]["loss"] - 0.5
    assert max(curve) > tiny.FIRST_STEPS - 25 and max(recorded(folder / "loss.csv")) > tiny.STEPS - 25


def test_remade_it_is_the_same(folder, begun, tmp_path, request):
    """Every step of both parts. The machine that made it walks down the same curves to the last digit; on others rounding differs."""
    if not request.config.getoption("--remake"):
        pytest.skip("a quarter of an hour: asked for with --remake")
    tiny.make(tmp_path, show=lambda *_, **__: None)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in folder.iterdir()}
    for name, within in (("first.csv", 0.1), ("loss.csv", 0.1), ("rehearsal.csv", 0.01)):
        again, curve = recorded(tmp_path / name), recorded(folder / name)
        assert again == pytest.approx(curve, rel=within), name
    scores = [masked_score(MaskedLM.from_pretrained(place), begun[-1]) for place in (tmp_path, folder)]
    assert scores[0] == pytest.approx(scores[1], rel=0.03)


def test_the_recipe_goes_on_from_the_shipped_weights(folder, begun):
    """Its next lines and masks cost them what the end of the recorded curve says."""
    _, _, trainer, rest = begun
    trainer.model.load_state_dict(MaskedLM.from_pretrained(folder).state_dict())
    end = list(recorded(folder / "loss.csv").values())[-20:]
    with torch.no_grad():
        losses = [trainer._loss(step).item() for step in range(tiny.STEPS, tiny.STEPS + 40)]
    assert sum(losses) / 40 == pytest.approx(sum(end) / 20, rel=0.1)
    loss, right = masked_score(trainer.model, rest)
    assert f"{right:.0%} of the hidden words of lines it has not seen (loss {loss:.2f})" in (folder / "README.md").read_text()


def test_it_compares_the_sentences_of_the_sample_sets(folder, model):
    """[CLS], asked as in pre-training, about pairs that it has not seen."""
    tokenizer, rows = Tokenizer(folder), sets("qqp")["dev"]
    text = Text(["\t".join([*row.texts, "same" if row.label else "different"]) for row in rows], tokenizer)
    right = 0
    for step in range(math.ceil(len(rows) / 50)):
        with torch.no_grad():
            first = model.hidden(*text.batch(step, 50))[:, 0]
        right += int((model.head(first).argmax(-1) == text.relation[text.index(step, 50)]).sum())
    assert right / len(rows) > 0.7


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
