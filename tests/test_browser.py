"""In a learner's hands: real JupyterLab, a real browser, keys that are pressed.

By default two quick notebooks are opened whole, and of every other one the widgets, in a notebook cut down to what they need.
`make test ARGS="--all-notebooks -k browser"` opens every notebook. Pictures of what was seen are left in .work/screenshots, to be
looked at.
"""

import os

import pytest
from lab_browser import Lab, Page, chromium

from minbert_lib import home
from minbert_lib.workbook import notebooks

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
    notebooks.prepare([path.with_suffix(".ipynb") for path in notebooks.scripts()], folder)
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
    page.shoot(SHOTS / "01_dark.png", "JupyterLab Dark")
    assert page.errors() == []
