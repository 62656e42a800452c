"""The command line: `minbert COMMAND`, or `python -m minbert_lib COMMAND`.

A command is one function here and one entry of `options.COMMANDS`. The function imports its room when it is
called, so that `minbert --help` answers at once, does the work by calling into that room, and returns an exit
status (None is 0). Its docstring is the description in --help. A MinbertError becomes one line and status 2;
any other exception is a bug and keeps its traceback.
"""

import json
import os
import sys

from . import options
from .errors import MinbertError


def doctor(args):
    """Look at this machine: what the workbook can do here, what is missing, and how to mend it.

    The exit status is 1 if something that every notebook needs is missing.
    """
    from .doctor import report

    return report()


def data(args):
    """Show which data and weights are here: the official file, another (used, and named in every record), damaged or absent.

    --get fetches what is absent or damaged and keeps what is there. NAME is sst, cfimdb, qqp, sts, data (these four),
    mini, base (weights), all, or a file's name; without one it is the data and the weights of MINBERT_SCALE.
    """
    from .home import home
    from .text import fetch as room

    if args.names and not args.get:
        raise MinbertError("to fetch, add --get; to look, give no name")
    return room.get(args.names, args.source) if args.get else room.report(home())


def notebooks(args):
    """Build, check and run the notebooks, or open them in JupyterLab.

    People edit notebooks/NN_name.py, a plain script with `# %%` between the cells; the .ipynb beside it is
    built from that. Running happens on a copy in .work/, so that nothing in the repository changes.
    """
    from .workbook import notebooks as room
    from .workbook import twins

    if args.record and not args.run:
        raise MinbertError("--record keeps what --run measured: give both")
    if args.build:
        return room.build(args.names)
    if args.check:
        return room.check(args.names)
    if args.lab:
        return room.lab(args.names)
    if args.twins:
        return twins.write(args.names)
    return room.run(args.names, record=args.record, timeout=args.timeout)


def systems(args):
    """The table of systems: every row of the five reports, its published score, and what the recorded runs here reached.

    Published scores are BERT-base's. `--csv` is for machines; its first column is the row's id. `--write` brings SYSTEMS.md,
    the same as a page, up to date with the records in data/runs.
    """
    from .lab import board

    if args.write:
        print(board.write(args.scale or "mini"))
        return
    frame = board.board(args.scale or "mini")
    frame["parameters"] = frame["parameters"].round().astype("Int64")
    print(frame.to_csv(index=False, float_format="%.4f").rstrip() if args.csv else board.as_text(frame))


def train(args):
    """Run one system and record it. Interrupted, the same command goes on where it stopped.

    Any switch can be changed: --set lr=2e-5 --set tasks=sst,sts --set 'limit={"qqp": 20000}'. With --out the record is
    FOLDER/result.json and the weights stay beside it, ready for `minbert predict`. With --keep-epochs those of every epoch stay
    too: `minbert ensemble FOLDER/epoch-2 FOLDER/epoch-3 --average MEAN` makes one model of them. --tensorboard FOLDER writes the
    record's curves as TensorBoard's event files, also those of a run that was recorded earlier.
    """
    from .home import scale
    from .lab import memory, records, run, system
    from .lab.config import parse_setting
    from .lab.run import told

    config = system(args.name, scale(args.scale).name, args.seed, **dict(map(parse_setting, args.set)))
    if args.tensorboard:
        from .lab.tensorboard import writer

        writer()  # a missing package is told before the run, not after it
    if args.keep_epochs and not args.out:
        raise MinbertError("--keep-epochs needs --out FOLDER: the weights go there")
    micro_batch = memory.micro_batch(config, args.max_memory) if args.max_memory is not None else None
    record = run(config, out=args.out, again=args.again, keep_epochs=args.keep_epochs, micro_batch=micro_batch)
    if args.tensorboard:
        from .lab.tensorboard import export

        print(f"tensorboard --logdir {export(record, args.tensorboard).parent}")
    print(told(record))
    print(f"record: {args.out + '/result.json' if args.out else record.get('path', records.own_folder())}")


def sweep(args):
    """Run a system at many settings and seeds; what is recorded is not run again.

    --grid lr=1e-5,2e-5,5e-5 --grid batch_size=16,32 --seeds 0,1,2 runs every combination; --random 10 draws that many, no
    setting twice: two numbers are a range, in whichever order (drawn log-uniformly where both are positive, uniformly where one
    is 0), and from a longer list or from words one is drawn. Without either, a row that is a sweep (S1, S3 …) runs its own
    grid. --plan says how many runs, how long and how much memory, and starts nothing.
    """
    from .home import scale
    from .lab import sweep as room
    from .lab.config import parse_setting
    from .lab.planning import plan_text
    from .lab.systems import SWEEPS

    axes = room.axes_of(args.grid)
    fixed = dict(map(parse_setting, args.set))
    if args.workers < 1 or not all(seed.strip().isdecimal() for seed in args.seeds.split(",")):
        raise MinbertError(f"--workers {args.workers} --seeds {args.seeds}: at least one worker, and seeds as in 0,1,2")
    if args.random is not None and (args.random < 1 or not axes):
        raise MinbertError(f"--random {args.random}: at least one draw, from at least one --grid NAME=V1,V2")
    _not_both(args, "--ray", "--workers")
    seeds = [int(seed) for seed in args.seeds.split(",")]
    where = scale(args.scale).name
    if args.random:
        configs = room.random_search(args.name, axes, args.random, seeds, where, args.search_seed, **fixed)
    elif axes:
        configs = room.grid(args.name, axes, seeds, where, **fixed)
    else:
        configs = room.of_row(args.name, seeds, where, **fixed)
        axes = {name: None for grid in SWEEPS.get(args.name, []) for name in grid}
    print(plan_text(configs, args.workers))
    if args.plan:
        return
    try:
        room.run_all(configs, args.workers, args.ray)
    finally:  # also where one has failed
        for line in room.told(configs, axes):
            print(line, flush=True)


def predict(args):
    """Predict with a finished run, or with several averaged, and write files as the course wants them.

    RUN is a folder that `minbert train --out` made, a run's key if its weights were kept, or a folder that `minbert ensemble
    --out` made. Without --task and --file: dev and test of every task the runs know, from the data of their scale. A file of
    any length is read in parts. Every file is checked (ids, row count, values) after it is written.
    """
    from .lab import predict as room

    if args.file and not (args.task and args.split):
        raise MinbertError("--file needs --task and --split, so that the file can be named and read")
    _not_both(args, "--file", "--data")
    files = {(args.task, args.split): args.file} if args.file else None
    splits = (args.split,) if args.split else ("dev", "test")
    tasks = (args.task,) if args.task else None
    for path in room.submit(args.runs, args.out, args.data, splits, tasks, files):
        print(path)


def ensemble(args):
    """Choose recorded runs whose predictions, averaged, score best on dev; say what that gives and what it costs.

    RUN is a system's name (all its runs), a run's key, or a folder that `minbert train --out` made; without any, every recorded
    run that learned from a fair part of the task's rows (--min-epochs 2: and read them twice). A member is added while the dev
    score does not fall. What was chosen on dev is scored again on folds it was not chosen on. --out needs no weights:
    predictions are stored with every record. --teach needs the members' weights. --average chooses nothing: it makes one model
    whose weights are the mean of the RUNs', which must be alike.
    """
    from .home import scale
    from .lab import members, predict

    _not_both(args, "--average", "--out", "--teach", "--task", "--limit", "--folds", "--replacement")
    if args.average:
        record = predict.average_runs(args.runs, args.average)
        print(f"{args.average}: " + "  ".join(f"{task} {value:.4f}" for task, value in record["scores"].items()))
        return
    known = members.taught(members.recorded(args.runs, scale(args.scale).name), args.min_epochs)
    tasks = (args.task,) if args.task else ("sst", "qqp", "sts")
    least = 0 if args.runs else members.LEAST  # who is named is wanted
    options = {"replacement": args.replacement, "limit": args.limit, "folds": args.folds}
    teams = members.choose(known, tasks, least=least, **options)
    print(members.as_text(teams))
    if args.out:
        print(*members.hand_in(teams, args.out, **options), sep="\n")
    if args.teach:
        folder = predict.teach({task: [members.where(run) for run in team.runs] for task, team in teams.items()}, args.teach)
        print(f"{folder}: `minbert train NAME --set soft_labels={args.teach}` learns from it")


def bench(args):
    """How fast this library trains and scores, beside Hugging Face's transformers and a plain first implementation.

    One run, ways taking turns, medians of rounds after a warm-up. Before a time is believed, all ways must have the same
    losses. --quick ends within eight minutes on two cores; without it half an hour or more. --epochs measures no other way than
    ours: what an epoch of each task takes on this device, plain and with SMART, of MiniLM's shape and of BERT-base's.
    """
    if args.epochs:
        from .lab import epochs

        rows = epochs.bench(args.threads)
        return print(json.dumps(rows, indent=1) if args.json else epochs.as_text(rows))
    from .lab.bench import bench as measure

    measure(args.quick, args.json, args.threads, args.only)


def figures(args):
    """Rebuild every figure from data/runs and data/published into figures/, as SVG and PNG.

    The same records give the same bytes. A figure whose records are missing says so and names the command. README.md in that
    folder leads from the reports' figures to ours, and from ours to the code that draws them.
    """
    from .lab import figures as room
    from .lab.figures import index

    names = args.names or list(room.catalogue())
    for name in names:
        room.save(name, args.out)
    if not args.names:
        index.write(args.out)
    print(f"{len(names)} figures are in {args.out or 'figures/'}")


def grade(args):
    """Run all checks on a folder of submitted notebooks, each in a process of its own, and write a CSV.

    Only the cells that define an answer, and what they use, are run. The table has a row for each notebook and
    exercise: right, wrong with the mistake named, blank, or missing.
    """
    from .workbook.grade import grade as grade_folder

    rows = grade_folder(args.folder, args.out, args.seconds)
    states = [row["state"] for row in rows]
    print(f"{args.out}: " + ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)))


def progress(args):
    """Exercises done, runs made and your own leaderboard, from what is recorded. --out writes the same as a web page."""
    from .workbook.page import page

    if args.out:
        from .files import write_atomic

        write_atomic(args.out, page().whole())
        print(args.out)
    else:
        print(page())


def badges(args):
    """Write the table of notebooks into README, with Colab badges, and the address that notebooks are cloned from.

    The address is that of this copy's git remote, unless --address names another.
    """
    from .workbook import badges as room

    print(f"README and notebooks now point at {room.write(args.address)}")


def _not_both(args, one, *others):
    """Refuse an option beside another that it would make void. Given is what has another value than its default."""
    default = {names[0]: rules.get("default") for names, rules in options.COMMANDS[args.function.__name__][1:]}
    given = [name for name in (one, *others) if getattr(args, name[2:]) not in (default[name], False)]
    if one in given and len(given) > 1:
        raise MinbertError(f"{one} and {given[1]} exclude each other: give one of the two")


def parser():
    return options.parser(globals())


def main(argv=None):
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file on Windows would else be written in an old code page, without → and −
            stream.reconfigure(encoding="utf-8")
    args = parser().parse_args(argv)
    try:
        return args.function(args) or 0
    except MinbertError as error:
        print(f"minbert: {error}", file=sys.stderr)
        return 2
    except PermissionError as error:  # to read; what may not be written is told where it is written
        print(f"minbert: {error.filename}: no permission to look there: point MINBERT_HOME at a folder of yours", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("minbert: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader (`| head`) has seen enough; close quietly
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
