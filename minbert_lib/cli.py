"""The command line: `minbert COMMAND`, or `python -m minbert_lib COMMAND`.

A command is one function here and one `add(...)` in `parser()`. The function imports its room when it is
called, so that `minbert --help` answers at once, does the work by calling into that room, and returns an exit
status (None is 0). Its docstring is the description in --help. A MinbertError becomes one line and status 2;
any other exception is a bug and keeps its traceback.
"""

import argparse
import inspect
import os
import sys

from .errors import MinbertError


def doctor(args):
    """Look at this machine: what the workbook can do here, what is missing, and how to mend it.

    The exit status is 1 if something that every notebook needs is missing.
    """
    from .doctor import report

    return report()


def notebooks(args):
    """Build, check and run the notebooks, or open them in JupyterLab.

    People edit notebooks/NN_name.py, a plain script with `# %%` between the cells; the .ipynb beside it is
    built from that. Running happens on a copy in .work/, so that nothing in the repository changes.
    """
    from .workbook import notebooks as room

    if args.build:
        return room.build(args.names)
    if args.check:
        return room.check(args.names)
    if args.lab:
        return room.lab(args.names)
    return room.run(args.names, record=args.record, timeout=args.timeout)


def parser():
    top = argparse.ArgumentParser(
        prog="minbert",
        description="Build, fine-tune and measure BERT. Give a command and --help to learn more about it.",
    )
    from . import __version__

    top.add_argument("--version", action="version", version=f"minbert {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    def add(function, summary):
        """The sub-command called like the function; its options are added to what this returns."""
        sub = commands.add_parser(
            function.__name__,
            help=summary,
            description=inspect.cleandoc(function.__doc__),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(function=function)
        return sub

    add(doctor, "what this machine can do, what is missing, and the remedy")

    sub = add(notebooks, "build, check and run the notebooks, or open them in JupyterLab")
    what = sub.add_mutually_exclusive_group(required=True)
    what.add_argument("--build", action="store_true", help="make each .ipynb from its script")
    what.add_argument("--check", action="store_true", help="say where an .ipynb and its script differ")
    what.add_argument(
        "--run", action="store_true", help="run from top to bottom, at MINBERT_SCALE (default: tiny)"
    )
    what.add_argument("--lab", action="store_true", help="open JupyterLab on your own copy, in mine/")
    sub.add_argument(
        "names", nargs="*", metavar="NAME", help="some notebooks only: 03, or 03_adamw (default: all)"
    )
    sub.add_argument(
        "--record", action="store_true", help="with --run: keep seconds and memory in data/notebooks.csv"
    )
    sub.add_argument(
        "--timeout", type=int, default=1800, metavar="S", help="seconds for one cell (default: %(default)s)"
    )
    return top


def main(argv=None):
    args = parser().parse_args(argv)
    try:
        return args.function(args) or 0
    except MinbertError as error:
        print(f"minbert: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("minbert: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader (`| head`) has seen enough; close quietly
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
