"""Two processes that measure side by side, turn by turn: ours and the rivals'.

Notable choices: both go through the same program and build only the ways of their own side; a turn that belongs to the other is
waited for, and its result received. So both know all times and decide alike.
"""

import time
from functools import partial

from ..errors import MinbertError

LEAST = 3  # steps
PAUSE = 0.02  # seconds: OpenMP's threads spin for some ms after the last product, and would take them from the other's turn
RIVALS = ("hf", "plain", "textbook")


class Turns:
    """Two processes go through the same measurement side by side; what one has done, the other is told."""

    def __init__(self, other, rivals):
        self.other, self.rivals = other, rivals

    def mine(self, name):
        return name.startswith(RIVALS) == self.rivals

    def take(self, name, turn):
        """What `turn()` returns, here or there."""
        if self.mine(name):
            result = turn()
            time.sleep(PAUSE)
            self.other.send(result)
            return result
        try:
            result = self.other.recv()
        except EOFError:
            raise MinbertError("bench: the other of its two processes has ended; was there memory for both?") from None
        if isinstance(result, Exception):
            raise result
        return result


def take_turns(build, settings, steps=None):
    """({way: seconds a step in every round}, steps a round), after a warm-up.

    `build(n)` → {way: what makes its step}, over n batches.
    """
    steps, turns = steps or settings.steps, settings.turns
    ways, turn = _warm_up(build(steps), turns)
    fit = max(LEAST, int(settings.seconds / turn))  # rather one round of many batches: in few, like lengths are rare
    if fit < steps:
        steps = fit
        del ways  # before the next take their memory
        ways, _ = _warm_up(build(fit), turns)
    times, started = {name: [] for name in ways}, time.perf_counter()
    for number in range(1, settings.rounds + 1):
        spent = dict.fromkeys(ways, 0.0)
        for _ in range(steps):
            for name, step in ways.items():
                spent[name] += turns.take(name, partial(_timed, step))
        for name, value in spent.items():
            times[name].append(value / steps)
        elapsed = turns.take("own clock", lambda: time.perf_counter() - started)
        if elapsed * (number + 1) / number > settings.seconds:
            break
    return times, steps


def _warm_up(makers, turns):
    """({way: step, or None where the other process has it}, seconds of all ways' second steps); the first is the longest of all."""
    ways = {name: make() if turns.mine(name) else None for name, make in makers.items()}
    for _ in range(2):
        taken = [turns.take(name, partial(_timed, step)) for name, step in ways.items()]
    return ways, sum(taken)


def _timed(step):
    begun = time.perf_counter()
    step()
    return time.perf_counter() - begun


def standing(ways):
    """What `take_turns` builds from, where steps are there already."""
    return lambda _: {way: lambda step=step: step for way, step in ways.items()}
