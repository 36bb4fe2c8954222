"""The paper's comparative statements as they are listed, and which comparisons each of them asks for."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field

from neuroquant.config.base import Settings
from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment
from neuroquant.statistics.claims.compared import compared
from neuroquant.statistics.metrics import metric
from neuroquant.statistics.published import MODALITIES, TEST_SUBJECTS


class Claim(Settings):
    """One comparative statement of the paper."""

    id: str = Field(description="short name")
    section: str = Field(description="of the paper")
    says: str = Field(description="the statement, in our words")
    short: str = Field("", description="the same in a few words, for the front page; empty: not on it")
    kind: Literal["scores", "gain", "rate", "disentanglement", "none"] = Field(
        "scores",
        description="scores: pairs of models; gain: the lead is larger on `cohort` than on the paper's other one; "
        "rate: fewer bits per volume; disentanglement: codes of `model` don't reveal the modality; none: no number "
        "decides it",
    )
    table: Literal["table1", "table2", "figure4"] = Field("table1", description="whose models it compares")
    model: str = Field("", description="the model that it puts first, by the paper's name")
    over: tuple[str, ...] = Field((), description="models that it puts behind")
    metrics: tuple[str, ...] = Field((), description="in which metrics")
    modalities: tuple[str, ...] = Field(MODALITIES, description="on which modalities")
    cohort: str = Field("", description="on which of the paper's cohorts; empty: each")
    compression: int = Field(0, description="side reduction of `model` that the statement is about; 0: any")
    published: float | None = Field(None, description="the stated difference: dB, or points")
    allowed_above: int = Field(0, description="models of `over` that may be ahead by the statement itself")
    why: str = Field("", description="what to look at where no number decides it, or what else must be known")

    @property
    def measured(self) -> bool:
        """Whether a number can decide it."""
        return self.kind != "none"


@lru_cache(maxsize=1)
def claims() -> tuple[Claim, ...]:
    """All of them, in the paper's order."""
    text = (Path(__file__).parent / "claims.yaml").read_text(encoding="utf-8")
    return tuple(Claim.model_validate(item) for item in yaml.safe_load(text))


def where(claim: Claim, experiment: Experiment) -> tuple[tuple[str, ...], list[Cohort]]:
    """Models and cohorts of the table or figure that a claim is about."""
    if claim.table == "figure4":
        return experiment.figure4.models, [experiment.cohort(experiment.figure4.cohort)]
    shown = experiment.table1 if claim.table == "table1" else experiment.table2
    return shown.models, [experiment.cohort(name) for name in shown.cohorts]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on one cohort; with two cohorts, the lead on the first against the lead on the second.

    Attributes
    ----------
    table : str
        Whose correction it takes part in.
    cohorts, metric, modality : tuple of str, str, str
    model, rival : str
    name : str
        How the ledger calls it, with the paper's name of the rival.
    """

    table: str
    cohorts: tuple[str, ...]
    metric: str
    modality: str
    model: str
    rival: str
    name: str


def judged_on(claim: Claim, experiment: Experiment) -> list[tuple[Cohort, ...]]:
    """The cohorts on which a statement is judged, one at a time; for one about a gain, the two that it compares."""
    cohorts = where(claim, experiment)[1]
    if claim.kind == "scores":
        return [(cohort,) for cohort in cohorts if claim.cohort in ("", cohort.stands_for)]
    standing_for = {cohort.stands_for: cohort for cohort in reversed(cohorts) if cohort.stands_for}
    wanted = papers(claim)
    judged = claim.kind == "gain" and standing_for.keys() >= set(wanted)
    return [tuple(standing_for[name] for name in wanted)] if judged else []


def papers(claim: Claim) -> list[str]:
    """The paper's cohorts, that of the claim first."""
    return sorted(TEST_SUBJECTS, key=lambda name: name != claim.cohort)


def comparisons(claim: Claim, experiment: Experiment, cohorts: tuple[Cohort, ...]) -> list[Comparison]:
    """What a statement compares on some of its cohorts: its model with each of the others of its group."""
    names = compared(experiment, where(claim, experiment)[0], claim.model, claim.over).names
    if claim.model not in names or absent_modalities(claim, experiment):
        return []
    on = tuple(cohort.name for cohort in cohorts)
    return [
        Comparison(
            claim.table, on, name, modality, names[claim.model], names[rival],
            f"{modality} {metric(name).label} over {rival}",
        )
        for name in claim.metrics
        for modality in claim.modalities
        for rival in claim.over
        if rival in names
    ]  # fmt: skip


def absent_modalities(claim: Claim, experiment: Experiment) -> list[str]:
    """The modalities that a statement is about and the experiment lacks."""
    return [modality for modality in claim.modalities if modality not in experiment.modalities]
