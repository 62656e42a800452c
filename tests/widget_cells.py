"""A notebook cut down to its widgets: the set-up cell, the cells that show a widget, and the cells that these need.

What a cell needs is read off its symbol table: the global names that it or its functions use. A cell that gives one of them is
kept, and what that one needs in turn; training runs and pictures that no widget rests on fall away.
"""

import json
import symtable


def only_widgets(path):
    """The notebook's JSON with the needed cells alone, or None if it shows no widget."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    kept, needed = [], set()
    for cell in reversed(cells):
        source = "".join(cell["source"])
        gives, uses = names("\n".join(line for line in source.split("\n") if not line.startswith("%")))
        if gives & needed or "\nexplore(" in source or source.startswith("explore(") or "ADDRESS = " in source:
            kept.insert(0, cell)
            needed |= uses
    if not any("explore(" in "".join(cell["source"]) for cell in kept):
        return None
    return json.dumps(notebook | {"cells": kept})


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
