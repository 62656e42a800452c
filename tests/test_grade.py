"""Grading submitted notebooks: found by reading, judged apart, one CSV."""

import csv
import json

import pytest
from answers import attention, average_predictions

from minbert_lib.errors import MinbertError
from minbert_lib.workbook import grade


def notebook(path, *cells):
    cells = [{"cell_type": "code", "source": text.splitlines(True), "outputs": [], "metadata": {}} for text in cells]
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": "# text"}, *cells], "nbformat": 4}))


def test_a_folder_becomes_a_csv(tmp_path):
    here = tmp_path / "submitted"
    here.mkdir()
    wrong = attention.BASE.replace(" / math.sqrt(q.size(-1))", "")
    check = "average_predictions = check('average_predictions')"
    notebook(
        here / "ada.ipynb",
        "import math\nBIG = -1e9",
        "raise SystemExit('other cells do not run')",
        attention.BASE.replace('float("-inf")', "BIG"),
        "%matplotlib inline\n" + average_predictions.BASE,
        check,
    )
    notebook(here / "bo.ipynb", wrong, "def average_predictions(predictions):\n    ...", check)
    notebook(here / "cy.ipynb", "def scaled_dot_product_attention(q, k:\n    return", check)
    notebook(
        here / "di.ipynb",
        "def scaled_dot_product_attention(q, k, v, mask=None):\n    while True:\n        try:\n            pass\n"
        "        except BaseException:\n            pass",
        "import os\ndef average_predictions(p):\n    os._exit(7)",
    )
    notebook(here / "eve.ipynb", "def average_predictions(p):\n    return bytearray(1 << 40)")
    (here / "fay.ipynb").write_text("not json")
    out = tmp_path / "grades.csv"
    rows = grade.grade(here, out, seconds_per_exercise=3)
    got = {(row["notebook"][:-6], row["exercise"]): (row["state"], row["message"]) for row in rows}
    a, m = "scaled_dot_product_attention", "average_predictions"
    assert got["ada", a][0] == got["ada", m][0] == "right", got
    assert got["bo", a][0] == "wrong" and "not divided by √d" in got["bo", a][1]
    assert got["bo", m][0] == "blank"
    assert got["cy", a][0] == "wrong" and "not Python" in got["cy", a][1]
    assert got["cy", m][0] == "missing"
    assert got["di", a][0] == "wrong" and "did not finish" in got["di", a][1], got
    assert got["di", m] == ("wrong", "the process that ran it died (status 7: without a word)"), got
    assert got["eve", m][0] == "wrong" and "MemoryError" in got["eve", m][1], got
    assert got["fay", ""][0] == "unreadable"
    with open(out, newline="") as file:
        assert list(csv.DictReader(file)) == rows
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grades.csv", "submitted"]  # nothing else left behind


def test_bad_folders_are_told(tmp_path):
    with pytest.raises(MinbertError, match="not a folder"):
        grade.grade(tmp_path / "none", tmp_path / "out.csv")
    with pytest.raises(MinbertError, match="no .ipynb"):
        grade.grade(tmp_path, tmp_path / "out.csv")
