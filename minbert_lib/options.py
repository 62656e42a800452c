"""What can be typed after `minbert`: every command with its summary and its options.

Notable choices: a table, read from top to bottom. What a command does, and what its --help says at length, is its function in
`cli.py`.
"""

import argparse
import inspect


def option(*names, **rules):
    """As argparse's add_argument takes it."""
    return names, rules


SCALES = dict(choices=("tiny", "mini", "base"), help="which model and data (default: MINBERT_SCALE, else what this machine can)")
COMMANDS = {  # name: summary, then its options; a list among them: exactly one of these
    "doctor": [
        "what this machine can do, what is missing, and the remedy",
    ],
    "data": [
        "which data and weights are here, and fetch the rest",
        option("--get", action="store_true", help="fetch what is absent or damaged"),
        option("names", nargs="*", metavar="NAME", help="some of it only (default: what this scale needs)"),
        option("--source", action="append", metavar="URL", help="a folder on a server to fetch from instead (repeatable)"),
    ],
    "systems": [
        "every system of the reports: published and own scores",
        option("--scale", choices=("tiny", "mini", "base"), help="whose records (default: mini)"),
        option("--csv", action="store_true", help="as CSV, first column the row's id"),
        option("--write", action="store_true", help="bring the page SYSTEMS.md up to date"),
    ],
    "train": [
        "run one system, with any switch changed, and record it",
        option("name", metavar="NAME", help="a system's name; `minbert systems` lists them"),
        option("--set", action="append", default=[], metavar="NAME=VALUE", help="change a switch (repeatable)"),
        option("--scale", **SCALES),
        option("--seed", type=int, default=0, help="default: %(default)s"),
        option("--out", metavar="FOLDER", help="keep record, weights and checkpoints here"),
        option("--keep-epochs", action="store_true", help="keep every epoch's weights too, in FOLDER/epoch-N"),
        option("--again", action="store_true", help="run it even if it is recorded"),
        option("--tensorboard", metavar="FOLDER", help="write TensorBoard's event files here too"),
        option(
            "--max-memory",
            type=int,
            metavar="MB",
            help="cut batches into parts that fit: the same gradients, up to dropout's draws",
        ),
    ],
    "sweep": [
        "run a system at many settings and seeds",
        option("name", metavar="NAME", help="a system's name; `minbert systems` lists them"),
        option("--grid", action="append", default=[], metavar="NAME=V1,V2", help="an axis (repeatable)"),
        option("--set", action="append", default=[], metavar="NAME=VALUE", help="the same for all runs (repeatable)"),
        option("--seeds", default="0", metavar="0,1,2", help="default: %(default)s"),
        option("--scale", **SCALES),
        option("--random", type=int, metavar="N", help="N random settings between the grid's values in place of all of them"),
        option("--search-seed", type=int, default=0, metavar="S", help="seed of the draws (default: %(default)s)"),
        option("--workers", type=int, default=1, metavar="N", help="processes on this machine (default: %(default)s)"),
        option(
            "--ray",
            metavar="ADDRESS",
            help="run on the Ray cluster at host:port; 'auto' finds this machine's, 'local' starts one",
        ),
        option("--plan", action="store_true", help="say what it would take, and start nothing"),
    ],
    "predict": [
        "write the course's submission files with a finished run, or several averaged",
        option("runs", nargs="+", metavar="RUN", help="folders or keys of finished runs, or one ensemble's folder"),
        option("--out", required=True, metavar="FOLDER", help="write here"),
        option("--data", metavar="FOLDER", help="read the course's files from here (default: the scale's)"),
        option("--task", choices=("sst", "qqp", "sts"), help="one task only"),
        option("--split", choices=("dev", "test"), help="one split only"),
        option("--file", metavar="FILE", help="read this file; needs --task and --split"),
    ],
    "ensemble": [
        "choose recorded runs to average, greedily, and say how honest the gain is",
        option("runs", nargs="*", metavar="RUN", help="systems, keys or folders (default: all recorded runs)"),
        option("--scale", **SCALES),
        option("--task", choices=("sst", "qqp", "sts", "cfimdb"), help="one task only (default: sst, qqp and sts)"),
        option("--replacement", action="store_true", help="a member may be chosen again, which weights it"),
        option("--min-epochs", type=int, default=1, metavar="N", help="no candidates of fewer epochs (default: %(default)s)"),
        option("--limit", type=int, metavar="N", help="at most N members a task"),
        option("--folds", type=int, default=5, metavar="N", help="for the honest score (default: %(default)s)"),
        option("--out", metavar="FOLDER", help="write the submission files and ensemble.json here"),
        option("--teach", metavar="NAME", help="keep its predictions for the training sets: soft labels"),
        option("--average", metavar="FOLDER", help="write one model here, the mean of the RUNs' weights, and no more"),
    ],
    "bench": [
        "measure the speed beside what people use",
        option("--quick", action="store_true", help="fewer batches and rounds: within eight minutes"),
        option("--json", action="store_true", help="print the rows as JSON"),
        option(
            "--epochs",
            action="store_true",
            help="in place of that: tokens a second and seconds an epoch on this device, CPU or GPU",
        ),
        option("--threads", type=int, metavar="N", help="CPU threads (default: as torch has them)"),
        option("--only", nargs="+", default=(), metavar="PART", help="parts whose name contains this: train, qqp, smart, …"),
    ],
    "figures": [
        "rebuild the figures from records",
        option("names", nargs="*", metavar="NAME", help="some figures only (default: all)"),
        option("--out", metavar="FOLDER", help="write here (default: figures/)"),
    ],
    "grade": [
        "run all checks on a folder of submitted notebooks",
        option("folder", metavar="FOLDER", help="the folder that holds the .ipynb files"),
        option("--out", default="grades.csv", metavar="FILE", help="default: %(default)s"),
        option("--seconds", type=float, default=60, metavar="S", help="limit for an answer (default: %(default)s)"),
    ],
    "progress": [
        "exercises done, runs made, your own leaderboard",
        option("--out", metavar="FILE", help="write a web page here"),
    ],
    "badges": [
        "point README's badges and the notebooks at this copy's address",
        option("--address", metavar="URL", help="https://github.com/owner/name (default: the git remote's)"),
    ],
    "notebooks": [
        "build, check and run the notebooks, or open them in JupyterLab",
        [
            option("--build", action="store_true", help="make each .ipynb from its script"),
            option("--check", action="store_true", help="say where an .ipynb and its script differ"),
            option("--twins", action="store_true", help="draw the still pictures of their widgets, in figures/widgets"),
            option("--run", action="store_true", help="run from top to bottom, at MINBERT_SCALE (default: tiny)"),
            option("--lab", action="store_true", help="open JupyterLab on your own copy, in mine/"),
        ],
        option("names", nargs="*", metavar="NAME", help="some notebooks only: 03, or 03_adamw (default: all)"),
        option("--record", action="store_true", help="with --run: keep seconds and memory in data/notebooks.csv"),
        option("--timeout", type=int, default=1800, metavar="S", help="seconds for one cell (default: %(default)s)"),
    ],
}


def parser(functions):
    """The parser of all commands; `functions` holds a function of each one's name."""
    from . import __version__

    top = argparse.ArgumentParser(
        prog="minbert",
        description="Build, fine-tune and measure BERT. Give a command and --help to learn more about it.",
    )
    top.add_argument("--version", action="version", version=f"minbert {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name, (summary, *options) in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=summary,
            description=inspect.cleandoc(functions[name].__doc__),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(function=functions[name])
        for one in options:
            choice = sub.add_mutually_exclusive_group(required=True) if isinstance(one, list) else sub
            for names, rules in one if isinstance(one, list) else [one]:
                choice.add_argument(*names, **rules)
    return top
