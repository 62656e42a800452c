"""The progress page says what is recorded and nothing else; badges lead to notebooks; the first cell's words."""

import importlib.util
import json
import re
import subprocess

import pytest
from fake_runs import fake

from minbert_lib import cli, home
from minbert_lib.lab import records, system
from minbert_lib.workbook import badges, notebooks, session
from minbert_lib.workbook.exercises import EXERCISES
from minbert_lib.workbook.page import page

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def place(empty_home, tmp_path, monkeypatch):
    monkeypatch.setenv("MINBERT_PROGRESS", str(tmp_path / "progress.json"))
    return tmp_path / "progress.json"


def write(place, **entries):
    place.write_text(json.dumps({"version": 1, "exercises": entries}))


def test_nothing_yet(place):
    said = str(page())
    assert f"0 yours, 0 reference, {len(EXERCISES)} to come" in said
    assert "Your runs: none yet" in said and "leaderboard" not in said


def test_exercises_runs_and_leaderboard(place):
    solved = {"source": "x", "tries": 3, "hints": 1, "when": "2026-05-01 10:00:00"}
    write(place, AdamW=solved, Dropout={"tries": 1, "state": "wrong"})
    for name, seed in (("C1", 0), ("C1", 1), ("C2", 0)):
        fake(system(name, "tiny", seed), records.own_folder())
    said = str(page())
    assert f"1 yours, 1 reference, {len(EXERCISES) - 2} to come" in said and "Your runs: 3" in said
    (adamw,) = [line for line in said.splitlines() if " AdamW " in line]
    assert adamw.split()[-5:] == ["yours", "3", "1", "2026-05-01", "10:00:00"]
    board = said[said.index("Your leaderboard at tiny scale") :].splitlines()[2:]
    sst = [record["scores"]["sst"] for record in records.load_all([records.own_folder()], name="C1")]
    (two_seeds,) = [line for line in board if " C1 " in line]
    assert f"{sum(sst) / 2:.3f}" in two_seeds and len(board) == 2


def test_runs_with_her_own_parts_are_on_the_page_and_marked(place):
    """C2 by the library and C2 with her attention and AdamW: two runs, two lines of the leaderboard; figures read the first alone."""
    hers = ["AdamW", "scaled_dot_product_attention"]
    fake(system("C2", "tiny", 0), records.own_folder())
    fake(system("C2", "tiny", 0), records.own_folder(hers), made_with=hers)
    said = str(page())
    assert "Your runs: 2" in said and said.count("with your attention and AdamW") == 2
    assert len(said[said.index("Your leaderboard at tiny scale") :].splitlines()[2:]) == 2
    assert [record["made_with"] for record in records.load_all([records.own_folder()])] == [[]]


def test_all_of_it_is_escaped_and_a_page_can_be_written(place, tmp_path, capsys):
    write(place, AdamW={"source": "x", "tries": HOSTILE, "when": HOSTILE})
    record = fake(system("C1", "tiny", 0), records.own_folder())
    path = home.Path(record["path"])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"made": HOSTILE}))
    assert cli.main(["progress", "--out", str(tmp_path / "progress.html")]) == 0
    written = (tmp_path / "progress.html").read_text(encoding="utf-8")
    assert "<script" not in written and written.count("&lt;script&gt;") == 3 and "<caption" in written and "<th" in written
    assert cli.main(["progress"]) == 0 and "Your runs: 1" in capsys.readouterr().out


# badges


def lost_links(folder):
    """Links of a folder's README whose target is not there."""
    targets = re.findall(r"\]\(([^)\s]+)\)", (folder / "README.md").read_text(encoding="utf-8"))
    colab = [t.split("/blob/main/")[1] for t in targets if "/blob/main/" in t]
    local = [t for t in targets if "://" not in t and not t.startswith("#")]
    return [target for target in (*colab, *local) if not (folder / target).exists()]


def test_every_badge_leads_to_a_notebook():
    text = badges.table("https://github.com/someone/her-copy")
    targets = re.findall(r"colab\.research\.google\.com/github/someone/her-copy/blob/main/(notebooks/\S+?\.ipynb)\)", text)
    assert sorted(targets) == sorted(f"notebooks/{path.stem}.ipynb" for path in notebooks.scripts())
    assert all((home.repo() / target).is_file() for target in targets)
    assert lost_links(home.repo()) == []  # the README as it is


def test_badges_renews_readme_and_every_notebook(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "README.md").write_text(f"before\n{badges.BEGIN}\nold\n{badges.END}\nafter\n")
    for number in ("01", "02"):
        script = f'# %% [markdown]\n# # {number} · A\n\n# %%\nADDRESS = "https://old"  # yours\n'
        (tmp_path / f"notebooks/{number}_a.py").write_text(script, encoding="utf-8")
    monkeypatch.setattr(home, "repo", lambda: tmp_path)
    monkeypatch.setattr(badges, "repo", lambda: tmp_path)
    assert cli.main(["badges", "--address", "https://github.com/someone/her-copy.git"]) == 0
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before") and text.endswith("after\n") and "old" not in text and lost_links(tmp_path) == []
    for path in notebooks.scripts():
        assert 'ADDRESS = "https://github.com/someone/her-copy"  # yours' in path.read_text()
        assert "someone/her-copy" in path.with_suffix(".ipynb").read_text()
    assert cli.main(["badges", "--address", "ftp://nowhere"]) == 2


# the first cell


def test_missing_packages_come_without_what_they_ask_for(monkeypatch):
    """On Colab only what is missing is installed, with --no-deps: torch and numpy cannot be moved by it."""
    calls = []
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tokenizers" else real(name))
    monkeypatch.setattr(subprocess, "run", lambda command, **_: calls.append(command))
    monkeypatch.setattr(session, "on_colab", lambda: True)
    session._install_missing()
    assert calls[0][-2:] == ["--no-deps", "tokenizers"]
    monkeypatch.setattr(session, "on_colab", lambda: False)
    with pytest.raises(session.MinbertError, match="missing here: tokenizers; `make setup`"):
        session._install_missing()


def test_set_up_cells_are_one():
    """The first code cell is the same in every notebook but for its number and the names it imports."""
    seen = set()
    for path in notebooks.scripts():
        cells = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
        first = "".join(next(cell for cell in cells if cell["cell_type"] == "code")["source"])
        first = re.sub(r"from minbert_lib\.workbook import [\w, ]+", "from minbert_lib.workbook import …", first)
        seen.add(re.sub(rf'start\("{path.stem[:2]}"', 'start("NN"', first))
    assert len(seen) == 1, "\n\n".join(seen)
