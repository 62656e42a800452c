"""The parts of README and notebooks that depend on where this copy lives: Colab badges and the address that notebooks clone from.

Notable choices: the address is the git remote's unless one is given; the table is made from the notebooks themselves, the exercises and the
recorded runs, so that nothing in it is typed. `check` finds every link's target in this checkout.
"""

import re
import subprocess

from ..errors import MinbertError
from ..files import write_atomic
from ..home import repo
from . import notebooks
from .exercises import EXERCISES

ADDRESS = re.compile(r'^ADDRESS = "[^"]*"', re.M)
BEGIN, END = "<!-- table of notebooks: written by `minbert badges` -->", "<!-- end of table -->"
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
PLACEHOLDER = "https://github.com/OWNER/minbert-workbook"


def address_of_copy():
    """The GitHub address of this copy's remote, or the placeholder where it has none."""
    asked = subprocess.run(["git", "remote", "get-url", "origin"], cwd=repo(), capture_output=True, text=True)
    found = re.search(r"github\.com[:/]([\w.-]+)/([\w.-]+?)(?:\.git)?/?$", asked.stdout.strip())
    return f"https://github.com/{found[1]}/{found[2]}" if found else PLACEHOLDER


def write(address=None):
    """Put the address into README and every notebook; → the address."""
    address = (address or address_of_copy()).rstrip("/").removesuffix(".git")
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise MinbertError(f"{address!r} is not like https://github.com/owner/name, which Colab opens notebooks from")
    readme = repo() / "README.md"
    text = readme.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise MinbertError(f"{readme}: the two comments that mark the table of notebooks are gone")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    write_atomic(readme, before + BEGIN + "\n" + table(address) + "\n" + END + after)
    for script in notebooks.scripts():
        source = script.read_text(encoding="utf-8")
        write_atomic(script, ADDRESS.sub(f'ADDRESS = "{address}"', source))
    notebooks.build()
    return address


def table(address):
    """The README's table: topic, exercises, minutes and memory by scale, badge."""
    costs = {}
    for (name, scale), row in notebooks.costs().items():
        costs.setdefault(name, []).append(f"{scale} {float(row['seconds']) / 60:.1f} / {float(row['peak_mb']) / 1024:.1f}")
    lines = ["| | notebook | you write | minutes / GB by scale | |", "|---|---|---|---|---|"]
    for script in notebooks.scripts():
        number, title = script.stem[:2], _title(script)
        mine = ", ".join(f"`{name}`" for name, exercise in EXERCISES.items() if exercise.where == number) or "–"
        cost = "; ".join(costs.get(script.stem, ())) or "–"
        link = f"https://colab.research.google.com/github/{address.removeprefix('https://github.com/')}/blob/main/notebooks/{script.stem}.ipynb"
        lines.append(
            f"| {number} | [{title}](notebooks/{script.stem}.ipynb) | {mine} | {cost} | [![Open in Colab]({BADGE})]({link}) |"
        )
    return "\n".join(lines)


def _title(script):
    first = next(line for line in script.read_text(encoding="utf-8").splitlines() if line.startswith("# # "))
    return first.removeprefix("# # ").split("·", 1)[-1].strip()
