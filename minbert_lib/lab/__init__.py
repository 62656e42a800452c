"""Runs → figures. `run(config)` gives a record; `table()` opens all of them in pandas."""

from .config import RunConfig
from .records import table
from .run import run
from .systems import SYSTEMS, system

__all__ = ["RunConfig", "SYSTEMS", "run", "system", "table"]
