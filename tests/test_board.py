"""The table of systems, as CSV and as a page; and records as a pandas table and as TensorBoard's files."""

import csv
import io
import sys

import pandas as pd
import pytest

from minbert_lib import cli, lab
from minbert_lib.errors import MinbertError
from minbert_lib.lab import board, records, run, system, tensorboard
from minbert_lib.lab.systems import SYSTEMS

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
