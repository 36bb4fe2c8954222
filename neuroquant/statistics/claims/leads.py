"""Leads of models over others behind the paper's statements, with the correction of the table that they are about."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.cells import SIGNIFICANT
from neuroquant.statistics.claims.listed import Claim, Comparison, claims, comparisons, judged_on
from neuroquant.statistics.intervals import Interval
from neuroquant.statistics.metrics import metric
from neuroquant.statistics.pairing import pairs, seeds_of
from neuroquant.statistics.runner_up import compared
from neuroquant.statistics.tests import cluster_differences, holm, independent_test
from neuroquant.statistics.trainings import Source, crossed, seed_means

Key = tuple[tuple[str, ...], str, str, frozenset[str]]
"""What makes two comparisons one, whichever of the models comes first: cohorts, metric, modality and both models."""


@dataclass(frozen=True, slots=True)
class Lead:
    """By how much a model is better than another.

    Attributes
    ----------
    value : float
        Mean paired difference, positive where the model is better; of a gain, the difference of two.
    interval : Interval or None
        Of the mean paired difference; None for a gain.
    subjects : int
        Behind it.
    p, p_holm : float
        That it is none, before and after correction; nan where it can't be tested.
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

    A comparison that a table makes itself, of a model with the best other one, is the table's: a lead that isn't
    significant there isn't here. One correction covers these and the others, `p_of_others` (table -> p-values).

    Parameters
    ----------
    scores : DataFrame
        As `scores.load_scores` gives them.
    tests : DataFrame
        As `computed.Computed` has them.
    """

    def __init__(self, experiment: Experiment, scores: pd.DataFrame, tests: pd.DataFrame):
        self.settings = experiment.statistics
        keys = ["cohort", "metric", "modality", "model"]
        self.parts = {tuple(names): part for names, part in scores.groupby(keys, sort=False)}
        asked = (
            comparison
            for claim in claims()
            for cohorts in judged_on(claim, experiment)
            for comparison in comparisons(claim, experiment, cohorts)
        )
        by_table: dict[str, list[Comparison]] = {}
        for comparison in dict.fromkeys(asked):
            by_table.setdefault(comparison.table, []).append(comparison)
        self.known: dict[Comparison, Lead] = {}
        self.p_of_others: dict[str, list[float]] = {}
        for table, wanted in by_table.items():
            self.known |= self._of_table(table, wanted, tests[tests.table == table])

    def of(self, asked: list[Comparison]) -> dict[Comparison, Lead]:
        """Those of the comparisons that could be made."""
        return {comparison: self.known[comparison] for comparison in asked if comparison in self.known}

    def stand_in(self, claim: Claim, cohort: str) -> str:
        """The segmenter that stood in for SynthSeg behind the claim's scores; empty where none did."""
        parts = [part for keys, part in self.parts.items() if keys[0] == cohort and keys[1] in claim.metrics]
        engines = {str(name) for part in parts if "engine" in part for name in part.engine.dropna()}
        return next(iter(sorted(engines - {""})), "")

    def _of_table(self, table: str, asked: list[Comparison], tests: pd.DataFrame) -> dict[Comparison, Lead]:
        """The leads that statements about one table ask for: its own tests, and the others with its correction."""
        tested = {_key(comparison): comparison for comparison in asked}
        of_tests = {_key_of_test(test): test for test in tests.itertuples(index=False)}
        leads = {
            comparison: _from_test(comparison, of_tests[_key(comparison)])
            for comparison in asked
            if _key(comparison) in of_tests
        }
        measured = {c: lead for c in asked if c not in leads and (lead := self._measure(c)) is not None}
        others = {key: measured[comparison].p for key, comparison in tested.items() if comparison in measured}
        self.p_of_others[table] = list(others.values())
        corrected = holm([*(test.p for test in of_tests.values()), *others.values()])[len(of_tests) :]
        p_holm = dict(zip(others, map(float, corrected), strict=True))
        return leads | {c: replace(lead, p_holm=p_holm[_key(c)]) for c, lead in measured.items()}

    def _measure(self, comparison: Comparison) -> Lead | None:
        """On the sessions that both models have; None where there are none."""
        sides = [self._both(comparison, cohort) for cohort in comparison.cohorts]
        if any(both is None for both in sides):
            return None
        sign = metric(comparison.metric).sign
        subjects = sum(both.subject.nunique() for both in sides)
        if len(sides) == 1:
            models = self._scores(comparison, comparison.cohorts[0])
            facts = compared(sides[0], seeds_of(*models, sides[0]), self.settings)
            interval = _turned(sign, facts["difference"], facts["ci_low"], facts["ci_high"])
            return Lead(interval.value, interval, subjects, facts["p"])
        here, there = (cluster_differences(both["value"], both["value_other"], both["cluster"]) for both in sides)
        gain = float(here.mean() - there.mean())
        seeds = self._seeds_of_gain(comparison)
        p = independent_test(here, there)
        if seeds and min(len(here), len(there)) > 1:
            p = crossed(gain, [Source.of(here), Source.of(there), *seeds], self.settings.confidence)[1]
        return Lead(sign * gain, None, subjects, p)

    def _seeds_of_gain(self, comparison: Comparison) -> list[Source]:
        """What seeds add to the error of a gain: a training is scored on both cohorts, so its two means are paired."""
        by_cohort = [self._scores(comparison, cohort) for cohort in comparison.cohorts]
        changes = [seed_means(here) - seed_means(there) for here, there in zip(*by_cohort, strict=True)]
        return [Source.of(change) for change in changes if len(change) > 1]

    def _scores(self, comparison: Comparison, cohort: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        column = (cohort, comparison.metric, comparison.modality)
        return self.parts[*column, comparison.model], self.parts[*column, comparison.rival]

    def _both(self, comparison: Comparison, cohort: str) -> pd.DataFrame | None:
        column = (cohort, comparison.metric, comparison.modality)
        own, other = (self.parts.get((*column, name)) for name in (comparison.model, comparison.rival))
        if own is None or other is None:
            return None
        both = pairs(own, other)
        return both if len(both) and np.isfinite(both[["value", "value_other"]]).all(axis=None) else None


def _key(comparison: Comparison) -> Key:
    models = frozenset((comparison.model, comparison.rival))
    return comparison.cohorts, comparison.metric, comparison.modality, models


def _key_of_test(test: tuple) -> Key:
    return (test.cohort,), test.metric, test.modality, frozenset((test.model, test.against))


def _turned(sign: int, value: float, low: float, high: float) -> Interval:
    """An interval of a difference, or of the opposite difference where the sign is -1."""
    ends = sorted((sign * low, sign * high))
    return Interval(sign * value, *ends, 0)


def _from_test(comparison: Comparison, test: tuple) -> Lead:
    """A lead that a table tests itself, or the opposite of one."""
    sign = metric(comparison.metric).sign * (1 if test.model == comparison.model else -1)
    interval = _turned(sign, test.difference, test.ci_low, test.ci_high)
    return Lead(interval.value, interval, int(test.n_subjects), test.p, test.p_holm)
