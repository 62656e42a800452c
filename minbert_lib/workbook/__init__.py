"""What makes a notebook a workbook: exercises, checks, hints, progress."""

from .desk import check, guard_cells, hint, made_with, progress, yours

__all__ = ["check", "hint", "made_with", "progress", "yours"]

guard_cells()  # so that a missing bracket in an exercise cannot stop "Run all"; does nothing outside IPython
