"""Pieces of self-contained HTML: no request, and no script but the lines that let links work and wide tables fit."""

import html
import re
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from neuroquant.config.experiment import Experiment

TEMPLATES = Path(__file__).parent / "templates"
STYLE = (TEMPLATES / "page.css").read_text(encoding="utf-8")


NOT_A_NUMBER = re.compile(r"(?<![\w.])[-+]?nan(?![\w.])")
"""How Python writes a number that isn't there."""


LINKS = (
    '<script>addEventListener("click",function(e){var a=e.target.closest("a[data-shows]");if(a&&parent!==window)'
    '{e.preventDefault();parent.postMessage({neuroquant:a.dataset.shows},"*")}})</script>'
)
"""Inside report.html a page is a frame that can't open another: it asks the report to (see `finish.SCRIPT`)."""


FIT = """<script>(function(){
function over(box){return box.scrollWidth>box.clientWidth+1}
function mark(box){box.classList.toggle("more",over(box)&&box.scrollLeft+box.clientWidth<box.scrollWidth-1);
  box.previousElementSibling.classList.toggle("shown",over(box))}
function fit(){document.querySelectorAll(".wide").forEach(function(box){
  var table=box.firstElementChild;
  table.style.fontSize="";box.classList.remove("tight","more");
  if(innerWidth>=700&&over(box)){box.classList.add("tight");
    for(var size=parseFloat(getComputedStyle(table).fontSize);size>9&&over(box);size-=.5)
      table.style.fontSize=size-.5+"px"}
  box.tabIndex=over(box)?0:-1;box.onscroll=function(){mark(box)};mark(box)})}
addEventListener("load",fit);addEventListener("resize",fit)})()</script>"""
"""A table that is wider than the window breaks its lines, then gets smaller letters. Where that isn't enough, and on a
phone, it scrolls within its own box, and a hint says so."""
SORTED_FROM = 3
"""Rows from which a table of numbers can be sorted."""
HINT = '<div class="hint">This table has more columns: scroll it sideways \u2192</div>'


def link(shown: str, text: str) -> str:
    """A link to another page or figure of the report, from a page that lies one folder below the results.

    Parameters
    ----------
    shown : the file below the results, e.g. "tables/table1.html".
    """
    return link_to(shown, html.escape(text))


def link_to(shown: str, content: str) -> str:
    """The same around a piece of HTML."""
    path = html.escape(PurePosixPath(shown).as_posix())
    return f'<a href="../{path}" data-shows="{path}">{content}</a>'


def page(title: str, body: str) -> str:
    """A whole document around `body`."""
    body += (LINKS if "data-shows=" in body else "") + (FIT if 'class="wide"' in body else "")
    body += script("sort") if "sortable" in body else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def script(name: str) -> str:
    """A script of `report/templates`, inline."""
    return f"<script>{(TEMPLATES / f'{name}.js').read_text(encoding='utf-8')}</script>"


def box(table: str) -> str:
    """A table (HTML) in a box of its own, within which it scrolls where it is wider than the window."""
    return f'{HINT}<div class="wide">{table}</div>'


def paragraphs(texts: list[str]) -> str:
    """Escaped paragraphs."""
    return "".join(f"<p>{html.escape(text)}</p>" for text in texts if text)


def small_table(table: pd.DataFrame, wrap: bool = False) -> str:
    """A plain table, whose headings sort it; `wrap` for columns of words, which aren't sorted."""
    style = ' style="white-space:normal;text-align:left;vertical-align:top"' if wrap else ""
    head = "".join(f"<th{style}>{html.escape(str(name).replace('_', ' '))}</th>" for name in table.columns)
    body = "".join(
        "<tr>" + "".join(f"<td{style}>{html.escape(shown(v))}</td>" for v in row) + "</tr>"
        for row in table.itertuples(index=False)
    )
    kind = "small" if wrap or len(table) < SORTED_FROM else "small sortable"
    return box(f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>')


def shown(cell: Any) -> str:
    """A cell as people read it: what couldn't be measured is a dash, also within an interval."""
    text = NOT_A_NUMBER.sub("–", str(cell))
    return "–" if text in ("– (– to –)", "–%", "– %") else text


def by_cohort(experiment: Experiment, tables: dict[str, pd.DataFrame]) -> str:
    """A heading and a table per cohort; none where nothing is in it."""
    return "".join(
        f"<h3>{html.escape(experiment.cohort(name).shown)}</h3>{small_table(table)}"
        for name, table in tables.items()
        if len(table)
    )


def ranged(value: pd.Series, low: pd.Series, high: pd.Series, digits: int = 2) -> pd.Series:
    """Numbers with their intervals, as people read them."""
    shown = [
        "–" if pd.isna(v) else f"{v:.{digits}f}" if pd.isna(a) else f"{v:.{digits}f} ({a:.{digits}f} to {b:.{digits}f})"
        for v, a, b in zip(value, low, high, strict=True)
    ]
    return pd.Series(shown, value.index, dtype=object)
