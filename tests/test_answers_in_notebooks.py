"""Notebooks with answers in them: a solved one and one with every answer wrong run to the end, and what passed is what trains.

Notable choices: answers are those of tests/answers, put where the gaps are, and run by the executor that runs the notebooks
as they ship (those, blank, are test_notebooks.py's). 01 and 03 are quick and hold the two that training needs;
`--all-notebooks` runs every one. Notebook 04's own cell is then run on what 01 and 03 left behind, with answers that count
their calls.
"""

import functools
import json
import math

import nbformat
import pytest
import torch
from test_exercises import ANSWERS, cell

from minbert_lib.lab import run, system
from minbert_lib.lab.build import prepare
from minbert_lib.workbook import keep, made_with, notebooks, source, yours
from minbert_lib.workbook.exercises import EXERCISES

QUICK = ("01", "03")
SMALL = {"limit": {"sst": 64}, "dev_limit": {"sst": 40}, "epochs": 1, "batch_size": 8, "precision": "float32"}
COUNT = "\n    {0}.calls = getattr({0}, 'calls', 0) + 1"  # a line for the answer's own body
PASSED = {
    "scaled_dot_product_attention": ("mask=None):", "mask=None):" + COUNT.format("scaled_dot_product_attention")),
    "AdamW": ("closure=None):", "closure=None):" + COUNT.format("AdamW").replace("\n", "\n    ")),
}


def answer(name, kind):
    """The text of a right or a wrong answer; the two that train count their calls."""
    if kind == "wrong":
        return ANSWERS[name].WRONG[0][1]
    text = ANSWERS[name].RIGHT[0]
    if name in PASSED:
        assert PASSED[name][0] in text
        text = text.replace(*PASSED[name])
    return text


def filled(script, kind, folder):
    """A copy of a notebook with an answer in every gap; → (its path, the exercises it holds)."""
    path = notebooks.prepare([script.with_suffix(".ipynb")], folder) / f"{script.stem}.ipynb"
    notebook, found = nbformat.read(path, as_version=4), []
    for one in notebook.cells:
        for name in EXERCISES if one.cell_type == "code" and "your code here" in one.source else ():
            if source.definition(one.source, name) is not None:
                one.source = source.STANDARD + one.source.split("class ")[0].split("def ")[0] + answer(name, kind)
                found.append(name)
    nbformat.write(notebook, path)
    return path, found


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """(script, kind) → (what went wrong, exercises found, what progress holds then); every notebook is run once."""

    @functools.cache
    def run_it(script, kind):
        path, found = filled(script, kind, tmp_path_factory.mktemp(f"{script.stem}-{kind}"))
        *_, problem = notebooks.execute(path, timeout=1800) if found else (None,)
        progress = path.parent / "progress.json"
        return problem, found, json.loads(progress.read_text())["exercises"] if progress.is_file() else {}

    return run_it


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("MINBERT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(keep, "_used", set())
    monkeypatch.setattr(keep, "_unsaved", {})


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["right", "wrong"])
@pytest.mark.parametrize("script", notebooks.scripts(), ids=lambda path: path.stem)
def test_with_every_answer_of_a_kind_a_notebook_runs_to_its_end(script, kind, ran, request):
    if script.stem[:2] not in QUICK and not request.config.getoption("--all-notebooks"):
        pytest.skip("long: run with --all-notebooks")
    problem, found, entries = ran(script, kind)
    assert problem is None, problem
    assert {name: entries[name]["state"] for name in found} == dict.fromkeys(found, kind)
    assert all(bool(entries[name].get("source")) == (kind == "right") for name in found)


def cell_of_04(**names):
    """Run notebook 04's cell "With your own parts", on a few sentences; → what it leaves behind."""
    text = next(one.split("\n", 1)[1] for one in notebooks.scripts(["04"])[0].read_text().split("\n# %%") if "yours=own)" in one)
    scale = type("Scale", (), {"name": "tiny"})
    library = {"C2": {"scores": {"sst": math.nan}}}
    space = dict(yours=yours, made_with=made_with, run=run, system=system, scale=scale, longer=SMALL, made_runs=library)
    exec(text, space | names)
    return space | names


def test_what_passed_in_01_and_03_is_what_trains_in_04(ran, tmp_path):
    passed = {name: entry for script in notebooks.scripts(QUICK) for name, entry in ran(script, "right")[2].items()}
    (tmp_path / "progress.json").write_text(json.dumps({"version": 1, "exercises": passed}))
    hers = {}

    def counted(config, yours):
        hers.update(yours)
        for part in yours.values():
            part.calls = 0  # the checks have called them too
        hers["record"] = run(config, yours=yours, progress=False)
        return hers["record"]

    cell_of_04(run=counted)
    record = hers.pop("record")
    assert set(hers) == set(PASSED) == set(record["made_with"])
    assert all(part.__module__ == "__main__" and part.__name__ == name for name, part in hers.items())
    assert hers["AdamW"].calls == 64 // 8  # every update of the run
    assert hers["scaled_dot_product_attention"].calls >= 4 * (64 // 8)  # every layer in every update, and in scoring
    plain = run(system("C2", "tiny", **SMALL, attention_dropout=0.0), progress=False)
    loss = [one["epochs"][0]["train"]["loss sst"] for one in (plain, record)]
    assert plain["made_with"] == [] and abs(loss[0] - loss[1]) < 0.05


def test_where_nothing_passed_04_trains_with_the_library(capsys):
    for name in PASSED:
        space = cell("from minbert_lib.workbook import check", cell(answer(name, "wrong")))
        cell(f"{name} = check('{name}')", space)
    made = []
    cell_of_04(run=lambda config, yours: made.append(run(config, yours=yours, progress=False)) or made[0])
    assert made[0]["made_with"] == [] and "the library's parts" in capsys.readouterr().out


@pytest.mark.parametrize("number", range(len(ANSWERS["BertLayer"].RIGHT)))
def test_every_layer_that_passes_can_train(number):
    """With her own heads inside, which may lack `queries`, and with or without `first_only`."""
    for name, which in (("MultiHeadAttention", 0), ("BertLayer", number)):
        text = ANSWERS[name].RIGHT[which]
        space = cell("from minbert_lib.workbook import check", cell(text))
        cell(f"{name} = check('{name}')", space)
    assert keep.load()["BertLayer"]["state"] == "right"
    layer = yours("BertLayer")  # the library's where hers needs heads with `queries`, which hers are not
    assert (layer.__module__ == "__main__") == bool(keep.load()["BertLayer"].get("source"))
    record = run(system("C2", "tiny", **SMALL), yours={"BertLayer": layer}, progress=False)
    assert record["made_with"] == ["BertLayer"] and math.isfinite(record["epochs"][0]["train"]["loss sst"])


def test_a_layer_that_asks_what_her_heads_cannot_answer_gives_way(capsys):
    """Her layer passed with heads that take `queries`; then she wrote her heads anew, without."""
    asking = ANSWERS["MultiHeadAttention"].ASKING
    plain, layer = ANSWERS["MultiHeadAttention"].RIGHT[0], ANSWERS["BertLayer"].RIGHT[2]
    for name, text in (("MultiHeadAttention", asking), ("BertLayer", layer), ("MultiHeadAttention", plain)):
        space = cell("from minbert_lib.workbook import check", cell(text))
        cell(f"{name} = check('{name}')", space)
        assert keep.load()[name]["state"] == "right"
    assert yours("BertLayer") is EXERCISES["BertLayer"].library()
    assert "does not pass any more" in capsys.readouterr().out


@pytest.mark.parametrize("number", range(4))
def test_features_heads_and_plans_that_pass_are_used_and_learn_as_the_librarys_do(number):
    hers, calls = {name: cell(ANSWERS[name].RIGHT[number])[name] for name in ("pair_features", "Head", "epoch_plan")}, []
    counted = hers | {"epoch_plan": lambda *given: calls.append(given[1]) or hers["epoch_plan"](*given)}
    few = dict.fromkeys(("sst", "qqp", "sts"), 24)
    config = system("P1", "tiny", limit=few, dev_limit=few, epochs=2)
    made, plain = prepare(config, yours=counted), prepare(config)
    assert calls == ["round_robin"] * 2 and made.model.compare is hers["pair_features"]
    assert all(type(head) is hers["Head"] for head in made.model.heads.values())
    for one in (made, plain):
        torch.manual_seed(0)
        one.trainer.run()
    losses = [[epoch["train"][f"loss {task}"] for epoch in one.trainer.history for task in few] for one in (made, plain)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
