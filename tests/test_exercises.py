"""The exercises: every typical wrong answer is caught with its own message, every right one in another style passes.

The answers are texts in tests/answers/, run as notebook cells would be: finding, storing and running again are tested too.
"""

import importlib
import itertools

import pytest

from minbert_lib.workbook import desk, keep
from minbert_lib.workbook.exercises import EXERCISES

CATALOGUE = {  # exercise → file of answers, least number of wrong ones
    "accuracy": ("accuracy", 5),
    "scaled_dot_product_attention": ("attention", 8),
    "MultiHeadAttention": ("multi_head", 5),
    "BertEmbeddings": ("embeddings", 5),
    "BertLayer": ("layer", 5),
    "AdamW": ("adamw", 14),
    "Dropout": ("dropout", 5),
    "confusion": ("confusion", 5),
    "pair_features": ("pair_features", 5),
    "Head": ("head", 5),
    "epoch_plan": ("epoch_plan", 5),
    "what_moves": ("what_moves", 5),
    "symmetric_kl": ("symmetric_kl", 5),
    "ascent_step": ("ascent_step", 5),
    "smart_loss": ("smart_loss", 16),
    "mask_tokens": ("mask_tokens", 5),
    "mlm_loss": ("mlm_loss", 5),
    "paired_bootstrap": ("paired_bootstrap", 5),
    "average_predictions": ("average_predictions", 5),
    "greedy_ensemble": ("greedy_ensemble", 5),
    "held_out_predictions": ("held_out_predictions", 5),
}
ANSWERS = {name: importlib.import_module(f"answers.{file}") for name, (file, _) in CATALOGUE.items()}
numbers = itertools.count()


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MINBERT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(keep, "_used", set())
    monkeypatch.setattr(keep, "_unsaved", {})


def cell(text, space=None):
    """Run a text as a notebook cell: in one namespace, its lines known to Python by a name of their own."""
    return keep.run_text(text, f"<cell {next(numbers)}>", keep.namespace() if space is None else space)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_wrong_answer_is_caught_with_its_own_message(name):
    messages = {}
    assert len(ANSWERS[name].WRONG) >= CATALOGUE[name][1]
    for words, text in ANSWERS[name].WRONG:
        verdict = desk.verdict_on(EXERCISES[name], cell(text)[name], seconds=0.7 if "never ends" in words else 10)
        assert verdict.state == "wrong", (words, verdict)
        assert words in verdict.message, (words, verdict.message)
        assert messages.setdefault(verdict.message, words) == words, (words, messages[verdict.message], verdict.message)


@pytest.mark.parametrize("name", CATALOGUE)
def test_right_answers_in_other_styles_pass_and_live_on(name):
    assert len(ANSWERS[name].RIGHT) >= 4  # the plain one and three others
    for text in ANSWERS[name].RIGHT:
        space = cell("from minbert_lib.workbook import check, yours", cell(text))
        cell(f"hers = {name}\n{name} = check('{name}')\nagain = yours('{name}')", space)
        assert space[name] is space["hers"], text
        assert keep.load()[name]["state"] == "right"
        assert not space["again"].__module__.startswith("minbert_lib"), text
        assert desk.verdict_on(EXERCISES[name], space["again"]).state == "right"
        assert keep.made_with() == [name]
