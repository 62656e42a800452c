"""The statistics, against scipy, brute force and simulation."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from minbert_lib.errors import MinbertError
from minbert_lib.lab import stats

floats = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda value: round(value, 6))
pairs = st.lists(st.tuples(floats, floats), min_size=2, max_size=40)


@given(pairs)
def test_pearson_is_scipys(rows):
    x, y = np.array(rows).T
    assume(np.ptp(x) > 1e-3 and np.ptp(y) > 1e-3)
    assert stats.pearson(x, y) == pytest.approx(reference.pearsonr(x, y).statistic, abs=1e-6)


@given(pairs, st.floats(0.01, 100), st.floats(-100, 100))
def test_pearson_does_not_see_scale_or_shift(rows, scale, shift):
    x, y = np.array(rows).T
    assume(np.ptp(x) > 1 and np.ptp(y) > 1)
    assert stats.pearson(x * scale + shift, y) == pytest.approx(stats.pearson(x, y), abs=1e-6)
    assert stats.pearson(x, x) == pytest.approx(1) and stats.pearson(x, -x) == pytest.approx(-1)
    assert -1 <= stats.pearson(x, y) <= 1


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([0.1] * 7, range(7), "predictions are all the same"),
        (range(7), [3] * 7, "labels are all the same"),
        ([1.0], [2.0], "at least two"),
        ([1.0, float("nan")], [1, 2], "predictions are not finite"),
        ([1.0, 2.0], [1, float("inf")], "labels are not finite"),
    ],
)
def test_no_correlation_is_nan_with_a_reason(x, y, reason):
    assert np.isnan(stats.pearson(x, y))
    assert reason in stats.why_no_pearson(x, y)
    assert np.isnan(stats.bootstrap([1.0] * 5, range(5), "pearson").low)


def test_pearson_survives_huge_and_shifted_numbers():
    x, y = np.arange(5.0), np.array([1.0, 3, 2, 5, 4])
    assert stats.pearson(x * 1e200, y * 1e-200) == pytest.approx(0.8)
    assert stats.pearson(x + 1e9, y) == pytest.approx(0.8)


def test_accuracy_bootstrap_is_the_binomial():
    labels = np.zeros(1101, dtype=int)
    predictions = (np.arange(1101) >= 551).astype(int)  # 551 right
    found = stats.bootstrap(predictions, labels, resamples=40_000)
    expected = reference.binom.ppf([0.025, 0.975], 1101, 551 / 1101) / 1101
    assert [found.low, found.high] == pytest.approx(expected, abs=0.0015)
    assert found.high - found.low == pytest.approx(0.06, abs=0.003)  # the ± 3 points of every SST result


def brute_force(score, columns, resamples, seed):
    rng = np.random.default_rng(seed)
    n = len(columns[0])
    picks = (rng.integers(n, size=n) for _ in range(resamples))
    return np.array([score(*(column[pick] for column in columns)) for pick in picks])


def test_pearson_bootstrap_agrees_with_drawing_examples():
    rng = np.random.default_rng(1)
    labels = rng.uniform(0, 5, 200)
    predictions = labels + rng.normal(size=200)
    found = stats.bootstrap(predictions, labels, "pearson", resamples=8000)
    slow = brute_force(lambda x, y: reference.pearsonr(x, y).statistic, (predictions, labels), 2000, 2)
    assert [found.low, found.high] == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.006)
    assert found.value == pytest.approx(reference.pearsonr(predictions, labels).statistic)


def two_systems(n=400, seed=3):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, n)
    a = np.where(rng.random(n) < 0.55, labels, (labels + 1) % 5)
    b = np.where(rng.random(n) < 0.15, (labels + 2) % 5, a)
    return a, b, labels


def test_paired_bootstrap_agrees_with_drawing_examples():
    a, b, labels = two_systems()
    found = stats.paired_bootstrap(a, b, labels, resamples=20_000)
    slow = brute_force(lambda x, y, z: (x == z).mean() - (y == z).mean(), (a, b, labels), 4000, 4)
    assert [found.low, found.high] == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.004)
    assert found.difference == pytest.approx((a == labels).mean() - (b == labels).mean())
    scores = labels + np.random.default_rng(5).normal(size=(2, len(labels)))
    found = stats.paired_bootstrap(*scores, labels, "pearson", resamples=8000)
    slow = brute_force(lambda x, y, z: np.corrcoef(x, z)[0, 1] - np.corrcoef(y, z)[0, 1], (*scores, labels), 3000, 6)
    assert [found.low, found.high] == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.006)


def test_pairing_narrows_and_swapping_turns():
    a, b, labels = two_systems()
    found, turned = stats.paired_bootstrap(a, b, labels), stats.paired_bootstrap(b, a, labels)
    assert turned.difference == -found.difference and turned.p == pytest.approx(found.p, abs=0.01)
    separate = [stats.bootstrap(system, labels) for system in (a, b)]
    apart = np.hypot(*(interval.high - interval.low for interval in separate))
    assert found.high - found.low < 0.8 * apart


def test_the_means_interval_draws_each_task_by_itself():
    """Independent parts: the variance of a mean of three is a ninth of their sum, and r has half its weight in mean_norm."""
    rng = np.random.default_rng(0)
    labels = {"sst": rng.integers(0, 5, 400), "qqp": rng.integers(0, 2, 500), "sts": rng.random(300)}
    said = {"sst": rng.integers(0, 5, 400), "qqp": rng.integers(0, 2, 500), "sts": labels["sts"] + rng.normal(size=300)}
    metric = {"sst": "accuracy", "qqp": "accuracy", "sts": "pearson"}
    answers = {task: (said[task], labels[task], metric[task]) for task in labels}
    sd = {task: stats.resampled(*answer, resamples=20_000).std() for task, answer in answers.items()}
    found = stats.bootstrap_means(answers, resamples=20_000)
    for name, weight in (("mean", 1.0), ("mean_norm", 0.5)):
        wanted = np.sqrt(sd["sst"] ** 2 + sd["qqp"] ** 2 + (weight * sd["sts"]) ** 2) / 3
        assert (found[name].high - found[name].low) / (2 * 1.96) == pytest.approx(wanted, rel=0.03)
        assert found[name].low < found[name].value < found[name].high
    assert stats.bootstrap_means({"sst": answers["sst"]}) == {}


def test_equal_systems_and_the_smallest_p():
    a, _, labels = two_systems()
    same = stats.paired_bootstrap(a, a, labels)
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)
    best = stats.paired_bootstrap(labels, (labels + 1) % 5, labels, resamples=999)
    assert best.p == pytest.approx(0.002) and best.low == best.high == 1


def test_p_is_honest_when_nothing_differs():
    """Two systems that err equally often: p < .05 in about one of twenty cases, and in no more."""
    rng = np.random.default_rng(7)
    labels = np.zeros(300, dtype=int)
    found = []
    for seed in range(400):
        a, b = (rng.random((2, 300)) < 0.45).astype(int)
        found.append(stats.paired_bootstrap(a, b, labels, resamples=500, seed=seed).p)
    assert 0.025 < np.mean(np.array(found) < 0.05) < 0.085


def test_the_same_seed_gives_the_same_interval():
    a, b, labels = two_systems()
    assert stats.paired_bootstrap(a, b, labels, seed=1) == stats.paired_bootstrap(a, b, labels, seed=1)
    assert stats.paired_bootstrap(a, b, labels, seed=1) != stats.paired_bootstrap(a, b, labels, seed=2)


shares = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(shares, st.floats(0.5, 0.999))
def test_wilson_is_scipys(share, confidence):
    found = stats.wilson(*share, confidence)
    expected = reference.binomtest(*share).proportion_ci(confidence, method="wilson")
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high], abs=1e-9)


@given(pairs, st.floats(0.5, 0.99))
def test_fisher_is_scipys(rows, confidence):
    assume(len(rows) > 3)
    x, y = np.array(rows).T
    assume(np.ptp(x) > 1 and np.ptp(y) > 1)
    result = reference.pearsonr(x, y)
    assume(abs(result.statistic) < 0.999)
    found, expected = (
        stats.fisher(result.statistic, len(rows), confidence),
        result.confidence_interval(confidence),
    )
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high], abs=1e-6)


def power_of(n, effect, confidence):
    """Power of the two-sided t-test with n runs of each system, exactly (noncentral t)."""
    freedom, shift = 2 * n - 2, effect * np.sqrt(n / 2)
    edge = reference.t.ppf((1 + confidence) / 2, freedom)
    return reference.nct.sf(edge, freedom, shift) + reference.nct.cdf(-edge, freedom, shift)


@settings(deadline=None, max_examples=60)
@given(st.floats(0.3, 1.8), st.sampled_from([0.5, 0.8, 0.9]), st.sampled_from([0.9, 0.95, 0.99]))
def test_seeds_needed_is_the_t_tests_power(effect, power, confidence):
    n = stats.seeds_needed(1.0, effect, power, confidence)
    exact = next(k for k in range(2, 2000) if power_of(k, effect, confidence) >= power)
    assert abs(n - exact) <= 1


def test_seeds_needed_at_the_edges():
    assert stats.seeds_needed(0.004, 0.004) == 17  # half a point needs many seeds
    assert stats.seeds_needed(0, 0.01) == 2 and stats.seeds_needed(0.1, -0.1) == stats.seeds_needed(0.1, 0.1)
    with pytest.raises(MinbertError):
        stats.seeds_needed(0.1, 0)


def test_spread():
    found = stats.spread([0.50, 0.52, 0.54])
    assert (found.mean, found.sd, found.n) == pytest.approx((0.52, 0.02, 3))
    assert (found.low, found.high) == (0.50, 0.54)
    assert np.isnan(stats.spread([0.5]).sd) and "± " not in str(stats.spread([0.5]))
    with pytest.raises(MinbertError, match="no run"):
        stats.spread([])


def test_bad_input_is_told():
    with pytest.raises(MinbertError, match="one length"):
        stats.accuracy([1, 2], [1])
    with pytest.raises(MinbertError, match="no metric 'f1'"):
        stats.bootstrap([1], [1], "f1")
    with pytest.raises(MinbertError, match="not a share"):
        stats.wilson(3, 2)
    with pytest.raises(MinbertError, match="n ≥ 4"):
        stats.fisher(0.5, 3)
