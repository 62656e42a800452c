"""Measurements that are made once at a scale and kept in `data/`.

`python -m minbert_lib.lab.effect SCALE` makes one again; so do `price` and `probes`.
"""

import json
import sys

from ..errors import MinbertError
from ..files import write_atomic
from ..home import repo


def recorded(what):
    """What was measured, as in `recorded("effect/mini")`, or None."""
    path = _path(what)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def main(what, measure):
    """Measure at the scale that the command line names, and keep it."""
    if len(sys.argv) != 2:
        raise SystemExit("one scale: tiny, mini or base")
    try:
        found = measure(sys.argv[1])
    except MinbertError as error:
        raise SystemExit(f"minbert: {error}") from None
    path = _path(what + sys.argv[1])
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, json.dumps(_rounded(found), indent=1) + "\n")
    print(path)


def _path(what):
    return repo() / "data" / f"{what}.json"


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
