"""Pages of the documentation site that are made from their sources, and links between repository and site.

MkDocs calls these functions (`hooks` in mkdocs.yml). Nothing that they make is committed, so no page can be out of
date: the README is the site's front page, settings come from the typed configuration, commands from their parsers.
"""

import argparse
import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from neuroquant import models
from neuroquant.cli import COMMANDS
from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment
from neuroquant.config.model import ModelEntry

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    "README.md": "index.md",
    "results/README.md": "reference/results.md",
    "config/README.md": "reference/configuration-files.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
} | {f"benchmarks/{path.name}": f"benchmarks/{path.name}" for path in sorted((ROOT / "benchmarks").glob("*.md"))}
"""Markdown of the repository outside docs/ -> its page."""
GENERATED = ("reference/settings.md", "reference/commands.md", "unstated.md")
WORKER = "assets/javascripts/file-worker.js"
COPIED = {WORKER: "file-worker.js", "assets/stylesheets/tables.css": "tables.css"}
"""File of the site -> file beside this one."""
SHIM = re.compile(r'<script src="https://unpkg\.com/iframe-worker/shim"></script>')
"""What the theme would fetch for the search of pages that are opened from a folder."""
LINK = re.compile(r"(!?)\[([^\]]+)\]\(([^)#\s:]+)(#[\w-]+)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/ or are made here."""
    texts = {page: (ROOT / path).read_text() for path, page in ELSEWHERE.items()}
    texts |= dict(zip(GENERATED, (settings_page(), commands_page(), unstated_page()), strict=True))
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    for uri, name in COPIED.items():
        files.append(File.generated(config, uri, content=Path(__file__).with_name(name).read_text()))
    return files


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Take the search's helper from the site itself."""
    return _with_own_worker(output, os.path.relpath(WORKER, os.path.dirname(page.file.src_uri)))


def on_post_template(output: str, **_: object) -> str:
    """The same for pages that the theme makes."""
    return _with_own_worker(output, WORKER)


def _with_own_worker(output: str, path: str) -> str:
    return SHIM.sub(f'<script src="{path}"></script>', output)


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Make links of the repository into links of the site; a file that has no page is named instead."""
    pages = {uri: path for path, uri in ELSEWHERE.items()}
    source = pages.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    if page.file.src_uri in GENERATED:
        return markdown
    return LINK.sub(lambda found: _link(found, source, page.file.src_uri), markdown)


def _link(found: re.Match[str], source: str, uri: str) -> str:
    picture, text, target, anchor = found.groups()
    path = os.path.normpath(os.path.join(os.path.dirname(source), target))
    to = path.removeprefix("docs/") if path.startswith("docs/") and (ROOT / path).is_file() else ELSEWHERE.get(path)
    if to is None:
        return f"{text} (`{path}`)" if path not in text else text
    return f"{picture}[{text}]({os.path.relpath(to, os.path.dirname(uri))}{anchor or ''})"


def settings_page() -> str:
    """Every key of an experiment, a cohort and a model, with its default and meaning."""
    lines = [
        "# Settings",
        "",
        "An experiment, its cohorts and its models are YAML files. A file states only what differs from the defaults "
        "below. A wrong key or value is refused before the first job. [Configuration files](configuration-files.md) "
        "says where the files lie and how they refer to each other.",
    ]
    kinds = {"Experiment": Experiment, "Cohort": Cohort, "Model": ModelEntry}
    kinds |= {f"Parameters of `{name}`": models.parameters_class(name) for name in sorted(models.architectures())}
    for title, kind in kinds.items():
        lines += ["", f"## {title}", "", *_table(kind)]
    return "\n".join(lines) + "\n"


def _table(kind: type[BaseModel]) -> list[str]:
    rows = [f"| `{key}` | {_default(field)} | {_cell(field.description or '')} |" for key, field in _fields(kind)]
    if not rows:
        return ["It has no parameters."]
    return ["| key | default | meaning |", "|---|---|---|", *rows]


def _fields(kind: type[BaseModel], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Key, with those above it, and field of all settings; a section's own keys follow it."""
    for name, field in kind.model_fields.items():
        section = _section(field)
        if section is None or field.description:
            yield above + name, field
        if section is not None:
            yield from _fields(section, f"{above}{name}.")


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a section of settings; None for a plain value."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    shown = list(value) if isinstance(value, tuple) else value
    return f"`{_cell(repr(shown))}`" if shown not in ("", None) else "empty"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def commands_page() -> str:
    """The help of every command, as the command line prints it."""
    lines = [
        "# Commands",
        "",
        "`neuroquant COMMAND --help` prints the same text. Exit status is 0 if the command did its work, 1 if input "
        "can't be used and 2 if the arguments are wrong, unless the command says otherwise.",
    ]
    parser = argparse.ArgumentParser(prog="neuroquant")
    commands = parser.add_subparsers()
    for name in COMMANDS:
        import_module(f"neuroquant.commands.{name}").add_parser(commands)
    for name, command in commands.choices.items():
        command.formatter_class = _Wide
        lines += ["", f"## {name}", "", "```text", command.format_help().rstrip(), "```"]
    return "\n".join(lines) + "\n"


class _Wide(argparse.HelpFormatter):
    """Help as wide as a line of the site, whatever terminal it is built in."""

    def __init__(self, prog: str):
        super().__init__(prog, width=92)


def unstated_page() -> str:
    """Settings whose descriptions say that the paper doesn't state them."""
    lines = [
        "# What the paper leaves open",
        "",
        "The paper doesn't state these settings. Each has a default, from the authors' released configuration where "
        "the description says so. [The paper and this implementation](paper.md) explains the larger decisions.",
        "",
        "| key | default | meaning |",
        "|---|---|---|",
    ]
    kinds = [("", Experiment), ("", ModelEntry), ("parameters.", models.parameters_class("neuroquant"))]
    for above, kind in kinds:
        for key, field in _fields(kind, above):
            if "not stated" in (field.description or ""):
                lines.append(f"| `{key}` | {_default(field)} | {_cell(field.description or '')} |")
    return "\n".join(lines) + "\n"
