"""How fast is it, beside what people use? `minbert bench` measures both in one run.

Notable choices
- Two processes, one of ours and one of the rivals: our trainer tells the C library to keep memory, which holds for a whole process,
  and who uses a rival has never asked for it.
- They take turns step by step, after a warm-up, so that whatever else the machine does meets all of them. A ratio is taken
  round by round, and the median of rounds counts.
- Before a time is believed, two updates without dropout must give every way the same losses on the same batches.
- "hf" is Hugging Face's usual way, "hf well" the same library used well in the same precision, "plain" a first implementation;
  `rivals` says what each does.
- --quick measures fewer batches and rounds. Every part has a share of the time, and a machine that is slow or busy gets fewer batches
  still, but LEAST. A round is always whole: a part of one would be short sentences for one way and long ones for another.
"""

import itertools
import json
import random
import signal
import statistics
from contextlib import suppress
from functools import partial
from multiprocessing import get_context

import numpy as np
import torch

from ..errors import MinbertError
from ..learn import AdamW
from ..learn.evaluate import predict
from ..learn.metrics import predictions_from
from ..learn.precision import autocast, choose
from ..learn.surgery import pcgrad
from ..model.fast import keep_memory
from ..model.mlm import MaskedLM, mlm_loss
from . import rivals
from .run import device_name
from .turns import Turns, standing, take_turns
from .ways import LR, OWN, SMART, Ground, Own, Their, check_losses, masked, subset, training

LESS = "ratio_to_own_step"  # the one ratio that should be small


def bench(quick=False, as_json=False, threads=None, only=()):
    """Measure, print, and → the rows."""
    rivals.transformers()
    if only and not _parts(quick, only):
        raise MinbertError(f"bench has no part called {', '.join(only)}; it has {', '.join(PARTS)}")
    processes = get_context("spawn")
    here, there = processes.Pipe()
    processes.Process(target=_rivals, args=(there, quick, threads, only), daemon=True).start()
    there.close()  # so that its end is seen here
    keep_memory()  # as our trainer does
    rows = []
    for found in _measured(Turns(here, rivals=False), quick, threads, only):
        if not as_json:
            if not rows:
                print(found["machine"])
            print(line(found), flush=True)
        rows.append(found)
    if as_json:
        print(json.dumps(rows, indent=1))
    return rows


def _rivals(other, *how):
    turns = Turns(other, rivals=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the other process, and ends this one with it
    try:
        for _ in _measured(turns, *how):
            pass  # the other process has the same rows
    except Exception as error:
        with suppress(BrokenPipeError):  # nobody is left to be told
            turns.other.send(error)


def _parts(quick, only):
    slow = ("train sst 64", "train sts 32 dropout") if quick and not only else ()
    return {name: part for name, part in PARTS.items() if name not in slow and (not only or any(word in name for word in only))}


def _measured(turns, quick, threads, only):
    """The rows, found by both processes alike: each takes its own turns and hears of the other's."""
    if threads:
        torch.set_num_threads(threads)
    parts, ground = _parts(quick, only), Ground()
    precisions = ("float32",) + (("bfloat16",) if choose("auto", "cpu") == "bfloat16" else ())
    machine = f"{device_name('cpu')}, torch {torch.__version__}; {ground}"
    for name, part in parts.items():
        settings = Settings(turns, ground, precisions, quick, seconds=(250 if quick else 1800) / len(parts))
        for found in part(settings, name):
            yield found | {"machine": machine}


class Settings:
    def __init__(self, turns, ground, precisions, quick, seconds):
        self.turns, self.ground, self.precisions, self.seconds = turns, ground, precisions, seconds
        self.steps, self.rounds = (12, 2) if quick else (24, 5)  # a step is a batch, a round all of them


def row(name, taken, way, targets, **others):
    """One line of the table. `taken` by take_turns; `others` {ratio: the way it is measured against}; `targets` {ratio: goal}."""
    times, steps = taken
    out = {"name": name, "seconds": statistics.median(times[way]), "rounds": len(times[way]), "steps": steps}
    for key, other in others.items():
        if other in times:
            ratio = statistics.median(a / b for a, b in zip(times[other], times[way]))
            out[key] = round(1 / ratio if key == LESS else ratio, 3)
    out["targets"] = targets
    out["met"] = all(out[key] <= goal if key == LESS else out[key] >= goal for key, goal in targets.items() if key in out)
    return out


def line(found):
    parts = []
    for key, value in found.items():
        if key.startswith("ratio"):
            goal = found["targets"].get(key)
            mark = "" if goal is None else f" (target {'≤' if key == LESS else '≥'} {goal})"
            parts.append(f"{key[6:].replace('_', ' ')} {value:.2f}{mark}")
    return f"{found['name']:<46}{1e3 * found['seconds']:>8.1f} ms   {', '.join(parts)}{'' if found['met'] else '   MISSED'}"


def training_part(task, size, dropout, shape="mini"):
    goals = {"float32": (3.2, 3.6), "bfloat16": (6.5, 8.5)} if shape == "mini" else {"float32": (2.8, 2.8), "bfloat16": (6, 6)}

    def part(settings, name):
        small, ground = shape == "mini", settings.ground
        plainly = training(ground, task, size, 2, settings.precisions, 0.0, shape, small)
        check_losses(plainly, settings.turns.take, ground.data(task), ground.batches(task, size, 2)[0])
        build = lambda steps: training(ground, task, size, steps, settings.precisions, 0.1 if dropout else 0.0, shape, small)
        taken = take_turns(build, settings, settings.steps if small else 4)
        for precision in settings.precisions:
            goal = {"ratio_vs_hf": goals[precision][0 if dropout else 1]}
            goal |= {"ratio_vs_hf_well": {"float32": 1.45, "bfloat16": 1.5}[precision]} if small else {}
            others = dict(ratio_vs_hf="hf", ratio_vs_hf_well=f"hf well {precision}", ratio_vs_plain="plain")
            yield row(f"{name} {precision}", taken, f"own {precision}", goal, **others)

    return part


def scoring_part(settings, name):
    """A dev set: the course's way takes it in file order, 64 rows a batch, every layer whole."""
    ground = settings.ground
    data, model = ground.data("sst", "dev"), ground.model("sst").eval()
    rows = np.random.default_rng(0).permutation(len(data))[: 256 if settings.rounds < 3 else 1024]
    held = subset(data, rows)
    plain, theirs = rivals.Plain(model, "sst").eval(), rivals.HuggingFace(model, "sst").eval()

    @torch.no_grad()
    def usual(net):
        parts = [predictions_from(net(held.batch(range(at, min(at + 64, len(held))))), "sst") for at in range(0, len(held), 64)]
        return torch.cat(parts).numpy()

    ways = {"plain": lambda: usual(plain), "hf": lambda: usual(theirs)}
    ways |= {f"own {p}": lambda p=p: predict(model, held, precision=p)[0] for p in settings.precisions}
    said = {way: settings.turns.take(way, step) for way, step in ways.items()}
    for way, predictions in said.items():
        if not np.allclose(predictions, said["plain"], atol=0.03 if "16" in way else 1e-4):
            raise MinbertError(f"bench: {way!r} predicts otherwise: nothing was timed")
    taken = take_turns(standing(ways), settings, 1)
    for precision in settings.precisions:
        goal = {"ratio_vs_plain": {"float32": 2.7, "bfloat16": 8.5}[precision]}
        yield row(f"{name} {precision}", taken, f"own {precision}", goal, ratio_vs_hf="hf", ratio_vs_plain="plain")


def smart_part(settings, name):
    """K = 1, dropout off. Public SMART moves every token by 1; the number of passes is what takes the time."""
    ground = settings.ground
    data = ground.data("sst")
    forms = {"exact": {}, "from the clean pass": {"direction": "clean"}, "on half the batch": {"share": 0.5}}

    def build(steps):
        grouped, mixed = ground.batches("sst", 32, steps)

        def own(precision, smart=None):
            return Own(ground.model("sst"), data, grouped, precision, smart)

        def public():
            return Their(rivals.HuggingFace(ground.model("sst"), "sst"), data, mixed, penalty=rivals.public_smart)

        ways = {"hf": public}
        for precision in settings.precisions:
            ways[f"step {precision}"] = partial(own, precision)
            for form, switch in forms.items():
                ways[f"{form} {precision}"] = partial(own, precision, SMART | switch)
        return ways

    # the task's own loss; penalties begin at random
    check_losses(build(1), settings.turns.take, data, ground.batches("sst", 32, 1)[0], updates=1)
    taken = take_turns(build, settings)
    for precision in settings.precisions:
        for form in forms:
            goal = {"ratio_vs_hf": {"float32": 2.6, "bfloat16": 6.5}[precision]}
            goal |= {"ratio_to_own_step": {"float32": 2.7, "bfloat16": 2.4}[precision]} if form == "exact" else {}
            others = dict(ratio_vs_hf="hf", ratio_to_own_step=f"step {precision}")
            yield row(f"{name}, {form} {precision}", taken, f"{form} {precision}", goal, **others)


def mlm_part(settings, name):
    """Masked words of SST: logits at hidden places only, against logits everywhere."""
    ground = settings.ground
    data = ground.data("sst")

    def theirs():
        model = rivals.hugging_face_mlm(MaskedLM(ground.bert())).train()

        def loss_of(ids, mask, types, labels):
            return model(ids, mask.long(), types, labels=labels).loss

        return loss_of, torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.0)

    def own():
        model = MaskedLM(ground.bert()).train()

        def loss_of(ids, mask, types, labels):
            return mlm_loss(model.cls["predictions"], model.hidden(ids, mask, types), labels)

        return loss_of, AdamW(model.parameters(), fused=True, **OWN)

    def loop(parts, indices, precision):
        (loss_of, optimizer), batches = parts(), itertools.cycle([masked(ground, data.batch(index)) for index in indices])

        def step():
            optimizer.zero_grad(set_to_none=True)
            with autocast("cpu", precision):
                loss = loss_of(*next(batches))
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    def build(steps, same=None):
        grouped, mixed = ground.batches("sst", 32, steps)
        ways = {"hf": partial(loop, theirs, same or mixed, "float32")}
        return ways | {f"own {p}": partial(loop, own, same or grouped, p) for p in settings.precisions}

    same = ground.batches("sst", 32, 1)[0]
    losses = {way: settings.turns.take(way, lambda make=make: make()()) for way, make in build(1, same).items()}
    for way, found in losses.items():
        if abs(found - losses["hf"]) > (5e-2 if "16" in way else 1e-3) * losses["hf"]:
            raise MinbertError(f"bench: the masked models' losses are {losses}: nothing was timed")
    taken = take_turns(build, settings)
    for precision in settings.precisions:
        goal = {"ratio_vs_hf": {"float32": 3.5, "bfloat16": 6.5}[precision]}
        yield row(f"{name} {precision}", taken, f"own {precision}", goal, ratio_vs_hf="hf")


def surgery_part(settings, name):
    """Three tasks' gradients of MiniLM's shape, against the textbook loop."""
    shapes = [p.shape for p in settings.ground.bert().parameters()]
    gradients = [[torch.randn(shape) for shape in shapes] for _ in range(3)]
    orders = [[1, 2], [2, 0], [0, 1]]
    ways = {
        "textbook": lambda: rivals.textbook_pcgrad(gradients, orders),
        "own": lambda: pcgrad(gradients, random.Random(0), orders)[0],
    }
    for a, b in zip(*(way() for way in ways.values())):
        if not torch.allclose(a, b, rtol=1e-4, atol=1e-4):
            raise MinbertError("bench: the two surgeries differ: nothing was timed")
    taken = take_turns(standing(ways), settings, 1)
    yield row(f"{name}, three tasks", taken, "own", {"ratio_vs_textbook": 2}, ratio_vs_textbook="textbook")


PARTS = {
    "train sst 32 dropout": training_part("sst", 32, True),
    "train sst 32": training_part("sst", 32, False),
    "train sst 64": training_part("sst", 64, False),
    "train qqp 32 dropout": training_part("qqp", 32, True),
    "train sts 32 dropout": training_part("sts", 32, True),
    "train base shape sst 32": training_part("sst", 32, True, "base"),
    "score sst dev": scoring_part,
    "smart sst 32": smart_part,
    "mlm sst 32": mlm_part,
    "surgery": surgery_part,
}
