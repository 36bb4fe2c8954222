"""A table as HTML."""

import html

from neuroquant.report.html import box, page
from neuroquant.report.sentences import SIGNS
from neuroquant.report.tables.layout import Cell, Sheet
from neuroquant.report.tables.names import EXACT
from neuroquant.report.tables.notes import STAND_IN


def as_html(sheet: Sheet) -> str:
    """A page of its own."""
    return page(sheet.title, f"<h1>{html.escape(sheet.title)}</h1>{html_table(sheet)}")


def html_table(sheet: Sheet) -> str:
    """The table and its notes as an HTML fragment."""
    width = 1 + len(sheet.costs) + len(sheet.modalities) * len(sheet.metrics)
    top = "".join(f'<th colspan="{len(sheet.metrics)}">{html.escape(m)}</th>' for m in sheet.modalities)
    names = "".join(f"<th>{html.escape(metric.label)}</th>" for _ in sheet.modalities for metric in sheet.metrics)
    costs = "".join(f"<th>{name}</th>" for name in sheet.costs)
    body = []
    for heading, models in sheet.groups:
        body.append(f'<tr class="group"><td colspan="{width}">{html.escape(heading)}</td></tr>')
        for line in models:
            values = [f"<td>{html.escape(cost)}</td>" for cost in line.costs] + list(map(_cell, line.cells))
            body.append(f"<tr><td>{html.escape(line.label)}</td>{''.join(values)}</tr>")
    notes = "".join(
        f'<p class="note{" standin" if note.startswith(STAND_IN) else ""}">{html.escape(note)}</p>'
        for note in sheet.notes
    )
    table = (
        f'<table><thead><tr><th colspan="{1 + len(sheet.costs)}"></th>{top}</tr>'
        f"<tr><th>Model</th>{costs}{names}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )
    return box(table) + notes


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "<td>–</td>"
    if cell.exact:
        return f"<td>{EXACT}</td>"
    kind = {1: "best", 2: "second"}.get(cell.rank, "")
    verdict = cell.against_mean if cell.against_mean in SIGNS else ""
    mark = f'<span title="{verdict}">{cell.signs}</span>' if verdict else cell.signs
    paper = f'<span class="paper">{cell.paper}</span>' if cell.paper else ""
    interval = f'<span class="ci">{cell.interval("–")}</span>'
    return f'<td><span class="{kind}">{cell.text}</span>{mark}{interval}{paper}</td>'
