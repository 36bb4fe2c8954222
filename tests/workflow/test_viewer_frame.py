"""Snakemake's viewer, finished by us, in a browser: what is taller or wider than the window can be seen whole."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroquant.report.html import page, small_table
from neuroquant.report.package.finish import finish
from tests.workflow.browser import CHROMIUM, Browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: chromium)"),
]
SNAKEFILE = """
rule all:
    input: "results/x/report/summary.html", "results/x/tall.png", "results/x/small.png"
rule summary:
    output: report("results/x/report/summary.html", category="a")
    shell: "cp summary.html {output}"
rule picture:
    output: report("results/x/{name}.png", category="b")
    shell: "cp {wildcards.name}.png {output}"
"""
INSIDE = "document.querySelector('#app>div.flex>div.grow')"


@pytest.fixture(scope="module")
def viewed(tmp_path_factory):
    """A finished report with a picture taller than any window, a small one, and a summary with a wide table."""
    folder = tmp_path_factory.mktemp("viewed")
    for name, shape in {"tall": (5000, 900), "small": (50, 90)}.items():
        Image.fromarray(np.full(shape, 90, np.uint8)).save(folder / f"{name}.png")
    wide = pd.DataFrame({f"a long heading of column {n}": ["23.75 (23.00 to 24.11)"] * 3 for n in range(14)})
    (folder / "summary.html").write_text(page("Summary", small_table(wide)))
    (folder / "Snakefile").write_text(SNAKEFILE)
    for more in (("--cores", "1"), ("--report", "report.html")):
        subprocess.run([sys.executable, "-m", "snakemake", *more], cwd=folder, check=True, capture_output=True)
    finish(folder / "report.html", "Title", "results/x/", [])
    return folder / "report.html"


def show_picture(browser, name):
    """Open a picture as the report's own buttons do, and wait for it."""
    path = f"results/x/{name}.png"
    browser.run(f"app.setView({{content: 'img', contentPath: results['{path}'].data_uri, resultPath: '{path}'}})")
    loaded = f"[...{INSIDE}.querySelectorAll('img')].some(i => i.complete && i.naturalWidth > 0)"
    browser.wait(lambda: browser.run(loaded))


def edges(browser, of="img") -> dict[str, float]:
    """Sides of the picture in the window, pixels."""
    box = f"{INSIDE}.querySelector('{of}').getBoundingClientRect()"
    return browser.run(f"(b => ({{top: b.top, bottom: b.bottom, left: b.left, right: b.right}}))({box})")


def ready(browser, path):
    """Open the report and wait for its viewer."""
    browser.open(path)
    browser.wait(lambda: browser.run("typeof app !== 'undefined' && app !== undefined && app.state.content") == "html")


@pytest.mark.parametrize("width", [1280, 420])
def test_a_picture_taller_than_the_window_can_be_scrolled_from_its_first_line_to_its_last(viewed, width):
    with Browser(width, 900) as browser:
        ready(browser, viewed)
        show_picture(browser, "tall")
        browser.run(f"{INSIDE}.scrollTop = 0")
        assert edges(browser)["top"] >= 0
        browser.run(f"{INSIDE}.scrollTop = 1e9; scrollTo(0, 1e9)")
        assert edges(browser)["bottom"] <= 900


def test_a_small_picture_stays_in_the_middle(viewed):
    with Browser(1280, 900) as browser:
        ready(browser, viewed)
        show_picture(browser, "small")
        sides = edges(browser)
        assert (sides["top"] + sides["bottom"]) / 2 == pytest.approx(450, abs=20)
        assert sides["left"] > 500


def test_no_table_is_cut_off_on_a_screen_of_1280(viewed):
    with Browser(1280, 900) as browser:
        ready(browser, viewed)
        browser.wait(lambda: "loaded" in str(browser.run_in_frame("document.readyState === 'complete' && 'loaded'")))
        hidden = "[...document.querySelectorAll('.wide')].map(box => box.scrollWidth - box.clientWidth)"
        browser.wait(lambda: browser.run_in_frame(hidden) == [0], 20)
        assert browser.run_in_frame("parseFloat(getComputedStyle(document.querySelector('.wide td')).fontSize)") >= 9
