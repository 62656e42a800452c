"""What SMART's forms do to a model, and what they cost: twins are as large as attacks, the public form is its own random start, counts are counts."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from minbert_lib.lab import effect, measured, price, records, system
from minbert_lib.lab.build import prepare
from minbert_lib.lab.figures import smart as pictures
from minbert_lib.lab.systems import FELT_SMART
from minbert_lib.model import fast


@pytest.fixture(scope="module")
def ground():
    made = prepare(system("C2", "tiny", limit={"sst": 64}, dev_limit={"sst": 64}, precision="float32"))
    with torch.no_grad():
        made.model.heads["sst"][-1].weight.mul_(20)  # a head that has an opinion
    return made.model.eval(), effect.batches_of(made.dev["sst"], 64)


def test_batches_hold_every_sentence_once(ground):
    index = torch.cat([batch.index for batch in ground[1]])
    assert sorted(index.tolist()) == list(range(64))


@pytest.mark.parametrize("form", [1e-3, 1e-1])
def test_a_twin_is_as_large_as_its_attack_and_weaker(ground, form):
    attack, noise = (effect.measure(*ground, **effect.options(form, ascent)) for ascent in (True, False))
    assert attack["linf"] == pytest.approx(form) == noise["linf"]
    assert attack["relative"] <= noise["relative"] <= 1.2 * attack["relative"]  # what is tested is no larger than its control
    assert attack["penalty"] > 5 * noise["penalty"] and attack["cosine_gradient"] > 0.4


def test_the_public_form_is_its_random_start(ground):
    attack, noise = (effect.measure(*ground, **effect.options(effect.PUBLIC, ascent)) for ascent in (True, False))
    assert attack["cosine_start"] > 0.95 and attack["linf"] > 0.2
    assert attack["penalty"] == pytest.approx(noise["penalty"], rel=0.02)


def test_switches_without_noise_and_precision(ground):
    model, batches = ground
    found = effect.switched(model, batches[0])
    assert found["reduction=sum"]["length"] == pytest.approx(len(batches[0]), rel=1e-3)
    assert found["perturb_padding=True"] == pytest.approx({"cosine": 1.0, "length": 1.0}, rel=1e-4)
    still = effect.without_noise(model, batches[:1])
    assert still["dropout"] > 1e-4 and still["embedded twice"] > 0 and not model.training
    assert effect.in_16_bits(model, batches[0], (1e-2,))["float32"]["0.01"] > 0.99


@pytest.mark.parametrize("scale", ["mini", "tiny"])
def test_the_record_holds_what_the_figure_draws(scale):
    found = measured.recorded(f"effect/{scale}")
    assert {(row["form"], row["ascent"]) for row in found["forms"]} == {
        (f, a) for f in (*effect.SIZES, effect.PUBLIC) for a in (True, False)
    }
    assert pictures.detective(found).axes


@pytest.mark.parametrize("dropout", [False, True])
def test_a_way_multiplies_as_often_as_its_units_say(dropout, monkeypatch):
    monkeypatch.setattr(fast, "onednn_is_faster", lambda: False)  # PyTorch's counter knows PyTorch's own products alone
    trainer, penalties = price.ground("tiny", dropout, batch_size=8, length=12)
    done = {}
    for way in penalties:
        trainer.smart, trainer.bregman = penalties[way]
        with FlopCounterMode(display=False) as counter:
            trainer.update(("sst",))
        done[way] = counter.get_total_flops()
    units = {way: units / 3 for way, (*_, units) in price.ways(dropout).items()}
    assert {way: count / done["plain"] for way, count in done.items()} == pytest.approx(
        units, rel=0.02
    )  # a constant x̃ spares three products


def test_a_price_has_time_and_memory_beside_its_count():
    rows = {row["way"]: row for row in price.measure("tiny", rounds=2, dropout=True, batch_size=8, length=12)}
    assert list(rows) == list(price.WITH_DROPOUT) and rows["plain"]["measured"] == 1
    assert all(row["low"] <= row["measured"] <= row["high"] for row in rows.values())
    held = {way: row["kept_mb"] / rows["plain"]["kept_mb"] for way, row in rows.items()}
    assert held["the task's own masks"] == pytest.approx(2, rel=0.05) and 2.5 < held["SMART, K = 1"] < 3


def test_scores_stand_beside_every_price(monkeypatch):
    config = system("W-smart", "mini", limit={"sst": 2136}).to_dict()
    run = lambda seed, **changes: {
        "name": "W-smart", "key": f"{seed}{changes}", "config": {**config, "seed": seed, **changes}, "scores": {"sst": 0.4 + seed / 100},
        "data": {"train/sst": {"rows": 2136, "file": "", "sha256": ""}},
    }  # fmt: skip
    cheap = {**FELT_SMART, "direction": "clean"}
    runs = [run(0, smart=0.0), run(0), run(2), run(1, smart_options=cheap), run(9, limit={})]
    monkeypatch.setattr(records, "load_all", lambda where=None, scale=None, name=None: runs)
    found = pictures.scores_by_way()
    assert list(found) == list(price.WITH_DROPOUT)
    one, ten = "SST, λ = 1", "SST, λ = 10"
    assert found["plain"] == {one: "0.400 (1)", ten: "0.400 (1)"}  # without SMART its weight is nothing
    assert found["SMART, K = 1"] == {one: "0.410 ± 0.014 (2)", ten: "not recorded yet"}  # not the one that read all of SST
    assert found["direction from the clean pass"][one] == "0.410 (1)"
    assert (
        found["random noise"][one] == "not recorded yet" and found["the task's own masks"][one] == "–"
    )  # no row of ours runs it
    monkeypatch.setattr(records, "load_all", lambda where=None, scale=None, name=None: [])
    assert {score for scores in pictures.scores_by_way().values() for score in scores.values()} == {"not recorded yet", "–"}


def test_each_group_of_other_runs_has_its_own_words(monkeypatch):
    run = lambda key, rows, epochs, seed=0: {
        "name": "S8", "key": key, "config": {"smart": 1.0, "epochs": epochs, "seed": seed}, "data": {"train/sst": {"rows": rows}},
    }  # fmt: skip
    more = [run("a", 8544, 3), run("b", 8544, 10), run("c", 8544, 3, 1), run("d", 2136, 3)]
    monkeypatch.setattr(records, "load_all", lambda where=None, scale=None, name=None: more)
    found = pictures._beside([more[-1]], {1.0: 0}, "mini")
    assert {label: [run["key"] for run in runs] for label, runs in found.items()} == {
        "8,544 sentences, 3 epochs, 2 seeds": ["a", "c"],
        "8,544 sentences, 10 epochs, 1 seed": ["b"],
    }
