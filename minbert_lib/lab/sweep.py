"""Many runs: a grid or a random search over any settings × seeds, on one machine or on a Ray cluster.

Notable choices: a sweep is a list of RunConfigs and a folder of records, no more. Workers are plain processes that walk the list, take what
nobody has recorded or locked, and let the kernel free the lock if they die; so a sweep is resumed by giving the same command again,
and a worker that was killed is started anew and goes on from its run's last checkpoint.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from ..errors import MinbertError
from ..files import try_locked, write_atomic
from ..learn.compare import NotFinite
from ..learn.stops import OutOfMemory
from . import records
from .config import RunConfig, parse_setting
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


def grid(name, axes, seeds=(0,), scale="tiny", **fixed):
    """Every combination of the axes' values, with every seed: {"lr": [1e-5, 2e-5]} → configs."""
    _once(axes, fixed)
    combinations = [dict(zip(axes, values)) for values in itertools.product(*axes.values())]
    return [system(name, scale, seed, **fixed, **changes) for changes in combinations for seed in seeds]


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
    configs = [config for axes in grids for config in grid(name, axes, seeds, scale, **fixed)]
    return list({config.key(): config for config in configs}.values())


def random_search(name, axes, count, seeds=(0,), scale="tiny", search_seed=0, **fixed):
    """`count` draws: from two numbers log-uniformly between them, from a longer list or words one of it."""
    _once(axes, fixed)
    rng = np.random.default_rng(search_seed)
    configs = []
    for _ in range(count):
        changes = {field: _draw(values, rng) for field, values in axes.items()}
        configs += [system(name, scale, seed, **fixed, **changes) for seed in seeds]
    return configs


def _once(axes, fixed):
    """Refuse a setting that is asked for twice."""
    if both := sorted({*axes} & {*fixed}):
        raise MinbertError(f"{both[0]} is to vary and to stay: give it to --grid or to --set")
    if taken := sorted({*axes} & {"name", "scale", "seed"}):
        raise MinbertError(f"{taken[0]} does not vary by --grid: NAME, --scale and --seeds are places of their own")


def _draw(values, rng):
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 for value in values)
    if len(values) == 2 and numbers and values[0] < values[1]:
        drawn = float(np.exp(rng.uniform(*np.log(values))))
        return round(drawn) if all(isinstance(value, int) for value in values) else float(f"{drawn:.3g}")
    return values[rng.integers(len(values))]


def run_all(configs, workers=1, ray=None, progress=None):
    """Run what is not recorded; → the records of all, in order."""
    if ray is not None:
        _run_on_ray(configs, ray)
    elif workers == 1:
        for config in configs:
            _try(config, progress)
    else:
        _run_here(configs, workers)
    found = [records.find(config) for config in configs]
    if missing := found.count(None):
        raise MinbertError(
            f"{missing} of {len(configs)} runs ended without a record, for reasons told above; the same command tries them again"
        )
    return found


def _try(config, progress=False):
    """Run one of many. One that diverges is told, and the others go on."""
    try:
        run(config, progress=progress)
    except (NotFinite, OutOfMemory) as error:
        print(f"minbert: {config.name}, seed {config.seed} ({config.key()}): {error}", file=sys.stderr)


def _run_here(configs, workers):
    """Keep `workers` processes walking the list until every run is recorded."""
    folder = records.own_folder() / "sweeps"
    path = folder / f"{os.getpid()}-{time.time_ns()}.json"
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


def _worker(path):
    """Walk the list; where a run is locked by another worker go on to the next, and look again at the end."""
    configs, tried = [RunConfig.from_dict(values) for values in json.loads(Path(path).read_text())], set()
    while todo := [config for config in configs if config.key() not in tried and records.find(config) is None]:
        before = len(tried)
        for config in todo:
            with try_locked(records.own_folder() / "claims" / config.key()) as mine:
                if mine and records.find(config) is None:
                    tried.add(config.key())
                    _try(config)
        if len(tried) == before:
            time.sleep(0.5)  # the rest is in other hands


def _run_on_ray(configs, address):
    """The same runs as tasks of a Ray cluster ("local" starts one here); Ray gives a lost worker's task to another."""
    try:
        import ray
    except ImportError as error:
        raise MinbertError("--ray needs the package ray: pip install 'minbert[ray]'") from error
    ray.init(address=address, log_to_driver=False, ignore_reinit_error=True)
    try:
        share = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {"num_cpus": 1}
        task = ray.remote(max_retries=RESTARTS, **share)(_ray_task)
        home = os.environ.get("MINBERT_HOME")
        waiting = [task.remote(config.to_dict(), home) for config in configs if records.find(config) is None]
        while waiting:
            (done,), waiting = ray.wait(waiting)
            try:
                record, predictions = ray.get(done)
            except ray.exceptions.RayError as error:  # the others go on; `run_all` counts what is missing
                print(f"minbert: {getattr(error, 'cause', error)}", file=sys.stderr)
                continue
            if records.find(RunConfig.from_dict(record["config"])) is None:  # that machine has a disk of its own
                records.save(record, predictions=predictions)
    finally:
        ray.shutdown()


def _ray_task(values, home):
    if home:
        os.environ["MINBERT_HOME"] = home
    record = run(RunConfig.from_dict(values), progress=False)
    return record, records.predictions(record)


if __name__ == "__main__":
    try:
        _worker(sys.argv[1])
    except MinbertError as error:
        sys.exit(f"minbert: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
