"""What she has solved, kept across notebooks in one small JSON file.

- The file is MINBERT_PROGRESS, else mine/progress.json in the checkout, else progress.json in the cache folder.
- Once an answer passes, its source stays "yours" until a newer one passes: a blank notebook run later takes nothing away.
- Stored is text, run again in a later notebook by `yours(name)`; nothing is pickled.
"""

import json
import linecache
import os
import time
from pathlib import Path

from .. import files, home
from ..errors import MinbertError
from .show import Note, show
from .source import STANDARD

_unsaved = {}  # name → entry, where no file can be written: progress then lasts as long as the kernel
_used = set()  # names of her own answers handed out in this session


def progress_file():
    if chosen := os.environ.get("MINBERT_PROGRESS"):
        return Path(chosen)
    mine = home.repo() / "mine"  # her copies of the notebooks live there; git passes it by
    if (home.repo() / "pyproject.toml").exists() and os.access(mine if mine.is_dir() else mine.parent, os.W_OK):
        return mine / "progress.json"
    return home.home() / "progress.json"


def load():
    """name → {"state", "source", "hints", "tries", "when"}; a file that cannot be read counts as empty and is set aside."""
    path = progress_file()
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        entries = {k: v for k, v in kept["exercises"].items() if isinstance(v, dict)}
    except (FileNotFoundError, NotADirectoryError):
        entries = {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        show(
            Note(
                "note", f"Your progress file {path} cannot be read; starting a new one beside it.", ["The old one ends in .old."]
            )
        )
        _set_aside(path)
        entries = {}
    return {**entries, **_unsaved}


def _set_aside(path):
    try:
        os.replace(path, path.with_name(path.name + ".old"))
    except OSError as error:
        show(Note("note", f"and it cannot be moved either ({error.strerror}): delete it by hand"))


def update(name, **changes):
    """Merge changes into one exercise's entry. Safe with several notebooks at once."""
    path = progress_file()
    try:
        with files.locked(path.with_name(path.name + ".lock")):
            entries = load()
            entry = {**entries.get(name, {}), **changes, "when": time.strftime("%Y-%m-%d %H:%M:%S")}
            entries[name] = entry
            files.write_atomic(path, json.dumps({"version": 1, "exercises": entries}, indent=1, ensure_ascii=False))
    except (MinbertError, OSError) as error:
        if not _unsaved:
            show(Note("note", f"Progress is kept only while this notebook runs: {error}"))
        _unsaved[name] = {**load().get(name, {}), **changes}


def namespace():
    """The names at hand for a stored answer: torch and friends, and the library's model."""
    import minbert_lib.model as model

    space = {"__name__": "__main__"}
    exec(STANDARD, space)
    return space | {name: getattr(model, name) for name in model.__all__}


def rebuild(name, kept, inside=()):
    """Run the stored source of `name` and return what it defines. Her other answers that it names are rebuilt first."""
    text, space, inside = kept[name]["source"], namespace(), (*inside, name)
    for other in set(kept) - set(inside):
        if other in text and kept[other].get("source"):
            space[other] = rebuild(other, kept, inside)
    return run_text(text, f"<your {name}>", space)[name]


def run_text(text, title, space):
    """Run her text in a namespace, known to Python by a title, so that errors show her lines. Returns the namespace."""
    linecache.cache[title] = (len(text), None, text.splitlines(True), title)
    exec(compile(text, title, "exec"), space)
    return space


def used(name):
    _used.add(name)


def made_with():
    """Names of her own answers that this session has used so far; run records keep them."""
    return sorted(_used)


def counts(exercises):
    """(names solved by her, names tried that stand on the reference)"""
    kept = load()
    yours = [name for name in exercises if kept.get(name, {}).get("source")]
    return yours, [name for name in exercises if kept.get(name, {}).get("tries") and name not in yours]
