"""The page of a group: each number of all sessions on a line, and a table in which what stands out is marked."""

import html
import math

import pandas as pd

from neuroquant.bids_app.pages import label_of
from neuroquant.report.html import box, page, paragraphs

WIDTH, HEIGHT, PAD = 640, 34, 12
"""Of a line of points in pixels; on a narrow screen it shrinks."""
GRID = "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(22rem,100%),1fr));gap:0 2rem"
"""Lines side by side where there is room for them."""


def page_of_group(table: pd.DataFrame, names: list[str], model: str, failed: dict[str, str]) -> str:
    """The whole page.

    Parameters
    ----------
    table : as `group.table_of` gives it.
    names : its columns of numbers.
    failed : session -> why it failed in its last run.
    """
    far = table[table["outlier"] != ""]
    summary = [
        f"{len(table)} sessions of {table['participant_id'].nunique()} subjects, reconstructed by the model {model}.",
        f"Sessions that stand out: {len(far)}, marked in red. Look at their pages." if len(far) else "None stands out.",
    ]
    body = f"<h1>All subjects: {html.escape(model)}</h1>{paragraphs(summary)}"
    lines = "".join(f"<div><h2>{html.escape(label_of(name))}</h2>{_line(table, name)}</div>" for name in names)
    body += f'<div style="{GRID}">{lines}</div>'
    body += f"<h2>Sessions</h2>{_table(table, names)}"
    if failed:
        rows = "".join(f"<tr><td>{html.escape(n)}</td><td>{html.escape(why)}</td></tr>" for n, why in failed.items())
        body += f'<h2>Sessions that failed</h2><table class="small words">{rows}</table>'
    return page(f"All subjects: {model}", body)


def _line(table: pd.DataFrame, name: str) -> str:
    """All values of a number as points on a line, with the ends written beside them."""
    values = table[name].dropna()
    low, high = float(values.min()), float(values.max())
    span = (high - low) or 1.0
    points = []
    for row, value in values.items():
        x = PAD + (WIDTH - 2 * PAD) * (value - low) / span if high > low else WIDTH / 2
        marked = name in table.at[row, "outlier"].split()
        title = f"<title>{html.escape(_who(table.loc[row]))}: {value:.4g}</title>"
        look = 'r="6" fill="#b42318"' if marked else 'r="4" fill="#0550ae"'
        points.append(f'<circle cx="{x:.1f}" cy="{HEIGHT / 2}" {look} fill-opacity=".55">{title}</circle>')
    line = f'<line x1="{PAD}" x2="{WIDTH - PAD}" y1="{HEIGHT / 2}" y2="{HEIGHT / 2}" stroke="#8c959f"/>'
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" style="width:100%;max-width:{WIDTH}px;display:block" role="img" '
        f'aria-label="{html.escape(label_of(name))}, {len(values)} sessions">{line}{"".join(points)}</svg>'
    )
    ends = f"{low:.4g} to {high:.4g}, median {float(values.median()):.4g}"
    return f'{svg}<p class="note">{ends}</p>'


def _table(table: pd.DataFrame, names: list[str]) -> str:
    """A row per session, each with a link to its subject's page."""
    head = "".join(f"<th>{html.escape(text)}</th>" for text in ("session", *map(label_of, names), "brain mask from"))
    rows = []
    for _, row in table.iterrows():
        far = row["outlier"].split()
        cells = [f'<td><a href="{html.escape(row["participant_id"])}.html">{html.escape(_who(row))}</a></td>']
        cells += [
            f"<td{' class=bad' if name in far else ''}>{'–' if math.isnan(row[name]) else f'{row[name]:.4g}'}</td>"
            for name in names
        ]
        rows.append(f"<tr>{''.join(cells)}<td>{html.escape(row['mask_from'])}</td></tr>")
    return box(f'<table class="small"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>')


def _who(row: pd.Series) -> str:
    """Subject and session."""
    return " ".join(part for part in (row["participant_id"], row["session_id"]) if isinstance(part, str))
