"""What makes a notebook a workbook: exercises, checks, hints, progress."""

from .desk import check, hint, made_with, progress, yours
from .exercises import EXERCISES
from .guard import install
from .session import start

__all__ = ["check", "hint", "made_with", "progress", "start", "yours"]

install(EXERCISES)  # so that a missing bracket in an exercise cannot stop "Run all"
