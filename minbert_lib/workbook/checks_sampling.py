"""Notebook 05: the plan of an epoch. Where chance has no part it is compared; where it has, it is counted over many epochs.

Notable choices: each `how` is judged by itself, so that the mistake of one is named whatever the others do.
"""

from collections import Counter

import numpy as np

from .judge import Wrong

SIZES = ({"sst": 4, "qqp": 30, "sts": 2}, {"b": 3, "a": 5}, {"sst": 6, "qqp": 6, "sts": 9})
PLANS = 60  # epochs that are counted together: enough to tell the formulas apart


def check_epoch_plan(answer):
    right = sum(_check_rounds(answer, how) for how in ("round_robin", "together", "largest_first"))
    return right + _check_shuffled(answer) + sum(_check_drawn(answer, how) for how in ("proportional", "sqrt", "annealed"))


def planned(answer, batches, how, epoch=1, epochs=1, epoch_of=None, seed=0):
    """Her plan as a list of tuples."""
    given = dict(batches)
    said = answer(given, how, np.random.default_rng(seed), epoch, epochs, epoch_of)
    if given != batches:
        raise Wrong("your code changes `batches`; the next epoch still needs it")
    if not isinstance(said, (list, tuple)):
        missing = ": is a `return` missing?" if said is None else ""
        raise Wrong(f"with how={how!r} a list of updates is wanted, not a {type(said).__name__}{missing}")
    for update in said:
        if not isinstance(update, (list, tuple)):
            raise Wrong(
                f"with how={how!r} an update is {str(update)!r}; a tuple of tasks is wanted, even for one: ({str(update)!r},)"
            )
        if unknown := [task for task in update if task not in batches]:
            raise Wrong(f"with how={how!r} an update holds {unknown[0]!r}, which is no task of {', '.join(batches)}")
    return [tuple(map(str, update)) for update in said]


def rounds_spec(batches, how, epoch, epochs, epoch_of, twist=""):
    """The plans in which nothing is left to chance."""
    tasks, usual = list(batches), max(batches.values()) if twist == "longest" else min(batches.values())
    rounds = batches[epoch_of] if epoch_of and twist != "own length" else usual
    turns = [[task for task in tasks if number < batches[task] or twist != "used up"] for number in range(rounds)]
    turns = [[task] * rounds for task in tasks] if twist == "blocks" else turns
    half = epochs // 2 if twist == "half down" else (epochs + 1) // 2
    alone = epoch > half if twist == "later" else epoch <= half
    if how == "largest_first" and twist != "never" and (alone and (epochs > 1 or twist == "single") or twist == "always"):
        largest = (min if twist == "smallest" else max)(tasks, key=batches.get)
        return [(largest,)] * {"short": rounds, "pass": batches[largest]}.get(twist, rounds * len(tasks))
    whole = (how == "together") != (twist == "other")
    return [update for turn in turns for update in ([tuple(turn)] if whole else [(task,) for task in turn])]


ROUNDS_MISTAKES = {
    "`epoch_of` has no effect; the task that it names sets the number of rounds": "own length",
    "without `epoch_of` the task with the fewest batches sets the number of rounds; yours takes the one with the most": "longest",
    "a task falls out of the rounds when its batches are used up; it begins anew, and every round holds every task": "used up",
    "all batches of one task come before those of the next; one of each in turn is wanted": "blocks",
    "a round is to be one update of all tasks when together, and one update for each task in round robin; yours is the other": "other",
    "the largest task is never alone; in the first half of the epochs it is": "never",
    "the largest task stays alone; in the second half of the epochs the tasks take turns": "always",
    "the largest task is alone in the second half of the epochs; in the first is wanted": "later",
    "half of an odd number of epochs is rounded up: of three, two belong to the largest task": "half down",
    "a single epoch would leave the other tasks out; where there is one epoch only, the tasks take turns": "single",
    "the smallest task comes first; the largest is wanted": "smallest",
    "the largest task has only as many updates as there are rounds; as many as round robin has is wanted": "short",
    "the largest task has one pass over its data; as many updates as round robin has is wanted": "pass",
}


def _check_rounds(answer, how):
    times = ((1, 1), (1, 3), (2, 3), (3, 3), (2, 4), (3, 4))
    cases = [(one, how, *time, task) for one in SIZES for task in (None, *one) for time in times]
    said = [planned(answer, *case) for case in cases]
    wanted = [rounds_spec(*case) for case in cases]
    if said == wanted:
        return len(cases)
    for message, twist in ROUNDS_MISTAKES.items():
        if said == [rounds_spec(*case, twist) for case in cases]:
            raise Wrong(f"{how}: {message}")
    got, right, case = next(three for three in zip(said, wanted, cases) if three[0] != three[1])
    called = f"{how}, batches={case[0]}, epoch {case[2]} of {case[3]}, epoch_of={case[4]!r}"
    if sorted(got) == sorted(right):
        raise Wrong(f"{called}: the right updates in another order; the tasks' own order is wanted in every round")
    raise Wrong(f"{called}: you plan {_shown(got)}; wanted is {_shown(right)}")


def _shown(plan):
    return f"{len(plan)} updates, {', '.join(map(str, plan[:4]))}" + ", …" * (len(plan) > 4)


def _many(answer, batches, how, epoch=1, epochs=1):
    """[the tasks in their order] of many epochs, all of their chance from `rng`."""
    plans = [planned(answer, batches, how, epoch, epochs, seed=seed) for seed in range(PLANS)]
    if planned(answer, batches, how, epoch, epochs, seed=0) != plans[0]:
        raise Wrong(f"{how}: two generators with one seed give two plans; all chance is to come from `rng`")
    if all(plan == plans[0] for plan in plans):
        raise Wrong(f"{how}: the order is the same in every epoch; `rng` is to change it")
    if any(len(update) != 1 for plan in plans for update in plan):
        raise Wrong(f"{how}: an update is one task here, (task,)")
    return [[task for (task,) in plan] for plan in plans]


def _check_shuffled(answer):
    for batches in SIZES:
        orders = _many(answer, batches, "shuffled")
        if wrong := [order for order in orders if Counter(order) != Counter(batches)]:
            chance = " (drawn by chance, some come twice and some never)" if len(set(map(len, orders))) == 1 else ""
            raise Wrong(f"shuffled: of batches={batches} you read {dict(Counter(wrong[0]))}; every batch once is wanted{chance}")
        if not _fair_first(orders, batches, [count / sum(batches.values()) for count in batches.values()]):
            raise Wrong("shuffled: some orders never come; put all batches in one list and shuffle that")
    return len(SIZES)


def chances_spec(batches, how, epoch=1, epochs=1, twist=""):
    """size^α over the sum of all; α is 1, ½, or goes from 1 to .2 over the epochs."""
    done = (epoch - 1) / max(epochs - 1, 1)
    done = {"late": epoch / epochs, "short": (epoch - 1) / epochs, "turned": 1 - done}.get(twist, done)
    annealed = 1 - done if twist == "to 0" else 0.2 if twist == "at once" else 1 - 0.8 * done
    alpha = {"proportional": 1.0, "sqrt": 2.0 if twist == "squared" else 0.5, "annealed": annealed}[how]
    alpha = {"even": 0.0, "size": 1.0, "inverse": -alpha}.get(twist, alpha)
    sizes = np.array(list(batches.values()), dtype=float)
    return sizes**alpha / (sizes**alpha).sum()


CHANCES_MISTAKES = {
    "all tasks are equally likely; their sizes are to have an effect": "even",
    "the chances are proportional to size; here α is smaller than 1": "size",
    "the smallest task is the likeliest: your α has the wrong sign": "inverse",
    "the sizes are squared: α = ½ is wanted": "squared",
    "α goes down to 0; to 0.2 is wanted": "to 0",
    "α is 0.2 from the start; it is to go from 1 to 0.2 over the epochs": "at once",
    "you use epoch / epochs; epochs count from 1, so (epoch - 1) / (epochs - 1)": "late",
    "α never arrives at 0.2: (epoch - 1) / (epochs - 1) is 1 in the last epoch": "short",
    "α goes the wrong way: from 1 in the first epoch to 0.2 in the last": "turned",
}


def _check_drawn(answer, how):
    times = ((1, 1), (1, 2), (2, 2), (2, 3)) if how == "annealed" else ((1, 1),)
    cases = [(one, how, *time) for one in SIZES[:2] for time in times]
    try:
        drawn = [_many(answer, *case) for case in cases]
    except ZeroDivisionError as error:
        raise Wrong(f"{how}: with one epoch you divide by zero: max(epochs - 1, 1)") from error
    for (batches, *_), orders in zip(cases, drawn):
        if {len(order) for order in orders} != {sum(batches.values())}:
            wanted = f"as many as there are batches, {sum(batches.values())}, is wanted"
            raise Wrong(f"{how}: with batches={batches} an epoch has {len(orders[0])} updates; {wanted}")
        if len({tuple(sorted(order)) for order in orders}) == 1:
            raise Wrong(f"{how}: every epoch holds the same number of each task; each update's task is to be drawn anew")
    shares = [[sum(order.count(task) for order in orders) / sum(map(len, orders)) for task in case[0]]
              for case, orders in zip(cases, drawn)]  # fmt: skip

    def fits(twist):
        return not any(
            _far(share, chance, PLANS * sum(case[0].values()))
            for case, found in zip(cases, shares)
            for share, chance in zip(found, chances_spec(*case, twist))
        )

    if fits("") and all(_fair_first(orders, case[0], chances_spec(*case)) for case, orders in zip(cases, drawn)):
        return len(cases)
    if fits(""):
        raise Wrong(f"{how}: the tasks come in blocks; each update's task is to be drawn by itself")
    for message, twist in CHANCES_MISTAKES.items():
        if fits(twist):
            raise Wrong(f"{how}: {message}")
    said = ", ".join(
        f"{task} {share:.0%} (wanted: {chance:.0%})"
        for task, share, chance in zip(cases[-1][0], shares[-1], chances_spec(*cases[-1]))
    )
    raise Wrong(f"{how}: the tasks come with other chances than the formula's: {said}")


def _fair_first(orders, tasks, chances):
    """Is an epoch's first update each task's as often as its chance says?"""
    return not any(_far(np.mean([order[0] == task for order in orders]), chance, PLANS) for task, chance in zip(tasks, chances))


def _far(share, chance, draws):
    """Is a share further from its chance than five standard deviations, which luck hardly ever is?"""
    return abs(share - chance) > 5 * np.sqrt(chance * (1 - chance) / draws) + 1e-9
