"""Ensembles, against slow and obvious ways of doing the same."""

from itertools import combinations, groupby

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minbert_lib.errors import MinbertError
from minbert_lib.lab import ensemble

sst, sts = ensemble.score_of("sst"), ensemble.score_of("sts")


def some_members(seed, count=4, n=30):
    """Members that are right in different places, as probabilities over five classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, n)
    signal = np.eye(5)[labels]
    logits = 1.2 * signal + rng.normal(size=(count, n, 5))
    return list(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)), labels


def test_average_is_the_mean_of_unrounded_predictions():
    a, b = [[0.6, 0.4], [0.1, 0.9]], [[0.3, 0.7], [0.5, 0.5]]
    assert np.allclose(ensemble.average_predictions([a, b]), [[0.45, 0.55], [0.3, 0.7]])
    assert np.array_equal(ensemble.average_predictions([a]), a)


def slow_greedy(members, labels, score, replacement, limit):
    """The rule, written out: no running sums, every average taken afresh."""
    chosen, path = [], []
    for _ in range(limit):
        options = [i for i in range(len(members)) if replacement or i not in chosen]
        scored = [(score(np.mean([members[j] for j in [*chosen, i]], axis=0), labels), -i) for i in options]
        if not scored or (path and max(scored)[0] < path[-1]):
            break
        chosen.append(-max(scored)[1])
        path.append(max(scored)[0])
    return tuple(chosen), tuple(path)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.integers(1, 6))
def test_greedy_is_the_rule(seed, replacement, limit):
    members, labels = some_members(seed)
    found = ensemble.greedy_ensemble(members, labels, sst, replacement, limit)
    assert (found.chosen, found.path) == slow_greedy(members, labels, sst, replacement, limit)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_greedy_never_falls_and_never_beats_the_best_subset(seed):
    members, labels = some_members(seed)
    found = ensemble.greedy_ensemble(members, labels, sst)
    subsets = [c for size in range(1, 5) for c in combinations(range(4), size)]
    best = max(sst(ensemble.average_predictions([members[i] for i in subset]), labels) for subset in subsets)
    assert found.path[0] == max(sst(member, labels) for member in members)
    assert all(later >= earlier for earlier, later in zip(found.path, found.path[1:], strict=False))
    assert found.score <= best + 1e-12 and len(set(found.chosen)) == len(found.chosen)


def test_a_tie_is_added_and_a_loss_is_not():
    labels = np.array([0, 1])
    right, wrong = np.eye(5)[[0, 1]], np.eye(5)[[1, 0]]
    assert ensemble.greedy_ensemble([wrong, right, right], labels, sst).chosen == (1, 2, 0)  # 2 of 3 win
    assert ensemble.greedy_ensemble([3 * wrong, right], labels, sst).chosen == (1,)
    assert ensemble.greedy_ensemble([right, 3 * wrong], labels, sst, replacement=True).chosen == (0, 0)


def test_constant_predictions_come_last():
    labels = np.array([1.0, 2, 3])
    found = ensemble.greedy_ensemble([np.full(3, 2.5), labels + [0.1, 0, -0.2]], labels, sts)
    assert found.chosen[0] == 1 and not np.isnan(found.score)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 30))  # of two parts each is the other's dev
def test_no_example_is_scored_by_a_choice_it_took_part_in(seed, folds):
    """The score notes which examples it saw: a fold's choice sees all but the held-out ones, and then these are scored."""
    members, labels = some_members(seed, count=3)
    positions = np.arange(len(labels))
    seen = []

    def score(predictions, where):
        seen.append(where.tolist())
        return sst(predictions, labels[where])

    found = ensemble.cross_validated_greedy(members, positions, score, folds, seed, cuts=1)
    parts = [where for where, _ in groupby(seen) if len(where) < len(labels)]
    assert len(parts) == 2 * folds == 2 * len(found.chosen)
    for chosen_on, scored_on in zip(parts[::2], parts[1::2]):
        assert sorted(chosen_on + scored_on) == positions.tolist()
    assert sorted(i for part in parts[1::2] for i in part) == positions.tolist()


def test_teams_that_answer_on_other_scales_do_not_spoil_the_honest_score():
    """r asks for order and distance, not for scale: a fold's team may answer from 0 to 1, the next from 0 to 5."""
    rng = np.random.default_rng(0)
    labels = rng.random(90) * 5
    one = labels + rng.normal(0, 0.5, 90)
    alike = ensemble.cross_validated_greedy([one, one / 5 + 9], labels, sts, folds=3)
    assert alike.honest == pytest.approx(ensemble.cross_validated_greedy([one], labels, sts, folds=3).honest, abs=0.01)
    shifted = one + np.repeat([0, 40, 0], 30)[np.argsort(np.random.default_rng(0).permutation(90))]  # one part of three
    assert ensemble.cross_validated_greedy([shifted], labels, sts, folds=3, cuts=1).honest == pytest.approx(
        alike.honest, abs=0.01
    )


def test_the_honest_score_is_put_together_from_the_folds():
    members, labels = some_members(1)
    found = ensemble.cross_validated_greedy(members, labels, sst, folds=3, seed=2, cuts=2)
    parts = [part for seed in (2, 3) for part in np.array_split(np.random.default_rng(seed).permutation(30), 3)]
    right = []
    for held_out, chosen in zip(parts, found.chosen, strict=True):
        average = np.mean([members[i][held_out] for i in chosen], axis=0)
        right.append((average.argmax(1) == labels[held_out]).sum())
    assert found.each == pytest.approx([sum(right[:3]) / 30, sum(right[3:]) / 30])  # two ways to cut, each its own score
    assert found.honest == pytest.approx(sum(right) / 60) and found.optimism == pytest.approx(found.usual - found.honest)


def test_noise_shows_the_optimism_of_the_usual_way():
    """Members that know nothing: the usual way finds a gain over chance, the honest way finds none."""
    gains = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        labels, members = rng.integers(0, 5, 200), rng.dirichlet(np.ones(5), size=(25, 200))
        found = ensemble.cross_validated_greedy(list(members), labels, sst, seed=seed)
        gains.append([found.usual - 0.2, found.honest - 0.2])
    usual, honest = np.mean(gains, axis=0)
    assert usual > 0.06 and abs(honest) < 0.03


def test_average_weights():
    states = [{"w": torch.full((2,), float(i)), "step": torch.tensor(7)} for i in (1, 2, 6)]
    mean = ensemble.average_weights(states)
    assert mean["w"].tolist() == [3, 3] and mean["step"] == 7 and states[0]["w"].tolist() == [1, 1]
    halves = [{"w": torch.tensor([value], dtype=torch.bfloat16)} for value in (1.0, 1.0078125, 1.0078125)]
    assert ensemble.average_weights(halves)["w"].dtype == torch.bfloat16


def test_a_weight_average_of_linear_models_is_the_average_of_their_predictions():
    models = [torch.nn.Linear(4, 3) for _ in range(3)]
    merged = torch.nn.Linear(4, 3)
    merged.load_state_dict(ensemble.average_weights(model.state_dict() for model in models))
    x = torch.randn(5, 4)
    average = ensemble.average_predictions([model(x).detach().numpy() for model in models])
    assert np.allclose(merged(x).detach().numpy(), average, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ensemble.average_predictions([]), "at least one member"),
        (lambda: ensemble.greedy_ensemble([], [], sst), "at least one member"),
        (lambda: ensemble.greedy_ensemble([np.eye(5)], range(5), sst, limit=0), "a limit of 0 members"),
        (lambda: ensemble.average_predictions([[1, 2], [1, 2, 3]]), "differ in shape"),
        (lambda: ensemble.cross_validated_greedy([[1, 2]], [1, 2], sts, folds=3), "3 folds of 2 examples"),
        (lambda: ensemble.average_weights([]), "at least one state dict"),
        (lambda: ensemble.average_weights([{"a": torch.ones(1)}, {"b": torch.ones(1)}]), "same shape"),
        (lambda: ensemble.average_weights([{"n": torch.tensor(1)}, {"n": torch.tensor(2)}]), "n holds whole"),
    ],
)
def test_bad_input_is_told(call, message):
    with pytest.raises(MinbertError, match=message):
        call()
