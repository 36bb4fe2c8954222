"""The claims ledger: every published number and every comparative statement, beside what this run measured."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment
from neuroquant.statistics.claims.compared import Compared, compared
from neuroquant.statistics.claims.leads import Lead, Leads
from neuroquant.statistics.claims.listed import Claim, absent_modalities, claims, comparisons, judged_on, papers, where
from neuroquant.statistics.claims.outcome import COUNTS
from neuroquant.statistics.disentanglement import outcomes as disentangled
from neuroquant.statistics.intervals import predictive
from neuroquant.statistics.metrics import metric
from neuroquant.statistics.published import TEST_SUBJECTS
from neuroquant.statistics.trainings import CONDITIONAL, trained_once
from neuroquant.tables import CLAIMS


@dataclass(frozen=True, slots=True)
class Evidence:
    """What statements are judged by.

    Attributes
    ----------
    scores : DataFrame
        As `scores.load_scores` gives them.
    tests : DataFrame
        As `computed.Computed` has them.
    rates : dict of str to float
        Model -> kbit per volume.
    factors : dict of str to int
        Model -> its side reduction.
    disentanglement : DataFrame or None
        As `disentanglement.read_disentanglement` gives it.
    """

    scores: pd.DataFrame
    tests: pd.DataFrame
    rates: dict[str, float] = field(default_factory=dict)
    factors: dict[str, int] = field(default_factory=dict)
    disentanglement: pd.DataFrame | None = None


def claims_ledger(experiment: Experiment, evidence: Evidence) -> pd.DataFrame:
    """A row per claim and cohort, with the comparisons that speak for and against it."""
    rows, leads = [], Leads(experiment, evidence.scores, evidence.tests)
    for claim in claims():
        facts = {"id": claim.id, "section": claim.section, "claim": claim.says, "published": claim.published}
        for verdict in verdicts(claim, experiment, leads, evidence):
            details = "; ".join(filter(None, (verdict.get("details"), claim.why)))
            rows.append(facts | verdict | {"details": details})
    return pd.DataFrame(rows, columns=CLAIMS).astype(dict.fromkeys(COUNTS, "Int64"))


def other_compression(claim: Claim, experiment: Experiment, factors: dict[str, int]) -> list[dict[str, object]]:
    """The verdict on a claim about a compression that its model doesn't have here; nothing where it has."""
    model = compared(experiment, where(claim, experiment)[0], claim.model, claim.over).names.get(claim.model)
    here = factors.get(model, claim.compression)
    if not claim.compression or here == claim.compression:
        return []
    asked = f"the statement is about {claim.compression} times"
    return [{"verdict": f"not runnable here: {claim.model} compresses {here} times in this experiment; {asked}"}]


def verdicts(claim: Claim, experiment: Experiment, leads: Leads, evidence: Evidence) -> list[dict[str, object]]:
    """What this run says of a claim: once, or once per cohort."""
    other = other_compression(claim, experiment, evidence.factors)
    if other:
        return other
    if claim.kind == "none":
        return [{"verdict": "no number decides it"}]
    if claim.kind == "rate":
        return [judge_rate(claim, experiment, evidence.rates)]
    lacking = absent_modalities(claim, experiment)
    if lacking:
        about = " and ".join(claim.modalities)
        without = " and no ".join(lacking)
        return [{"verdict": f"not run: the statement is about {about}, and this experiment has no {without}"}]
    if claim.kind == "gain":
        return [judge_gain(claim, experiment, leads)]
    chosen = [cohort for cohort in where(claim, experiment)[1] if claim.cohort in ("", cohort.stands_for)]
    if not chosen:
        return [{"verdict": f"not run: no cohort of this experiment stands for {claim.cohort}"}]
    if claim.kind == "disentanglement":
        return [judge_disentanglement(claim, experiment, cohort, evidence.disentanglement) for cohort in chosen]
    return [judge(claim, experiment, cohort, leads) for cohort in chosen]


def judge_rate(claim: Claim, experiment: Experiment, rates: dict[str, float]) -> dict[str, object]:
    """Verdict on a claim that a model needs fewer bits per volume than others: counted, not estimated."""
    comparable = compared(experiment, where(claim, experiment)[0], claim.model, claim.over)
    facts: dict[str, object] = {"not_run": comparable.not_run}
    spent = {name: rates[model] for name, model in comparable.names.items() if model in rates}
    rivals = [name for name in claim.over if name in spent]
    if claim.model not in spent or not rivals:
        return facts | {"verdict": comparable.nothing}
    less = [name for name in rivals if spent[claim.model] < spent[name]]
    bits = ", ".join(f"{name} {spent[name]:,.4g}" for name in (claim.model, *rivals))
    verdict, details = f"holds against {len(less)} of {len(rivals)}", f"kbit per volume: {bits}"
    return facts | {"verdict": verdict, "details": details, "holds": len(less), "contradicted": len(rivals) - len(less)}


def judge_gain(claim: Claim, experiment: Experiment, leads: Leads) -> dict[str, object]:
    """Verdict on a claim that a lead is larger on one of the paper's cohorts than on the other.

    The cohorts are independent: Welch's test of the paired differences of one against those of the other.
    """
    shown, cohorts = where(claim, experiment)
    chosen = judged_on(claim, experiment)
    if not chosen:
        known = {cohort.stands_for for cohort in cohorts}
        absent = [name for name in papers(claim) if name not in known]
        return {"verdict": f"not run: no cohort of this experiment stands for {' or '.join(absent)}"}
    comparable = compared(experiment, shown, claim.model, claim.over)
    outcomes: dict[str, list[str]] = {kind: [] for kind in COUNTS}
    for comparison, lead in leads.of(comparisons(claim, experiment, chosen[0])).items():
        outcomes[lead.outcome].append(comparison.name)
    outcomes = {kind: sorted(names) for kind, names in outcomes.items()}
    facts = {"cohort": " - ".join(cohort.name for cohort in chosen[0]), "not_run": comparable.not_run}
    synthetic = next((cohort for cohort in chosen[0] if cohort.stand_in), None)
    ending = conditional(claim, experiment, comparable) + stand_ins(synthetic, leads.stand_in(claim, chosen[0][0].name))
    return facts | counted(comparable, outcomes, summary(outcomes) + ending)


def judge_disentanglement(
    claim: Claim, experiment: Experiment, cohort: Cohort, measured: pd.DataFrame | None
) -> dict[str, object]:
    """Verdict on the claim that a model's anatomical codes don't reveal the modality, on one cohort."""
    comparable = compared(experiment, where(claim, experiment)[0], claim.model, ())
    facts: dict[str, object] = {"cohort": cohort.name, "not_run": comparable.not_run}
    if claim.model not in comparable.names:
        return facts | {"verdict": comparable.nothing}
    verdict, details = "", ""
    if measured is not None:
        verdict, details = disentangled(measured, cohort.name, comparable.names[claim.model])
    if not verdict:
        return facts | {"verdict": "not measured in this run"}
    counts = {kind: int(kind == verdict) for kind in COUNTS}
    # of the first seed alone, however many there are
    ending = f" ({CONDITIONAL})" + stand_ins(cohort if cohort.stand_in else None, "")
    return facts | counts | {"verdict": verdict + ending, "details": details}


def judge(claim: Claim, experiment: Experiment, cohort: Cohort, known: Leads) -> dict[str, object]:
    """Verdict on one claim on one cohort: of each comparison whether the lead, or the lag, is significant."""
    comparable = compared(experiment, where(claim, experiment)[0], claim.model, claim.over)
    leads = known.of(comparisons(claim, experiment, (cohort,)))
    outcomes: dict[str, list[str]] = {kind: [] for kind in COUNTS}
    for name_of_metric in claim.metrics:
        for modality in claim.modalities:
            here = {c.name: lead for c, lead in leads.items() if (c.metric, c.modality) == (name_of_metric, modality)}
            ahead = [name for name, lead in here.items() if lead.value < 0][: claim.allowed_above]
            for name, lead in here.items():
                outcomes["holds" if name in ahead else lead.outcome].append(name)
    facts = {"cohort": cohort.name, "not_run": comparable.not_run}
    only = next(iter(leads.values()), None)
    verdict = summary(outcomes) if claim.published is None or only is None else beside(claim, only, cohort)
    engine = known.stand_in(claim, cohort.name)
    ending = conditional(claim, experiment, comparable) + stand_ins(cohort if cohort.stand_in else None, engine)
    return facts | counted(comparable, outcomes, verdict + ending) | once(claim, list(leads.values()))


def once(claim: Claim, leads: list[Lead]) -> dict[str, object]:
    """Our lead beside the published one, of a statement that compares two models once; nothing of another."""
    if len(leads) != 1 or leads[0].interval is None:
        return {}
    (lead,) = leads
    facts = {"ours": lead.value, "ci_low": lead.interval.low, "ci_high": lead.interval.high}
    facts |= {"unit": metric(claim.metrics[0]).points}
    apart = {} if claim.published is None else {"difference": lead.value - claim.published}
    return facts | apart


def counted(comparable: Compared, outcomes: dict[str, list[str]], verdict: str) -> dict[str, object]:
    """Verdict, details and counts of some comparisons."""
    if not any(outcomes.values()):
        return {"verdict": comparable.nothing}
    details = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in outcomes.items() if names and kind != "holds")
    return {"verdict": verdict, "details": details} | {kind: len(names) for kind, names in outcomes.items()}


def conditional(claim: Claim, experiment: Experiment, comparable: Compared) -> str:
    """That a verdict depends on one training, where that is so of a model that it compares; else nothing."""
    models = [comparable.names[name] for name in (claim.model, *claim.over) if name in comparable.names]
    return f" ({CONDITIONAL})" if trained_once(experiment, models) else ""


def stand_ins(synthetic: Cohort | None, stand_in: str) -> str:
    """What a verdict says of the cohort and the segmenter that stood in for the paper's."""
    words = ""
    if synthetic is not None:
        words += f" (on a synthetic cohort, which says nothing about {synthetic.stands_for or 'the paper'})"
    if stand_in:
        words += f" (by a {stand_in}, not by SynthSeg)"
    return words


def beside(claim: Claim, lead: Lead, cohort: Cohort) -> str:
    """A lead beside the published one: whether both can be estimates of one number."""
    unit, interval = metric(claim.metrics[0]).points, lead.interval
    if not np.isfinite(interval.low):
        return f"undecided: ours {lead.value:+.2f} {unit}, from a single subject or family"
    expected = predictive(interval, lead.subjects, TEST_SUBJECTS[cohort.stands_for])
    inside = "inside" if expected.low <= claim.published <= expected.high else "outside"
    beside_it = f"published {claim.published:+.2f}, {inside} our prediction interval"
    between = f"{expected.low:+.2f} to {expected.high:+.2f}"
    return f"ours {lead.value:+.2f} {unit} ({interval.low:+.2f} to {interval.high:+.2f}); {beside_it} ({between})"


def summary(outcomes: dict[str, list[str]]) -> str:
    """In words."""
    total = sum(map(len, outcomes.values()))
    if len(outcomes["holds"]) == total:
        return f"holds in all {total} comparisons"
    parts = [f"{kind} in {len(names)}" for kind, names in outcomes.items() if names]
    return f"of {total} comparisons: {', '.join(parts)}"
