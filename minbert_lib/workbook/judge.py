"""Run a learner's answer safely and say what is wrong with it, in words that help.

- A check is a function: it takes the answer, returns on how many cases it was right, or raises `Wrong(message, picture)`.
- It runs in a thread of its own, so that the time limit works in Jupyter, in a script and on Windows alike. A loop that
  does not end gets an exception from outside; her prints are caught and shown; random numbers elsewhere stay as they were.
- `compare` is how most checks work: random cases against a slow, obvious specification; where they differ, a list of
  typical mistakes is tried, and the first that gives *her* numbers on every case is named.
"""

import ctypes
import functools
import io
import linecache
import threading
import time
import traceback
from contextlib import redirect_stdout
from dataclasses import dataclass

SECONDS = 10.0  # for a whole check: correct answers take well under one


class Wrong(Exception):
    """What is wrong with an answer, for its writer; `picture` is a show.Picture or None."""

    def __init__(self, message, picture=None):
        super().__init__(message)
        self.picture = picture


class OutOfTime(BaseException):
    """Thrown into the thread of an answer that takes too long. No Exception, so that `except Exception` lets it pass."""


@dataclass
class Verdict:
    state: str  # "right", "wrong" or "blank"
    message: str = ""
    cases: int = 0
    printed: str = ""
    picture: object = None


def judge(check, answer, seconds=SECONDS):
    """The verdict on `answer`; whatever her code does, this returns."""
    _warm_up()
    found, printed = [], Beginning()
    worker = threading.Thread(target=_sheltered, args=(check, answer, found), daemon=True)
    with redirect_stdout(printed):
        worker.start()
        try:
            in_time = _finishes(worker, seconds)
        finally:
            _stop(worker)
    slow = f"it did not finish within {seconds:g} seconds: is there a loop that never ends?"
    verdict = found[0] if in_time and found else Verdict("wrong", slow)
    verdict.printed = printed.getvalue()
    return verdict


class Beginning(io.StringIO):
    """Keeps the beginning of what is printed: a loop that prints would fill the memory."""

    def write(self, text):
        super().write(text[: max(0, 10_000 - self.tell())])
        return len(text)


def _finishes(worker, seconds):
    """Wait. The limit is on the thread's own computing time where the system tells it, so that a busy machine fails nobody;
    six times as much on the wall's clock, for code that sleeps."""
    start = time.monotonic()
    while time.monotonic() - start < 6 * seconds:
        worker.join(0.05)
        if not worker.is_alive():
            return True
        try:
            spent = time.clock_gettime(time.pthread_getcpuclockid(worker.ident))
        except (AttributeError, OSError):  # not on this system, or it has just ended
            spent = time.monotonic() - start
        if spent > seconds:
            return False
    return False


@functools.cache
def _warm_up():
    """The first optimizer makes PyTorch import seconds' worth of modules; that is not her time, and must not be cut short."""
    import torch

    torch.optim.SGD([torch.zeros(1, requires_grad=True)])


def _sheltered(check, answer, found):
    try:
        _work(check, answer, found)
    except OutOfTime:  # it came while the verdict was being written
        found.append(Verdict("wrong", "it ran out of time"))


def _work(check, answer, found):
    import torch

    dtype = torch.get_default_dtype()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(20)
            found.append(Verdict("right", cases=check(answer)))
    except Wrong as wrong:
        found.append(Verdict("wrong", str(wrong), picture=wrong.picture))
    except NotImplementedError as error:
        if type(error) is NotImplementedError and not _torch_refused(error):
            found.append(Verdict("blank", "it still raises NotImplementedError"))
        else:
            found.append(Verdict("wrong", explain(error)))
    except BaseException as error:  # SystemExit and the like too: nothing that she writes may stop her notebook
        found.append(Verdict("wrong", explain(error)))
    finally:
        torch.set_default_dtype(dtype)


def _torch_refused(error):
    """PyTorch raises NotImplementedError for an operation it lacks for a dtype; that is an error, not a blank."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return not (last.line or "raise").lstrip().startswith("raise") or "/torch/" in last.filename.replace("\\", "/")


def _stop(worker):
    for _ in range(5):  # more than once: a bare `except:` inside her loop swallows the first
        if not worker.is_alive():
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(worker.ident), ctypes.py_object(OutOfTime))
        worker.join(1)


def explain(error):
    """One line for an exception that her code raised: where, what."""
    text = (str(error).strip().splitlines() or [""])[0][:240]
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not _ours(frame.filename):
            line = (linecache.getline(frame.filename, frame.lineno) or frame.line or "").strip()
            where = f"in line {frame.lineno}, `{line}`, " if line else ""
            return f"your code stopped {where}with {what}"
    return f"calling your code failed with {what}"


def _ours(filename):
    name = filename.replace("\\", "/")
    return "/minbert_lib/" in name or "/site-packages/" in name or "/lib/python3" in name or name.startswith("<frozen")


def ask(function, inputs):
    """Call `function` with the values of `inputs` (name → value, in order); an input changed in place is a mistake."""
    import torch

    before = {name: value.detach().clone() for name, value in inputs.items() if isinstance(value, torch.Tensor)}
    answer = function(*inputs.values())
    for name, value in before.items():
        if inputs[name].shape != value.shape or not torch.equal(inputs[name].detach(), value):
            raise Wrong(
                f"your code changes its input `{name}` in place; the caller still needs it: "
                f"make a new tensor (`x = x * 2`, not `x *= 2` or `x.mul_(2)`)"
            )
    return answer


def differs(got, expected, rtol=1e-5, atol=1e-6):
    """What distinguishes `got` from the tensor (or number) `expected`, in words; "" if nothing does."""
    import torch

    if got is None:
        return "it returns None: is a `return` missing?"
    if not isinstance(expected, torch.Tensor):
        return _differs_number(got, expected, rtol, atol)
    if isinstance(got, (tuple, list)):
        return f"it returns a {type(got).__name__} of {len(got)} things; one tensor of shape {tuple(expected.shape)} is wanted"
    if not isinstance(got, torch.Tensor):
        return f"it returns a {type(got).__name__}; a torch.Tensor is wanted"
    if got.shape != expected.shape:
        return f"its shape is {tuple(got.shape)}; {tuple(expected.shape)} is wanted"
    if got.dtype != expected.dtype:
        return f"its dtype is {got.dtype}; {expected.dtype}, that of the input, is wanted"
    if got.dtype.is_floating_point and not torch.isfinite(got[torch.isfinite(expected)]).all():
        return "it holds NaN or infinity where a finite number belongs"
    if not torch.allclose(got, expected, rtol=rtol, atol=atol, equal_nan=True):
        return f"the numbers differ, by up to {(got.double() - expected.double()).abs().max().item():.3g}"
    return ""


def _differs_number(got, expected, rtol, atol):
    try:
        number = float(got)
    except (TypeError, ValueError, RuntimeError):
        return f"it returns a {type(got).__name__}; one number is wanted"
    if number != number:
        return "it returns NaN"
    return "" if abs(number - expected) <= atol + rtol * abs(expected) else f"it gives {number:.6g}; {expected:.6g} is wanted"


def compare(answer, cases, spec, mistakes, picture=None, **tolerance):
    """How many of `cases` (dicts of inputs) `answer` gets right; else Wrong, with the mistake that explains all its numbers.

    mistakes: message → the `twist` with which `spec` makes this mistake, or several: ways to make it, of which each case may show
    another. picture: function(answer) → Picture or None.
    """
    answers, right, first = [], 0, ""
    for case in cases:
        try:
            got = ask(answer, case)
        except Exception:
            if first:
                break  # wrong before it crashed: what was wrong tells more than the crash
            raise
        answers.append(got)
        problem = differs(got, spec(**case), **tolerance)
        right += not problem
        first = first or (f"with {_shapes(case)} {problem}" if problem else "")
    if not _repeats(answer, cases[0], answers[0], **tolerance):
        raise Wrong("called twice with one input it gives two different answers: is something random, or kept between calls?")
    if not first:
        return len(cases)
    shown = picture(answer) if picture else None
    for message, twists in mistakes.items():
        if all(_made(got, spec, case, twists, tolerance) for got, case in zip(answers, cases)):
            raise Wrong(message, shown)
    partly = _partly(answers, cases, spec, mistakes, tolerance)
    if partly:
        raise Wrong(f"{partly}. There is something else too", shown)
    raise Wrong(f"right on {right} of {len(cases)} cases; {first}" if right else first, shown)


def _partly(answers, cases, spec, mistakes, tolerance):
    """The mistake that explains the first wrong case and at least one other, where two were made at once."""
    wrong = [(got, case) for got, case in zip(answers, cases) if differs(got, spec(**case), **tolerance)]
    for message, twists in mistakes.items():
        fits = [_made(got, spec, case, twists, tolerance) for got, case in wrong]
        if fits[0] and sum(fits) > 1:
            return message
    return ""


def _repeats(answer, case, earlier, **tolerance):
    import torch

    return not isinstance(earlier, (torch.Tensor, float)) or not differs(ask(answer, case), earlier, **tolerance)


def _made(got, spec, case, twists, tolerance):
    """Are her numbers what one of these mistakes gives?"""
    found = (_or_none(spec, case, twist) for twist in ((twists,) if isinstance(twists, str) else twists))
    return any(expected is not None and not differs(got, expected, **tolerance) for expected in found)


def _or_none(spec, case, twist):
    try:
        return spec(**case, twist=twist)
    except (RuntimeError, IndexError, TypeError, ValueError):  # the mistake is impossible for these shapes
        return None


def _shapes(case):
    return ", ".join(f"{name} {_shape(value)}" for name, value in case.items())


def _shape(value):
    if hasattr(value, "shape"):
        return str(tuple(value.shape))
    if isinstance(value, (list, tuple)) and value and all(hasattr(one, "shape") for one in value):
        return f"[{', '.join(_shape(one) for one in value)}]"
    return getattr(value, "__name__", "") or (repr(value) if len(repr(value)) <= 40 else f"{repr(value)[:39]}…")
