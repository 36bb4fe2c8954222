"""A table that is wider than the window can be read whole: it shrinks, or scrolls in its own box and says so."""

import pandas as pd
import pytest

from neuroquant.report.html import box, page, small_table
from tests.workflow.browser import CHROMIUM, Browser

HINT = "getComputedStyle(document.querySelector('.hint')).display"
SPILLS = "document.documentElement.scrollWidth > innerWidth"
BOX = "document.querySelector('.wide')"
FITS = f"{BOX}.scrollWidth <= {BOX}.clientWidth + 1"


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    """A table with a column per metric of three modalities."""
    cells = {f"{modality} metric {n}": ["23.75~"] * 3 for modality in ("A", "B", "C") for n in range(4)}
    path = tmp_path_factory.mktemp("html") / "view.html"
    path.write_text(page("View", small_table(pd.DataFrame({"model": ["a model with a name"] * 3} | cells))))
    return path


def test_every_table_has_a_box_and_a_hint_before_it():
    assert box("<table></table>").index('class="hint"') < box("<table></table>").index('class="wide"')
    assert 'class="wide"' in small_table(pd.DataFrame({"a": [1]}))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: chromium)")
@pytest.mark.parametrize(("width", "whole"), [(420, False), (1280, True)])
def test_it_scrolls_on_a_phone_with_a_hint_and_is_whole_on_a_screen(view, width, whole):
    with Browser(width, 900) as browser:
        browser.open(view)
        browser.wait(lambda: browser.run("document.readyState") == "complete")
        assert not browser.run(SPILLS), "the page itself never scrolls sideways"
        assert browser.run(FITS) == whole
        assert (browser.run(HINT) == "none") == whole
