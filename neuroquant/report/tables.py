"""Tables 1 and 2 in the paper's layout, as Markdown, HTML and LaTeX, from the tidy table alone."""

import html
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.report.html import page
from neuroquant.statistics import against_mean, budgets
from neuroquant.statistics.cells import CEILING, EXTRA, METRICS, MODALITIES, MODEL_GROUPS, SIGNIFICANT, by_group

NAMES = {"psnr": "PSNR", "ssim": "SSIM", "accuracy": "Accuracy", "dice": "Dice"}
TITLES = {
    "table1": "Table 1. Comparison of autoencoders",
    "table2": "Table 2. Ablation of NeuroQuant's components",
}
COSTS = ("f", "kbit", "M")
"""What a row costs: side reduction, kilobits a volume, millions of parameters."""
SECONDS = ("enc., s", "dec., s")
"""What it took, seconds a volume. It hangs on the machine, and the same numbers must give the same bytes of a table: it
stands on the front page alone."""
EXACT = "exact"
"""What stands for the infinite PSNR of an exact copy."""
TEX = {sign: rf"\{sign}" for sign in "_%&#${}"} | {
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
TEX_SIGNS = {"~": r"\sim", "\u2020": r"\dagger", "\u2021": r"\ddagger"}
"""Signs behind a value, as superscripts."""
Costs = dict[str, tuple[str, str, str]]
Seconds = dict[tuple[str, str], tuple[str, str]]


@dataclass(frozen=True)
class Cell:
    """One cell as it is shown; empty where nothing was measured."""

    value: float
    low: float
    high: float
    published: float
    rank: int
    tied: bool
    against_mean: str = ""

    def between(self, dash: str) -> str:
        """The interval; nothing where one subject or family alone gives none."""
        return f"{self.low:.2f}{dash}{self.high:.2f}" if self.low == self.low else ""

    @property
    def signs(self) -> str:
        """What stands behind the value: the lead isn't significant; it isn't above the mean image."""
        return ("~" if self.tied else "") + against_mean.SIGNS.get(self.against_mean, "")


@dataclass(frozen=True)
class Line:
    """A row as it is shown: its label, what it costs, its cells."""

    label: str
    costs: tuple[str, ...]
    cells: list[Cell | None]


@dataclass(frozen=True)
class Sheet:
    """A table, laid out: names of the columns of costs, groups of (heading, lines), and what must be said below."""

    title: str
    costs: tuple[str, ...]
    metrics: tuple[str, ...]
    groups: list[tuple[str, list[Line]]]
    notes: list[str]


def read_costs(provenance: dict[str, Path]) -> dict[str, tuple[str, str, str]]:
    """Side reduction, kbit a volume and parameters (millions) of each row, as they are shown.

    Parameters
    ----------
    provenance : row -> provenance.json of its model folder.
    """
    found = {}
    for row, path in provenance.items():
        facts = json.loads(path.read_text(encoding="utf-8"))
        size = f"{facts['parameters'] / 1e6:.3g}" if facts["parameters"] else "0"
        found[row] = (side_reduction(facts["factor"]), f"{facts['kbit_per_volume']:,.4g}", size)
    return found


def side_reduction(factor: int) -> str:
    """A side reduction as a table shows it; a dash where the latents have no grid."""
    return f"{factor}x" if factor else "-"


def read_seconds(costs: Path) -> Seconds:
    """Seconds a volume that encoding and decoding took, by (cohort, row), as they are shown.

    Parameters
    ----------
    costs : costs.csv, as `rate.write_costs` writes it.
    """
    table = pd.read_csv(costs)
    return {
        (line.cohort, line.model): (brief(line.encode_s), brief(line.decode_s))
        for line in table.itertuples(index=False)
    }


def brief(seconds: float) -> str:
    """Seconds as a table shows them; a dash where they weren't measured."""
    if seconds != seconds:
        return "–"
    return f"{seconds:.3g}" if seconds >= 0.001 else "<0.001"


def read_rates(provenance: dict[str, Path]) -> dict[str, float]:
    """Kilobits a volume of each row, from the provenance of its model folder."""
    return {
        row: float(json.loads(path.read_text(encoding="utf-8"))["kbit_per_volume"]) for row, path in provenance.items()
    }


def read_factors(provenance: dict[str, Path]) -> dict[str, int]:
    """Side reduction of each row, from the provenance of its model folder."""
    return {row: int(json.loads(path.read_text(encoding="utf-8"))["factor"]) for row, path in provenance.items()}


def write_tables(
    experiment: Experiment,
    table: str,
    csv: Path,
    tests: Path,
    costs: Costs,
    md: Path,
    web: Path,
    tex: Path,
    spent: pd.DataFrame | None = None,
) -> None:
    """Write the three forms of a table.

    Parameters
    ----------
    costs : as `read_costs` gives them.
    spent : training budgets, as `budgets.budgets` gives them; none: no word of them.
    """
    sheet = lay_out(experiment, table, pd.read_csv(csv, keep_default_na=True), pd.read_csv(tests), costs)
    if spent is not None:
        sheet.notes.extend(budgets.notes(experiment, spent))
    write_text(md, as_markdown(sheet))
    write_text(web, as_html(sheet))
    write_text(tex, as_latex(sheet))


def lay_out(
    experiment: Experiment,
    table: str,
    cells: pd.DataFrame,
    tests: pd.DataFrame,
    costs: Costs,
    seconds: Seconds | None = None,
) -> Sheet:
    """Arrange the tidy cells as the paper does; rows of each kind in a group of their own.

    Parameters
    ----------
    seconds : as `read_seconds` gives them, for two more columns; none: without these.
    """
    wanted = experiment.table1 if table == "table1" else experiment.table2
    metrics = METRICS[table]
    kinds = {group: rows for group, rows in by_group(experiment, wanted.rows).items() if rows}
    found = []
    for cohort in wanted.cohorts:
        here = cells[cells.cohort == cohort]
        subjects = f"{int(here.n_subjects.max())} test subjects" if len(here) else "nothing measured"
        for number, (kind, rows) in enumerate(kinds.items()):
            first = [name for name in EXTRA if name in set(here.model) and not number]
            shown = []
            for row in [*first, *rows]:
                label = EXTRA.get(row) or experiment.row(row).shown
                line = [_cell(here, tests, row, rows, m, metric) for m in MODALITIES for metric in metrics]
                spent = costs.get(row, ("", "", ""))
                spent += () if seconds is None else seconds.get((cohort, row), ("", ""))
                shown.append(Line(label, spent, line))
            called = f", {MODEL_GROUPS[kind]}" if len(kinds) > 1 else ""
            found.append((f"{experiment.cohort(cohort).shown}{called} ({subjects})", shown))
    names = COSTS if seconds is None else COSTS + SECONDS
    notes = _notes(experiment, cells, tests, seconds is not None, len(kinds) > 1)
    return Sheet(TITLES[table], names, metrics, found, notes)


def _cell(
    here: pd.DataFrame, tests: pd.DataFrame, row: str, group: list[str], modality: str, metric: str
) -> Cell | None:
    column = here[(here.modality == modality) & (here.metric == metric)]
    mine = column[(column.model == row) & column["value"].notna()]
    if not len(mine):
        return None
    mine = mine.iloc[0]
    rivals = column[column.model.isin(group)]["value"]
    rank = 0 if row in EXTRA or len(rivals) < 2 else int((rivals > mine["value"]).sum()) + 1
    test = tests[(tests.cohort == mine.cohort) & (tests.modality == modality) & (tests.metric == metric)]
    test = test[test.model == row]
    tied = rank == 1 and len(test) > 0 and not test.iloc[0].p_holm < SIGNIFICANT
    told = mine.get("against_mean", "")
    return Cell(mine["value"], mine.ci_low, mine.ci_high, mine.published, rank, bool(tied), told)


def _notes(experiment: Experiment, cells: pd.DataFrame, tests: pd.DataFrame, timed: bool, parted: bool) -> list[str]:
    times = "Seconds a volume, which hang on the machine, are on the report's front page and in the table of costs."
    if timed:
        times = "enc., dec.: seconds for encoding and decoding a volume in this run, on whatever machine did it."
    notes = [
        f"Means over the sessions of test subjects, with {experiment.statistics.confidence:.0%} intervals of a "
        "bootstrap over families (subjects where no family is known); where there is one alone, without. PSNR in dB, "
        f"the rest in percent; PSNR and SSIM over the region '{experiment.fidelity.region}'. Bold: best; underlined: "
        f"second. kbit: what decoding a volume needs; M: millions of parameters. {times}"
    ]
    if (cells.model == CEILING).any():
        notes.append(
            "Ceiling: Dice of the segmenter against itself on the same originals, moved rigidly by half a voxel. A "
            "reconstruction that scores as high is as close to its original as the segmenter is to itself."
        )
    if parted:
        notes.append("Rows are ranked and tested within their group, never across groups.")
    if (~(tests[tests["rank"] == 1].p_holm < SIGNIFICANT)).any():
        notes.append("~ the lead over the runner-up isn't significant (Wilcoxon over subjects, Holm-corrected).")
    notes += against_mean.notes(experiment, set(against_mean.verdicts(cells).values()))
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
    """A pipe table a group."""
    head = ["Model", *sheet.costs] + [f"{m[:2]} {NAMES[metric]}" for m in MODALITIES for metric in sheet.metrics]
    lines = [f"# {sheet.title}", ""]
    for cohort, rows in sheet.groups:
        lines += [f"## {cohort}", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
        for line in rows:
            lines.append("| " + " | ".join([line.label, *line.costs, *map(_markdown_cell, line.cells)]) + " |")
        lines.append("")
    return "\n".join(lines + [line for note in sheet.notes for line in (note, "")])


def _markdown_cell(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    if cell.value == float("inf"):
        return EXACT
    value = {1: "**{}**", 2: "<u>{}</u>"}.get(cell.rank, "{}").format(f"{cell.value:.2f}")
    paper = f" [{cell.published:.2f}]" if cell.published == cell.published else ""
    between = f" ({cell.between('–')})" if cell.between("–") else ""
    return f"{value}{cell.signs}{between}{paper}"


def html_table(sheet: Sheet) -> str:
    """The table and its notes as an HTML fragment."""
    width = 1 + len(sheet.costs) + len(MODALITIES) * len(sheet.metrics)
    top = "".join(f'<th colspan="{len(sheet.metrics)}">{m[:2]}</th>' for m in MODALITIES)
    names = "".join(f"<th>{NAMES[metric]}</th>" for _ in MODALITIES for metric in sheet.metrics)
    costs = "".join(f"<th>{name}</th>" for name in sheet.costs)
    body = []
    for cohort, rows in sheet.groups:
        body.append(f'<tr class="group"><td colspan="{width}">{html.escape(cohort)}</td></tr>')
        for line in rows:
            values = "".join(f"<td>{html.escape(cost)}</td>" for cost in line.costs) + "".join(
                map(_html_cell, line.cells)
            )
            body.append(f"<tr><td>{html.escape(line.label)}</td>{values}</tr>")
    notes = "".join(
        f'<p class="note{" standin" if note.startswith("STAND-IN") else ""}">{html.escape(note)}</p>'
        for note in sheet.notes
    )
    return (
        f'<div class="wide"><table><thead><tr><th colspan="{1 + len(sheet.costs)}"></th>{top}</tr>'
        f"<tr><th>Model</th>{costs}{names}</tr>"
        f"</thead><tbody>{''.join(body)}</tbody></table></div>{notes}"
    )


def as_html(sheet: Sheet) -> str:
    """A page of its own."""
    return page(sheet.title, f"<h1>{html.escape(sheet.title)}</h1>{html_table(sheet)}")


def _html_cell(cell: Cell | None) -> str:
    if cell is None:
        return "<td>–</td>"
    if cell.value == float("inf"):
        return f"<td>{EXACT}</td>"
    kind = {1: "best", 2: "second"}.get(cell.rank, "")
    told = cell.against_mean if cell.against_mean in against_mean.SIGNS else ""
    mark = f'<span title="{told}">{cell.signs}</span>' if told else cell.signs
    paper = f'<span class="paper">[{cell.published:.2f}]</span>' if cell.published == cell.published else ""
    return (
        f'<td><span class="{kind}">{cell.value:.2f}</span>{mark}<span class="ci">{cell.between("–")}</span>{paper}</td>'
    )


def as_latex(sheet: Sheet) -> str:
    """A booktabs tabular as wide as the text, in a table environment of its own."""
    count = len(sheet.metrics)
    columns = "llrr" + "r" * (len(MODALITIES) * count)
    top = " & ".join(rf"\multicolumn{{{count}}}{{c}}{{{m[:2]}}}" for m in MODALITIES)
    names = " & ".join(NAMES[metric] for _ in MODALITIES for metric in sheet.metrics)
    lines = [
        r"% \usepackage{booktabs,graphicx}",
        r"\begin{table*}",
        rf"\caption{{{_tex(sheet.title)}. {_tex(' '.join(sheet.notes))}}}",
        r"\centering",
        r"\resizebox{\textwidth}{!}{%",
    ]
    lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", rf" & & & & {top} \\"]
    lines += [rf"Model & $f$ & kbit & M & {names} \\"]
    for cohort, rows in sheet.groups:
        lines += [r"\midrule", rf"\multicolumn{{{len(columns)}}}{{l}}{{\textit{{{_tex(cohort)}}}}} \\"]
        for line in rows:
            factor, *rest = line.costs
            values = [_tex(line.label), factor.replace("x", r"$\times$"), *rest, *map(_tex_cell, line.cells)]
            lines.append(" & ".join(values) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}}", r"\end{table*}", ""])


def _tex_cell(cell: Cell | None) -> str:
    if cell is None:
        return "--"
    if cell.value == float("inf"):
        return EXACT
    value = {1: r"\textbf{%s}", 2: r"\underline{%s}"}.get(cell.rank, "%s") % f"{cell.value:.2f}"
    mark = "".join(f"$^{{{TEX_SIGNS[sign]}}}$" for sign in cell.signs)
    paper = f" [{cell.published:.2f}]" if cell.published == cell.published else ""
    return rf"{value}{mark} {{\tiny {cell.between('--')}{paper}}}"


def _tex(text: str) -> str:
    return "".join(TEX.get(sign, sign) for sign in text)
