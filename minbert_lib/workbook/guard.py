"""Cells of exercises that cannot be read or stop with an error do not stop the notebook.

"Run all" ends at the first error, in JupyterLab and on Colab alike. So IPython hands every cell to two small functions here, and
only cells that define an exercise are touched: one that is not Python (a missing bracket) is put aside and remembered; any
other runs inside a try. `check` then says what was wrong.
"""

import ast
import re
import sys

from .judge import explain
from .show import Note, show

trouble = {}  # name of an exercise → what is wrong with the cell that should define it


def install(names):
    """Watch over the cells of the exercises `names`; does nothing outside IPython, and is safe to call again."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return
    texts, trees = shell.input_transformers_post, shell.ast_transformers
    texts[:] = [t for t in texts if not isinstance(t, Readable)] + [Readable(names)]
    trees[:] = [t for t in trees if type(t).__name__ != "Shelter"] + [Shelter(names)]


class Readable:
    """A cell that cannot be parsed is replaced by one that says so."""

    def __init__(self, names):
        self.names = names

    def __call__(self, lines):
        text = "".join(lines)
        found = [name for name in re.findall(r"^\s*(?:async def|def|class)\s+(\w+)", text, re.M) if name in self.names]
        for name in found:
            trouble.pop(name, None)
        try:
            ast.parse(text)
        except SyntaxError as error:
            if found:
                what = f"line {error.lineno}, `{(error.text or '').strip()}`: {error.msg}"
                trouble.update(dict.fromkeys(found, f"its cell is not Python yet: {what}"))
                return [f"print({f'This cell is not Python yet: {what}'!r})\n"]
        return lines


class Shelter(ast.NodeTransformer):
    """A cell that defines exercises runs inside try … except; line numbers and the cell's text stay as they are."""

    def __init__(self, names):
        self.names = names

    def visit_Module(self, module):
        ends = {node.name: node.end_lineno for node in module.body if getattr(node, "name", None) in self.names}
        if not ends:
            return module
        call = ast.parse(f"import minbert_lib.workbook.guard as _g; _g.stopped({ends!r}, _error)").body
        handler = ast.ExceptHandler(type=ast.Name("Exception", ast.Load()), name="_error", body=call)
        shelter = ast.Try(body=module.body, handlers=[handler], orelse=[], finalbody=[])
        for node in (shelter, handler, *(part for line in call for part in ast.walk(line))):
            if isinstance(node, (ast.expr, ast.stmt, ast.excepthandler)):
                node.lineno = node.end_lineno = module.body[0].lineno
                node.col_offset = node.end_col_offset = 0
        module.body = [shelter]
        return ast.fix_missing_locations(module)


def stopped(ends, error):
    """The cell raised `error`. Exercises whose definition ends before the line of the error exist all the same."""
    line = error.__traceback__.tb_lineno
    for name, end in ends.items():
        if line <= end:
            trouble[name] = explain(error).replace("your code", "its cell")
    show(Note("wrong", "This cell stopped", [explain(error) + "."]))
