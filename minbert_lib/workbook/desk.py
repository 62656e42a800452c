"""The words that a notebook uses: `check`, `hint`, `yours`, `progress`, `made_with`.

`check(name)` finds her answer by name where it was called from, judges it, shows the verdict and returns what to use from
here on: hers if right, else the library's. It never stops the notebook and never grades the library's own.
"""

import inspect
import sys

from ..errors import MinbertError
from . import keep, source
from .exercises import EXERCISES
from .guard import trouble
from .judge import SECONDS, Verdict, judge
from .keep import made_with
from .show import Note, show

__all__ = ["check", "hint", "made_with", "progress", "yours"]

_nothing = object()


def check(name, seconds=SECONDS):
    """Judge your answer to an exercise and return what to use from here on: yours if it is right, else the library's."""
    exercise, caller = _exercise(name), sys._getframe(1)
    answer = caller.f_locals.get(name, caller.f_globals.get(name, _nothing))
    verdict = verdict_on(exercise, answer, seconds)
    changes = {"state": verdict.state, "tries": keep.load().get(name, {}).get("tries", 0) + 1}
    lines = []
    if verdict.state == "right":
        keep.used(name)
        text = source.with_needs(name, [source.text_around(answer)], keep.namespace(), caller.f_globals)
        if _stands_alone(exercise, text):
            changes["source"] = text
        else:
            lines = ["It needs something from another cell that could not be kept, so later notebooks will use the library's."]
    keep.update(name, **changes)
    show(_note(exercise, verdict, lines))
    return answer if verdict.state == "right" else exercise.library()


def verdict_on(exercise, answer, seconds=SECONDS):
    """Blank where there is nothing of hers to judge; else what the check says."""
    if exercise.name in trouble:
        return Verdict("blank", trouble[exercise.name])
    if answer is _nothing or answer is None or answer is Ellipsis:
        return Verdict("blank", f"there is no {exercise.name} in this notebook yet")
    if (getattr(answer, "__module__", None) or "").startswith("minbert_lib."):
        return Verdict("blank", f"{exercise.name} is the library's own here: run the cell with yours, then this one")
    if not callable(answer):
        return Verdict("wrong", f"{exercise.name} is a {type(answer).__name__}; a function or class is wanted")
    if source.is_stub(source.definition(source.text_around(answer), exercise.name)):
        return Verdict("blank", "its cell still has the gap that you are to fill")
    return judge(exercise.check, answer, seconds)


def hint(name):
    """Show the next of three hints: the equation with a nudge, more concrete help, the library's own source."""
    exercise = _exercise(name)
    step = min(keep.load().get(name, {}).get("hints", 0) + 1, 3)
    keep.update(name, hints=step)
    if step == 3:
        show(Note("note", f"Hint 3 of 3 for {name}: how the library does it", code=inspect.getsource(exercise.library())))
    else:
        equation = [f"${exercise.equation}$"] if step == 1 else []
        show(Note("note", f"Hint {step} of 3 for {name}", [*equation, exercise.hints[step - 1]]))


def yours(name):
    """Your own passing answer from an earlier notebook, or the library's; says which."""
    exercise, kept = _exercise(name), keep.load()
    if not kept.get(name, {}).get("source"):
        show(Note("note", f"{name}: the library's own (yours, once it passes in notebook {exercise.where})"))
        return exercise.library()
    try:
        answer = keep.rebuild(name, kept)
        verdict = judge(exercise.check, answer)  # once more: it may stand on another answer of hers, changed since
        reason = "" if verdict.state == "right" else verdict.message
    except Exception as error:  # her code: anything may happen, and the notebook goes on
        reason = f"{type(error).__name__}: {error}"
    if reason:
        show(Note("note", f"{name}: the library's own, because yours does not pass any more: {reason}"))
        return exercise.library()
    keep.used(name)
    show(Note("right", f"{name}: yours, as it passed on {kept[name].get('when', 'an earlier day')}"))
    return answer


def progress():
    """The progress page: exercises done, runs made, own leaderboard."""
    from .page import page  # here, because it reads runs with all of the lab

    return page()


def summary():
    """A line for the notebook: how many exercises stand on her own answers, how many on the library's."""
    mine, reference = keep.counts(EXERCISES)
    left = len(EXERCISES) - len(mine) - len(reference)
    lines = [f"yours: {', '.join(mine)}"] if mine else []
    lines += [f"reference: {', '.join(reference)}"] if reference else []
    return Note("note", f"{len(mine)} yours, {len(reference)} reference" + (f", {left} to come" if left else ""), lines)


def _exercise(name):
    if name not in EXERCISES:
        raise MinbertError(f"there is no exercise called {name!r}; there are {', '.join(EXERCISES)}")
    return EXERCISES[name]


def _stands_alone(exercise, text):
    """Does the stored text give a right answer when it is run in a fresh place, as later notebooks will?"""
    if not text:
        return False
    kept = {**keep.load(), exercise.name: {"source": text}}
    try:
        return judge(exercise.check, keep.rebuild(exercise.name, kept)).state == "right"
    except Exception:  # whatever her code does when run alone, the answer is no
        return False


def _note(exercise, verdict, lines):
    name, lines = exercise.name, list(lines)
    if printed := " / ".join(dict.fromkeys(verdict.printed.split("\n"))).strip(" /"):
        lines.append(f"While it ran, your code printed: {printed[:300]}")
    if verdict.state == "right":
        return Note("right", f"Right: {name}, on all {verdict.cases} cases. Yours is used from here on.", lines)
    if verdict.state == "wrong":
        after = f'Until it is right, the library\'s own stands in. hint("{name}") helps.'
        return Note("wrong", f"Not yet: {name}", [verdict.message + ".", *lines, after], picture=verdict.picture)
    stands_in = "From here on the LIBRARY'S REFERENCE STANDS IN; what follows is not yet made with yours."
    return Note("blank", f"BLANK: {name}", [verdict.message + ".", stands_in, *lines])
