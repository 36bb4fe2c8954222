"""The viewer in Chromium, without WebGL: all panels follow the cursor, and window, fading, keys and surfaces work."""

import numpy as np
import pytest

from neuroquant.report.figures.images import Images
from neuroquant.report.pages.viewer import write_viewer
from neuroquant.store.arrays import ArrayWriter, Record
from neuroquant.tables import SYNTHESISED
from tests.workflow.browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: chromium)")
SHAPE = (20, 24, 16)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Two subjects with two modalities; only the first one's T1w has a synthesised image."""
    folder = tmp_path_factory.mktemp("viewer")
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in SHAPE), indexing="ij"))
    head = np.where((grid**2).sum(0) < 0.8, 0.2 + 0.5 * grid[0], -1.0)
    records = [Record("c", who, "1", m, "test", "", "F", 9.0) for who in "ab" for m in ("T1w", "T2w")]
    for number, name in enumerate(("volumes.h5", "copies.h5")):
        with ArrayWriter(folder / name, records) as writer:
            writer.create("image", SHAPE, np.float16)
            for row in range(len(records)):
                writer.write("image", row, head * (1 - 0.3 * number))
            if number:
                writer.create(SYNTHESISED, SHAPE, np.uint8, compress=True)
                writer.write(SYNTHESISED, 0, np.round((head + 1) * 127 + 1).astype(np.uint8))
    sessions = {"first": ("a", "1"), "second": ("b", "1")}
    images = Images([folder / "volumes.h5"], {"m": [folder / "copies.h5"]})
    write_viewer(sessions, ("T1w", "T2w"), "Model", images, folder / "viewer.html")
    return folder / "viewer.html"


@pytest.fixture(params=[1280, 420])
def browser(request, page):
    with Browser(request.param) as opened:
        opened.open(page)
        wait(opened, "document.body.dataset.ready === 'yes' && document.body.dataset.turned")
        yield opened
        assert opened.problems == [] and opened.requests == []


def wait(browser, condition):
    """Until a condition holds in the page."""
    browser.wait(lambda: browser.run(condition))


def pixels(browser, *canvases):
    """What canvases show, as text that changes with it."""
    return [browser.run(f"document.getElementById('{name}').toDataURL()") for name in canvases]


def press(browser, key, on="document"):
    browser.run(f"{on}.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))")


SLICES = [f"{kind}{axis}" for kind in ("original", "reconstruction", "synthesis", "error") for axis in range(3)]


def test_a_click_moves_the_cursor_in_all_panels_of_all_planes(browser):
    before = pixels(browser, *SLICES)
    browser.run(
        "(() => { const c = document.getElementById('reconstruction2'), b = c.getBoundingClientRect();"
        "c.dispatchEvent(new MouseEvent('click', {clientX: b.left + b.width * 0.31, clientY: b.top + b.height * 0.4}))"
        "})()"
    )
    assert browser.run("document.body.dataset.at") == "6 14 8"
    assert all(one != other for one, other in zip(before, pixels(browser, *SLICES), strict=True))
    assert "voxel 6, 14, 8 of 20 x 24 x 16: original" in browser.run("document.getElementById('place').textContent")


def test_keys_move_the_cursor_change_the_plane_and_bring_everything_back(browser):
    for key in ("ArrowLeft", "ArrowUp", "PageUp", "s", "PageDown"):
        press(browser, key)
    assert browser.run("document.body.dataset.at") == "8 13 9"
    press(browser, "+")
    assert browser.run("document.getElementById('high').value") == "247"
    press(browser, "r")
    assert (
        browser.run("document.body.dataset.at") == "10 12 8"
        and browser.run("document.getElementById('high').value") == "255"
    )


def test_the_window_changes_every_image_but_the_error(browser):
    before = pixels(browser, "original2", "reconstruction2", "synthesis2", "error2")
    browser.run("(() => { const s = document.getElementById('low'); s.value = 120; s.oninput() })()")
    after = pixels(browser, "original2", "reconstruction2", "synthesis2", "error2")
    assert [one != other for one, other in zip(before, after, strict=True)] == [True, True, True, False]


def test_the_first_panel_fades_to_the_reconstruction_and_flips_with_a_key(browser):
    original, copy = pixels(browser, "original2", "reconstruction2")
    press(browser, "f")
    assert pixels(browser, "original2") == [copy]
    press(browser, "f")
    assert pixels(browser, "original2") == [original]


def test_a_synthesis_is_shown_where_there_is_one_and_other_images_by_keys(browser):
    assert not browser.run("document.getElementById('synthesis2').hidden")
    press(browser, "m")
    wait(browser, "document.getElementById('modality').value === 'T2w' && document.getElementById('synthesis2').hidden")
    press(browser, "n")
    wait(browser, "document.getElementById('session').value === 'second'")


def test_a_surface_is_a_lit_head_that_turns(browser):
    (first,) = pixels(browser, "surface-original")
    levels = browser.run(
        "(() => { const c = document.getElementById('surface-original'), d = c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data, s = new Set(); for (let i = 0; i < d.length; i += 4) s.add(d[i]);"
        "return [s.size, d[0], d[4 * (75 * 150 + 75)]] })()"
    )
    assert levels[0] > 10 and levels[1] == 0 and levels[2] >= 60, "black around it, light and shade on it"
    press(browser, "ArrowRight", on="document.getElementById('surface-original')")
    wait(browser, "document.body.dataset.turned === '0.80 0.30'")
    assert pixels(browser, "surface-original") != [first]
    assert browser.run("document.body.dataset.at") == "10 12 8", "the cursor stays"


def test_nothing_is_wider_than_the_screen(browser):
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
