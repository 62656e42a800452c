"""The submission files: to the byte, in constant memory, and whatever is done to them is noticed."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minbert_lib.errors import MinbertError
from minbert_lib.lab import submission
from minbert_lib.lab.submission import check_submission, read_submission, write_submission

characters = st.characters(codec="utf-8", exclude_characters="\n")
ids = st.text(characters, min_size=1).filter(lambda name: " , " not in name)
values = {"sst": st.integers(0, 4), "qqp": st.integers(0, 1), "sts": st.floats(0, 5)}


def rows_of(task):
    return st.lists(st.tuples(ids, values[task]), max_size=12)


def test_the_files_to_the_byte(tmp_path):
    """As the course's own code prints them: numpy classes, rounded sigmoids, plain scores."""
    write_submission(tmp_path, "sst", "dev", ["a7", "b3"], np.array([3, 0]))
    write_submission(tmp_path, "qqp", "test", ["a7", "b3"], np.array([True, False]))
    write_submission(tmp_path, "sts", "dev", ["a7", "b3"], np.array([2.5, 4.75], dtype=np.float32))
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert files == {
        "sst-dev-output.csv": b"id \t Predicted_Sentiment \na7 , 3 \nb3 , 0 \n",
        "para-test-output.csv": b"id \t Predicted_Is_Paraphrase \na7 , 1.0 \nb3 , 0.0 \n",
        "sts-dev-output.csv": b"id \t Predicted_Similiary \na7 , 2.5 \nb3 , 4.75 \n",
    }


@settings(deadline=None)
@given(st.sampled_from(["sst", "qqp", "sts"]).flatmap(lambda task: st.tuples(st.just(task), rows_of(task))))
@example(("sts", [("\r", 5e-324), (" ,", 1.0), (", ", 2.0), ("\ufeff", 0.0), ("\x85\u2028", 3.0)]))
def test_what_is_written_is_read_and_passes(tmp_path_factory, case):
    task, rows = case
    folder = tmp_path_factory.mktemp("out")
    path = write_submission(folder, task, "dev", (name for name, _ in rows), (value for _, value in rows))
    assert list(read_submission(path)) == rows
    assert check_submission(path, [name for name, _ in rows]) == []


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_damage_goes_unseen(tmp_path_factory, data):
    """Whatever bytes are cut, changed or added: a problem, or a file that still holds a class for each id."""
    names = [f"id{i}" for i in range(5)]
    path = write_submission(tmp_path_factory.mktemp("out"), "sst", "dev", names, [0, 1, 2, 3, 4])
    good = path.read_bytes()
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, min(len(good), start + 12)))
    path.write_bytes(good[:start] + data.draw(st.binary(max_size=6)) + good[stop:])
    problems = check_submission(path, names)
    if problems:
        assert all(problem.startswith(f"{path}:") and "\n" not in problem for problem in problems)
    else:
        rows = list(read_submission(path))
        assert [name for name, _ in rows] == names and all(value in range(5) for _, value in rows)


def damaged(tmp_path, change):
    path = write_submission(tmp_path, "qqp", "dev", ["a", "b", "c"], [0, 1, 1])
    path.write_text(change(path.read_text()))
    return [problem.removeprefix(f"{path}:") for problem in check_submission(path, ["a", "b", "c"])]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text, []),
        (lambda text: text.replace("Paraphrase ", "Paraphrase"), ["1: the header is"]),
        (
            lambda text: text.replace("b , 1.0 \n", ""),
            ["3: id 'c' where 'b' should", "3: the file ends after 2 rows"],
        ),
        (
            lambda text: text.replace("a , 0.0", "a: 0").replace("c ,", "d ,"),
            ["2: not '<id>", "4: id 'd' where 'c'"],
        ),
        (lambda text: text.replace("a , 0.0", "b , 0.0"), ["2: id 'b' where 'a' should be"]),
        (lambda text: text + "d , 1.0 \n", ["5: one row too many: the data has 3"]),
        (lambda text: text.replace("b , 1.0", "b , 0.7"), ["3: 0.7 is not a whole number"]),
        (lambda text: text.replace("b , 1.0", "b , 2.0"), ["3: 2.0 is not from 0 to 1"]),
        (lambda text: text.replace("b , 1.0", "b , nan"), ["3: 'nan' is not a number"]),
        (lambda text: text.replace("b , 1.0", "b , 0_1"), ["3: '0_1' is not a number"]),
        (lambda text: text.replace("b , 1.0", "b , 1e"), ["3: '1e' is not a number"]),
        (lambda text: text.replace("b , 1.0", "b,1.0"), ["3: not '<id> , <prediction> ' but"]),
        (lambda text: text[:-2], ["4: the line is cut off"]),
        (lambda text: "", ["1: the header is ''", "1: the file ends after 0 rows, 3 short"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, change, expected):
    problems = damaged(tmp_path, change)
    assert len(problems) == len(expected)
    for problem, start in zip(problems, expected, strict=True):
        assert problem.startswith(start)


def test_only_so_many_lines_are_told(tmp_path):
    path = tmp_path / "sts-dev-output.csv"
    path.write_text(submission.header("sts") + "x , 9 \n" * 500)
    assert len(check_submission(path, ["x"] * 500)) == 20


@pytest.mark.parametrize(
    ("task", "names", "predictions", "message"),
    [
        ("sst", ["a", "b"], [1], "more ids than predictions"),
        ("sst", ["a"], [1, 2], "more predictions than ids"),
        ("sst", ["a"], [5], "row 1, .*5.0 is not from 0 to 4"),
        ("qqp", ["a"], [0.7], "hand in the decision"),
        ("sts", ["a"], [float("nan")], "nan is not from 0 to 5"),
        ("sts", ["a\nb"], [1], "line break"),
        ("cfimdb", ["a"], [1], "no submission file for 'cfimdb'"),
    ],
)
def test_bad_predictions_write_nothing(tmp_path, task, names, predictions, message):
    with pytest.raises(MinbertError, match=message):
        write_submission(tmp_path, task, "dev", names, predictions)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_leaves_the_old_file(tmp_path):
    path = write_submission(tmp_path, "sst", "dev", ["a"], [1])

    def breaks():
        yield 2
        raise RuntimeError("the model fell over")

    with pytest.raises(RuntimeError):
        write_submission(tmp_path, "sst", "dev", ["a", "b"], breaks())
    assert list(tmp_path.iterdir()) == [path] and list(read_submission(path)) == [("a", 1)]


def test_names_and_absent_files_are_told(tmp_path):
    with pytest.raises(MinbertError, match="cannot read .*: No such file"):
        check_submission(tmp_path / "sst-dev-output.csv", [])
    with pytest.raises(MinbertError, match="say which task"):
        check_submission(tmp_path / "predictions.csv", [])
    with pytest.raises(MinbertError, match=r"sst-dev-output.csv:2: 'x' is not a number"):
        (tmp_path / "sst-dev-output.csv").write_text(submission.header("sst") + "a , x \n")
        list(read_submission(tmp_path / "sst-dev-output.csv"))


def test_a_hundred_thousand_pairs_in_constant_memory(tmp_path):
    def names():
        return (f"{i:025x}" for i in range(100_000))

    tracemalloc.start()
    path = write_submission(tmp_path, "qqp", "test", names(), (i % 2 for i in range(100_000)))
    assert check_submission(path, names()) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 3_000_000 and peak < 300_000
