"""What an exercise is: where it stands, how hard it is, its equation and hints, its check and the library's own answer."""

import importlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Exercise:
    name: str
    where: str  # the notebook
    difficulty: int  # 1 a warm-up … 5 an evening
    minutes: int
    equation: str  # LaTeX, in the symbols of the code
    hints: tuple  # a nudge, then more concrete help; the third step is the library's own source
    check: object
    reference: str  # module:name, imported when needed

    def library(self):
        module, name = self.reference.split(":")
        return getattr(importlib.import_module(module), name)
