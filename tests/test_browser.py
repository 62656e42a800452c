"""In a learner's hands: real JupyterLab, a real browser, keys that are pressed.

By default notebook 01 is opened whole, and of every notebook the widgets, in a notebook cut down to what they need.
`make test ARGS="tests/test_browser.py --all-notebooks"` runs every notebook whole. Pictures of what was seen are left in
.work/screenshots, to be looked at.
"""

import json
import os

import nbformat
import pytest
from lab_browser import Lab, Page, chromium

from minbert_lib import home
from minbert_lib.workbook import notebooks, twins

SCRIPTS = notebooks.scripts()
WITH_WIDGETS = [path for path in SCRIPTS if "\nexplore(" in path.read_text(encoding="utf-8")]
QUICK = [path for path in WITH_WIDGETS if not path.stem.startswith("11")]  # 11's look at runs that it makes first, for minutes
DARK = "JupyterLab Dark"
HOSTILE = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'> "
SHOTS = home.repo() / ".work/screenshots"


@pytest.fixture(scope="module")
def browser():
    if chromium() is None:
        pytest.skip("no Chromium here (Debian and Ubuntu: apt install chromium)")
    sync = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium's sandbox does not work as root
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"] * root + ["--disable-dev-shm-usage"])
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        yield context
        browser.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("lab")
    workplace = notebooks.prepare([path.with_suffix(".ipynb") for path in SCRIPTS], folder)
    (workplace / "hostile.ipynb").write_text(json.dumps(hostile_notebook()))
    for path in QUICK:
        whole = path.with_suffix(".ipynb")
        cut = json.loads(whole.read_text(encoding="utf-8")) | {"cells": twins.widget_cells(whole)}
        (workplace / f"widgets_{path.stem}.ipynb").write_text(json.dumps(cut), encoding="utf-8")
    with Lab(folder) as lab:
        yield lab


@pytest.fixture
def open_page(browser, lab):
    pages = []

    def open_page(path):
        pages.append(Page(browser, lab, path))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()


def work_all(page, name):
    """Move every control of every widget; text from outside stays text. Prints how long pictures took."""
    times = []
    for box, controls in page.widgets():
        picture = box.locator("img")  # keys reach it, and it says in words what it is
        assert page.tab_to_picture(box, controls) and len(picture.get_attribute("alt")) > 15
        for control in controls:
            times.append(page.move(box, control))
            assert times[-1] is not None, f"{name}: moved, nothing changed: {page.label(control)}"
            if control.get_attribute("type") == "text":
                page.move(box, control, HOSTILE)
    print(f"{name}: {len(times)} controls, {min(times):.0f} to {max(times):.0f} ms from key to picture")
    assert page.page.evaluate("() => window.broken") is None
    assert page.errors() == [] and page.wide() == []


RIGHT = [
    "scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))",
    "scores = scores if mask is None else scores.masked_fill(~mask, -math.inf)",
    "return scores.softmax(dim=-1) @ v",
]
WRONG = [RIGHT[0].replace(" / math.sqrt(q.size(-1))", ""), *RIGHT[1:]]


def test_answers_by_keyboard(open_page):
    """Notebook 01 as it ships, then her answers: blank, wrong, right."""
    page = open_page("notebooks/01_attention.ipynb")
    page.run_all()
    assert page.errors() == [] and page.wide() == []
    answer = page.find("def scaled_dot_product_attention")
    verdict = page.find('check("scaled_dot_product_attention")')
    assert "BLANK" in page.said(verdict) and "STANDS IN" in page.said(verdict)
    for lines, words in ((WRONG, "not divided by √d"), (RIGHT, "Right: scaled_dot_product_attention"), (["..."], "BLANK")):
        page.write_gap(answer, lines)
        page.run_cell(verdict)
        assert words in page.said(verdict), page.said(verdict)
    page.shoot(SHOTS / "01_light.png")
    page.shoot(SHOTS / "01_dark.png", DARK)
    assert page.errors() == []


@pytest.mark.parametrize("script", QUICK, ids=lambda path: path.stem)
def test_widgets_answer_to_keys(open_page, script):
    page = open_page(f"notebooks/widgets_{script.stem}.ipynb")
    page.run_all()
    work_all(page, script.stem)
    page.shoot(SHOTS / f"widgets_{script.stem}.png")


BAD_ROWS = f"""
import os
import pandas as pd
from minbert_lib.lab import records, run, system
from minbert_lib.lab.figures import explorer
from minbert_lib.text import Example, read_rows
from minbert_lib.workbook import check, progress, show
from minbert_lib.workbook.widgets import explore
bad = {HOSTILE!r}
record = run(system("C2", "tiny", epochs=1, limit={{"sst": 64}}))
explorer.look(record, "sst")  # what is kept of the true file
class Rows:
    examples = [Example(str(number), (bad,), 0) for number in range(100_000)]
"""
VIEWERS = (
    "pd.DataFrame({bad: [bad]})",
    "show.Note('wrong', bad, [bad], code=bad)",
    "def accuracy(predictions, labels):\n    print(bad)\n    raise ValueError(bad)",
    "accuracy = check('accuracy')",
    "explorer.facts.dev_rows = lambda record, task: Rows\n"
    "explore(lambda task, page: explorer.worst(record, task, page), alt=bad, task=['sst', bad], page=(1, 8, 1))",
    "explore(lambda text: int(text) if '!' in text else explorer.worst(record, 'sst', 1), alt=bad + 'words', text=bad)",
    "os.environ['MINBERT_HOME'] = 'another_home'\nrecords.save(record | {'made': bad})\nprogress()",
)


def hostile_notebook():
    """Every way of showing text, with text that would like to be a program."""
    cells = [nbformat.v4.new_code_cell(source) for source in (BAD_ROWS, *VIEWERS)]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": notebooks.KERNEL})


def test_a_sentence_with_a_script_in_it_stays_a_sentence(open_page):
    page = open_page("notebooks/hostile.ipynb")
    page.run_all()
    assert page.errors() == []
    for box, controls in page.widgets():
        for control in controls:
            if control.get_attribute("type") == "text":
                page.move(box, control, typed="! ", seconds=1)  # leads to an error message, which has the text in it
    page.wait()
    assert page.page.evaluate("() => window.broken") is None
    assert page.page.locator(".jp-Notebook .jp-OutputArea script").count() == 0
    shown = page.page.locator(".jp-OutputArea").all_inner_texts()
    assert sum("<script>window.broken = 1</script>" in text for text in shown) >= 6  # as text
    assert page.errors() == [] and page.wide() == []
    page.shoot(SHOTS / "hostile.png")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_notebook_in_the_browser(open_page, script, request):
    """Every notebook whole, as it ships."""
    if not request.config.getoption("--all-notebooks"):
        pytest.skip("long: asked for with --all-notebooks")
    page = open_page(f"notebooks/{script.stem}.ipynb")
    page.run_all(1500)
    assert page.errors() == [] and page.wide() == []
    page.shoot(SHOTS / f"{script.stem}_light.png", "JupyterLab Light")
    page.shoot(SHOTS / f"{script.stem}_dark.png", DARK)
    if script in WITH_WIDGETS:
        work_all(page, script.stem)
