"""Still pictures of the widgets, for readers on GitHub and of PDFs: figures/widgets/NN_function.png, each as the widget first stands.

Notable choices: a notebook is cut down to its set-up cell, the cells that show a widget, and what these need, and run right here,
where `explore` gives a plain figure. What a cell needs is read off its symbol table: the global names that it or its functions use.
Training runs and pictures that no widget rests on fall away. `minbert notebooks --twins` writes those that the notebooks show.
"""

import io
import json
import os
import re
import symtable
import tempfile

from .. import home
from ..errors import MinbertError
from ..files import write_atomic
from . import notebooks, widgets

SHOWN = re.compile(r"\(\.\./figures/widgets/(\w+)\.png\)")
DPI = 80  # small: beside the widget itself it is a reminder


def write(names=()):
    """Write the still pictures that these notebooks show."""
    with tempfile.TemporaryDirectory() as place:
        os.environ["MINBERT_PROGRESS"] = os.path.join(place, "progress.json")  # blank cells run here are nobody's
        for script in notebooks.scripts(names):
            if wanted := SHOWN.findall(script.read_text(encoding="utf-8")):
                _write(script, wanted)


def _write(script, wanted):
    found = pictures(script)
    if lost := [name for name in wanted if name not in found]:
        raise MinbertError(f"{script.name} shows {lost[0]}.png, but its widgets are {', '.join(found) or 'none'}")
    for name in wanted:
        path, drawn = home.repo() / f"figures/widgets/{name}.png", found[name]
        if not path.is_file() or path.read_bytes() != drawn:
            write_atomic(path, drawn)
            print(path)


def pictures(script):
    """{NN_function: its first picture as a PNG} of a notebook's widgets."""
    from ..lab.figures import style

    found, space = {}, {"__name__": "__main__"}

    def explore(draw, alt="", **controls):
        name = getattr(draw, "__name__", type(draw).__name__)
        found[f"{script.stem[:2]}_{name}"] = _png(widgets.explore(draw, alt, **controls))

    with style.look():
        for cell in widget_cells(script.with_suffix(".ipynb")) or ():
            exec(compile(plain("".join(cell["source"])), script.name, "exec"), space)  # the notebook's own code
            space["explore"] = explore
    return found


def _png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def widget_cells(path):
    """The code cells that the widgets need, or None if there is no widget."""
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    kept, needed = [], set()
    for cell in reversed(cells):
        source = "".join(cell["source"])
        gives, uses = names(plain(source))
        if gives & needed or shows_widget(source) or "ADDRESS = " in source:
            kept.insert(0, cell)
            needed |= uses
    return kept if any(shows_widget("".join(cell["source"])) for cell in kept) else None


def shows_widget(source):
    return "\nexplore(" in "\n" + source


def plain(source):
    """Without IPython's own commands."""
    return "\n".join(line for line in source.split("\n") if not line.startswith("%"))


def names(source):
    """(names that the cell gives, global names that it uses)"""
    top = symtable.symtable(source, "cell", "exec")
    gives = {one.get_name() for one in top.get_symbols() if one.is_assigned() or one.is_imported() or one.is_namespace()}
    uses = {one.get_name() for one in top.get_symbols() if one.is_referenced()}
    inner = list(top.get_children())
    while inner:
        table = inner.pop()
        uses |= {one.get_name() for one in table.get_symbols() if one.is_global()}
        inner += table.get_children()
    return gives, uses
