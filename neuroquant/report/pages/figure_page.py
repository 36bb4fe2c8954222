"""The page of a figure: the picture, below it what it shows, how to read it, what this run says, and the numbers."""

import html
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.files import write_text
from neuroquant.report.caption import as_html, paragraphs_of
from neuroquant.report.contents import entry
from neuroquant.report.html import page, small_table
from neuroquant.report.pictures import of_figure

HEADINGS = ("What it shows", "How to read it")
"""Of the paragraphs of a caption, in order."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a run says by a figure.

    Attributes
    ----------
    conclusions : list of str
        Sentences; none where nothing was measured.
    count : str
        Of how many sessions, subjects or trainings the figure is made.
    table : DataFrame or None
        The exact values.
    """

    conclusions: list[str]
    count: str
    table: pd.DataFrame | None = None


def write_figure_page(name: str, picture: Path, said: Said, out: Path) -> None:
    """Write the page of a figure.

    Parameters
    ----------
    name : str
        Its entry in `report/contents.py`.
    picture : Path
        Its PNG.
    """
    one = entry(name)
    title = one.title[:1].upper() + one.title[1:]
    data, width, height = of_figure(picture)
    sections = list(zip(HEADINGS, map(as_html, paragraphs_of(one.caption)), strict=False))
    sections.append(("In this run", html.escape(" ".join(said.conclusions) or "Nothing was measured.")))
    sections.append(("Number of cases", html.escape(said.count)))
    caption = "".join(f"<h2>{heading}</h2><p>{text}</p>" for heading, text in sections)
    beside = ", ".join(path for kind, path in one.outputs.items() if kind in ("png", "svg", "pdf"))
    table = "" if said.table is None or not len(said.table) else f"<h2>Exact values</h2>{small_table(said.table)}"
    body = (
        f'<h1>{html.escape(title)}</h1><figure><img src="{data}" width="{width}" height="{height}" '
        f'alt="{html.escape(title)}: see the caption below it"><figcaption>{caption}</figcaption></figure>{table}'
        f'<p class="note">For print, beside the report: {html.escape(beside)}.</p>'
    )
    write_text(out, page(title, body))
