"""The text of an answer: found, recognised as blank, and cut out with everything that it needs.

Answers live in notebook cells. What is stored as "yours", and what is graded, is the definition with the imports, helper
functions and constants that it uses, found by reading the text (`ast`), never by running other cells.
"""

import ast
import builtins
import inspect
import linecache
import sys
import types

# what an answer may use without importing it: the names that every notebook has at hand
STANDARD = """import math
import random
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, Tensor
"""


def text_around(thing):
    """The text of the cell or file that defines a function or class; "" where it cannot be had."""
    code = _code(thing)
    if code is None:
        return ""
    lines = linecache.getlines(code.co_filename)
    return "".join(lines)


def _code(thing):
    if isinstance(thing, type):  # inspect cannot find classes of notebooks; their methods' code can
        found = [
            _code(part) for part in vars(thing).values() if getattr(part, "__module__", thing.__module__) == thing.__module__
        ]
        return next((code for code in found if code is not None), None)
    return getattr(inspect.unwrap(thing), "__code__", None) if callable(thing) else None


def tree(text):
    """The syntax tree of a cell, or None; lines of IPython (%magic, !command) are passed over."""
    plain = "\n".join("" if line.lstrip()[:1] in ("%", "!", "?") else line for line in text.splitlines())
    try:
        return ast.parse(plain)
    except (SyntaxError, ValueError):
        return None


def definition(text, name):
    """The last top-level function or class `name` in a text, as a node; None where there is none."""
    whole = tree(text)
    nodes = [n for n in (whole.body if whole else []) if isinstance(n, DEFINITIONS) and n.name == name]
    return nodes[-1] if nodes else None


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def is_stub(node):
    """Has she not written it yet? True for a body of `...`, `pass` or `raise NotImplementedError`, or with a `x = ...` left."""
    return node is not None and (all(map(_says_nothing, node.body)) or any(map(_is_gap, ast.walk(node))))


def _says_nothing(part):
    return isinstance(part, ast.Pass) or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)) or _is_gap(part)


def _is_gap(part):
    if isinstance(part, ast.Raise) and part.exc is not None:
        return any(isinstance(n, ast.Name) and n.id == "NotImplementedError" for n in ast.walk(part.exc))
    value = part.value if isinstance(part, (ast.Expr, ast.Assign, ast.Return)) else None
    return isinstance(value, ast.Constant) and value.value is Ellipsis


def with_needs(name, texts, known=(), namespace=None):
    """The source of `name` with the imports, helpers and constants it uses, from `texts` (later ones win) and `namespace`.

    Names in `known` are left out: whoever runs the source provides them. Returns "" where `name` is not defined.
    """
    nodes = {}  # name → (text of the statement, names it uses), in order of the texts
    for text in texts:
        for node in (tree(text) or ast.Module([], [])).body:
            for bound in _binds(node):
                nodes[bound] = (ast.unparse(node), _uses(node))
    if name not in nodes:
        return ""
    wanted, order, extra = [name], [], []
    while wanted:
        one = wanted.pop()
        if one in order or one in extra:
            continue
        if one in nodes:
            order.append(one)
        elif one in known or hasattr(builtins, one):
            continue
        elif source := _from_namespace(one, namespace or {}):
            extra.append(one)
            nodes[one] = (source, _uses(ast.parse(source)))
        wanted += sorted(nodes[one][1]) if one in nodes else []
    first, then = extra[::-1], [one for one in nodes if one in order]
    return "\n\n".join(dict.fromkeys(nodes[one][0] for one in first + then))


def _binds(node):
    if isinstance(node, DEFINITIONS):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names if alias.name != "*"]
    if isinstance(node, ast.Assign) and not any(isinstance(part, ast.Call) for part in ast.walk(node.value)):
        return [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]  # constants; calls are work
    return []


def _uses(node):
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _from_namespace(name, namespace):
    """Source that makes `name` again, from what another cell of the notebook left in its namespace."""
    value = namespace.get(name)
    if isinstance(value, (bool, int, float, str)):
        return f"{name} = {value!r}"
    if isinstance(value, types.ModuleType):
        return f"import {value.__name__} as {name}"
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        node = definition(text_around(value), name) if value.__module__ in ("__main__", None) else None
        if node is not None:
            return ast.unparse(node)
        home = sys.modules.get(value.__module__) if value.__module__ != "__main__" else None
        if getattr(home, value.__name__, None) is value:  # a lambda, say, cannot be imported
            return f"from {value.__module__} import {value.__name__} as {name}"
    return ""
