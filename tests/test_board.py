"""The table of systems, as CSV and as a page; and records as a pandas table and as TensorBoard's files."""

import csv
import io
import sys

import numpy as np
import pandas as pd
import pytest
from fake_runs import fake

from minbert_lib import cli, lab
from minbert_lib.errors import MinbertError
from minbert_lib.lab import board, cost, members, records, run, system, tensorboard
from minbert_lib.lab.systems import SYSTEMS
from minbert_lib.workbook.page import leaderboards

ROWS = [f"{report}{n}" for report, count in zip("CEBSPM", (3, 8, 5, 15, 7, 11)) for n in range(1, count + 1)]
SMALL = {"limit": {"sst": 64}, "dev_limit": {"sst": 40}, "epochs": 2, "batch_size": 8}


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """One tiny run in a MINBERT_HOME of its own."""
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(records, "folders", lambda: [records.own_folder()])
    return run(system("C2", "tiny", **SMALL), progress=False)


def test_csv_has_every_row_of_the_reports_and_counts_records(recorded, capsys):
    assert cli.main(["systems", "--csv", "--scale", "tiny"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert next(iter(lines[0])) == "row" and set(ROWS) <= {line["row"] for line in lines}
    assert [line["system"] for line in lines] == list(SYSTEMS)
    by_name = {line["system"]: line for line in lines}
    assert {name: by_name[name]["records"] for name in ("C2", "S15", "M4")} == {
        "C2": "1",
        "S15": "1",
        "M4": "0",
    }  # S15 looks at C2's
    assert float(by_name["C2"]["sst"]) == pytest.approx(recorded["scores"]["sst"], abs=1e-4)
    assert float(by_name["M1"]["published_mean_norm"]) == pytest.approx(0.7693, abs=1e-4)  # from its parts; printed as .764
    assert float(by_name["C2"]["sst_gap"]) == pytest.approx(recorded["scores"]["sst"] - 0.531, abs=1e-3)


# ---- which runs speak for a row


def invented(folder, name, seeds=(0,), rows=None, **changes):
    """Invented runs of a system at mini scale, on all rows of SST or fewer."""
    for seed in seeds:
        record = fake(system(name, "mini", seed, **changes), folder)
        if rows:
            record["data"]["train/sst"]["rows"] = rows
            records.save(record, folder)


def row_of(folder, name):
    return board.board("mini", [folder]).set_index("system").loc[name]


def test_a_swept_rows_own_score_is_that_of_the_nearest_setting(tmp_path):
    """S8's line, λ = 5, is no point of its grid: 10 is nearer than 1, and 0 is no SMART at all."""
    for weight in (0.0, 1.0, 10.0, 100.0):
        invented(tmp_path, "S8", smart=weight)
    assert row_of(tmp_path, "S8").setting == "smart=10.0"
    invented(tmp_path, "S8", smart=3.0)
    assert row_of(tmp_path, "S8").setting == "smart=3.0"
    invented(tmp_path, "S8")
    assert row_of(tmp_path, "S8").setting == ""


def test_fewer_switches_then_more_rows_then_nearer_numbers_then_more_seeds(tmp_path):
    few = {"limit": {"sst": 64}}
    invented(tmp_path, "S8", (0, 1, 2), rows=64, smart=3.0, epochs=10, **few)
    invented(tmp_path, "S8", (0,), smart=100.0, epochs=3)
    row = row_of(tmp_path, "S8")
    assert (set(row.setting.split(", ")), row.seeds) == ({"smart=100.0", "epochs=3"}, 1)
    invented(tmp_path, "S8", (0, 1), smart=100.0, epochs=2)
    assert row_of(tmp_path, "S8").seeds == 1  # 3 of 10 epochs are nearer than 2
    invented(tmp_path, "S8", (1, 2), smart=100.0, epochs=3)
    assert row_of(tmp_path, "S8").seeds == 3
    invented(tmp_path, "S8", rows=64, **few)  # the line's own λ, on fewer rows: no switch is turned
    assert row_of(tmp_path, "S8").setting == 'limit={"sst": 64}'


def test_a_run_whose_r_is_undefined_is_told_and_kept_out_of_the_mean(tmp_path):
    """One answer for all pairs has no r; a mean over the other seeds alone would hide it."""
    for seed, r in enumerate((0.1, 0.2, None)):
        record = fake(system("E1", "mini", seed), tmp_path)
        record["scores"]["sts"] = r
        records.save(record, tmp_path)
    row = row_of(tmp_path, "E1")
    assert (row.sts, row.seeds) == (pytest.approx(0.15), 3)
    assert row.setting == "r undefined in 1 of 3: one answer for all pairs"


def test_a_row_that_is_a_view_shows_the_nearest_of_what_it_looks_at_and_says_whose(tmp_path):
    assert np.isnan(row_of(tmp_path, "M11").sst) and row_of(tmp_path, "M11").source == ""
    invented(tmp_path, "S10-2", both_orders=True)
    row = row_of(tmp_path, "M11")
    assert (row.source, row.setting, row.records) == ("S10-2", "both_orders=true", 1) and row.sst > 0
    invented(tmp_path, "M1")
    assert row_of(tmp_path, "M11").source == "M1"
    invented(tmp_path, "S10-multi", (0, 1))
    view, own = row_of(tmp_path, "S12"), row_of(tmp_path, "S10-multi")
    assert (view.source, view.seeds, view.setting) == ("S10-multi", 2, "") and view["mean"] == own["mean"]
    invented(tmp_path, "S12", (0, 1, 2))
    assert row_of(tmp_path, "S12").source == "S12"
    text = board.as_text(board.board("mini", [tmp_path]))
    assert "(M1)" in next(line for line in text.splitlines() if line.split()[1:2] == ["M11"])


def test_a_view_is_no_row_of_her_leaderboard(empty_home):
    invented(records.own_folder(), "S10-multi")
    (table,) = leaderboards(records.load_all([records.own_folder()]))
    assert [line[1] for line in table.rows] == ["S10-multi"]


def test_ensembles_rows_show_the_committed_one_and_its_honest_score(repo, tmp_path):
    frame = board.board("mini", [repo / "data/runs"]).set_index("system")
    told = members.read_ensemble(repo / board.ENSEMBLE)
    for name, kind in (("S14", "dev"), ("W-folds", "cross_validated")):
        row = frame.loc[name]
        assert {task: row[task] for task in told["tasks"]} == {task: team[kind] for task, team in told["tasks"].items()}
        assert row["mean"] == told["mean"][kind] and row.records == told["models"] and board.ENSEMBLE in row.source
        assert row.parameters == told["parameters"] and row.seconds == told["seconds"]
    assert frame.loc["S14", "mean_gap"] == pytest.approx(told["mean"]["dev"] - frame.loc["S14", "published_mean"])
    assert np.isnan(row_of(tmp_path, "S14")["mean"])  # it belongs to the committed records
    assert np.isnan(board.board("base", [repo / "data/runs"]).set_index("system").loc["S14"]["mean"])


# ---- what a row costs


def test_parameters_of_what_was_never_run_are_counted(tmp_path, capsys):
    assert cli.main(["systems", "--csv", "--scale", "base"]) == 0
    rows = {line["system"]: line for line in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    millions = {name: float(row["parameters"] or "nan") / 1e6 for name, row in rows.items()}
    assert round(millions["S10-2"]) == 138 and 109 < millions["S10-multi"] < 110  # as SerBERTus prints them
    assert all(millions[name] > 109 for name in SYSTEMS if name not in board.OF_ENSEMBLE)
    assert row_of(tmp_path, "E3").parameters == cost.parameters(system("E3", "mini"), cost.shape("mini"))


def test_minutes_include_pretraining(tmp_path):
    record = fake(system("S13", "mini"), tmp_path)
    assert row_of(tmp_path, "S13").seconds == pytest.approx(record["seconds"], rel=1e-4)
    records.save(record | {"pretraining": {"of": "a", "steps": 2000, "seconds": 500.0}}, tmp_path)
    assert row_of(tmp_path, "S13").seconds == pytest.approx(record["seconds"] + 500, rel=1e-4)


def test_the_page_is_what_the_committed_records_give(repo):
    page = (repo / "SYSTEMS.md").read_text(encoding="utf-8")
    assert page == board.page(), "`minbert systems --write` brings SYSTEMS.md up to date"
    assert "](SYSTEMS.md)" in (repo / "README.md").read_text(encoding="utf-8")
    assert all(f"\n| {row} |" in page for row in ROWS)


def test_records_open_as_one_table(recorded):
    table = lab.table()
    assert isinstance(table, pd.DataFrame) and len(table) == 1
    line = table.iloc[0]
    assert (line["name"], line["seed"], line["epochs"], line["key"]) == ("C2", 0, 2, recorded["key"])
    assert line["sst"] == pytest.approx(recorded["scores"]["sst"], abs=1e-5) and line["tokens_per_second"] > 0


def test_one_flag_writes_tensorboards_files(recorded, tmp_path, capsys):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed: pip install 'minbert[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    changes = [f"--set={name}={str(value).replace(chr(39), chr(34))}" for name, value in SMALL.items()]
    command = ["train", "C2", "--scale", "tiny", *changes, "--tensorboard", str(tmp_path / "events")]
    assert cli.main(command) == 0 == cli.main(command)  # the second time replaces the first
    assert f"tensorboard --logdir {tmp_path / 'events'}" in capsys.readouterr().out
    folder = tmp_path / "events" / f"C2-{recorded['key']}"
    assert len(list(folder.iterdir())) == 1
    read = EventAccumulator(str(folder)).Reload()
    found = {(tag, event.step): event.value for tag in read.Tags()["scalars"] for event in read.Scalars(tag)}
    wanted = {(tag, step): value for tag, step, value in tensorboard.scalars(recorded)}
    assert found == pytest.approx(wanted, rel=1e-5) and len(found) > 10
    assert ("dev/score sst", recorded["epochs"][-1]["step"]) in found


def test_without_tensorboard_the_remedy_is_named_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MinbertError, match=r"pip install 'minbert\[tensorboard\]'"):
        tensorboard.writer()
    assert cli.main(["train", "C2", "--scale", "tiny", "--tensorboard", str(tmp_path / "events")]) == 2
    assert not (tmp_path / "runs").exists()
