"""The documentation as a site: complete, without a broken link, and readable without network."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from neuroquant.cli import COMMANDS
from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment
from neuroquant.config.model import ModelEntry
from tests.workflow.browser import CHROMIUM, Browser

ROOT = Path(__file__).parents[2]
FOUND = "document.querySelectorAll('.md-search-result__item').length"
SEARCH = """(() => {
  const input = document.querySelector('.md-search__input')
  input.focus()
  input.value = 'codebook'
  for (const kind of ['keyup', 'input']) input.dispatchEvent(new Event(kind, { bubbles: true }))
})()"""


@pytest.fixture(scope="module")
def hooks():
    pytest.importorskip("mkdocs")
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs/site/hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` builds it: a link or a heading that is missing fails the build."""
    pytest.importorskip("material")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_every_page_of_the_docs_is_in_the_site(site):
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").glob("*.md")}
    pages |= {Path("benchmarks") / path.with_suffix(".html").name for path in (ROOT / "benchmarks").glob("*.md")}
    assert len(pages) > 25
    assert all((site / page).is_file() for page in pages)
    home = (site / "index.html").read_text()
    assert not [page for page in pages if f'href="{page}"' not in home], "each is in the navigation"


def test_no_page_asks_the_network_for_anything(site):
    for page in site.rglob("*.html"):
        for tag in re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", page.read_text()):
            if 'rel="canonical"' not in tag:
                assert not re.search(r'(?:src|href)="(?:https?:)?//', tag), f"{page.name}: {tag}"
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", style.read_text()), style


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
@pytest.mark.parametrize("width", [1280, 420])
def test_pages_opened_from_a_folder_fit_the_screen_and_their_search_works(site, width):
    with Browser(width) as browser:
        for page in ("reference/settings.html", "benchmarks/demo.html", "index.html"):
            browser.open(site / page)
            assert browser.run("document.documentElement.scrollWidth - innerWidth") <= 0, page
        browser.run(SEARCH)
        browser.wait(lambda: browser.run(FOUND) > 3)
        assert browser.problems == [] and browser.requests == []


def test_every_setting_and_every_command_has_its_entry(hooks):
    settings = hooks.settings_page()
    for kind in (Experiment, Cohort, ModelEntry):
        for name, field in kind.model_fields.items():
            assert f"| `{name}` |" in settings or f"| `{name}." in settings, name
            assert hooks._section(field) or field.description, f"{name} has no description"
    commands = hooks.commands_page()
    assert all(f"## {name}\n" in commands for name in COMMANDS)


def test_what_the_paper_leaves_open_names_its_defaults(hooks):
    page = hooks.unstated_page()
    assert "| `parameters.codebook_size` | `4096` |" in page and "| `volume.percentiles` | `[0.0, 99.9]` |" in page


@pytest.mark.parametrize(
    ("source", "uri", "written", "expected"),
    [
        ("docs/report.md", "report.md", "[demo](../benchmarks/demo.md)", "[demo](benchmarks/demo.md)"),
        ("README.md", "index.md", "[c](docs/cohorts.md#raw-scans)", "[c](cohorts.md#raw-scans)"),
        ("benchmarks/demo.md", "benchmarks/demo.md", "[r](../docs/report.md)", "[r](../report.md)"),
        ("README.md", "index.md", "[the file](CITATION.cff)", "the file (`CITATION.cff`)"),
        ("README.md", "index.md", "[CITATION.cff](CITATION.cff)", "CITATION.cff"),
    ],
)
def test_links_of_the_repository_lead_to_pages_of_the_site(hooks, source, uri, written, expected):
    assert hooks.LINK.sub(lambda found: hooks._link(found, source, uri), written) == expected
