"""The claims ledger as a page."""

import html

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.html import page, ranged, small_table
from neuroquant.statistics.cells import SIGNIFICANT
from neuroquant.statistics.claims.compared import RUN
from neuroquant.statistics.claims.numbers import NUMBERS


def apart(experiment: Experiment) -> str:
    """A sentence on cohorts that aren't the paper's, empty where all are."""
    embedded = [cohort.shown for cohort in experiment.cohorts if cohort.embedded]
    others = [cohort.shown for cohort in experiment.cohorts if not cohort.embedded and not cohort.stands_for]
    texts = []
    if embedded:
        texts.append(
            f"Embedded, made by the workflow itself: {', '.join(embedded)}. What is measured there can't be compared "
            "with the paper; verdicts show how such a comparison is made, and nothing more."
        )
    if others:
        texts.append(
            f"Not among the paper's cohorts: {', '.join(others)}. Other people, other scanners: numbers measured there "
            "can't be held against the published ones, so no cohort stands for the paper's here."
        )
    return " ".join(texts)


def as_page(numbers: pd.DataFrame, judged: pd.DataFrame, different: str) -> str:
    """Both ledgers as one self-contained page."""
    shown = judged.assign(not_run=judged.not_run.fillna(""), cohort=judged.cohort.fillna(""))
    shown = shown[["claim", "section", "cohort", "verdict", "details", "not_run"]].fillna("")
    told = numbers.assign(group=numbers.group.map(RUN).fillna(""))
    told["published"] = told.published.map("{:.2f}".format)
    told["ours"] = ranged(told.ours, told.ci_low, told.ci_high)
    expected = told.pi_low.map("{:.2f}".format) + " to " + told.pi_high.map("{:.2f}".format)
    told["prediction_interval"] = expected.where(told.pi_low.notna(), "")
    told = told[[*NUMBERS[: NUMBERS.index("ours") + 1], "prediction_interval", "verdict"]]
    counts = numbers.verdict.str.split(":").str[0].value_counts()
    words = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return page(
        "Claims ledger",
        "<h1>Claims ledger</h1>"
        "<p>Every comparative statement of sections 4.2 and 4.3 and every number of tables 1 and 2 of "
        "arXiv:2604.05171, in our words, beside what this run measured. A comparison holds where the mean paired "
        f"difference is above 0 and significant (corrected p below {SIGNIFICANT}), and is contradicted where it is "
        "below 0 and significant. p-values are those of the table's own tests, with its correction; comparisons that "
        "the table doesn't make are corrected together with all of the table's. A published number is outside where it "
        "lies beyond the prediction interval: ours, widened by the error of a mean over as many subjects as the paper "
        "tested. "
        "Rows are compared within one group alone (trained here, with authors' weights, without training): that of the "
        "row that a statement puts first. Published numbers were measured on other subjects with other weights.</p>"
        + (f'<p class="note standin">{html.escape(different)}</p>' if different else "")
        + f'<h2>Statements</h2><div class="words">{small_table(shown, wrap=True)}</div>'
        f"<h2>Numbers</h2><p>{html.escape(words)}.</p>{small_table(told)}",
    )
