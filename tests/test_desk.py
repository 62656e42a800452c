"""What a notebook sees of the exercises: verdicts, hints, progress, and that nothing she writes can stop it."""

import json

import pytest
from answers import adamw, attention

from minbert_lib import model
from minbert_lib.errors import MinbertError
from minbert_lib.workbook import desk, guard, keep, show
from minbert_lib.workbook.exercises import EXERCISES

NAME = "scaled_dot_product_attention"


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("MINBERT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(keep, "_used", set())
    monkeypatch.setattr(keep, "_unsaved", {})
    monkeypatch.setattr(guard, "trouble", {})
    monkeypatch.setattr(desk, "trouble", guard.trouble)
    return tmp_path / "progress.json"


@pytest.fixture
def shell():
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    guard.install(EXERCISES)
    run = lambda text: shell.run_cell(text, store_history=True, silent=False)
    assert run(
        "import math\nimport torch\nfrom torch import nn\nimport torch.nn.functional as F\nfrom minbert_lib.workbook import *"
    ).success
    yield run, shell.user_ns
    InteractiveShell.clear_instance()


CHECK = f"{NAME} = check('{NAME}')"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "def scaled_dot_product_attention(q, k, v, mask=None):\n    return (q @",
        "def scaled_dot_product_attention(q, k, v, mask=nothing):\n    1",
        "def scaled_dot_product_attention(q, k, v, mask=None):\n    raise NotImplementedError('here')",
        "def scaled_dot_product_attention(q, k, v, mask=None):\n    '''Attention.'''\n    ...",
        "def scaled_dot_product_attention(q, k, v, mask=None):\n    scores = ...\n    return scores @ v",
        "from minbert_lib.model import scaled_dot_product_attention",
    ],
)
def test_blank_is_loud_and_goes_on_with_the_library(shell, capsys, text):
    run, names = shell
    assert run(text).success
    assert run(CHECK).success
    out = capsys.readouterr().out
    assert "BLANK" in out and "REFERENCE STANDS IN" in out
    assert names[NAME] is model.scaled_dot_product_attention
    assert run(CHECK).success and names[NAME] is model.scaled_dot_product_attention  # the stand-in is never graded
    assert "Right" not in capsys.readouterr().out
    assert keep.made_with() == []


def test_wrong_then_right_then_mended_to_nonsense(shell, capsys):
    run, names = shell
    wrong = attention.BASE.replace(" / math.sqrt(q.size(-1))", "")
    assert run(wrong).success and run(CHECK).success
    assert "not divided by √d" in capsys.readouterr().out and names[NAME] is model.scaled_dot_product_attention
    assert run("BIG = -1e9\ndef hide(s, mask):\n    return s if mask is None else s.masked_fill(~mask, BIG)").success
    assert run("from minbert_lib.lab import ensemble\ns = ensemble.score_of('sst')").success  # a lambda, and a local name below
    assert run(
        "def scaled_dot_product_attention(q, k, v, mask=None):\n    s = hide(q @ k.mT / math.sqrt(q.size(-1)), mask)\n"
        "    return F.softmax(s, -1) @ v\n\nscaled_dot_product_attention(1)"
    ).success  # her own trial below fails; the answer counts
    assert run(CHECK).success
    assert "Right" in capsys.readouterr().out and names[NAME] is not model.scaled_dot_product_attention
    assert run(f"again = yours('{NAME}')").success
    assert names["again"].__code__.co_filename == f"<your {NAME}>"  # made again from what was stored, helpers and all
    assert keep.made_with() == [NAME]
    assert run("def scaled_dot_product_attention(q, k, v:\n    pass").success and run(CHECK).success
    assert "not Python yet" in capsys.readouterr().out
    assert keep.load()[NAME]["source"]  # what passed once stays hers


def test_her_own_answers_meet_in_a_later_notebook(shell):
    run, names = shell
    assert run(attention.BASE).success and run(CHECK).success
    assert run(adamw.BASE).success and run("AdamW = check('AdamW')").success
    assert run("mine, bert_needs = yours('AdamW'), yours('BertLayer')").success
    assert issubclass(names["mine"], __import__("torch").optim.Optimizer)
    assert names["bert_needs"] is model.BertLayer
    assert keep.made_with() == ["AdamW", NAME]


def test_hints_come_in_three_steps(capsys):
    for expected in (EXERCISES[NAME].equation, "Hint 2 of 3", "Hint 3 of 3", "Hint 3 of 3"):
        desk.hint(NAME)
        assert expected in (out := capsys.readouterr().out)
    assert "def scaled_dot_product_attention(q, k, v" in out


def test_progress_counts(capsys):
    space = keep.run_text(attention.BASE, "<test>", keep.namespace())
    space.update(check=desk.check)
    keep.run_text(CHECK, "<test check>", space)
    keep.run_text("AdamW = check('AdamW')", "<test check>", space)
    assert f"1 yours, 1 reference, {len(EXERCISES) - 2} to come" in str(desk.summary())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"exercises": 3}', "\x00"])
def test_a_spoilt_progress_file_is_set_aside(file, content, capsys):
    file.write_text(content)
    desk.hint(NAME)
    assert json.loads(file.read_text())["exercises"][NAME]["hints"] == 1
    assert file.with_name("progress.json.old").read_text() == content
    assert "cannot be read" in capsys.readouterr().out


def test_where_nothing_can_be_written_progress_lasts_as_long_as_the_kernel(tmp_path, monkeypatch, capsys):
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("MINBERT_PROGRESS", str(tmp_path / "a file" / "progress.json"))
    desk.hint(NAME)
    desk.hint(NAME)
    out = capsys.readouterr().out
    assert "Hint 2 of 3" in out and out.count("only while this notebook runs") == 1


def test_unknown_names_are_told():
    with pytest.raises(MinbertError, match="there is no exercise called 'atention'"):
        desk.check("atention")


def test_what_she_wrote_is_escaped_and_pictures_have_words():
    picture = show.Picture("heat", [[0.1, 0.9]], [[0.5, 0.5]], "weights <of> heads", "key", "query")
    page = show.Note("wrong", "Not yet", ["<script>alert(1)</script>"], code="a < b", picture=picture)._repr_html_()
    assert "<script>" not in page and "&lt;script&gt;" in page and "a &lt; b" in page
    assert 'alt="weights &lt;of&gt; heads: two heat maps, yours beside the expected"' in page and "data:image/png;base64," in page
    assert "color:inherit" in page  # legible in light and dark themes: the page's own text colour


def test_every_exercise_is_fully_described_and_its_notebook_says_the_same(repo):
    for name, exercise in EXERCISES.items():
        assert exercise.name == name and 1 <= exercise.difficulty <= 5 and exercise.minutes > 0 and len(exercise.hints) == 2
        assert exercise.library().__name__ == name
        (script,) = (repo / "notebooks").glob(f"{exercise.where}_*.py")
        dots = "●" * exercise.difficulty + "○" * (5 - exercise.difficulty)
        assert exercise.equation and f"{dots} · {exercise.minutes} minutes" in script.read_text(encoding="utf-8")
