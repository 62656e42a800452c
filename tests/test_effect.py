"""What SMART's forms do to a model, and what they cost: twins are as large as attacks, the public form is its own random start, counts are counts."""

import pytest
import torch

from minbert_lib.lab import effect, price, system
from minbert_lib.lab.build import prepare
from minbert_lib.lab.figures import smart as pictures


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
    found = effect.recorded(scale)
    assert {(row["form"], row["ascent"]) for row in found["forms"]} == {
        (f, a) for f in (*effect.SIZES, effect.PUBLIC) for a in (True, False)
    }
    assert pictures.detective(found).axes


def test_the_price_of_each_way():
    rows = {row["way"]: row for row in price.measure("tiny", rounds=3, batch_size=8, length=12)}
    assert rows["SMART, K = 1"]["counted"] == pytest.approx(8 / 3) and rows["plain"]["measured"] == 1
    assert 1.5 < rows["SMART, K = 1"]["measured"] < 5  # a small batch on a busy machine
    assert rows["SMART, K = 1"]["kept_mb"] == pytest.approx(2 * rows["plain"]["kept_mb"], rel=0.05)
