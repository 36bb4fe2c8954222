"""The claims ledger as a page."""

import html

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.html import page, ranged, small_table
from neuroquant.statistics.cells import SIGNIFICANT
from neuroquant.statistics.claims.compared import RUN
from neuroquant.tables import NUMBERS

COLUMNS = ["claim", "section", "cohort", "verdict", "details", "not_run"]


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


RULES = (
    ("holds", f"the mean paired difference is above 0 and significant (corrected p below {SIGNIFICANT})"),
    ("contradicted", "the mean paired difference is below 0 and significant"),
    ("undecided", "the difference is not significant, or there is no interval"),
    ("inside our prediction interval", "the published number lies within the interval in which it is to be expected"),
    ("outside", "the published number lies beyond that interval"),
    ("not run", "this experiment lacks a model, a cohort or a metric that the claim needs"),
    ("can't be compared", "a stand-in took part"),
)
"""Verdicts, and what they mean."""


def as_page(numbers: pd.DataFrame, judged: pd.DataFrame, different: str) -> str:
    """Both ledgers as one self-contained page.

    Parameters
    ----------
    numbers, judged : DataFrame
        The ledgers of published numbers and of statements.
    different : str
        As `not_the_papers` gives it.
    """
    statements = judged.assign(not_run=judged.not_run.fillna(""), cohort=judged.cohort.fillna(""))
    statements = statements[COLUMNS].fillna("")
    verdicts = pd.DataFrame(RULES, columns=["verdict", "where"])
    counts = numbers.verdict.str.split(":").str[0].value_counts()
    counted = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return page(
        "Claims ledger",
        "<h1>Claims ledger</h1>"
        "<p>Every comparative statement of sections 4.2 and 4.3 and every number of Tables 1 and 2 of "
        "arXiv:2604.05171, in our words, beside what this run measured. Published numbers were measured on other "
        "subjects with other weights.</p>"
        + (f'<p class="note standin">{html.escape(different)}</p>' if different else "")
        + f'<h2>Verdicts</h2><div class="words">{small_table(verdicts, wrap=True)}</div>'
        "<p>One correction covers all comparisons of a table: its own tests, and those that statements add here. A "
        "verdict that is conditional on one training says nothing of what another training seed would give. The "
        "prediction interval is ours, widened by the error of a mean over as many subjects as the paper tested. Models "
        "are compared within one group only (trained here, with "
        "authors' weights, without training): that of the model that a statement puts first.</p>"
        f'<h2>Statements</h2><div class="words">{small_table(statements, wrap=True)}</div>'
        f"<h2>Numbers</h2><p>{html.escape(counted)}.</p>{small_table(number_table(numbers))}",
    )


def number_table(numbers: pd.DataFrame) -> pd.DataFrame:
    """The ledger of numbers as people read it."""
    shown = numbers.assign(group=numbers.group.map(RUN).fillna(""), published=numbers.published.map("{:.2f}".format))
    shown["ours"] = ranged(numbers.ours, numbers.ci_low, numbers.ci_high)
    expected = numbers.pi_low.map("{:.2f}".format) + " to " + numbers.pi_high.map("{:.2f}".format)
    shown["prediction_interval"] = expected.where(numbers.pi_low.notna(), "")
    return shown[[*NUMBERS[: NUMBERS.index("ours") + 1], "prediction_interval", "verdict"]]
