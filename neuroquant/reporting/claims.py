"""The claims ledger: every published number and every comparative statement, beside what this run measured."""

import html
from functools import lru_cache
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import Field

from neuroquant.config.base import Settings
from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment
from neuroquant.evaluation.statistics import Interval, cluster_bootstrap
from neuroquant.files import write_text
from neuroquant.reporting.pages import page, small_table
from neuroquant.reporting.published import FULL, cells_of
from neuroquant.reporting.summarise import MODALITIES, pairs, write_csv

NUMBERS = ["table", "cohort", "model", "modality", "metric", "published", "ours", "ci_low", "ci_high", "verdict"]
CLAIMS = ["id", "section", "claim", "cohort", "verdict", "holds", "undecided", "contradicted", "not_run", "details"]
INCOMPARABLE = "can't be compared: an embedded cohort stands in for {}"
UNITS = {"psnr": "dB", "ssim": "points", "accuracy": "points", "dice": "points"}


class Claim(Settings):
    """One comparative statement of the paper."""

    id: str = Field(description="short name")
    section: str = Field(description="of the paper")
    says: str = Field(description="the statement, in our words")
    table: Literal["table1", "table2"] = Field("table1", description="whose rows it compares")
    row: str = Field("", description="the row that it puts first, by the paper's name")
    over: tuple[str, ...] = Field((), description="rows that it puts behind")
    metrics: tuple[str, ...] = Field((), description="in which metrics")
    modalities: tuple[str, ...] = Field(MODALITIES, description="on which modalities")
    cohort: str = Field("", description="on which of the paper's cohorts; empty: each")
    published: float | None = Field(None, description="the stated difference: dB, or points")
    allowed_above: int = Field(0, description="rows of `over` that may be ahead by the statement itself")
    measured: bool = Field(True, description="whether a number here can decide it")
    why: str = Field("", description="what to look at where none can")


@lru_cache(maxsize=1)
def claims() -> tuple[Claim, ...]:
    """All of them, in the paper's order."""
    text = (Path(__file__).parent / "published" / "claims.yaml").read_text(encoding="utf-8")
    return tuple(Claim.model_validate(item) for item in yaml.safe_load(text))


def write_ledger(
    experiment: Experiment, tables: dict[str, pd.DataFrame], scores: pd.DataFrame, numbers: Path, out: Path, view: Path
) -> None:
    """Write the numbers (CSV), the claims (CSV) and both as a page.

    Parameters
    ----------
    tables : "table1" and "table2" -> the tidy cells.
    scores : every score, as `summarise.load_scores` gives them.
    """
    told, judged = numbers_ledger(experiment, tables), claims_ledger(experiment, scores)
    write_csv(told, numbers)
    write_csv(judged, out)
    write_text(view, as_page(told, judged))


def numbers_ledger(experiment: Experiment, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a published number, with ours where its row was run on a cohort that stands for the paper's."""
    rows = []
    for table, cells in tables.items():
        shown = experiment.table1 if table == "table1" else experiment.table2
        names = {experiment.row(row).published_as: row for row in reversed(shown.rows)}
        places = {experiment.cohort(name).stands_for: experiment.cohort(name) for name in reversed(shown.cohorts)}
        for told in cells_of(table).itertuples(index=False):
            row = names.get(told.model) or next((names.get(k) for k, v in FULL.items() if v == told.model), None)
            cohort = places.get(told.cohort)
            mine = found(cells, cohort, row, told.modality, told.metric)
            verdict = verdict_on(told.published, mine, cohort, row, told.cohort)
            facts = dict(zip(NUMBERS, (table, *told), strict=False))
            ours = {} if mine is None else {"ours": mine["value"], "ci_low": mine.ci_low, "ci_high": mine.ci_high}
            rows.append(facts | ours | {"verdict": verdict})
    return pd.DataFrame(rows, columns=NUMBERS)


def found(cells: pd.DataFrame, cohort: Cohort | None, row: str | None, modality: str, metric: str) -> pd.Series | None:
    """Our cell, where there is one."""
    if cohort is None or row is None:
        return None
    here = cells[(cells.cohort == cohort.name) & (cells.model == row)]
    here = here[(here.modality == modality) & (here.metric == metric)]
    return here.iloc[0] if len(here) else None


def verdict_on(published: float, mine: pd.Series | None, cohort: Cohort | None, row: str | None, name: str) -> str:
    """Whether a published number lies in our interval, or why that can't be said."""
    if cohort is None:
        return f"not run: no cohort of this experiment stands for {name}"
    if row is None:
        return "not run: no row of this experiment stands for it"
    if mine is None:
        return "not measured in this run"
    if cohort.embedded:
        return INCOMPARABLE.format(name)
    if mine.ci_low <= published <= mine.ci_high:
        return "inside our interval"
    return "outside: published higher than ours" if published > mine.ci_high else "outside: published lower than ours"


def claims_ledger(experiment: Experiment, scores: pd.DataFrame) -> pd.DataFrame:
    """A row a claim and cohort, with the comparisons that speak for and against it."""
    rows = []
    for claim in claims():
        facts = {"id": claim.id, "section": claim.section, "claim": claim.says}
        if not claim.measured:
            rows.append(facts | {"verdict": "no number decides it", "details": claim.why})
            continue
        shown = experiment.table1 if claim.table == "table1" else experiment.table2
        cohorts = [experiment.cohort(name) for name in shown.cohorts]
        chosen = [cohort for cohort in cohorts if claim.cohort in ("", cohort.stands_for)]
        if not chosen:
            rows.append(facts | {"verdict": f"not run: no cohort of this experiment stands for {claim.cohort}"})
        rows += [facts | judge(claim, experiment, shown.rows, cohort, scores) for cohort in chosen]
    table = pd.DataFrame(rows, columns=CLAIMS)
    counts = ["holds", "undecided", "contradicted"]
    return table.astype(dict.fromkeys(counts, "Int64"))


def judge(
    claim: Claim, experiment: Experiment, shown: tuple[str, ...], cohort: Cohort, scores: pd.DataFrame
) -> dict[str, object]:
    """Verdict on one claim on one cohort. A comparison holds, or is contradicted, where the interval leaves out 0."""
    names = {experiment.row(row).published_as: row for row in reversed(shown)}
    names |= {full: names[row] for row, full in FULL.items() if row in names}
    missing = [name for name in (claim.row, *claim.over) if name not in names]
    here = scores[scores.cohort == cohort.name]
    outcomes: dict[str, list[str]] = {"holds": [], "undecided": [], "contradicted": []}
    only = None
    for metric in claim.metrics:
        for modality in claim.modalities:
            at = here[(here.metric == metric) & (here.modality == modality)]
            parts = {name: at[at.model == names[name]] for name in (claim.row, *claim.over) if name in names}
            leads = {}
            for rival in claim.over:
                both = pairs(parts[claim.row], parts[rival]) if {claim.row, rival} <= parts.keys() else at[:0]
                if len(both):
                    lead = cluster_bootstrap(
                        both["value"] - both["value_other"], both["cluster"], experiment.statistics
                    )
                    leads[f"{modality} {metric} over {rival}"] = only = lead
            ahead = [name for name, lead in leads.items() if lead.value < 0][: claim.allowed_above]
            for name, lead in leads.items():
                outcomes["holds" if name in ahead else outcome(lead)].append(name)
    facts = {"cohort": cohort.name, "not_run": "; ".join(missing)}
    if not any(outcomes.values()):
        return facts | {"verdict": "not run: the rows or metrics that it compares aren't there"}
    verdict = summary(claim, outcomes, only)
    if cohort.embedded:
        verdict += f" (on an embedded cohort, which says nothing about {cohort.stands_for or 'the paper'})"
    details = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in outcomes.items() if names and kind != "holds")
    return facts | {"verdict": verdict, "details": details} | {kind: len(names) for kind, names in outcomes.items()}


def outcome(lead: Interval) -> str:
    """What an interval of a difference says of the claim that it is positive."""
    return "holds" if lead.low > 0 else "contradicted" if lead.high < 0 else "undecided"


def summary(claim: Claim, outcomes: dict[str, list[str]], only: Interval) -> str:
    """In words."""
    if claim.published is not None:
        unit = UNITS[claim.metrics[0]]
        inside = "inside" if only.low <= claim.published <= only.high else "outside"
        told = f"published {claim.published:+.2f}, {inside} our interval"
        return f"ours {only.value:+.2f} {unit} ({only.low:+.2f} to {only.high:+.2f}); {told}"
    total = sum(map(len, outcomes.values()))
    if len(outcomes["holds"]) == total:
        return f"holds in all {total} comparisons"
    parts = [f"{kind} in {len(names)}" for kind, names in outcomes.items() if names]
    return f"of {total} comparisons: {', '.join(parts)}"


def as_page(numbers: pd.DataFrame, judged: pd.DataFrame) -> str:
    """Both ledgers as one self-contained page."""
    shown = judged.assign(not_run=judged.not_run.fillna(""), cohort=judged.cohort.fillna(""))
    shown = shown[["section", "claim", "cohort", "verdict", "details", "not_run"]].fillna("")
    told = numbers.copy()
    for column in ("published", "ours", "ci_low", "ci_high"):
        told[column] = told[column].map(lambda value: "" if pd.isna(value) else f"{value:.2f}")
    counts = numbers.verdict.str.split(":").str[0].value_counts()
    words = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return page(
        "Claims ledger",
        "<h1>Claims ledger</h1>"
        "<p>Every comparative statement of sections 4.2 and 4.3 and every number of tables 1 and 2 of "
        "arXiv:2604.05171, in our words, beside what this run measured. A comparison holds where the 95 % bootstrap "
        "interval of the paired difference over subjects lies above 0, and is contradicted where it lies below. "
        "Published numbers were measured on other subjects with other weights.</p>"
        f"<h2>Statements</h2>{small_table(shown, wrap=True)}"
        f"<h2>Numbers</h2><p>{html.escape(words)}.</p>{small_table(told)}",
    )
