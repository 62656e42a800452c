"""The still pictures of the widgets: there is one for each, and it shows what the widget shows first."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from minbert_lib import home
from minbert_lib.workbook import notebooks, twins

SCRIPTS = notebooks.scripts()
SHOWING = [path for path in SCRIPTS if twins.SHOWN.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_widget_has_a_still_picture_beneath(script):
    """For readers on GitHub and of PDFs: the cell after a widget shows a committed picture and says in words what is on it."""
    cells = json.loads(script.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    for cell, after in zip(cells, cells[1:]):
        if cell["cell_type"] == "code" and twins.shows_widget("".join(cell["source"])):
            alt, path = re.search(r"!\[([^\]]*)\]\((\S+?\.png)\)", "".join(after["source"])).groups()
            assert len(alt) > 15 and (script.parent / path).is_file(), path


@pytest.mark.parametrize("script", SHOWING, ids=lambda path: path.stem)
def test_still_pictures_are_what_the_widgets_show_first(script, empty_home, tmp_path, monkeypatch, request):
    if script.stem.startswith("11") and not request.config.getoption("--all-notebooks"):
        pytest.skip("its widgets look at runs that it makes first: asked for with --all-notebooks")
    monkeypatch.setenv("MINBERT_PROGRESS", str(tmp_path / "progress.json"))
    drawn = twins.pictures(script)
    for name in twins.SHOWN.findall(script.read_text(encoding="utf-8")):
        committed = np.asarray(Image.open(home.repo() / f"figures/widgets/{name}.png").convert("L"), float)
        now = np.asarray(Image.open(io.BytesIO(drawn[name])).convert("L"), float)
        same = now.shape == committed.shape and np.abs(now - committed).mean() < 1  # another machine may round a pixel otherwise
        assert same, f"{name}.png is not what its widget shows: minbert notebooks --twins {script.stem}"
