"""Every figure of the workbook, by the name of its notebook and number: a pure function of records and published numbers.

Notable choices: a figure holds no number of its own. `FIGURES` maps a name to a function that returns a matplotlib Figure; `missing` raises
with the command that makes the records a figure lacks, and then the figure says so instead of being drawn.
"""

import hashlib
import importlib
import inspect
import io
from pathlib import Path

from ...errors import MinbertError
from ...files import write_atomic
from ...home import repo
from . import style

ROOMS = (
    "attention baseline tasks architectures diagrams smart pretraining "
    "sweeps ensembles ingredients analysis explorer speed reports claims"
).split()


class Missing(MinbertError):
    """A figure's records are not there; the text names the command that makes them."""


def catalogue():
    """{name: function} of all rooms, in the order of the notebooks. A room is a module here with a FIGURES of its own."""
    found = {}
    for room in ROOMS:
        found |= importlib.import_module(f"{__name__}.{room}").FIGURES
    return {name: found[name] for name in sorted(found, key=lambda name: [int(part) for part in name.split("_")[:2]])}


def draw(name, scale=None):
    """The figure by name, drawn now, of a scale's runs if one is named; where records are missing, it says which command makes them."""
    known = catalogue()
    if name not in known:
        near = [one for one in known if one.startswith(f"{name}_")] or [one for one in known if one.startswith(name)]
        told = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
        raise MinbertError(f"there is no figure called {name!r}: {told}")
    if scale and "scale" not in inspect.signature(known[name]).parameters:
        raise MinbertError(f"{name} is drawn of no one scale's runs: leave scale out")
    with style.look():
        try:
            return known[name](scale=scale) if scale else known[name]()
        except Missing as reason:
            return note(f"{name}: not recorded yet\n{reason}")


def note(text):
    """A figure that has only something to say."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.WIDE, 1.4), layout="constrained")
    figure.subplots().axis("off")  # Jupyter shows no figure without axes
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=9, wrap=True, parse_math=False)
    return figure


def save(name, folder=None):
    """Write a figure as SVG and PNG, the same bytes for the same records; → the two paths."""
    folder = Path(folder or repo() / "figures")
    figure, paths = draw(name), []
    facts = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    for kind in ("svg", "png"):
        buffer = io.BytesIO()
        with style.look():
            figure.savefig(buffer, format=kind, dpi=160, metadata=facts[kind])
        if kind == "svg":  # the PNG says which SVG it is the picture of: one left behind by a rebuild is found without drawing
            facts["png"]["Description"] = described(buffer.getvalue().decode())
        paths.append(folder / f"{name}.{kind}")
        if not paths[-1].is_file() or paths[-1].read_bytes() != buffer.getvalue():
            write_atomic(paths[-1], buffer.getvalue())
    return paths


def described(svg):
    """What a PNG's metadata say of the SVG that was written with it."""
    return f"sha256 of its SVG: {hashlib.sha256(svg.encode()).hexdigest()}"
