"""Leads of rows over others behind the paper's statements, with the correction of the table that they are about."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.cells import METRICS, SIGNIFICANT, paired_tests
from neuroquant.statistics.claims.listed import Claim, Comparison, claims, comparisons, judged_on
from neuroquant.statistics.intervals import (
    Interval,
    cluster_bootstrap,
    cluster_differences,
    holm,
    independent_test,
    paired_test,
)
from neuroquant.statistics.pairing import pairs


@dataclass(frozen=True)
class Lead:
    """By how much a row is ahead of another.

    Attributes
    ----------
    value : mean paired difference; of a gain, the difference of two.
    interval : of the mean paired difference; None for a gain.
    subjects : behind it.
    p, p_holm : that it is none, before and after correction; nan where it can't be tested.
    """

    value: float
    interval: Interval | None
    subjects: int
    p: float
    p_holm: float = float("nan")

    @property
    def outcome(self) -> str:
        """What it says of the claim that it is positive."""
        if not self.p_holm < SIGNIFICANT:
            return "undecided"
        return "holds" if self.value > 0 else "contradicted"


class Leads:
    """All leads that statements ask for, each computed and corrected once however many of them do.

    A comparison that a table makes itself, of a row with the best other one, has the table's p-value: a lead that isn't
    significant there isn't here. The others are corrected together with all of the table's.

    Parameters
    ----------
    scores : every score, as `summarise.load_scores` and `deviations.with_deviations` give them.
    """

    def __init__(self, experiment: Experiment, scores: pd.DataFrame):
        self.settings = experiment.statistics
        keys = ["cohort", "metric", "modality", "model"]
        self.parts = {tuple(names): part for names, part in scores.groupby(keys, sort=False)}
        asked = (
            comparison
            for claim in claims()
            for cohorts in judged_on(claim, experiment)
            for comparison in comparisons(claim, experiment, cohorts)
        )
        measured = {comparison: self._measure(comparison) for comparison in dict.fromkeys(asked)}
        self.found = {comparison: lead for comparison, lead in measured.items() if lead is not None}
        for table in dict.fromkeys(comparison.table for comparison in self.found):
            tests = paired_tests(experiment, table, scores) if table in METRICS else None
            self._correct([comparison for comparison in self.found if comparison.table == table], tests)

    def of(self, asked: list[Comparison]) -> dict[Comparison, Lead]:
        """Those of the comparisons that could be made."""
        return {comparison: self.found[comparison] for comparison in asked if comparison in self.found}

    def stand_in(self, claim: Claim, cohort: str) -> str:
        """The segmenter that stood in for SynthSeg behind the claim's scores; empty where none did."""
        parts = [part for keys, part in self.parts.items() if keys[0] == cohort and keys[1] in claim.metrics]
        engines = {str(name) for part in parts if "engine" in part for name in part.engine.dropna()}
        return next(iter(sorted(engines - {""})), "")

    def _measure(self, comparison: Comparison) -> Lead | None:
        """On the sessions that both rows have; None where there are none."""
        sides = [self._both(comparison, cohort) for cohort in comparison.cohorts]
        if any(both is None for both in sides):
            return None
        subjects = sum(both.subject.nunique() for both in sides)
        if len(sides) == 1:
            (both,) = sides
            interval = cluster_bootstrap(both["value"] - both["value_other"], both["cluster"], self.settings)
            p = paired_test(both["value"], both["value_other"], both["cluster"])
            return Lead(interval.value, interval, subjects, p)
        here, there = (cluster_differences(both["value"], both["value_other"], both["cluster"]) for both in sides)
        gain = np.subtract(*((both["value"] - both["value_other"]).mean() for both in sides))
        return Lead(float(gain), None, subjects, independent_test(here, there))

    def _both(self, comparison: Comparison, cohort: str) -> pd.DataFrame | None:
        column = (cohort, comparison.metric, comparison.modality)
        mine, other = (self.parts.get((*column, name)) for name in (comparison.row, comparison.rival))
        if mine is None or other is None:
            return None
        both = pairs(mine, other)
        return both if len(both) and np.isfinite(both[["value", "value_other"]]).all(axis=None) else None

    def _correct(self, asked: list[Comparison], tests: pd.DataFrame | None) -> None:
        """Fill in `p_holm` of a table's comparisons."""
        known = {}
        for test in () if tests is None else tests.itertuples(index=False):
            place = (test.cohort,), test.metric, test.modality, frozenset((test.model, test.against))
            known[place] = (test.p, test.p_holm)  # best against second and second against best are one test
        others: dict[tuple[object, ...], float] = {}
        for comparison in asked:
            others.setdefault(_place(comparison), self.found[comparison].p)
        others = {place: p for place, p in others.items() if place not in known}
        corrected = holm([*(p for p, _ in known.values()), *others.values()])[len(known) :]
        p_holm = {place: p for place, (_, p) in known.items()} | dict(zip(others, corrected, strict=True))
        for comparison in asked:
            self.found[comparison] = replace(self.found[comparison], p_holm=float(p_holm[_place(comparison)]))


def _place(comparison: Comparison) -> tuple[object, ...]:
    """What makes two comparisons one, whichever of the rows comes first."""
    rows = frozenset((comparison.row, comparison.rival))
    return comparison.cohorts, comparison.metric, comparison.modality, rows
