"""The page figures/README.md: from the reports' figures and tables to ours, and from ours to the code that draws them.

Notable choices: the first table's pairs are data (data/published/figures.csv), the second is read from the functions:
nothing on the page is typed. `minbert figures` writes it, and a test keeps it true.
"""

import inspect
from pathlib import Path

from ...files import write_atomic
from ...home import repo
from .. import published
from . import catalogue


def page():
    """The text of figures/README.md."""
    return "\n".join([HEAD, *_reports(), "", "## From our figures to their code", "", *_ours(), ""])


HEAD = """# Figures

Every figure of the workbook, by the number of its notebook. `minbert figures` rebuilds them all from `data/runs` and
`data/published`, and this page with them; `minbert figures NAME` rebuilds one. Published numbers are BERT-base's and drawn as
diamonds; whose runs the others are, each caption says. A figure without runs says which command makes them.

## From the reports' figures and tables to ours

| report | there | systems | what it shows | here | |
|---|---|---|---|---|---|"""


def _reports():
    there = catalogue()
    for line in published.table("figures").fillna("").itertuples():
        ours = ", ".join(f"[{name}]({name}.png)" if name in there else f"`{name}`" for name in line.ours.split()) or "–"
        yield f"| {line.report} | {line.item} | {line.rows} | {line.shows} | {ours} | {line.note} |"


def _ours():
    yield "| figure | drawn by | |"
    yield "|---|---|---|"
    for name, function in catalogue().items():
        file = inspect.getsourcefile(inspect.unwrap(function)).replace("\\", "/").rpartition("/minbert_lib/")[2]
        first = (inspect.getdoc(function) or "").split("\n")[0].replace("|", "\\|")
        yield f"| [{name}]({name}.png) | [{function.__name__}](../minbert_lib/{file}) | {first} |"


def write(folder=None):
    path = Path(folder or repo() / "figures") / "README.md"
    write_atomic(path, page())
    return path
