"""A table as Markdown."""

from neuroquant.report.tables.layout import Cell, Sheet
from neuroquant.report.tables.names import EXACT


def as_markdown(sheet: Sheet) -> str:
    """A pipe table per group of models."""
    columns = [f"{modality} {metric.label}" for modality in sheet.modalities for metric in sheet.metrics]
    head = ["Model", *sheet.costs, *columns]
    lines = [f"# {sheet.title}", ""]
    for heading, models in sheet.groups:
        lines += [f"## {heading}", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
        for line in models:
            lines.append("| " + " | ".join([line.label, *line.costs, *map(_cell, line.cells)]) + " |")
        lines.append("")
    return "\n".join(lines + [line for note in sheet.notes for line in (note, "")])


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    if cell.exact:
        return EXACT
    value = {1: "**{}**", 2: "<u>{}</u>"}.get(cell.rank, "{}").format(cell.text)
    paper = f" {cell.paper}" if cell.paper else ""
    interval = f" ({cell.interval('–')})" if cell.interval("–") else ""
    return f"{value}{cell.signs}{interval}{paper}"
