"""A table as LaTeX."""

from collections.abc import Iterator

from neuroquant.report.tables.layout import Cell, Line, Sheet
from neuroquant.report.tables.names import EXACT

BESIDE = 2
"""Modalities that stand beside each other; further ones get a tabular below, so that letters stay readable."""
ESCAPES = {sign: rf"\{sign}" for sign in "_%&#${}"} | {
    "\\": r"\textbackslash{}",
    "~": r"$\sim$",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "[": "{[}",
    "\u2212": r"$-$",
    "\u2020": r"$\dagger$",
    "\u2021": r"$\ddagger$",
}
"""What means something to LaTeX, and what stands for it."""
SUPERSCRIPTS = {"~": r"\sim", "\u2020": r"\dagger", "\u2021": r"\ddagger"}
"""Signs behind a value."""


def as_latex(sheet: Sheet) -> str:
    """A table environment with a booktabs tabular as wide as the text for every `BESIDE` modalities."""
    lines = [
        r"% \usepackage{booktabs,graphicx}",
        r"\begin{table*}",
        rf"\caption{{{escaped(sheet.title)}. {escaped(' '.join(sheet.notes))}}}",
        r"\centering",
    ]
    for first in range(0, len(sheet.modalities), BESIDE):
        lines += [r"\medskip"] if first else []
        lines += _tabular(sheet, range(first, min(first + BESIDE, len(sheet.modalities))))
    return "\n".join([*lines, r"\end{table*}", ""])


def _tabular(sheet: Sheet, shown: range) -> Iterator[str]:
    """Lines of the tabular of some modalities, by their number."""
    count = len(sheet.metrics)
    columns = "l" + "l" + "r" * (len(sheet.costs) - 1) + "r" * (len(shown) * count)
    top = " & ".join(rf"\multicolumn{{{count}}}{{c}}{{{escaped(sheet.modalities[each])}}}" for each in shown)
    names = " & ".join(escaped(metric.label) for _ in shown for metric in sheet.metrics)
    yield r"\resizebox{\textwidth}{!}{%"
    yield rf"\begin{{tabular}}{{{columns}}}"
    yield r"\toprule"
    yield " & " * (1 + len(sheet.costs)) + rf"{top} \\"
    yield " & ".join(["Model", *(r"$f$" if name == "f" else name for name in sheet.costs), names]) + r" \\"
    for heading, models in sheet.groups:
        yield r"\midrule"
        yield rf"\multicolumn{{{len(columns)}}}{{l}}{{\textit{{{escaped(heading)}}}}} \\"
        for line in models:
            yield _row(line, line.cells[shown.start * count : shown.stop * count])
    yield r"\bottomrule"
    yield r"\end{tabular}}"


def _row(line: Line, cells: list[Cell | None]) -> str:
    """A line of a tabular."""
    factor, *rest = line.costs
    return " & ".join([escaped(line.label), factor.replace("x", r"$\times$"), *rest, *map(_cell, cells)]) + r" \\"


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "--"
    if cell.exact:
        return EXACT
    value = {1: r"\textbf{%s}", 2: r"\underline{%s}"}.get(cell.rank, "%s") % cell.text
    mark = "".join(f"$^{{{SUPERSCRIPTS[sign]}}}$" for sign in cell.signs)
    paper = f" {cell.paper}" if cell.paper else ""
    return rf"{value}{mark} {{\tiny {cell.interval('--')}{paper}}}"


def escaped(text: str) -> str:
    """A text as LaTeX prints it."""
    return "".join(ESCAPES.get(sign, sign) for sign in text)
