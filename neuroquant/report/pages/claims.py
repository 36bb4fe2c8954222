"""The claims ledger as a page."""

import html
from dataclasses import dataclass

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.badges import badge, stand_in_tag
from neuroquant.report.contents import TABLES
from neuroquant.report.html import box, page, script
from neuroquant.statistics.cells import SIGNIFICANT
from neuroquant.statistics.claims.compared import RUN
from neuroquant.statistics.claims.outcome import KINDS, UNDECIDED, counted, with_kinds
from neuroquant.statistics.metrics import metric


def not_the_papers(experiment: Experiment) -> str:
    """A sentence on cohorts that aren't the paper's, empty where all are."""
    synthetic = [cohort.shown for cohort in experiment.cohorts if cohort.stand_in]
    others = [cohort.shown for cohort in experiment.cohorts if not cohort.stand_in and not cohort.stands_for]
    texts = []
    if synthetic:
        texts.append(
            f"Synthetic, made by the workflow itself: {', '.join(synthetic)}. What is measured there can't be compared "
            "with the paper. The verdicts show how such a comparison is made, and nothing more."
        )
    if others:
        texts.append(
            f"Not among the paper's cohorts: {', '.join(others)}. Numbers measured there, on other people and other "
            "scanners, can't be compared with the published ones."
        )
    return " ".join(texts)


HEADINGS = ("Verdict", "Statement", "Paper", "Ours (interval)", "Difference", "Why")
PLURAL = {"statements": "statements, each on each cohort that it is about", "numbers": "published numbers"}
"""Ledger -> what its lines are."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a ledger as people read it.

    Attributes
    ----------
    kind : str
        Of its verdict.
    stand_in : bool
        Whether one took part.
    says, where : str
        The statement or number, and its place in the paper and here.
    paper, ours, difference : str
        Numbers with their units; empty where there is none.
    why : str
    """

    kind: str
    stand_in: bool
    says: str
    where: str
    paper: str
    ours: str
    difference: str
    why: str


def as_page(experiment: Experiment, numbers: pd.DataFrame, judged: pd.DataFrame) -> str:
    """Both ledgers as one self-contained page.

    Parameters
    ----------
    numbers, judged : DataFrame
        The ledgers of published numbers and of statements.
    """
    different = not_the_papers(experiment)
    tables = {
        "statements": (with_kinds(judged), statement_rows(experiment, judged)),
        "numbers": (with_kinds(numbers), number_rows(experiment, numbers)),
    }
    counts = "".join(
        f"<h2>{len(rows)} {PLURAL[name]}</h2>{filters(name, counted(table))}" for name, (table, rows) in tables.items()
    )
    kinds = "".join(f"<li>{badge(kind)} {html.escape(words)}</li>" for kind, words in KINDS.items())
    return page(
        "The paper's claims",
        "<h1>The paper's claims beside this run</h1>"
        "<p>Every comparative statement of sections 4.2 and 4.3 and every number of Tables 1 and 2 of "
        "arXiv:2604.05171, in our words. A button shows the lines of one verdict alone.</p>"
        + (f'<p class="note standin">{html.escape(different)}</p>' if different else "")
        + counts
        + f"<details><summary>What the verdicts mean</summary><ul>{kinds}</ul><p>{html.escape(RULES)}</p></details>"
        + "".join(
            f'<h2 id="{name}-heading">{name.capitalize()}</h2>{ledger(name, rows)}'
            for name, (_, rows) in tables.items()
        )
        + script("filter"),
    )


UNPROVEN = "The difference is not significant after correction. "
RULES = (
    f"A difference is significant if its corrected p is below {SIGNIFICANT}. One correction covers all comparisons of "
    "a table: its own tests, and those that statements add here. A verdict that is conditional on one training says "
    "nothing of what another training seed would give. The prediction interval is ours, widened by the error of a mean "
    "over as many subjects as the paper tested. Published numbers were measured on other subjects with other weights. "
    "Models are compared within one group only (trained here, with authors' weights, without training): that of the "
    "model that a statement puts first."
)


def filters(name: str, counts: dict[str, int]) -> str:
    """A button per kind of verdict with the number of its lines."""
    buttons = "".join(
        f'<button type="button" value="{kind}" aria-pressed="false"><span class="count">{count}</span>{badge(kind)}'
        "</button>"
        for kind, count in counts.items()
    )
    return f'<div class="filters" data-filters="{name}">{buttons}</div>'


def ledger(name: str, rows: list[Row]) -> str:
    """A table of verdicts."""
    head = "".join(f"<th>{words}</th>" for words in HEADINGS)
    return box(f'<table class="ledger stack" id="{name}"><thead><tr>{head}</tr></thead><tbody>'
               f"{''.join(map(_line, rows))}</tbody></table>")  # fmt: skip


def _line(row: Row) -> str:
    tag = f" {stand_in_tag()}" if row.stand_in else ""
    cells = [f"<td>{badge(row.kind)}{tag}</td>"]
    cells.append(f'<td>{html.escape(row.says)}<span class="ci">{html.escape(row.where)}</span></td>')
    for label, text in zip(HEADINGS[2:5], (row.paper, row.ours, row.difference), strict=True):
        kind = "n" if text else "n void"
        cells.append(f'<td class="{kind}" data-label="{label}">{html.escape(text) or "–"}</td>')
    first, _, rest = row.why.partition("\n")
    more = f"<details><summary>comparisons</summary>{html.escape(rest)}</details>" if rest else ""
    cells.append(f"<td>{html.escape(first)}{more}</td>")
    return f'<tr data-kind="{row.kind}">{"".join(cells)}</tr>'


def statement_rows(experiment: Experiment, judged: pd.DataFrame) -> list[Row]:
    """The ledger of statements as people read it."""
    labels = {cohort.name: cohort.shown for cohort in experiment.cohorts}
    words = ["cohort", "details", "not_run", "unit"]
    table = with_kinds(judged.assign(**{name: judged[name].fillna("").astype(str) for name in words}))
    rows = []
    for line in table.itertuples():
        unproven = UNPROVEN if line.kind == UNDECIDED and not pd.isna(line.ours) else ""
        cohorts = " against ".join(labels.get(name, name) for name in line.cohort.split(" - ") if name)
        rows.append(
            Row(
                line.kind, line.stand_in, line.claim, f"section {line.section}" + (f", {cohorts}" if cohorts else ""),
                _signed(line.published, line.unit), _with_ends(line.ours, line.ci_low, line.ci_high, line.unit),
                _signed(line.difference, line.unit), unproven + _why(line.words, line.details, line.not_run),
            )
        )  # fmt: skip
    return rows


def number_rows(experiment: Experiment, numbers: pd.DataFrame) -> list[Row]:
    """The ledger of published numbers as people read it."""
    rows = []
    for line in with_kinds(numbers).itertuples():
        shown = metric(line.metric)
        group = RUN.get(line.group, "")
        where = f"{TABLES[line.table]}, {line.cohort}" + (f", {group}" if group else "")
        ends = "" if pd.isna(line.ci_low) else f" ({shown.text(line.ci_low)} to {shown.text(line.ci_high)})"
        ours = "" if pd.isna(line.ours) else f"{shown.text(line.ours)} {shown.unit}{ends}"
        rows.append(
            Row(
                line.kind, line.stand_in, f"{shown.label} of {line.model}, {line.modality}", where,
                f"{shown.text(line.published)} {shown.unit}", ours, _signed(line.difference, shown.points),
                _sentence(line.verdict),
            )
        )  # fmt: skip
    return rows


def _signed(value: float, unit: str) -> str:
    return "" if pd.isna(value) else f"{value:+.2f} {unit}".strip()


def _with_ends(value: float, low: float, high: float, unit: str) -> str:
    ends = "" if pd.isna(low) else f" ({low:+.2f} to {high:+.2f})"
    return f"{_signed(value, unit)}{ends}" if not pd.isna(value) else ""


def _why(verdict: str, details: str, not_run: str) -> str:
    """The reason of a verdict: a sentence, and after a line's end the single comparisons."""
    reason = verdict.partition("; ")[2] if verdict.startswith("ours") and "; " in verdict else verdict
    lacking = f" Not run: {not_run}." if not_run else ""
    return _sentence(reason) + lacking + (f"\n{details}" if details else "")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") or not text else ".")
