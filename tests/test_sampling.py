"""What an epoch is: every sampling reads as many examples of every task as its documentation says, counted one by one."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minbert_lib.errors import MinbertError
from minbert_lib.learn.sampling import SAMPLINGS, Feed, epoch_plan, task_chances
from minbert_lib.text import Dataset

SIZES = {"sst": 37, "qqp": 211, "sts": 18}
BATCHES = {"sst": 5, "qqp": 27, "sts": 3}  # in one pass, at 8 a batch


class Numbers:
    """A dataset whose batches are the positions of their examples: enough to count who is read how often."""

    epoch = Dataset.epoch

    def __init__(self, task, size):
        self.task, self.lengths = task, np.random.default_rng(size).integers(3, 40, size)

    def __len__(self):
        return len(self.lengths)

    def batch(self, index, rng=None):
        return [int(position) for position in index]


def read(how, epochs=4, epoch_of=None, size=8, pool=50, seed=0):
    """(updates of each epoch, {task: how often each example was read}) of a whole training."""
    feeds = {task: Feed(Numbers(task, count), size, seed, pool) for task, count in SIZES.items()}
    counts = {task: Counter(dict.fromkeys(range(count), 0)) for task, count in SIZES.items()}
    lengths = []
    for epoch in range(1, epochs + 1):
        batches = {task: feed.batches for task, feed in feeds.items()}
        plan = epoch_plan(batches, how, np.random.default_rng([seed, epoch]), epoch, epochs, epoch_of)
        lengths.append(len(plan))
        for update in plan:
            for task in update:
                counts[task].update(feeds[task].next())
    return lengths, counts


@pytest.mark.parametrize("how", SAMPLINGS)
@pytest.mark.parametrize("epoch_of", [None, "sst", "qqp"])
def test_no_example_of_a_task_is_read_more_than_once_more_than_another(how, epoch_of):
    _, counts = read(how, epoch_of=epoch_of)
    for task, times in counts.items():
        assert max(times.values()) - min(times.values()) <= 1, (how, task)


@pytest.mark.parametrize("epoch_of, rounds", [(None, 3), ("sts", 3), ("sst", 5), ("qqp", 27)])
def test_rounds_are_set_by_one_task(epoch_of, rounds):
    lengths, counts = read("round_robin", 1, epoch_of)
    assert lengths == [3 * rounds]
    lengths, together = read("together", 1, epoch_of)
    assert lengths == [rounds] and together == counts  # the same examples in a third of the steps
    if epoch_of:
        assert set(counts[epoch_of].values()) == {1}  # the task that sets the length is read exactly once


def test_round_robin_reads_small_tasks_again_and_large_ones_in_part():
    _, counts = read("round_robin", 1, "qqp")
    assert counts["sts"].total() == 9 * 18 and set(counts["sts"].values()) == {9}  # 27 batches of a task that has 3
    _, counts = read("round_robin", 1, "sts")
    assert counts["qqp"].total() == 3 * 8  # the rest of QQP comes in later epochs
    _, counts = read("round_robin", 9, "sts")
    assert set(counts["qqp"].values()) == {1}  # 9 epochs of 3 batches are one pass


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("pool", [1, 2, 50])
def test_shuffled_reads_everything_exactly_once_an_epoch(epochs, pool):
    lengths, counts = read("shuffled", epochs, pool=pool)
    assert lengths == [sum(BATCHES.values())] * epochs
    assert all(set(times.values()) == {epochs} for times in counts.values())


@pytest.mark.parametrize("how", ["proportional", "sqrt", "annealed"])
def test_drawn_epochs_are_as_long_as_shuffled_ones_and_follow_the_chances(how):
    rng, epochs = np.random.default_rng(1), 4
    for epoch in range(1, epochs + 1):
        drawn = Counter()
        for _ in range(200):
            plan = epoch_plan(BATCHES, how, rng, epoch, epochs)
            assert len(plan) == sum(BATCHES.values())
            drawn.update(task for (task,) in plan)
        chances = task_chances(BATCHES, how, epoch, epochs)
        for task, chance in chances.items():
            assert drawn[task] / drawn.total() == pytest.approx(chance, abs=4 * (chance / drawn.total()) ** 0.5)


def test_chances_are_the_formulas():
    assert task_chances(BATCHES, "proportional") == pytest.approx({"sst": 5 / 35, "qqp": 27 / 35, "sts": 3 / 35})
    roots = 5**0.5 + 27**0.5 + 3**0.5
    assert task_chances(BATCHES, "sqrt")["qqp"] == pytest.approx(27**0.5 / roots)
    first, last = (task_chances(BATCHES, "annealed", epoch, 5) for epoch in (1, 5))
    assert first == pytest.approx(task_chances(BATCHES, "proportional"))  # Stickland & Murray: α from 1 to .2
    assert last["qqp"] == pytest.approx(27**0.2 / (5**0.2 + 27**0.2 + 3**0.2))
    assert task_chances(BATCHES, "annealed", 1, 1) == pytest.approx(first)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["sst", "qqp", "sts", "cfimdb"]), st.integers(1, 10**5), min_size=1),
    st.sampled_from(["proportional", "sqrt", "annealed"]),
    st.integers(1, 9),
)
def test_chances_add_up_and_larger_tasks_are_likelier(batches, how, epoch):
    chances = task_chances(batches, how, epoch, 9)
    assert sum(chances.values()) == pytest.approx(1)
    ranked = sorted(batches, key=batches.get)
    assert all(chances[a] <= chances[b] + 1e-12 for a, b in zip(ranked, ranked[1:]))


def test_largest_first_has_one_task_in_the_first_half_and_all_in_the_second():
    plans = [epoch_plan(BATCHES, "largest_first", np.random.default_rng(0), epoch, 4, "qqp") for epoch in (1, 2, 3, 4)]
    assert [{task for update in plan for task in update} for plan in plans] == [{"qqp"}] * 2 + [set(BATCHES)] * 2
    assert {len(plan) for plan in plans} == {3 * 27}  # every epoch costs the same
    only = epoch_plan(BATCHES, "largest_first", np.random.default_rng(0), 1, 1)
    assert {task for update in only for task in update} == set(BATCHES)  # a single epoch leaves no task out


def test_together_keeps_the_order_of_the_tasks():
    plan = epoch_plan({"sts": 3, "qqp": 27, "sst": 5}, "together", np.random.default_rng(0), epoch_of="sst")
    assert plan == [("sts", "qqp", "sst")] * 5


@pytest.mark.parametrize("size", [1, 7, 8, 36, 37, 38, 400])
@pytest.mark.parametrize("pool", [1, 3, 50])
def test_a_feed_knows_its_number_of_batches(size, pool):
    feed = Feed(Numbers("sst", 37), size, 0, pool)
    passes = [[feed.next() for _ in range(feed.batches)] for _ in range(3)]
    assert all(sorted(sum(one, [])) == list(range(37)) for one in passes) and feed.passes == 3
    assert all(len(batch) <= size for one in passes for batch in one)
    assert passes[0] != passes[1] or size >= 37 or pool == 50  # another order each time


@pytest.mark.parametrize("stop", [0, 3, 5, 12])
def test_a_feed_goes_on_where_it_stood(stop):
    feed, other = Feed(Numbers("sst", 37), 8, 5), Feed(Numbers("sst", 37), 8, 5)
    for _ in range(stop):
        feed.next()
    other.load_state_dict(feed.state_dict())
    assert [feed.next() for _ in range(9)] == [other.next() for _ in range(9)]


def test_plans_are_functions_of_their_generator_and_wrong_names_are_refused():
    for how in SAMPLINGS:
        plans = [epoch_plan(BATCHES, how, np.random.default_rng(seed)) for seed in (3, 3)]
        assert plans[0] == plans[1]
    with pytest.raises(MinbertError, match="round_robbin.*round_robin"):
        epoch_plan(BATCHES, "round_robbin", np.random.default_rng(0))
