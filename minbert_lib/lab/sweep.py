"""Many runs: a grid or a random search over any settings × seeds, on one machine or on a Ray cluster.

Notable choices: a sweep is a list of RunConfigs and a folder of records, no more. Workers are plain processes that walk the list, take what
nobody has recorded or locked, and let the kernel free the lock if they die; so a sweep is resumed by giving the same command again,
and a worker that was killed is started anew and goes on from its run's last checkpoint.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from ..errors import MinbertError
from ..files import try_locked, write_atomic
from . import cluster, records
from .config import DEFAULTS, RunConfig, parse_setting
from .planning import about
from .run import run
from .systems import LR_FACTOR, SWEEPS, SYSTEMS, lifted, system

RESTARTS = 3  # of one worker, before its death is taken for a fault of the run


def values(text):
    """ "1e-5,2e-5" → [1e-05, 2e-05]; a JSON list is taken as it is, a JSON object as one value."""
    try:
        listed = json.loads(text)
    except ValueError:
        listed = text
    if isinstance(listed, (list, dict)):
        return listed if isinstance(listed, list) else [listed]
    return [parse_setting(f"x={part}")[1] for part in text.split(",")]


def axes_of(texts):
    """["lr=1e-5,2e-5", "epochs=2,3"] → {"lr": [1e-05, 2e-05], "epochs": [2, 3]}"""
    found = {}
    for name, _, text in (text.partition("=") for text in texts):
        if name in found:
            raise MinbertError(f"--grid {name} is given twice: write all its values in one, --grid {name}={found[name]},{text}")
        found[name] = text
    return {name: values(text) for name, text in found.items()}


def grid(name, axes, seeds=(0,), scale="tiny", **fixed):
    """Every combination of the axes' values, with every seed, each once: {"lr": [1e-5, 2e-5]} → configs."""
    _once(axes, fixed)
    combinations = [dict(zip(axes, values)) for values in itertools.product(*axes.values())]
    return _each(system(name, scale, seed, **fixed, **changes) for changes in combinations for seed in seeds)


def _each(configs):
    """Every run once, in order."""
    return list({config.key(): config for config in configs}.values())


def of_row(name, seeds=(0,), scale="tiny", **fixed):
    """What a row stands for: the grids of SWEEPS where it is a sweep, else the system itself, with every seed.

    A setting that is fixed moves no more.
    """
    grids = [{field: values for field, values in axes.items() if field not in fixed} for axes in SWEEPS.get(name, [{}])]
    for axes in grids:
        learns = axes.get("train_encoder", (name in SYSTEMS and SYSTEMS[name].train_encoder,))[0]
        if "lr" in axes and learns:  # written for BERT-base, like those of the table
            axes["lr"] = [float(f"{rate * LR_FACTOR[scale]:.6g}") for rate in axes["lr"]]
        if "pretrain" in axes:
            axes["pretrain"] = [lifted(pretrain, scale) for pretrain in axes["pretrain"]]
    return _each(config for axes in grids for config in grid(name, axes, seeds, scale, **fixed))


def random_search(name, axes, count, seeds=(0,), scale="tiny", search_seed=0, **fixed):
    """`count` settings, none of them twice, or as many as there are; see `_draw`."""
    _once(axes, fixed)
    rng = np.random.default_rng(search_seed)
    drawn = {}
    for _ in range(100 * count):  # where there are few to choose from, most draws repeat an earlier one
        changes = {field: _draw(field, values, rng) for field, values in axes.items()}
        drawn.setdefault(system(name, scale, **fixed, **changes).key(), changes)
        if len(drawn) == count:
            break
    return _each(system(name, scale, seed, **fixed, **changes) for changes in drawn.values() for seed in seeds)


def _once(axes, fixed):
    """Refuse a setting that is asked for twice."""
    if both := sorted({*axes} & {*fixed}):
        raise MinbertError(f"{both[0]} is to vary and to stay: give it to --grid or to --set")
    if taken := sorted({*axes} & {"name", "scale", "seed"}):
        raise MinbertError(f"{taken[0]} does not vary by --grid: NAME, --scale and --seeds are places of their own")


def _draw(field, values, rng):
    """From two numbers, in whichever order, one between them: log-uniformly, or uniformly where one of them is 0, which has no
    logarithm. From a longer list, or from words, one of it."""
    if len(values) != 2 or not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return values[rng.integers(len(values))]
    low, high = sorted(values)
    drawn = float(np.exp(rng.uniform(*np.log([low, high]))) if low > 0 else rng.uniform(low, high))
    if isinstance(getattr(DEFAULTS, field, None), int):  # a count
        return round(drawn)
    return min(max(float(f"{drawn:.3g}"), low), high)


def run_all(configs, workers=1, ray=None, progress=None):
    """Run what is not recorded; → the records of all, in order. Where one fails the others go on, and the error tells why it did."""
    todo, failed = [config for config in configs if records.find(config) is None], {}
    if ray is not None:
        cluster.run_on_ray(todo, ray, lambda workers: _counter(todo, workers, failed, progress))
    elif workers == 1:
        ended = _counter(todo, 1, failed, progress)
        for config in todo:
            ended(config, _try(config, progress))
    elif todo:
        _run_here(todo, min(workers, len(todo)), failed, progress)
    found = [records.find(config) for config in configs]
    if missing := found.count(None):
        raise MinbertError(
            f"{missing} of {len(configs)} runs ended without a record; the same command tries them again" + _reasons(failed)
        )
    return found


def told(configs, axes):
    """A line for each run that is recorded: what was changed, and its scores."""
    for config, record in ((config, records.find(config)) for config in configs):
        if record:
            changed = " ".join(f"{name}={getattr(config, name)}" for name in axes)
            scores = " ".join(f"{task} {value:.4f}" for task, value in record["scores"].items() if value is not None)
            yield f"{config.name} {changed} seed={config.seed}: {scores}"


def _try(config, progress=False):
    """Run one of many; → why it failed, or ""."""
    try:
        run(config, progress=progress)
    except MinbertError as error:
        return str(error)
    return ""


def _reasons(failed):
    """{reason: the runs that it ended} as the end of a sentence: on the same line where there is one reason, else a line for each."""
    lines = []
    for reason, runs in failed.items():
        others = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
        lines.append(f"{runs[0].name}, seed {runs[0].seed} ({runs[0].key()}){others}: {reason}")
    return ": " + lines[0] if len(lines) == 1 else "".join(f"\n  {line}" for line in lines)


def _counter(todo, workers, failed, progress):
    """A function to be told of every run that has ended. It keeps why one failed, and says where somebody looks how far all are."""
    show = sys.stderr.isatty() if progress is None else progress
    done, seconds = 0, []

    def ended(config, reason=""):
        nonlocal done
        done += 1
        if reason:
            failed.setdefault(reason, []).append(config)
        elif record := records.find(config):
            seconds.append(record["wall_seconds"])
        if show:
            wrong = sum(map(len, failed.values()))
            facts = [f"{done} of {len(todo)} done"] + [f"{wrong} failed"] * bool(wrong)
            if seconds and done < len(todo):  # a run that failed says nothing of how long one takes
                facts.append(f"{about((len(todo) - done) * np.mean(seconds) / workers)} left")
            print(", ".join(facts), file=sys.stderr)

    return ended


def _run_here(configs, workers, failed, progress):
    """Keep `workers` processes walking the list until every run is recorded."""
    folder = records.own_folder() / "sweeps"
    path = folder / f"{os.getpid()}-{time.time_ns()}.json"
    ended, left = _counter(configs, workers, failed, progress), list(configs)
    write_atomic(path, json.dumps([config.to_dict() for config in configs]))
    threads = max(1, (os.cpu_count() or 1) // workers)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "minbert_lib.lab.sweep", str(path)]
    living = [(subprocess.Popen(command, env=environment), 0) for _ in range(workers)]
    try:
        while living:
            time.sleep(0.2)
            for process, restarts in list(living):
                if process.poll() is None:
                    continue
                living.remove((process, restarts))
                if process.returncode < 0 and restarts < RESTARTS:  # killed from outside: take its run up again
                    living.append((subprocess.Popen(command, env=environment), restarts + 1))
            for config in [config for config in left if _has_ended(config, path)]:
                left.remove(config)
                mark = _tried(config, path)
                ended(config, mark.read_text(encoding="utf-8") if mark.is_file() else "")
    except KeyboardInterrupt:  # each worker finishes its step and saves
        for process, _ in living:
            process.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
        for process, _ in living:
            process.wait()  # a second Ctrl-C ends them
        raise
    finally:
        for process, _ in living:
            process.terminate()
        path.unlink(missing_ok=True)
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)


def _tried(config, path):
    """The file by which the workers of one list tell each other that a run was tried, and why it failed."""
    return path.with_suffix("") / config.key()


def _has_ended(config, path):
    return _tried(config, path).is_file() or records.find(config) is not None


def _worker(path):
    """Walk the list; where a run is locked by another worker go on to the next, and look again at the end.

    A run that ended, well or not, is marked before its lock is free, so that nobody tries it again; that of a worker that was killed is not.
    """
    path = Path(path)
    configs = [RunConfig.from_dict(values) for values in json.loads(path.read_text())]
    while todo := [config for config in configs if not _has_ended(config, path)]:
        idle = True
        for config in todo:
            with try_locked(records.own_folder() / "claims" / config.key()) as mine:
                if mine and not _has_ended(config, path):
                    idle = False
                    write_atomic(_tried(config, path), _try(config))
        if idle:
            time.sleep(0.5)  # the rest is in other hands


if __name__ == "__main__":
    try:
        _worker(sys.argv[1])
    except MinbertError as error:
        sys.exit(f"minbert: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
