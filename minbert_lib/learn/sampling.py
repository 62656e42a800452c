"""Which task is next? An epoch is a list of updates, and an update is the tasks whose batches it adds up.

Notable choices:
- The whole epoch is planned before it begins, so that it can be shown, counted and resumed.
- A `Feed` hands out one task's batches without end: every example once before any comes again, across epochs too. So a task that the
  plan visits often is read evenly, never the same first batches again.
- What an epoch is: for "round_robin", "together" and "largest_first" as many rounds as the task `epoch_of` has batches (default: the
  task with the fewest); for "shuffled" every batch of every task once; for the drawn ones as many updates as "shuffled" has.
"""

import numpy as np

from ..errors import MinbertError

SAMPLINGS = ("round_robin", "together", "shuffled", "proportional", "sqrt", "annealed", "largest_first")


def epoch_plan(batches, how, rng, epoch=1, epochs=1, epoch_of=None):
    """`batches` {task: batches in one pass} → [(task, …), …], one tuple an update. All chance is from `rng`, numpy's."""
    if how not in SAMPLINGS:
        raise MinbertError(f"there is no sampling called {how!r}: it is one of {', '.join(SAMPLINGS)}")
    tasks = list(batches)
    rounds = batches[epoch_of] if epoch_of else min(batches.values())
    if how == "together":
        return [tuple(tasks)] * rounds
    if how == "round_robin":
        return [(task,) for _ in range(rounds) for task in tasks]
    if how == "largest_first":
        largest = max(tasks, key=batches.get)
        alone = epoch <= (epochs + 1) // 2 and epochs > 1  # the first half of the epochs, rounded up, sees the largest task only
        return [(largest,)] * (rounds * len(tasks)) if alone else [(task,) for _ in range(rounds) for task in tasks]
    if how == "shuffled":
        order = rng.permutation([task for task in tasks for _ in range(batches[task])])
        return [(str(task),) for task in order]
    chances = task_chances(batches, how, epoch, epochs)
    drawn = rng.choice(len(tasks), size=sum(batches.values()), p=[chances[task] for task in tasks])
    return [(tasks[number],) for number in drawn]


def task_chances(batches, how, epoch=1, epochs=1):
    """The chance of each task, ∝ size^α: α = 1 proportional, ½ square root, and annealed from 1 to .2 over training."""
    annealed = 1 - 0.8 * (epoch - 1) / max(epochs - 1, 1)
    alpha = {"proportional": 1.0, "sqrt": 0.5, "annealed": annealed}[how]
    weights = {task: count**alpha for task, count in batches.items()}
    return {task: weight / sum(weights.values()) for task, weight in weights.items()}


class Feed:
    """Batches of one task without end. Where it stands is two numbers, so that a run resumes exactly."""

    def __init__(self, dataset, batch_size, seed, pool=50):
        self.dataset, self.batch_size, self.seed, self.pool = dataset, batch_size, seed, pool
        self.passes, self.position = 0, 0  # whole passes done, batches handed out of the present one
        self._order = None

    @property
    def batches(self):
        """How many batches one pass over the data has."""
        return -(-len(self.dataset) // self.batch_size)  # rounded up: the last one may be smaller

    def next(self):
        name = sum(map(ord, self.dataset.task))  # sst and sts share a stream: harmless, and recorded runs stand on it
        if self._order is None:
            self._order = self.dataset.epoch(self.batch_size, np.random.default_rng([self.seed, name, self.passes]), self.pool)
        index = self._order[self.position]
        batch = self.dataset.batch(index, np.random.default_rng([self.seed, name, self.passes, self.position]))
        self.position += 1
        if self.position == len(self._order):
            self.passes, self.position, self._order = self.passes + 1, 0, None
        return batch

    def state_dict(self):
        return {"passes": self.passes, "position": self.position}

    def load_state_dict(self, state):
        self.passes, self.position, self._order = state["passes"], state["position"], None
