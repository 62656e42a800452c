"""The analysis, against counting by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minbert_lib.errors import MinbertError
from minbert_lib.lab import analysis, published, records
from minbert_lib.lab.figures import explorer
from minbert_lib.workbook import widgets

classes = st.integers(0, 4)
rows = st.lists(st.tuples(classes, classes), min_size=1, max_size=60)


@given(rows)
def test_confusion_and_what_follows_from_it(pairs):
    predicted, labels = np.array(pairs).T
    counts = analysis.confusion(predicted, labels, 5)
    assert all(counts[t, p] == pairs.count((p, t)) for t in range(5) for p in range(5))
    table = analysis.per_class(counts)
    for k in range(5):
        true, said = [p for p, t in pairs if t == k], [t for p, t in pairs if p == k]
        assert table.recall[k] == pytest.approx(true.count(k) / len(true) if true else np.nan, nan_ok=True)
        assert table.precision[k] == pytest.approx(said.count(k) / len(said) if said else np.nan, nan_ok=True)
        if table.recall[k] > 0:
            harmonic = 2 / (1 / table.recall[k] + 1 / table.precision[k])
            assert table.f1[k] == pytest.approx(harmonic)
    off = analysis.distances(counts)
    assert off.n.tolist() == [sum(abs(p - t) == d for p, t in pairs) for d in range(5)]
    assert off.share.sum() == pytest.approx(1)
    near = analysis.neighbour_share(counts)
    for k in range(5):
        wrong = [abs(p - t) for p, t in pairs if t == k and p != t]
        assert near[k] == pytest.approx(wrong.count(1) / len(wrong) if wrong else np.nan, nan_ok=True)


def test_classes_out_of_range_are_told():
    with pytest.raises(MinbertError, match="labels are not classes from 0 to 4"):
        analysis.confusion([1], [5], 5)
    with pytest.raises(MinbertError, match="one length"):
        analysis.confusion([1], [1, 2], 5)


def test_smartcs_precision_and_recall_belong_to_one_matrix():
    """Its Figure 9 gives recall and precision: with the class sizes these fix how often each class was predicted."""
    figure = published.table("smartcs_fig9_classes")
    sizes = np.array([139, 289, 229, 279, 165])
    predicted = figure.recall * sizes / figure.precision
    assert predicted.sum() == pytest.approx(1101, rel=0.005)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50), st.integers(1, 12))
def test_calibration_of_a_yes_or_no(pairs, bins):
    probabilities, labels = np.array([p for p, _ in pairs]), np.array([y for _, y in pairs], dtype=int)
    table = analysis.calibration(probabilities, labels, bins)
    error = 0.0
    for k in range(bins):
        inside = []
        for p, y in pairs:
            sure, right = (p, y) if p > 0.5 else (1 - p, not y)
            if k == max(0, int(np.ceil(sure * bins)) - 1):
                inside.append((sure, right))
        row = table[table.bin == k]
        assert len(row) == bool(inside)
        if inside:
            sure, right = np.mean(inside, axis=0)
            assert (row.n.item(), row.accuracy.item()) == (len(inside), pytest.approx(right))
            assert row.confidence.item() == pytest.approx(sure)
            error += len(inside) / len(pairs) * abs(right - sure)
    assert analysis.calibration_error(probabilities, labels, bins) == pytest.approx(error)


def test_a_model_that_draws_its_labels_is_calibrated():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(5), 20_000)
    labels = (probabilities.cumsum(1) > rng.random((20_000, 1))).argmax(1)
    assert analysis.calibration_error(probabilities, labels) < 0.02
    sharpened = probabilities**4 / (probabilities**4).sum(1, keepdims=True)
    assert analysis.calibration_error(sharpened, labels) > 0.2


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=60), st.integers(1, 6))
def test_bins_hold_every_example_once_and_do_not_overlap(pairs, bins):
    values, right = np.array(pairs).T
    table = analysis.by_bins(values, right, bins)
    assert table.n.sum() == len(pairs) and len(table) <= bins
    assert (table.low.to_numpy()[1:] > table.high.to_numpy()[:-1]).all()
    for _, row in table.iterrows():
        inside = right[(values >= row.low) & (values <= row.high)]
        assert (row.n, row["mean"]) == (len(inside), pytest.approx(inside.mean()))
        assert row.mean_low <= row["mean"] + 1e-12 and row["mean"] <= row.mean_high + 1e-12


def test_bins_of_something_other_than_right_and_wrong():
    table = analysis.by_bins([1, 2, 3, 4], [0.5, 1.5, 2.5, 3.5], bins=2)
    assert table["mean"].tolist() == [1, 3] and "mean_low" not in table


def test_word_overlap():
    assert analysis.words(" It 's `` new '' -- THE end .") == ["it", "s", "new", "the", "end"]
    assert analysis.word_overlap("How can I live?", "how can we live") == pytest.approx(3 / 5)
    assert (analysis.word_overlap("a b", "b a"), analysis.word_overlap("a", "b")) == (1, 0)
    assert analysis.word_overlap("", "...") == 1


def test_worst_cases_come_worst_first_and_only_wrong_ones():
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]])
    assert analysis.worst_cases(probabilities, [1, 1, 0, 1], "sst").tolist() == [0, 3, 2]
    assert analysis.worst_cases([0.9, 0.1, 0.6], [0, 1, 1], "qqp").tolist() == [0, 1]
    assert analysis.worst_cases([1.0, 4.0, 2.5], [1.0, 1.0, 3.0], "sts").tolist() == [1, 2]
    assert analysis.worst_cases([1.0, 4.0, 2.5], [5.0, 1.0, 3.0], "sts", most=1).tolist() == [0]


# ---- the picker of notebook 11


def test_every_kind_of_committed_run_has_all_its_views(repo, empty_home):
    """Runs that were scored on the same rows have the same views; one of each kind is drawn, sentences here or not."""
    kinds = {}
    for record in records.load_all([repo / "data/runs"]):
        rows = {name: about["rows"] for name, about in record.get("data", {}).items() if name.startswith("dev/")}
        kinds.setdefault((record["config"]["scale"], str(rows), records.has_predictions(record)), record)
    assert len(kinds) > 5
    for (*_, predicted), record in kinds.items():
        there = explorer.views(record)
        assert bool(there) == predicted
        for task in explorer.scored_on(record) if predicted else ():
            wanted = ["true and predicted"] if task == "sts" else ["what was taken for what", "recall and precision", "how sure"]
            wanted += ["by length", "worst cases"] + ["by shared words"] * (task in ("qqp", "sts"))
            assert {f"{explorer.TASKS[task].title}: {view}" for view in wanted} <= set(there)
        for draw in there.values():
            assert draw().axes


def test_a_list_follows_the_controls_before_it(monkeypatch):
    from matplotlib.figure import Figure

    monkeypatch.setattr(widgets, "in_notebook", lambda: True)
    seen, lists = [], {"one": ["a", "b"], "two": ["b", "c"], "three": ["d"]}

    def draw(run, view):
        seen.append((run, view))
        figure = Figure(figsize=(1, 1))
        figure.subplots()
        return figure

    run, view = widgets.explore(draw, alt="invented", run=list(lists), view=lambda run: lists[run]).children[0].children
    view.value, run.value = "b", "two"
    run.value = "three"
    assert view.options == ("d",)
    run.value = "one"
    assert seen == [
        ("one", "a"),
        ("one", "b"),
        ("two", "b"),
        ("three", "d"),
        ("one", "a"),
    ]  # kept where it can be; one picture a move
