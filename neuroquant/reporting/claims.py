"""The claims ledger: every published number and every comparative statement, beside what this run measured."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import yaml
from pydantic import Field

from neuroquant.config.base import Settings
from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment
from neuroquant.evaluation.statistics import Interval, cluster_bootstrap
from neuroquant.files import write_text
from neuroquant.reporting.claims_numbers import numbers_ledger
from neuroquant.reporting.claims_page import apart, as_page
from neuroquant.reporting.claims_rows import Compared, compared
from neuroquant.reporting.disentangled import outcomes as disentangled
from neuroquant.reporting.summarise import MODALITIES, pairs, write_csv

CLAIMS = ["id", "section", "claim", "cohort", "verdict", "holds", "undecided", "contradicted", "not_run", "details"]
UNITS = {"psnr": "dB", "ssim": "points", "accuracy": "points", "dice": "points"}
PAPERS = ("NCANDA", "ABCD")


class Claim(Settings):
    """One comparative statement of the paper."""

    id: str = Field(description="short name")
    section: str = Field(description="of the paper")
    says: str = Field(description="the statement, in our words")
    kind: Literal["scores", "gain", "rate", "disentanglement", "none"] = Field(
        "scores",
        description="scores: pairs of rows; gain: the lead is larger on `cohort` than on the paper's other one; rate: "
        "fewer bits a volume; disentanglement: codes of `row` don't tell the modality; none: no number decides it",
    )
    table: Literal["table1", "table2", "figure4"] = Field("table1", description="whose rows it compares")
    row: str = Field("", description="the row that it puts first, by the paper's name")
    over: tuple[str, ...] = Field((), description="rows that it puts behind")
    metrics: tuple[str, ...] = Field((), description="in which metrics")
    modalities: tuple[str, ...] = Field(MODALITIES, description="on which modalities")
    cohort: str = Field("", description="on which of the paper's cohorts; empty: each")
    compression: int = Field(0, description="side reduction of `row` that the statement is about; 0: any")
    published: float | None = Field(None, description="the stated difference: dB, or points")
    allowed_above: int = Field(0, description="rows of `over` that may be ahead by the statement itself")
    why: str = Field("", description="what to look at where no number decides it, or what else must be known")

    @property
    def measured(self) -> bool:
        """Whether a number can decide it."""
        return self.kind != "none"


@lru_cache(maxsize=1)
def claims() -> tuple[Claim, ...]:
    """All of them, in the paper's order."""
    text = (Path(__file__).parent / "published" / "claims.yaml").read_text(encoding="utf-8")
    return tuple(Claim.model_validate(item) for item in yaml.safe_load(text))


def write_ledger(
    experiment: Experiment,
    tables: dict[str, pd.DataFrame],
    scores: pd.DataFrame,
    numbers: Path,
    out: Path,
    view: Path,
    rates: dict[str, float],
    disentanglement: pd.DataFrame | None = None,
    factors: dict[str, int] | None = None,
) -> None:
    """Write the numbers (CSV), the claims (CSV) and both as a page.

    Parameters
    ----------
    tables : "table1" and "table2" -> the tidy cells.
    scores : every score, as `summarise.load_scores` and `deviations.with_deviations` give them.
    rates : kilobits a volume of each row.
    disentanglement : as `disentangled.read_disentanglement` gives it.
    factors : side reduction of each row.
    """
    told = numbers_ledger(experiment, tables)
    judged = claims_ledger(experiment, scores, rates, disentanglement, factors)
    write_csv(told, numbers)
    write_csv(judged, out)
    write_text(view, as_page(told, judged, apart(experiment)))


def claims_ledger(
    experiment: Experiment,
    scores: pd.DataFrame,
    rates: dict[str, float] | None = None,
    disentanglement: pd.DataFrame | None = None,
    factors: dict[str, int] | None = None,
) -> pd.DataFrame:
    """A row a claim and cohort, with the comparisons that speak for and against it."""
    rows, leads = [], Leads(experiment, scores)
    for claim in claims():
        facts = {"id": claim.id, "section": claim.section, "claim": claim.says}
        other = other_compression(claim, experiment, factors or {})
        for verdict in other or verdicts(claim, experiment, leads, rates or {}, disentanglement):
            details = "; ".join(filter(None, (verdict.get("details"), claim.why)))
            rows.append(facts | verdict | {"details": details})
    table = pd.DataFrame(rows, columns=CLAIMS)
    counts = ["holds", "undecided", "contradicted"]
    return table.astype(dict.fromkeys(counts, "Int64"))


def other_compression(claim: Claim, experiment: Experiment, factors: dict[str, int]) -> list[dict[str, object]]:
    """The verdict on a claim about a compression that its row doesn't have here; nothing where it has."""
    row = compared(experiment, where(claim, experiment)[0], claim.row, claim.over).names.get(claim.row)
    here = factors.get(row, claim.compression)
    if not claim.compression or here == claim.compression:
        return []
    asked = f"the statement is about {claim.compression} times"
    return [{"verdict": f"not runnable here: {claim.row} compresses {here} times in this experiment; {asked}"}]


def verdicts(
    claim: Claim,
    experiment: Experiment,
    leads: "Leads",
    rates: dict[str, float],
    disentanglement: pd.DataFrame | None,
) -> list[dict[str, object]]:
    """What this run says of a claim: once, or once a cohort."""
    if claim.kind == "none":
        return [{"verdict": "no number decides it"}]
    if claim.kind == "rate":
        return [judge_rate(claim, experiment, rates)]
    if claim.kind == "gain":
        return [judge_gain(claim, experiment, leads)]
    shown, cohorts = where(claim, experiment)
    chosen = [cohort for cohort in cohorts if claim.cohort in ("", cohort.stands_for)]
    if not chosen:
        return [{"verdict": f"not run: no cohort of this experiment stands for {claim.cohort}"}]
    if claim.kind == "disentanglement":
        return [judge_disentanglement(claim, experiment, shown, cohort, disentanglement) for cohort in chosen]
    return [judge(claim, experiment, shown, cohort, leads) for cohort in chosen]


def where(claim: Claim, experiment: Experiment) -> tuple[tuple[str, ...], list[Cohort]]:
    """Rows and cohorts of the table or figure that a claim is about."""
    if claim.table == "figure4":
        return experiment.figure4.rows, [experiment.cohort(experiment.figure4.cohort)]
    shown = experiment.table1 if claim.table == "table1" else experiment.table2
    return shown.rows, [experiment.cohort(name) for name in shown.cohorts]


def judge_rate(claim: Claim, experiment: Experiment, rates: dict[str, float]) -> dict[str, object]:
    """Verdict on a claim that a row needs fewer bits a volume than others: counted, not estimated."""
    rows = compared(experiment, where(claim, experiment)[0], claim.row, claim.over)
    facts: dict[str, object] = {"not_run": rows.not_run}
    spent = {name: rates[row] for name, row in rows.names.items() if row in rates}
    rivals = [name for name in claim.over if name in spent]
    if claim.row not in spent or not rivals:
        return facts | {"verdict": rows.nothing}
    less = [name for name in rivals if spent[claim.row] < spent[name]]
    told = ", ".join(f"{name} {spent[name]:,.4g}" for name in (claim.row, *rivals))
    verdict, details = f"holds against {len(less)} of {len(rivals)}", f"kbit a volume: {told}"
    return facts | {"verdict": verdict, "details": details, "holds": len(less), "contradicted": len(rivals) - len(less)}


def judge_gain(claim: Claim, experiment: Experiment, leads: "Leads") -> dict[str, object]:
    """Verdict on a claim that a lead is larger on one of the paper's cohorts than on the other.

    The cohorts are independent, so the interval of the difference of two leads has the root of the sum of the squares
    of their half widths as its own.
    """
    shown, cohorts = where(claim, experiment)
    places = {cohort.stands_for: cohort for cohort in reversed(cohorts) if cohort.stands_for}
    other = next(name for name in PAPERS if name != claim.cohort)
    absent = [name for name in (claim.cohort, other) if name not in places]
    if absent:
        return {"verdict": f"not run: no cohort of this experiment stands for {' or '.join(absent)}"}
    rows = compared(experiment, shown, claim.row, claim.over)
    outcomes = {"holds": [], "undecided": [], "contradicted": []}
    facts: dict[str, object] = {"cohort": f"{places[claim.cohort].name} - {places[other].name}"}
    facts["not_run"] = rows.not_run
    here, there = (leads.of(claim, rows.names, places[name]) for name in (claim.cohort, other))
    for name in here.keys() & there.keys():
        one, two = here[name], there[name]
        middle = one.value - two.value
        low = middle - ((one.value - one.low) ** 2 + (two.high - two.value) ** 2) ** 0.5
        high = middle + ((one.high - one.value) ** 2 + (two.value - two.low) ** 2) ** 0.5
        outcomes[outcome(Interval(middle, low, high, 0))].append(name)
    outcomes = {kind: sorted(found) for kind, found in outcomes.items()}
    embedded = [places[name] for name in (claim.cohort, other) if places[name].embedded]
    stand_in = leads.stand_in(claim, places[claim.cohort])
    return facts | told(claim, rows, outcomes, None, embedded[0] if embedded else None, stand_in)


def judge_disentanglement(
    claim: Claim, experiment: Experiment, shown: tuple[str, ...], cohort: Cohort, measured: pd.DataFrame | None
) -> dict[str, object]:
    """Verdict on the claim that a row's anatomical codes don't tell the modality, on one cohort."""
    rows = compared(experiment, shown, claim.row, ())
    facts: dict[str, object] = {"cohort": cohort.name, "not_run": rows.not_run}
    if claim.row not in rows.names:
        return facts | {"verdict": rows.nothing}
    verdict, details = "", ""
    if measured is not None:
        verdict, details = disentangled(measured, cohort.name, rows.names[claim.row])
    if not verdict:
        return facts | {"verdict": "not measured in this run"}
    counts = {kind: int(kind == verdict) for kind in ("holds", "undecided", "contradicted")}
    return (
        facts | counts | {"verdict": verdict + stand_ins(cohort if cohort.embedded else None, ""), "details": details}
    )


class Leads:
    """Leads of rows over others, each computed once however many claims ask for it.

    Parameters
    ----------
    scores : every score, as `summarise.load_scores` gives them.
    """

    def __init__(self, experiment: Experiment, scores: pd.DataFrame):
        self.settings = experiment.statistics
        keys = ["cohort", "metric", "modality", "model"]
        self.parts = {tuple(names): part for names, part in scores.groupby(keys, sort=False)}
        self.known: dict[tuple[str, ...], Interval | None] = {}

    def of(self, claim: Claim, names: dict[str, str], cohort: Cohort) -> dict[str, Interval]:
        """The lead of the claim's row over each of the others, by modality and metric; what isn't there is left out."""
        found = {}
        for metric in claim.metrics:
            for modality in claim.modalities:
                for rival in claim.over if claim.row in names else ():
                    lead = self.one(cohort.name, metric, modality, names[claim.row], names.get(rival, ""))
                    if lead is not None:
                        found[f"{modality} {metric.replace('_', ' ')} over {rival}"] = lead
        return found

    def stand_in(self, claim: Claim, cohort: Cohort) -> str:
        """The segmenter that stood in for SynthSeg behind the claim's scores; empty where none did."""
        parts = [part for keys, part in self.parts.items() if keys[0] == cohort.name and keys[1] in claim.metrics]
        engines = {str(name) for part in parts if "engine" in part for name in part.engine.dropna()}
        return next(iter(sorted(engines - {""})), "")

    def one(self, cohort: str, metric: str, modality: str, row: str, rival: str) -> Interval | None:
        """Mean paired difference with its interval, on the sessions that both have; None where there are none."""
        asked = (cohort, metric, modality, row, rival)
        if asked not in self.known:
            self.known[asked] = None
            mine, other = (self.parts.get((cohort, metric, modality, name)) for name in (row, rival))
            if mine is not None and other is not None:
                both = pairs(mine, other)
                difference = both["value"] - both["value_other"]
                if len(both) and np.isfinite(difference).all():
                    self.known[asked] = cluster_bootstrap(difference, both["cluster"], self.settings)
        return self.known[asked]


def judge(
    claim: Claim, experiment: Experiment, shown: tuple[str, ...], cohort: Cohort, known: Leads
) -> dict[str, object]:
    """Verdict on one claim on one cohort. A comparison holds, or is contradicted, where the interval leaves out 0."""
    rows = compared(experiment, shown, claim.row, claim.over)
    leads = known.of(claim, rows.names, cohort)
    outcomes: dict[str, list[str]] = {"holds": [], "undecided": [], "contradicted": []}
    for metric in claim.metrics:
        for modality in claim.modalities:
            start = f"{modality} {metric.replace('_', ' ')} over "
            here = {name: lead for name, lead in leads.items() if name.startswith(start)}
            ahead = [name for name, lead in here.items() if lead.value < 0][: claim.allowed_above]
            for name, lead in here.items():
                outcomes["holds" if name in ahead else outcome(lead)].append(name)
    only = next(iter(leads.values()), None)
    stand_in, embedded = known.stand_in(claim, cohort), cohort if cohort.embedded else None
    facts = {"cohort": cohort.name, "not_run": rows.not_run}
    return facts | told(claim, rows, outcomes, only, embedded, stand_in)


def told(
    claim: Claim,
    rows: Compared,
    outcomes: dict[str, list[str]],
    only: Interval | None,
    embedded: Cohort | None,
    stand_in: str,
) -> dict[str, object]:
    """Verdict, details and counts of some comparisons."""
    if not any(outcomes.values()):
        return {"verdict": rows.nothing}
    verdict = summary(claim, outcomes, only) + stand_ins(embedded, stand_in)
    details = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in outcomes.items() if names and kind != "holds")
    return {"verdict": verdict, "details": details} | {kind: len(names) for kind, names in outcomes.items()}


def stand_ins(embedded: Cohort | None, stand_in: str) -> str:
    """What a verdict says of the cohort and the segmenter that stood in for the paper's."""
    told = ""
    if embedded is not None:
        told += f" (on an embedded cohort, which says nothing about {embedded.stands_for or 'the paper'})"
    if stand_in:
        told += f" (by a {stand_in}, not by SynthSeg)"
    return told


def outcome(lead: Interval) -> str:
    """What an interval of a difference says of the claim that it is positive."""
    return "holds" if lead.low > 0 else "contradicted" if lead.high < 0 else "undecided"


def summary(claim: Claim, outcomes: dict[str, list[str]], only: Interval | None) -> str:
    """In words."""
    if claim.published is not None and only is not None:
        unit = UNITS[claim.metrics[0]]
        if not np.isfinite(only.low):
            return f"undecided: ours {only.value:+.2f} {unit}, of one subject or family alone"
        inside = "inside" if only.low <= claim.published <= only.high else "outside"
        told = f"published {claim.published:+.2f}, {inside} our interval"
        return f"ours {only.value:+.2f} {unit} ({only.low:+.2f} to {only.high:+.2f}); {told}"
    total = sum(map(len, outcomes.values()))
    if len(outcomes["holds"]) == total:
        return f"holds in all {total} comparisons"
    parts = [f"{kind} in {len(names)}" for kind, names in outcomes.items() if names]
    return f"of {total} comparisons: {', '.join(parts)}"
