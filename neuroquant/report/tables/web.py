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
    """The table and its notes as an HTML fragment; on a phone a model's numbers stand below each other."""
    width = 1 + len(sheet.costs) + len(sheet.modalities) * len(sheet.metrics)
    top = "".join(f'<th colspan="{len(sheet.metrics)}">{html.escape(m)}</th>' for m in sheet.modalities)
    names = "".join(f"<th>{html.escape(metric.label)}</th>" for _ in sheet.modalities for metric in sheet.metrics)
    costs = "".join(f'<th class="more">{name}</th>' for name in sheet.costs)
    columns = [f"{modality} {metric.label}" for modality in sheet.modalities for metric in sheet.metrics]
    body = []
    for heading, models in sheet.groups:
        body.append(f'<tr class="group"><td colspan="{width}">{html.escape(heading)}</td></tr>')
        for line in models:
            costs_of = zip(sheet.costs, line.costs, strict=True)
            values = [f'<td class="more" data-label="{name}">{html.escape(cost)}</td>' for name, cost in costs_of]
            values += map(_cell, line.cells, columns)
            body.append(f"<tr><td>{html.escape(line.label)}</td>{''.join(values)}</tr>")
    notes = "".join(
        f'<p class="note{" standin" if note.startswith(STAND_IN) else ""}">{html.escape(note)}</p>'
        for note in sheet.notes
    )
    table = (
        f'<table class="stack"><thead><tr><td></td><td class="more" colspan="{len(sheet.costs)}"></td>{top}</tr>'
        f"<tr><th>Model</th>{costs}{names}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )
    return box(table) + notes


def brief_table(sheet: Sheet) -> str:
    """The table with the scores alone, and a switch that shows the costs and the published values too."""
    switch = "var b=this.closest('.switch').nextElementSibling;b.classList.toggle('brief',!this.checked)"
    return (
        f'<p class="switch"><label><input type="checkbox" onchange="{switch};dispatchEvent(new Event(\'resize\'))"> '
        f'show size, time and published values</label></p><div class="brief">{html_table(sheet)}</div>'
    )


def _cell(cell: Cell | None, column: str) -> str:
    label = f'data-label="{html.escape(column)}"'
    if cell is None:
        return f'<td class="void" {label}>–</td>'
    if cell.exact:
        return f"<td {label}>{EXACT}</td>"
    kind = {1: "best", 2: "second"}.get(cell.rank, "")
    verdict = cell.against_mean if cell.against_mean in SIGNS else ""
    mark = f'<span title="{verdict}">{cell.signs}</span>' if verdict else cell.signs
    paper = f'<span class="paper">{cell.paper}</span>' if cell.paper else ""
    interval = f'<span class="ci">{cell.interval("–")}</span>'
    return f'<td {label}><span class="{kind}">{cell.text}</span>{mark}{interval}{paper}</td>'
