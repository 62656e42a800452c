"""What a sweep would take, told before anything starts: how many runs, how long, how much memory.

Notable choices: an estimate is the time of a recorded run of the same kind, by the rows that are read and by what SMART and Bregman add to
a step (`cost.penalties`); the nearer the record, the less arithmetic. Pre-training that several runs share is counted once, and only what
is not made yet. What no record speaks for has no estimate, and the plan says so.
"""

import functools
import heapq

from ..errors import MinbertError
from ..home import scale
from ..model.multitask import of_task
from ..text.rows import read_rows
from . import cost, pretraining, records


def plan(configs, workers=1):
    """What a sweep would take, from records of like runs: a dictionary of counts, seconds and memory, before anything starts.

    "seconds" are those of one worker, "elapsed" of as many as there are; one without a run has nothing to do and counts for nothing.
    """
    todo = [config for config in configs if records.find(config) is None]
    known = [record for record in records.load_all() if "data" in record]  # another program's run has none
    each, peak, guessed = [], 0.0, 0
    whole = functools.cache(_rows)  # of a file that is read once a plan
    for config in todo:
        settings = records.rounded(config.to_dict())
        like = [record for record in known if _kind(record["config"]) == _kind(settings)]
        if not like:
            guessed += 1
            continue
        nearest = min(like, key=lambda r: _distance(settings, r, whole))
        longest = max(nearest["wall_seconds"], nearest["seconds"])  # a run that went on after a stop has only its last wall time
        share = _work(settings, nearest, whole) / _work(nearest["config"], nearest, whole)
        each.append(longest * share * config.epochs / nearest["config"]["epochs"])
        peak = max(peak, nearest["peak_memory_mb"])
    first, steps = _pretraining(todo, known)
    workers = max(1, min(workers, len(todo)))
    return {"runs": len(configs), "recorded": len(configs) - len(todo), "to_do": len(todo), "seconds": sum(each) + first["seconds"],
            "workers": workers, "elapsed": _shared_out(steps, workers) + _shared_out(each, workers),
            "peak_memory_mb": peak, "without_estimate": guessed, "pretraining": first}  # fmt: skip


def _shared_out(seconds, workers):
    """When the last worker is done, if each takes the next run as soon as it is free: never before the longest run is."""
    free = [0.0] * workers
    for one in seconds:
        heapq.heapreplace(free, free[0] + one)
    return max(free)


def _kind(config):
    """What decides how long an epoch takes, beside the number of rows and what is done with each."""
    return [config[name] for name in ("scale", "tasks", "train_encoder", "own_layers", "beside", "pair", "epoch_of", "sampling")]


def _distance(settings, record, whole):
    """Small for a record whose time says most about these settings: the same penalties, then rows, then system, then the longest."""
    there = record["config"]
    differ = _paces(there) != _paces(settings), there["limit"] != settings["limit"], record["name"] != settings["name"]
    return *differ, -_work(there, record, whole)


def _paces(config):
    """{task: how many plain steps one of its steps takes}."""
    chosen = {name: config[name] for name in ("smart", "smart_options", "bregman")}
    return {task: cost.penalties(task, **chosen, dropout=_drops(config)) for task in config["tasks"]}


def _drops(config):
    """Has its model any dropout? None is the checkpoint's own rate, and that is above 0."""
    rates = [config["hidden_dropout"], config["attention_dropout"]]
    return any(rate != 0 for rate in (*rates, *(of_task(config["head_dropout"], task, 0.1) for task in config["tasks"])))


def _work(config, record, whole):
    """What an epoch of `config` takes, in rows of plain training, by what a record's data held: of a file that it cut off, all of it."""
    cut, work = record["config"]["limit"], 0
    for task, pace in _paces(config).items():
        most, there = config["limit"].get(task, 10**9), record["data"][f"train/{task}"]["rows"]
        work += pace * min(most, whole(task, config["scale"]) if task in cut and most > there else there)
    return work


def _rows(task, name):
    """Rows of a training file; of the course's own where there is none."""
    try:
        return len(read_rows(task, "train", scale(name).data))
    except MinbertError:
        return cost.official_sizes()[task]


def _pretraining(todo, known):
    """What comes before the runs: {"steps", their "seconds", and "without_estimate": more steps, whose time no record tells};
    and the seconds of each one by itself, which no two workers can share."""
    timed = [record for record in known if (record.get("pretraining") or {}).get("seconds")]
    facts, each = {"steps": 0, "seconds": 0.0, "without_estimate": 0}, []
    for config, left in pretraining.outstanding(todo):
        like = [record for record in timed if record["config"]["scale"] == config.scale]
        if not like:
            facts["without_estimate"] += left
            continue
        facts["steps"] += left
        asked = pretraining.checked(config.pretrain)
        nearest = min(like, key=lambda r: _unlike(asked, pretraining.checked(r["config"]["pretrain"])))
        share = asked["batch_size"] / pretraining.checked(nearest["config"]["pretrain"])["batch_size"]
        each.append(left * share * nearest["pretraining"]["seconds"] / nearest["pretraining"]["steps"])
    return facts | {"seconds": sum(each)}, each


def _unlike(one, other):
    """In how much two pre-trainings differ that decides how long a step takes."""
    return sum(one[name] != other[name] for name in ("text", "max_length", "packed", "batch_size"))


def plan_text(configs, workers=1):
    facts = plan(configs, workers)
    workers = facts["workers"]
    lines = [f"{facts['runs']} run{'s' * (facts['runs'] != 1)}, {facts['recorded']} recorded, {facts['to_do']} to do"]
    if facts["seconds"]:
        shared = f" ({about(facts['elapsed']).removeprefix('about ')} with {workers})" if workers > 1 else ""
        lines.append(f"{about(facts['seconds'])} of one worker{shared}, by records of like runs")
    first = facts["pretraining"]
    if first["seconds"]:
        lines.append(f"of it {about(first['seconds'])} for {first['steps']:,} steps of pre-training")
    if facts["peak_memory_mb"]:
        lines.append(f"about {facts['peak_memory_mb'] * workers / 1024:.1f} GB of memory")
    if first["without_estimate"]:
        lines.append(f"{first['without_estimate']:,} steps of pre-training come on top: no record tells how long they take")
    if facts["without_estimate"]:
        lines.append(f"unlike any recorded one, so without an estimate: {facts['without_estimate']}")
    return "\n".join(lines)


def about(seconds):
    """A time in words, no more exact than an estimate is."""
    if seconds < 60:
        return "under a minute"
    return f"about {seconds / 3600:.1f} hours" if seconds >= 3600 else f"about {seconds / 60:.1f} minutes"
