"""Tables 1 and 2 in the paper's layout, as Markdown, HTML and LaTeX, from the tidy table alone."""

import html
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.reporting.pages import page
from neuroquant.reporting.summarise import METRICS, MODALITIES, VOLUMES

NAMES = {"psnr": "PSNR", "ssim": "SSIM", "accuracy": "Accuracy", "dice": "Dice"}
TITLES = {
    "table1": "Table 1. Comparison of autoencoders",
    "table2": "Table 2. Ablation of NeuroQuant's components",
}
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Cell:
    """One cell as it is shown; empty where nothing was measured."""

    value: float
    low: float
    high: float
    published: float
    rank: int
    tied: bool


@dataclass(frozen=True)
class Sheet:
    """A table, laid out: blocks of (cohort, rows of (label, factor, cells)), and what must be said below."""

    title: str
    metrics: tuple[str, ...]
    blocks: list[tuple[str, list[tuple[str, str, list[Cell | None]]]]]
    notes: list[str]


def write_tables(
    experiment: Experiment, table: str, csv: Path, tests: Path, factors: dict[str, str], md: Path, web: Path, tex: Path
) -> None:
    """Write the three forms of a table.

    Parameters
    ----------
    factors : row -> side reduction, e.g. "16x".
    """
    sheet = lay_out(experiment, table, pd.read_csv(csv, keep_default_na=True), pd.read_csv(tests), factors)
    write_text(md, as_markdown(sheet))
    write_text(web, as_html(sheet))
    write_text(tex, as_latex(sheet))


def lay_out(
    experiment: Experiment, table: str, cells: pd.DataFrame, tests: pd.DataFrame, factors: dict[str, str]
) -> Sheet:
    """Arrange the tidy cells as the paper does."""
    wanted = experiment.table1 if table == "table1" else experiment.table2
    metrics = METRICS[table]
    blocks = []
    for cohort in wanted.cohorts:
        here = cells[cells.cohort == cohort]
        rows = [row for row in (VOLUMES, *wanted.rows) if row in set(here.model) or row != VOLUMES]
        shown = []
        for row in rows:
            label = "volumes (reference)" if row == VOLUMES else experiment.row(row).shown
            line = [_cell(here, tests, row, m, metric) for m in MODALITIES for metric in metrics]
            shown.append((label, factors.get(row, ""), line))
        subjects = f"{int(here.n_subjects.max())} test subjects" if len(here) else "nothing measured"
        blocks.append((f"{experiment.cohort(cohort).shown} ({subjects})", shown))
    return Sheet(TITLES[table], metrics, blocks, _notes(experiment, cells, tests))


def _cell(here: pd.DataFrame, tests: pd.DataFrame, row: str, modality: str, metric: str) -> Cell | None:
    column = here[(here.modality == modality) & (here.metric == metric)]
    mine = column[column.model == row]
    if not len(mine):
        return None
    mine = mine.iloc[0]
    rivals = column[column.model != VOLUMES]["value"]
    rank = 0 if row == VOLUMES or len(rivals) < 2 else int((rivals > mine["value"]).sum()) + 1
    test = tests[(tests.cohort == mine.cohort) & (tests.modality == modality) & (tests.metric == metric)]
    test = test[test.model == row]
    tied = rank == 1 and len(test) > 0 and not test.iloc[0].p_holm < SIGNIFICANT
    return Cell(mine["value"], mine.ci_low, mine.ci_high, mine.published, rank, bool(tied))


def _notes(experiment: Experiment, cells: pd.DataFrame, tests: pd.DataFrame) -> list[str]:
    notes = [
        "Means over the sessions of test subjects, with 95 % intervals of a bootstrap over families (subjects where no "
        f"family is known). PSNR in dB, the rest in percent; PSNR and SSIM over the region "
        f"'{experiment.fidelity.region}'. Bold: best; underlined: second."
    ]
    if (~(tests[tests["rank"] == 1].p_holm < SIGNIFICANT)).any():
        notes.append("~ the lead over the runner-up isn't significant (Wilcoxon over subjects, Holm-corrected).")
    if cells.published.notna().any():
        notes.append(
            "In square brackets: published in arXiv:2604.05171, measured on other subjects with other weights."
        )
    stand_ins = sorted({part for text in cells.stand_in.dropna() for part in str(text).split("; ") if part})
    if stand_ins:
        named = " and ".join(f"an {name}" if name[0] in "aeiou" else f"a {name}" for name in stand_ins)
        notes.append(f"STAND-IN: these numbers hang on {named}; they show that the workflow runs, and nothing more.")
    return notes


def as_markdown(sheet: Sheet) -> str:
    """A pipe table a block."""
    head = ["Model", "f"] + [f"{m[:2]} {NAMES[metric]}" for m in MODALITIES for metric in sheet.metrics]
    lines = [f"# {sheet.title}", ""]
    for cohort, rows in sheet.blocks:
        lines += [f"## {cohort}", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
        for label, factor, cells in rows:
            lines.append("| " + " | ".join([label, factor, *(_markdown_cell(cell) for cell in cells)]) + " |")
        lines.append("")
    return "\n".join(lines + [line for note in sheet.notes for line in (note, "")])


def _markdown_cell(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    value = {1: "**{}**", 2: "<u>{}</u>"}.get(cell.rank, "{}").format(f"{cell.value:.2f}")
    mark = "~" if cell.tied else ""
    paper = f" [{cell.published:.2f}]" if cell.published == cell.published else ""
    return f"{value}{mark} ({cell.low:.2f}–{cell.high:.2f}){paper}"


def html_table(sheet: Sheet) -> str:
    """The table and its notes as an HTML fragment."""
    width = 2 + len(MODALITIES) * len(sheet.metrics)
    top = "".join(f'<th colspan="{len(sheet.metrics)}">{m[:2]}</th>' for m in MODALITIES)
    names = "".join(f"<th>{NAMES[metric]}</th>" for _ in MODALITIES for metric in sheet.metrics)
    body = []
    for cohort, rows in sheet.blocks:
        body.append(f'<tr class="block"><td colspan="{width}">{html.escape(cohort)}</td></tr>')
        for label, factor, cells in rows:
            line = "".join(_html_cell(cell) for cell in cells)
            body.append(f"<tr><td>{html.escape(label)}</td><td>{factor}</td>{line}</tr>")
    notes = "".join(
        f'<p class="note{" standin" if note.startswith("STAND-IN") else ""}">{html.escape(note)}</p>'
        for note in sheet.notes
    )
    return (
        f'<div class="wide"><table><thead><tr><th></th><th></th>{top}</tr><tr><th>Model</th><th>f</th>{names}</tr>'
        f"</thead><tbody>{''.join(body)}</tbody></table></div>{notes}"
    )


def as_html(sheet: Sheet) -> str:
    """A page of its own."""
    return page(sheet.title, f"<h1>{html.escape(sheet.title)}</h1>{html_table(sheet)}")


def _html_cell(cell: Cell | None) -> str:
    if cell is None:
        return "<td>–</td>"
    kind = {1: "best", 2: "second"}.get(cell.rank, "")
    mark = "~" if cell.tied else ""
    paper = f' <span class="paper">[{cell.published:.2f}]</span>' if cell.published == cell.published else ""
    return (
        f'<td><span class="{kind}">{cell.value:.2f}</span>{mark}{paper}'
        f'<span class="ci">{cell.low:.2f}–{cell.high:.2f}</span></td>'
    )


def as_latex(sheet: Sheet) -> str:
    """A booktabs tabular in a table environment."""
    count = len(sheet.metrics)
    columns = "ll" + "r" * (len(MODALITIES) * count)
    top = " & ".join(rf"\multicolumn{{{count}}}{{c}}{{{m[:2]}}}" for m in MODALITIES)
    names = " & ".join(NAMES[metric] for _ in MODALITIES for metric in sheet.metrics)
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        rf"\caption{{{_tex(sheet.title)}. {_tex(' '.join(sheet.notes))}}}",
    ]
    lines += [r"\centering\footnotesize", rf"\begin{{tabular}}{{{columns}}}", r"\toprule", rf" & & {top} \\"]
    lines += [rf"Model & $f$ & {names} \\"]
    for cohort, rows in sheet.blocks:
        lines += [r"\midrule", rf"\multicolumn{{{len(columns)}}}{{l}}{{\textit{{{_tex(cohort)}}}}} \\"]
        for label, factor, cells in rows:
            lines.append(" & ".join([_tex(label), factor.replace("x", r"$\times$"), *map(_tex_cell, cells)]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _tex_cell(cell: Cell | None) -> str:
    if cell is None:
        return "--"
    value = {1: r"\textbf{%s}", 2: r"\underline{%s}"}.get(cell.rank, "%s") % f"{cell.value:.2f}"
    mark = r"$^{\sim}$" if cell.tied else ""
    return rf"{value}{mark} {{\tiny {cell.low:.2f}--{cell.high:.2f}}}"


def _tex(text: str) -> str:
    for old, new in (
        ("\\", r"\textbackslash "),
        ("_", r"\_"),
        ("%", r"\%"),
        ("&", r"\&"),
        ("#", r"\#"),
        ("~", r"$\sim$"),
    ):
        text = text.replace(old, new)
    return text
