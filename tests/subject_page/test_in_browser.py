"""The page as a rater meets it: in Chromium without network, on a wide and a narrow screen, with a mouse or keys."""

import json
import time

import pytest

from neuroquant.subject_page import write_page
from tests.subject_page.made import session
from tests.workflow.browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: chromium)")
BAD = "<script>document.body.remove()</script>"
SEEN = "[...document.querySelectorAll('#s0 .layer')].filter(e => getComputedStyle(e).visibility == 'visible')"
NAMES = f"[...new Set({SEEN}.map(e => e.innerText))].join()"
WHOLE = "[...document.images].every(i => i.complete && i.naturalWidth > 0)"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page with two sessions of three and two modalities, of a subject with a bad name, and a long one."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    numbers = {"T1w PSNR (dB)": 21.0, "a number with a long name, which has to be broken somewhere (ml)": 5.0}
    first = session(BAD, "ses-01", ("T1w", "T2w", "FLAIR"), numbers=numbers)
    second = session(BAD, "ses-" + "long" * 40, ("T2w", "FLAIR"))
    write_page(path, f"{BAD}: model", [first, second], {"T1w PSNR (dB)": [19.0, 20.0, 21.0, 22.0]})
    return path


@pytest.fixture
def browser(page):
    """The page in a wide window."""
    with Browser(1280) as opened:
        opened.open(page)
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 420])
def test_it_fits_the_screen_loads_all_pictures_and_has_no_error(page, width, scheme):
    with Browser(width) as browser:
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.open(page)
        browser.wait(lambda: browser.run(WHOLE))
        assert browser.run("document.documentElement.scrollWidth - innerWidth") <= 0
        paper = browser.run("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
        assert browser.run("document.querySelector('h1').innerText") == f"{BAD}: model"
        assert browser.problems == [] and browser.requests == []


def press(browser, place, key):
    """Focus an element and press a key."""
    browser.run(f"document.querySelector('{place}').focus()")
    code = {"ArrowRight": 39, " ": 32, "Enter": 13, "Escape": 27}[key]
    text = {" ": " ", "Enter": "\r"}.get(key)
    for kind in ("keyDown", "keyUp"):
        more = {"text": text} if text and kind == "keyDown" else {}
        browser.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **more)


def test_without_javascript_everything_can_be_looked_at_and_modalities_be_chosen(page):
    with Browser(1280) as browser:
        browser.call("Emulation.setScriptExecutionDisabled", value=True)
        browser.open(page)
        assert browser.run(NAMES) == "T1w" and browser.run(f"{SEEN}.length") == 18
        assert browser.run("[...document.querySelectorAll('fieldset, .flicker')].every(e => !e.offsetParent)")
        assert "Rating needs JavaScript" in browser.run("document.body.innerText")
        press(browser, "#s0m0", "ArrowRight")
        assert browser.run(NAMES) == "T2w"
        press(browser, "#s0o", " ")
        assert browser.run("getComputedStyle(document.querySelector('#s0 .stack svg')).display") == "none"


def test_a_pointer_over_a_slice_shows_the_next_modality_there_alone(browser):
    box = browser.run("(b => [b.x + 20, b.y + 20])(document.querySelector('#s0 .stack').getBoundingClientRect())")
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
    browser.wait(lambda: browser.run(f"{SEEN}.map(e => e.innerText)[0]") == "T2w")
    assert browser.run(f"{SEEN}.filter(e => e.innerText == 'T1w').length") == 17


def pressed(browser):
    """Whether the button is down."""
    return browser.run("document.querySelector('#s0 .flicker').getAttribute('aria-pressed')")


def test_flicker_runs_from_the_keyboard_until_it_is_stopped(browser):
    press(browser, "#s0 .flicker", "Enter")
    seen = set()
    browser.wait(lambda: seen.add(browser.run(NAMES)) or len(seen) == 3)
    assert seen == {"T1w", "T2w", "FLAIR"} and pressed(browser) == "true"
    press(browser, "#s0 .flicker", "Escape")
    still = browser.run(NAMES)
    time.sleep(1)
    assert pressed(browser) == "false" and browser.run(NAMES) == still and browser.problems == []


def test_who_wants_less_motion_gets_a_step_per_press(page):
    with Browser(1280) as browser:
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
        browser.open(page)
        assert browser.run("document.querySelector('#s0 .flicker').innerText") == "Next modality"
        press(browser, "#s0 .flicker", "Enter")
        time.sleep(1)
        assert browser.run(NAMES) == "T2w" and pressed(browser) is None


def test_ratings_are_remembered_and_saved_as_json(browser, page, tmp_path):
    browser.run("document.querySelector('label[for=r0doubtful]').click()")
    comment = "document.querySelector('#c0')"
    browser.run(f"{comment}.value = 'motion, \"ringing\"'; {comment}.dispatchEvent(new Event('input'))")
    browser.run("document.querySelector('#rater').value = 'AB'; document.querySelector('#rater').oninput()")
    assert browser.run("document.querySelector('#said').innerText") == "1 of 2 sessions rated"
    browser.open(page)
    assert browser.run("document.querySelector('#r0doubtful').checked") is True
    assert browser.run("document.querySelector('#rater').value") == "AB"
    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.run("document.querySelector('#save').click()")
    browser.wait(lambda: any(path.suffix == ".json" and path.stat().st_size for path in tmp_path.iterdir()))
    (file,) = tmp_path.iterdir()
    saved = json.loads(file.read_text())
    first, second = saved["ratings"]
    assert file.name == "script_document.body.remove_script_rating.json"
    assert saved["format"] == "neuroquant-rating-1" and saved["rater"] == "AB" and saved["title"] == f"{BAD}: model"
    assert first["subject"] == BAD and first["session"] == "ses-01" and len(first["pictures"]) == 16
    assert first["rating"] == "doubtful" and first["comment"] == 'motion, "ringing"' and first["rated"]
    assert second["rating"] is None and second["comment"] == "" and second["rated"] is None
    browser.run("document.querySelector('#s0 .clear').click()")
    browser.open(page)
    assert browser.run("[...document.querySelectorAll('.rating input')].some(e => e.checked)") is False
    assert browser.problems == [] and browser.requests == []
