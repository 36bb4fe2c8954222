"""The report as a reader meets it: in a browser without network, on a wide and a narrow screen, and naming nobody."""

import base64
import re
from urllib.parse import unquote_to_bytes

import pytest

from neuroquant.files import read_tsv
from tests.workflow.browser import CHROMIUM, Browser

pytestmark = pytest.mark.slow
browses = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: chromium)")
READY = "document.readyState === 'complete' && document.body.innerText.trim().length > 20"
WHOLE = "[...document.images].every(i => i.complete && i.naturalWidth > 0)"


@browses
def test_the_browser_notices_errors_and_requests_of_a_frame_too(tmp_path):
    inner = "<script>missing.call()</script><img src='http://127.0.0.1:9/x.png'><p>a page with words in it</p>"
    data = base64.b64encode(inner.encode()).decode()
    (tmp_path / "bad.html").write_text(f'<iframe src="data:text/html;base64,{data}"></iframe>')
    with Browser(800) as browser:
        browser.open(tmp_path / "bad.html")
        browser.wait(lambda: browser.problems and browser.requests)
        assert any("missing" in problem for problem in browser.problems) and browser.requests == [
            "http://127.0.0.1:9/x.png"
        ]


@browses
@pytest.mark.parametrize("width", [1280, 420])
def test_every_page_link_and_picture_of_the_report_loads_without_network(finished, width):
    root = "results/tiny/"
    with Browser(width) as browser:
        browser.open(finished / root / "report.html")
        browser.wait(
            lambda: browser.run("typeof app !== 'undefined' && app !== undefined && app.state.content") == "html"
        )
        assert browser.run("app.state.resultPath") == f"{root}report/summary.html", "it opens at the summary"
        kinds = browser.run("Object.fromEntries(Object.entries(results).map(([k, v]) => [k, v.mime_type]))")
        assert len([path for path in kinds if path.endswith(".html")]) >= 10
        links = set()
        for path, kind in kinds.items():
            if kind.startswith("image/"):
                show(browser, "img", path)
                browser.wait(lambda: browser.run(f"document.querySelectorAll('.grow img').length > 0 && {WHOLE}"))
            elif kind == "text/html":
                show(browser, "html", path)
                browser.wait(lambda: framed(browser, READY))
                assert framed(browser, WHOLE), path
                links |= set(framed(browser, "[...document.querySelectorAll('a')].map(a => a.dataset.shows || a.href)"))
                wide = framed(browser, "document.documentElement.scrollWidth - innerWidth")
                assert wide <= 1, f"{path} is {wide} pixels too wide: tables must scroll by themselves"
                hidden = framed(
                    browser, "[...document.querySelectorAll('.wide')].map(b => b.scrollWidth - b.clientWidth)"
                )
                assert width < 700 or max(hidden, default=0) <= 1, f"{path}: a table is cut off"
                words = framed(browser, "document.body.innerText")
                assert not re.search(r"\bnan\b", words), f"{path}: {re.search('.*nan.*', words)[0]}"
        assert len(links) >= 12 and {f"{root}{link}" for link in links} <= set(kinds), "links lead into the report"
        show(browser, "html", f"{root}report/summary.html")
        browser.wait(lambda: framed(browser, "Boolean(document.querySelector('a[data-shows$=\"table1.html\"]'))"))
        framed(browser, "document.querySelector('a[data-shows$=\"table1.html\"]').click()")
        browser.wait(lambda: browser.run("app.state.resultPath") == f"{root}tables/table1.html")
        show(browser, "html", f"{root}report/viewer.html")
        browser.wait(lambda: framed(browser, "document.body.dataset.ready") == "yes")
        assert browser.problems == [] and browser.requests == []


def show(browser, kind, path):
    """Open one result of the report, as its own buttons do."""
    browser.run(f"app.setView({{content: {kind!r}, contentPath: results[{path!r}].data_uri, resultPath: {path!r}}})")


def framed(browser, code):
    """Value of an expression in the frame; None while there is none."""
    try:
        return browser.run_in_frame(code)
    except (KeyError, RuntimeError):
        return None


def test_no_subject_and_no_folder_is_named_in_the_report_or_the_crate(finished):
    results = finished / "results/tiny"
    page = (results / "report.html").read_text()
    assert len(page.encode()) < 30_000_000
    texts = [page, (results / "ro-crate-metadata.json").read_text(), (results / "report/provenance.json").read_text()]
    for coded, data in re.findall(r"data:[\w/+.-]+[^,\"']*?(;base64)?,([^\"']*)", page):
        texts.append((base64.b64decode(data) if coded else unquote_to_bytes(data)).decode("utf-8", errors="replace"))
    assert sum("<h1>" in text for text in texts) >= 10, "embedded pages were decoded"
    subjects = set(read_tsv(results / "cohorts/synthetic/splits.tsv").subject)
    assert len(subjects) == 16
    for text in texts:
        assert not {word for word in re.findall(r"[\w-]+", text) if word.removeprefix("sub-") in subjects}
        assert str(finished) not in text and "experiment={" not in text
