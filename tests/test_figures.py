"""Every figure: drawn from records, told without them, the same bytes twice, and committed as its records give it."""

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fake_runs import facts, fake
from matplotlib.figure import Figure
from PIL import Image

from minbert_lib import cli
from minbert_lib.errors import MinbertError
from minbert_lib.lab import figures, published, records, sweep, system
from minbert_lib.lab.figures import (
    analysis,
    architectures,
    claims,
    diagrams,
    explorer,
    index,
    pretraining,
    reports,
    smart,
    sweeps,
    tasks,
    vary,
)
from minbert_lib.lab.systems import LADDER, SWEEPS, SYSTEMS

REPO = Path(__file__).resolve().parents[1]
ROOMS = (sweeps, analysis, reports, claims, smart, tasks, architectures, pretraining)
WITHOUT_RUNS = ("05_1", "05_2", "06_1", "06_2", "07_2", "09_1")  # arithmetic, drawings: no run is involved
OURS = {name: draw for room in ROOMS for name, draw in room.FIGURES.items() if name[:4] not in WITHOUT_RUNS}
ALONE = tuple(claims.FIGURES)  # drawn from published numbers only, whatever is recorded
COMPARED = (
    tasks.EPOCHS,
    architectures.SHARING,
    architectures.PAIRS,
    architectures.POOLING,
    architectures.HEADS,
    architectures.SAMPLING,
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A MINBERT_HOME in which every row of the reports has runs, invented ones."""
    home = tmp_path_factory.mktemp("recorded")
    rows = {"C2", "S2", *SWEEPS, *LADDER, *reports.SBRRT, *reports.SMARTCS, *(name for names in COMPARED for name in names)}
    configs = [config for name in sorted(rows) for config in sweep.of_row(name, (0, 1), "mini")]
    configs += [
        one for seed in (0, 1) for one in (system("S5", "mini", seed), system("W-together", "mini", seed, surgery="watch"))
    ]
    for config in configs:
        fake(config, home / "runs")
    facts(home / "runs")
    return home


@pytest.fixture
def with_records(recorded, monkeypatch):
    monkeypatch.setenv("MINBERT_HOME", str(recorded))
    monkeypatch.setattr(records, "folders", lambda: [recorded / "runs"])


@pytest.fixture
def without_records(tmp_path, monkeypatch):
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path))
    monkeypatch.setattr(records, "folders", lambda: [tmp_path / "runs"])


def words(figure):
    """All text of a figure, its broken lines joined."""
    texts = [part.get_text() for part in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]
    return " ".join(" ".join(texts).split())


@pytest.mark.parametrize("name", OURS)
def test_a_figure_draws_its_records(name, with_records):
    text = words(figures.draw(name))
    assert "not recorded" not in text, text
    if name not in ALONE:
        assert "an invented model (mini)" in text  # the caption says whose runs these are


@pytest.mark.parametrize("name", [name for name in OURS if name not in ALONE])
def test_without_records_a_figure_names_the_command_that_makes_them(name, without_records):
    text = words(figures.draw(name))
    command = re.search(r"`minbert (sweep|train) (\S+) --scale mini", text)
    assert command and command[2] in SYSTEMS, text


@pytest.mark.parametrize("name", ["05_4_siamese", "05_5_siamese_alone"])
def test_a_step_that_thaws_the_encoder_changes_the_rate_too_and_the_caption_says_so(name, with_records):
    frozen, awake = (f"{system(rung, 'mini').lr:g}" for rung in ("P1", "P6"))
    assert frozen != awake
    assert f"Learning rate: {frozen} with the encoder frozen, {awake} where it learns." in words(figures.draw(name))


@pytest.mark.parametrize("name", ["08_3_head_dropout", "08_12_smartcs", "11_1_sst_confusion"])
def test_rebuilt_a_figure_is_the_same_file(name, with_records, tmp_path):
    first = [path.read_bytes() for path in figures.save(name, tmp_path / "a")]
    assert first == [path.read_bytes() for path in figures.save(name, tmp_path / "b")]


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory):
    """(folder, seconds) of `minbert figures` on the committed records; processor time."""
    folder, start = tmp_path_factory.mktemp("rebuilt"), time.process_time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "folders", lambda: [REPO / "data/runs"])
        assert cli.main(["figures", "--out", str(folder)]) == 0
    return folder, time.process_time() - start


def test_all_figures_are_rebuilt_within_a_minute_and_the_same_twice(rebuilt, tmp_path):
    """The second time by another process, with another number of threads: shared sums end in other digits."""
    folder, seconds = rebuilt
    assert seconds < 60
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{kind}" for name in figures.catalogue() for kind in ("svg", "png")
    } | {"README.md"}
    threads = "2" if os.environ.get("OMP_NUM_THREADS") == "1" else "1"
    other = os.environ | {"MINBERT_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": threads}
    command = [sys.executable, "-m", "minbert_lib", "figures", "--out", str(tmp_path / "again")]
    subprocess.run(command, env=other, cwd=REPO, check=True, capture_output=True)
    again = sorted((tmp_path / "again").iterdir())
    assert len(again) == len(list(folder.iterdir()))
    assert not [path.name for path in again if path.read_bytes() != (folder / path.name).read_bytes()]


def test_committed_figures_are_what_their_records_give(rebuilt):
    """The SVG is compared without its outlines' last digits, which may differ between machines' numerical libraries."""
    committed = [path for path in sorted((REPO / "figures").glob("*.svg")) if path.stem in figures.catalogue()]
    plain = lambda path: re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.2f}", path.read_text())
    other = [path.stem for path in committed if plain(rebuilt[0] / path.name) != plain(path)]
    assert committed and not other, f"data/runs gives other figures than those committed: `minbert figures {' '.join(other)}`"


def test_a_committed_png_is_the_picture_of_the_svg_beside_it():
    for name in figures.catalogue():
        svg, png = (REPO / f"figures/{name}.{kind}" for kind in ("svg", "png"))
        with Image.open(png) as picture:
            found = picture.info.get("Description")
        assert found == figures.described(svg.read_text(encoding="utf-8")), f"an older picture: `minbert figures {name}`"


def test_a_name_cut_short_is_completed():
    with pytest.raises(MinbertError, match="did you mean 08_1_learning_rate\\?$"):
        figures.draw("08_1")
    with pytest.raises(MinbertError, match="there are 00_1_the_path, "):
        figures.draw("the_path")


def test_every_figure_of_the_reports_has_one_here(repo):
    table = published.table("figures").fillna("")
    assert set(table["report"]) == set(published.REPORTS)
    for line in table.itertuples():
        assert set(line.rows.split()) <= {name.split("-")[0] for name in SYSTEMS}
        assert set(line.ours.split()) <= set(figures.catalogue()), f"{line.report}, {line.item}"
        assert line.ours or line.note, f"{line.report}, {line.item}: neither a figure nor a reason"
    assert (repo / "figures/README.md").read_text() == index.page(), "`minbert figures` writes figures/README.md anew"
    missing = {name for name in figures.catalogue() if not (repo / f"figures/{name}.png").is_file()}
    assert not missing, f"not drawn yet: `minbert figures {' '.join(sorted(missing))}`"


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_has_a_diagram_with_all_its_tasks(name):
    stack = diagrams.floors(SYSTEMS[name])
    assert all(0 <= x and x + wide <= len(SYSTEMS[name].tasks) for floor in stack for x, wide, _ in floor)
    assert len(stack[0]) == len(stack[-1]) == len(SYSTEMS[name].tasks)
    assert words(diagrams.drawn((name,))).count("BERT for") == (len(stack[0]) if SYSTEMS[name].own_layers == "all" else 1)


def test_a_learners_own_sweep_is_drawn_at_her_scale(without_records, tmp_path):
    for config in sweep.of_row("S4", (0,), "tiny", limit={"sst": 9}):
        fake(config, tmp_path / "runs")
    assert "an invented model (tiny): 6 runs" in words(figures.draw("08_4_hidden_dropout", scale="tiny"))
    assert "--scale mini" in words(figures.draw("08_4_hidden_dropout"))
    with pytest.raises(MinbertError, match="leave scale out"):
        figures.draw("08_14_means_recomputed", scale="tiny")


# ---- which runs belong together


def test_a_family_differs_in_its_fields_only(with_records):
    runs = vary.family("S6", ("weight_decay",), tasks=("sst",))
    decays = {run["config"]["weight_decay"] for run in runs}
    assert decays == {0.0, 1e-5, 1e-4, 1e-3, 1e-2}  # C2's runs are the point without decay
    assert len(runs) == 2 * len(decays)  # each setting and seed once
    assert len({vary.rest(run["config"], ("weight_decay",)) for run in runs}) == 1
    both = vary.family("S6", ("weight_decay",), tasks=("sst", "qqp", "sts"))
    assert {tuple(run["config"]["tasks"]) for run in both} == {("sst", "qqp", "sts")}


def test_a_row_that_was_run_with_fewer_epochs_is_shown_as_such(without_records, tmp_path):
    for config in sweep.of_row("S4", (0,), "mini", epochs=2):
        fake(config, tmp_path / "runs")
    runs = vary.family("S4", ("hidden_dropout",))
    assert len(runs) == 6 and "unlike S4: epochs = 2" in vary.told(runs, "S4", ("hidden_dropout",))
    with pytest.raises(figures.Missing, match="minbert sweep S3 --scale mini --seeds 0,1,2"):
        vary.family("S3", ("head_dropout",))


def test_systems_of_other_lengths_and_rows_are_named_in_the_caption():
    groups = {name: [{"config": system(name, "mini").to_dict()}] for name in ("B1", "M1", "M2", "M4", "P1")}
    groups["M4"][0]["config"]["limit"] = {"qqp": 9000, "sts": 9000}
    assert vary.differing({name: groups[name] for name in ("B1", "M1")}) == ""
    wanted = " Not all alike in epochs: 3, but 10 in P1; rows of QQP, rows of STS: all, but 9,000 in M4."
    assert vary.differing(groups) == wanted


def test_a_dot_is_of_one_setting(without_records, tmp_path):
    """Score beside cost averages seeds only; sharing gives each number of epochs its label; times are compared of like epochs."""
    for name in ("S10-multi", "S10-2", "M1", "M2", "M3"):
        fake(system(name, "mini"), tmp_path / "runs")
    alone = words(figures.draw("09_7_score_and_cost"))
    fake(system("S10-2", "mini", epochs=9), tmp_path / "runs")
    assert words(figures.draw("09_7_score_and_cost")) == alone and "5 runs of 5 systems" in alone
    text = words(figures.draw("09_2_sharing"))
    assert "2 own layers (3 epochs)" in text and "2 own layers (9 epochs)" in text
    fake(system("M4", "mini", limit={"qqp": 10}), tmp_path / "runs")
    text = words(figures.draw("08_13_smartcs_times"))
    assert "seeds: M1 1, M2 1, M3 1. " in text and "not recorded yet: M5, " in text
    assert 'with other rows or batches than M1: M4 (limit = {"qqp": 10}).' in text


def test_smartcs_s_hours_are_drawn(without_records):
    axes = figures.draw("08_13_smartcs_times").axes[0]
    (hours,) = (line for line in axes.lines if "hours" in line.get_label())
    named = [label.get_text() for label in axes.get_yticklabels()]
    drawn = {named[y]: x for x, y in zip(*hours.get_data(), strict=True)}
    assert len(drawn) == 9 and drawn["M8"] == pytest.approx(4.010 / 4.5) and drawn["M7+M6+M8"] == pytest.approx(5.034 / 4.5)


def test_batch_sizes_have_means_of_their_parts_and_every_seed(without_records, tmp_path):
    few = {"limit": {"qqp": 90}, "epochs": 1}
    for config in sweep.of_row("M10", (0, 1), "mini", **few):
        record = fake(config, tmp_path / "runs")
        if config.seed and len(config.tasks) == 3 and config.batch_size["qqp"] == 32:
            record["scores"] |= {"sts": None, "mean": None, "mean_norm": None}
            records.save_at(record["path"], {key: value for key, value in record.items() if key != "path"})
    figure = figures.draw("08_9_batch_sizes")
    for axes, crosses in zip(figure.axes, (0, 0, 1, 1), strict=True):
        dots, crossed = ([line for line in axes.lines if line.get_marker() == mark] for mark in "ox")
        assert sum(np.isfinite(line.get_ydata()).sum() for line in dots) == 10 - crosses
        assert sum(len(line.get_xdata()) for line in crossed) == crosses
    (diamonds,) = (line for line in figure.axes[3].lines if line.get_marker() == "D")
    assert diamonds.get_ydata()[2] == pytest.approx((0.842 + 0.478 + 1.853 / 2) / 3)  # printed as .724, the other kind of mean
    assert "10 runs, 2 seeds, 1 epoch" in words(figure) and "Crosses: no r" in words(figure)


def test_every_rate_is_drawn(without_records, tmp_path):
    wanted = [5e-5 * 1.3**step for step in range(9)]
    for lr in wanted:
        fake(system("S1", "mini", lr=lr), tmp_path / "runs")
    left, right = figures.draw("08_1_learning_rate").axes
    lines = [line for line in left.lines if line.get_label()[0] != "_"]
    assert len(left.get_legend().get_texts()) == len({line.get_color() for line in lines}) == len(wanted)
    assert {float(x) for line in right.lines if line.get_marker() == "o" for x in line.get_xdata()} == {
        records.rounded(lr) for lr in wanted
    }


def test_a_caption_claims_no_more_seeds_and_rows_than_each_point_has():
    data = lambda rows: {"train/qqp": {"rows": rows, "file": "q.csv"}}
    run = lambda lr, seed, rows=9: {"config": {"lr": lr, "seed": seed, "name": "x"}, "data": data(rows), "model": "m"}
    runs = [run(1, 0), run(1, 1), run(2, 0, 1510)]
    assert vary.seeds_of(runs, ("lr",)) == vary.seeds_of(runs) == "1 to 2 seeds a point"
    assert vary.seeds_of(runs, ()) == "2 seeds" and vary.seeds_of(runs[2:]) == "1 seed"
    assert vary.data_note(runs) == " QQP: 9 to 1,510 training rows of q.csv." and vary.data_note([{"data": {}}]) == ""


def test_a_run_without_r_is_a_cross_at_the_foot_of_its_panel():
    runs = [{"config": {"lr": lr}, "scores": {"sts": score}} for lr, score in ((1e-5, 0.8), (1e-5, 0.7), (1e-4, None))]
    axes = Figure().subplots()
    vary.panel(axes, runs[:2], "lr", vary.dev_score("sts"))
    assert "no r" not in str(axes.get_legend_handles_labels())
    vary.panel(axes, runs, "lr", vary.dev_score("sts"))
    (cross,) = (line for line in axes.lines if "no r" in line.get_label())
    assert list(cross.get_xdata()) == [1e-4]


def test_rates_of_a_sweep_follow_the_scale():
    rates = lambda scale: sorted({config.lr for config in sweep.of_row("S1", scale=scale)})
    assert rates("base") == [5e-6, 1e-5, 2e-5] and rates("mini") == [2.5e-5, 5e-5, 1e-4]
    assert system("S1", "mini") in sweep.of_row("S1", scale="mini")


def test_steps_alone_are_the_first_rung_with_one_change():
    below = system("P1", "mini")
    for config, name in zip(sweep.of_row("P7", scale="mini"), LADDER[1:], strict=True):
        changed = {key for key, value in config.to_dict().items() if value != below.to_dict()[key]} - {"name"}
        assert changed and all(getattr(config, key) == getattr(system(name, "mini"), key) for key in changed)


def test_facts_of_another_file_are_not_used(with_records, recorded):
    from minbert_lib.lab.facts import facts as find

    record = records.load_all(name="C2")[0]
    record["data"]["dev/sst"]["sha256"] = "another"
    with pytest.raises(MinbertError):
        find(record, "sst")
    with pytest.raises(figures.Missing, match="minbert train C2"):
        analysis.look(record, "sst")


# ---- what the widgets draw


def test_the_explorer_joins_only_runs_that_differ_in_its_axis(with_records):
    known = records.load_all(scale="mini")
    assert {"lr", "head_dropout", "weight_decay"} <= set(explorer.axes_of(known))
    for runs in explorer.families(known, "weight_decay"):
        assert len({vary.rest(run["config"], ("weight_decay",)) for run in runs}) == 1
    assert "best 1" in words(explorer.explore_runs(known, "weight_decay"))
    assert "no runs differ in lr alone" in words(explorer.explore_runs([], "lr"))


def test_the_explorer_draws_along_every_axis_of_the_course_s_own_runs(repo):
    known = records.load_all([repo / "data/runs"], "tiny")  # some settings are a number in one run and a table by task in another
    for axis in explorer.axes_of(known):
        assert axis in words(explorer.explore_runs(known, axis))


def test_the_explorer_hides_no_run_but_the_undefined_and_tells_families_apart(without_records, tmp_path):
    known = [
        fake(system("C2", "mini", seed, lr=lr, epochs=epochs), tmp_path / "runs")
        for epochs in range(1, 7) for lr in (1e-5, 1e-4) for seed in (0, 1)
    ]  # fmt: skip
    known[0]["scores"]["sst"] = None
    figure = explorer.explore_runs(known, "lr", most=4)
    assert sum(len(line.get_xdata()) for line in figure.axes[0].lines if line.get_marker() != "None") == len(known) - 1
    text = words(figure)
    assert "Left out: 1 with no sst" in text and "Grey: 7 runs of 2 other families" in text
    assert len(set(re.findall(r"C2, epochs \d \(4 runs\)", text))) == 4


def test_worst_cases_draw_any_text_as_it_is(with_records, monkeypatch):
    text = "<b>$x_{1</b> & \\frac{"  # no markup, no formula: what a data file holds is only text
    rows = type("Rows", (), {"examples": [type("Example", (), {"texts": (text,)})] * 200})
    monkeypatch.setattr(explorer.facts, "dev_rows", lambda record, task: rows)
    figure = explorer.worst(records.load_all(name="C2")[0], "sst")
    figure.savefig(io.BytesIO(), format="png")
    assert text in words(figure)
