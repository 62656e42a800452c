"""Figures and picker of notebook 10: drawn from records, honest about what is missing, and right where they calculate."""

import re
import time

import numpy as np
import pytest
from fake_runs import facts, fake

from minbert_lib.lab import ensemble, figures, members, published, records, system
from minbert_lib.lab.figures import ensembles
from minbert_lib.lab.systems import SYSTEMS


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


@pytest.mark.parametrize("name", ensembles.FIGURES)
def test_a_figure_draws_its_records_the_same_twice(name, recorded, tmp_path):
    text = words(figures.draw(name))
    assert "not recorded" not in text and "an invented model (mini)" in text
    first = [path.read_bytes() for path in figures.save(name, tmp_path / "a")]
    assert first == [path.read_bytes() for path in figures.save(name, tmp_path / "b")]


@pytest.mark.parametrize("name", ensembles.FIGURES)
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
    fixed = ensemble.cross_validated_greedy(pool.predictions, pool.labels, score, limit=1)
    assert honest[0] == pytest.approx(fixed.honest)


def test_the_picker_scores_the_team_and_every_change_of_it(recorded):
    pool = ensembles.few(ensembles.pools("mini", ("sst",))["sst"], 8)
    assert len(pool.runs) == 8 and len(set(ensembles.labels(pool.runs))) == 8
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
