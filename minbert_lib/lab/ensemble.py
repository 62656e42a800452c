"""Several models' predictions made into one, and how much of the gain is luck.

A member is one recorded run's predictions for one task, unrounded: (n, classes) probabilities for sst and
cfimdb, (n,) probabilities for qqp, (n,) scores from 0 to 5 for sts. Averages are unweighted, and taken
before anything is rounded: a vote of labels throws away how sure each member was.

Notable choices: the greedy way starts from the best member and adds the one that helps most, as long as the
dev score does not fall. Choosing on dev and scoring on the same dev flatters: `cross_validated_greedy`
chooses on some folds and scores on the one left out, and says how large the flattery is. Ties go to the
earlier member, so that a choice can be repeated.
"""

from dataclasses import dataclass

import numpy as np

from ..errors import MinbertError
from ..learn.metrics import decide
from ..text.tasks import TASKS
from .stats import accuracy, pearson


def score_of(task):
    """The course's score of unrounded predictions: accuracy of the decision, or Pearson's r."""
    if TASKS[task].kind == "score":
        return pearson
    return lambda predictions, labels: accuracy(decide(predictions, task), labels)


def average_predictions(predictions):
    """The unweighted mean of several models' unrounded predictions."""
    arrays = [np.asarray(array, dtype=float) for array in predictions]
    if not arrays:
        raise MinbertError("there is nothing to average: an ensemble needs at least one member")
    if shapes := {array.shape for array in arrays} - {arrays[0].shape}:
        raise MinbertError(f"members differ in shape: {arrays[0].shape}, {shapes.pop()}; same file and task?")
    return np.mean(arrays, axis=0)


CUTS = 10  # ways to cut dev into folds, for one honest score


@dataclass(frozen=True)
class Ensemble:
    chosen: tuple[int, ...]  # positions in the list of members, in the order of choice
    path: tuple[float, ...]  # dev score after each choice

    @property
    def score(self):
        return self.path[-1]


def greedy_ensemble(members, labels, score, replacement=False, limit=None, stop=True):
    """Start from the best member; add the one that helps most while the score does not fall.

    With `replacement` a member may be chosen again, which weights it. `limit`: members at most (all of them).
    `stop=False` goes on although the score falls, to see what comes.
    """
    members = [np.asarray(member, dtype=float) for member in members]
    total = np.zeros_like(average_predictions(members))
    limit = len(members) if limit is None else limit
    if limit < 1:
        raise MinbertError(f"a limit of {limit} members: an ensemble needs at least one")
    chosen, path = [], []
    while len(chosen) < limit:
        left = [i for i in range(len(members)) if replacement or i not in chosen]
        if not left:
            break
        scores = [_or_worst(score((total + members[i]) / (len(chosen) + 1), labels)) for i in left]
        best = int(np.argmax(scores))
        if stop and path and scores[best] < path[-1]:
            break
        chosen.append(left[best])
        path.append(scores[best])
        total = total + members[left[best]]
    return Ensemble(tuple(chosen), tuple(path))


@dataclass(frozen=True)
class Honest:
    usual: float  # chosen on all of dev and scored on all of dev
    # of every way to cut dev the mean over its parts, each scored by a team that was chosen without it
    each: tuple[float, ...]
    chosen: tuple[tuple[int, ...], ...]  # the choice of each fold

    @property
    def honest(self):
        return float(np.mean(self.each))

    @property
    def optimism(self):
        return self.usual - self.honest


def held_out_predictions(members, labels, score, dev, test):
    """Choose on the positions `dev`; predict the positions `test`, whose labels nobody looks at. → (len(test), …)"""
    chosen = greedy_ensemble([member[dev] for member in members], labels[dev], score).chosen
    return average_predictions([members[i][test] for i in chosen])


def folds_of(n, folds, seed=0):
    """[(dev, test)]: positions to choose on and the others, so that every example is once among the others."""
    if not 2 <= folds <= n:
        raise MinbertError(f"{folds} folds of {n} examples: choose from 2 to {n}")
    parts = np.array_split(np.random.default_rng(seed).permutation(n), folds)
    return [(np.setdiff1d(np.arange(n), part), part) for part in parts]


def cross_validated_greedy(members, labels, score, folds=5, seed=0, cuts=CUTS, **options):
    """Greedy choice, scored on parts of dev that had no part in it. `options` are greedy_ensemble's.

    A little severe, as each choice sees only (folds − 1) / folds of dev; the usual score flatters by more. Every part is scored by
    itself: two teams may answer on two scales, which r does not mind within a part and would mind across them. One way to cut dev
    into parts may be lucky by a point, so there are `cuts` of them, the first with `seed`.
    """
    members, labels = [np.asarray(member, dtype=float) for member in members], np.asarray(labels)
    usual = greedy_ensemble(members, labels, score, **options).score
    chosen, each = [], []
    for cut in range(seed, seed + cuts):
        scores, parts = [], folds_of(len(labels), folds, cut)
        for dev, test in parts:
            chosen.append(greedy_ensemble([member[dev] for member in members], labels[dev], score, **options).chosen)
            scores.append(score(average_predictions([members[i][test] for i in chosen[-1]]), labels[test]))
        each.append(float(_over_parts(scores, parts)))
    return Honest(usual, tuple(each), tuple(chosen))


def greedy_curve(members, labels, score, folds=5, seed=0):
    """What every further member gives, also beyond the stop: (usual, honest) scores with 1, 2, … all members.

    `honest[k - 1]`: each part of dev is scored by the k members that were chosen first without it.
    """
    members, labels = [np.asarray(member, dtype=float) for member in members], np.asarray(labels)
    parts = folds_of(len(labels), folds, seed)
    usual = greedy_ensemble(members, labels, score, stop=False).path
    scores = []
    for dev, test in parts:
        order = greedy_ensemble([member[dev] for member in members], labels[dev], score, stop=False).chosen
        total = np.cumsum([members[i][test] for i in order], axis=0)  # (members, part, …)
        scores.append([score(first / k, labels[test]) for k, first in enumerate(total, start=1)])
    return np.array(usual), _over_parts(scores, parts)


def _over_parts(scores, parts):
    """The mean over parts of dev, by their sizes."""
    return np.average(scores, axis=0, weights=[len(test) for _, test in parts])


def average_weights(state_dicts):
    """One model whose weights are the mean of several: the cheap rival, at a single model's cost.

    It makes sense only for checkpoints of one run, or of runs from one start that stayed close together.
    """
    import torch

    state_dicts = list(state_dicts)
    if not state_dicts:
        raise MinbertError("there is nothing to average: give at least one state dict")
    first = state_dicts[0]
    for other in state_dicts[1:]:
        if {k: v.shape for k, v in other.items()} != {k: v.shape for k, v in first.items()}:
            raise MinbertError("weights can be averaged only between models of the same shape and names")
    mean = {}
    for name, tensor in first.items():
        if tensor.is_floating_point():
            wide = torch.promote_types(tensor.dtype, torch.float32)  # half loses small gaps
            total = sum(state[name].to(wide) for state in state_dicts)
            mean[name] = (total / len(state_dicts)).to(tensor.dtype)
        elif all(torch.equal(tensor, state[name]) for state in state_dicts):
            mean[name] = tensor.clone()  # a counter or an index is not a weight
        else:
            raise MinbertError(f"{name} holds whole numbers that differ between models: they have no mean")
    return mean


def _or_worst(score):
    """Constant predictions have no correlation: they come last, rather than winning as nan."""
    return -np.inf if np.isnan(score) else float(score)
