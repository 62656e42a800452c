"""Figures and picker of notebook 10: drawn from records, honest about what is missing, and right where they calculate."""

import re
import time

import numpy as np
import pytest
from fake_runs import facts, fake

from minbert_lib.lab import ensemble, figures, members, published, records, stats, system
from minbert_lib.lab.figures import ensembles, ingredients
from minbert_lib.lab.systems import SYSTEMS

FIGURES = ensembles.FIGURES | ingredients.FIGURES


def words(figure):
    texts = [part.get_text() for part in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]
    return " ".join(" ".join(texts).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("invented")
    configs = [system("C2", "mini", seed) for seed in range(6)] + [system("S8", "mini", seed) for seed in range(6)]
    configs += [system(name, "mini", seed) for name in ("S10-2", "S10-multi") for seed in (0, 1)]
    for config in (*configs, system("C1", "mini")):
        fake(config, place)
    facts(place)
    return place


@pytest.fixture
def recorded(folder, monkeypatch):
    monkeypatch.setattr(records, "folders", lambda: [folder])


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_draws_its_records_the_same_twice(name, recorded, tmp_path):
    text = words(figures.draw(name))
    assert "not recorded" not in text and "an invented model (mini)" in text
    first = [path.read_bytes() for path in figures.save(name, tmp_path / "a")]
    assert first == [path.read_bytes() for path in figures.save(name, tmp_path / "b")]


@pytest.mark.parametrize("name", FIGURES)
def test_without_records_a_figure_names_the_command(name, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "folders", lambda: [tmp_path])
    command = re.search(r"`minbert sweep (\S+) --scale mini", words(figures.draw(name)))
    assert command and command[1] in SYSTEMS


def test_the_picture_of_cost_has_every_report_and_every_way(recorded):
    text = words(figures.draw("10_4_score_and_cost"))
    assert all(report in text for report in published.REPORTS)
    assert all(way in text for way in ensembles.WAYS)
    own, _ = ensembles._own("mini")
    left = figures.draw("10_4_score_and_cost").axes[0]
    at = {(round(line.get_xdata()[0], 3), round(line.get_ydata()[0], 5)) for line in left.lines}
    assert all((round(row["parameters"] / 1e6, 3), round(row["mean"], 5)) in at for row in own.values())
    big = published.table("serbertus_table7_ensembles").iloc[-2]
    assert (2600.0, round((big.sst + big.qqp + big.sts) / 3, 5)) in at


def test_the_curve_of_further_members_agrees_with_greedy_and_ends_with_all(recorded):
    pool = ensembles.pools("mini")["sst"]
    score = ensemble.score_of("sst")
    usual, honest = ensemble.greedy_curve(pool.predictions, pool.labels, score)
    found = ensemble.greedy_ensemble(pool.predictions, pool.labels, score)
    assert tuple(usual[: len(found.path)]) == found.path
    assert usual[-1] == pytest.approx(honest[-1]) == pool.score(range(len(pool.runs)))  # all are in: nothing is chosen
    fixed = ensemble.cross_validated_greedy(pool.predictions, pool.labels, score, limit=1, cuts=1)
    assert honest[0] == pytest.approx(fixed.honest)


def test_the_picker_scores_the_team_and_every_change_of_it(recorded):
    pool = ensembles.few(ensembles.pools("mini", ("sst",))["sst"], 8)
    assert len(pool.runs) == 8 and len(set(ensembles.labels(pool.runs))) == 8
    names = {run["name"] for run in members.pool("sst", records.load_all(scale="mini")).runs}
    assert len({run["name"] for run in pool.runs}) == min(8, len(names))  # of each system its best run, and only then its others
    alone = [pool.score([i]) for i in range(8)]
    assert alone == sorted(alone, reverse=True)  # from the best to the worst
    picker = ensembles.Picker(pool)
    ticked = {name: i in (0, 3) for i, name in enumerate(picker.names)}
    figure = picker(**ticked)
    mean = np.mean([pool.predictions[0], pool.predictions[3]], axis=0)
    now = (mean.argmax(1) == pool.labels).mean()
    assert picker.history[-1] == ([0, 3], pytest.approx(now)) and f"now {now:.4f}" in words(figure)
    bars = {round(start[1]): end[0] for part in figure.axes[0].collections for start, end in part.get_segments()}
    assert bars[0] == pytest.approx(pool.score([3])) and bars[5] == pytest.approx(pool.score([0, 3, 5]))
    picker(**ticked)
    assert len(picker.history) == 1  # a redraw is no move
    assert "now" not in words(picker(**dict.fromkeys(picker.names, False)))
    picker(**ticked)
    spent = time.process_time()
    picker(**ticked)
    assert time.process_time() - spent < 0.4


def test_frozen_probes_are_no_rivals(recorded):
    pool = members.pool("sst", records.load_all(scale="mini"))
    assert {run["name"] for run in pool.runs} - {run["name"] for run in ensembles.fine_tuned(pool).runs} == {"C1"}


# ---- what each ingredient gave


def test_a_pair_is_one_switch_apart_whatever_its_runs_are_called(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "folders", lambda: [tmp_path])
    for seed in (0, 1):
        fake(system("C2", "mini", seed), tmp_path)
        fake(system("W-smart", "mini", seed), tmp_path)
        fake(system("W-smart", "mini", seed, smart=9.0), tmp_path)
    for changes in ({"seed": 2}, {"epochs": 7}, {"precision": "bfloat16"}, {"layer_decay": 0.9, "weight_decay": 0.1}):
        fake(system("W-smart", "mini", **changes), tmp_path)  # without a twin
    smart = ingredients.INGREDIENTS["SMART"]
    groups = ingredients.pairs(records.load_all(), smart)
    first, other = ingredients.speaks_first(groups, "sst", smart, "mini")
    assert [[(run["name"], run["config"]["seed"], run["config"]["smart"]) for run in pair] for pair in first] == [
        [("W-smart", seed, 1.0), ("C2", seed, 0.0)] for seed in (0, 1)
    ]
    assert [with_it["config"]["smart"] for with_it, _ in other] == [9.0, 9.0]
    assert not ingredients.pairs(records.load_all(), ingredients.INGREDIENTS["layer decay"])  # two switches apart
    assert not ingredients.speaks_first(groups, "qqp", smart, "mini")


def test_what_an_ingredient_gave_is_the_mean_over_its_seeds():
    labels = np.random.default_rng(0).integers(0, 2, 400)
    rng = np.random.default_rng(1)
    pairs = [[np.where(rng.random(400) < share, labels, 1 - labels) for share in (0.8, 0.6)] for _ in range(3)]
    one = stats.paired_over_seeds(pairs[:1], labels)
    alone = stats.paired_bootstrap(*pairs[0], labels)
    assert (one.value, one.low, one.high) == (pytest.approx(alone.difference), alone.low, alone.high)
    found = stats.paired_over_seeds(pairs, labels)
    each = [np.mean(a == labels) - np.mean(b == labels) for a, b in pairs]
    assert found.value == pytest.approx(np.mean(each))
    by_example = np.mean([(a == labels) * 1.0 - (b == labels) for a, b in pairs], axis=0)
    half = 1.96 * by_example.std() / 20
    assert [found.low, found.high] == pytest.approx([found.value - half, found.value + half], abs=0.008)
    assert found.high - found.low < one.high - one.low  # seeds average their own luck away
    scores = [[labels + rng.normal(size=400) * noise for noise in (0.5, 1)] for _ in range(2)]
    assert stats.paired_over_seeds(scores, labels, "pearson").low > 0.05
