"""The page of claims counts its verdicts on the first screen, and a button shows the lines of one alone."""

import re

import pandas as pd
import pytest

from neuroquant.report.pages.claims import as_page, number_rows, statement_rows
from neuroquant.tables import CLAIMS, NUMBERS
from tests.workflow.browser import CHROMIUM, Browser

NAN = float("nan")


@pytest.fixture
def judged():
    """A statement that holds by a number, one that is undecided on one cohort, and one that no number decides."""
    rows = [
        ["a", "4.2", "A beats B by 0.63 dB.", "synthetic_a", "ours +1.00 dB (+0.50 to +1.50); published +0.63, inside "
         "our prediction interval (+0.40 to +1.60)", 1, 0, 0, "", "", 0.63, 1.0, 0.5, 1.5, 0.37, "dB"],
        ["b", "4.2", "A is best.", "synthetic_b", "of 2 comparisons: undecided in 2", 0, 2, 0, "C", "undecided: B, D",
         NAN, NAN, NAN, NAN, NAN, ""],
        ["c", "4.3", "A is sharper.", "", "no number decides it", NAN, NAN, NAN, "", "Look at it.", NAN, NAN, NAN, NAN,
         NAN, ""],
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=CLAIMS)


@pytest.fixture
def numbers():
    """A published number inside of the prediction interval."""
    row = ["table1", "NCANDA", "MedVAE", "T1w", "psnr", 28.26, "trained_here", 28.0, 27.5, 28.5, 27.4, 28.6, -0.26]
    return pd.DataFrame([[*row, "inside our prediction interval"]], columns=NUMBERS)


def test_a_line_has_the_papers_number_ours_with_its_interval_and_the_difference(experiment, judged, numbers):
    holds, undecided, visual = statement_rows(experiment, judged)
    assert (holds.kind, holds.paper, holds.difference) == ("holds", "+0.63 dB", "+0.37 dB")
    assert holds.ours == "+1.00 dB (+0.50 to +1.50)" and holds.why.startswith("Published +0.63, inside")
    assert undecided.where == "section 4.2, Synthetic B" and "Not run: C." in undecided.why and not undecided.ours
    assert visual.kind == "no number" and visual.why == "No number decides it.\nLook at it."
    (own,) = number_rows(experiment, numbers)
    assert (own.paper, own.ours, own.difference) == ("28.26 dB", "28.00 dB (27.50 to 28.50)", "-0.26 dB")


def test_each_kind_of_verdict_is_counted_before_the_first_line(experiment, judged, numbers):
    page = as_page(experiment, numbers, judged)
    first = page[: page.index('<table class="ledger')]
    counts = re.findall(r'value="([\w ]+)" aria-pressed="false"><span class="count">(\d+)<', first)
    assert counts == [("holds", "1"), ("undecided", "1"), ("no number", "1"), ("inside", "1")]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: chromium)")
def test_a_button_shows_the_lines_of_its_verdict_and_a_second_press_all(experiment, judged, numbers, tmp_path):
    path = tmp_path / "claims.html"
    path.write_text(as_page(experiment, numbers, judged))
    shown = "[...document.querySelectorAll('#statements tbody tr')].filter(row => row.offsetHeight).length"
    press = "document.querySelector('[data-filters=statements] button[value=undecided]').click()"
    for width in (1280, 420):
        with Browser(width, 900) as browser:
            browser.open(path)
            browser.wait(lambda here=browser: here.run("document.readyState") == "complete")
            assert browser.run(shown) == 3
            browser.run(press)
            assert browser.run(shown) == 1
            browser.run(press)
            assert browser.run(shown) == 3 and not browser.problems
            assert not browser.run("document.documentElement.scrollWidth > innerWidth")
