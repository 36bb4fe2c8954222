"""Every published number beside what this run measured."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment, Table
from neuroquant.statistics.cells import MODEL_GROUPS, SYNTHETIC
from neuroquant.statistics.claims.compared import names_of
from neuroquant.statistics.intervals import Interval, predictive
from neuroquant.statistics.published import TEST_SUBJECTS, cells_of
from neuroquant.statistics.trainings import CONDITIONAL, trained_once
from neuroquant.tables import NUMBERS

INCOMPARABLE = "can't be compared: a synthetic cohort stands in for {}"


@dataclass(frozen=True, slots=True)
class Ours:
    """What this run has beside a published number.

    Attributes
    ----------
    cohort : Cohort or None
        The cohort that stands for the paper's.
    model : str or None
        The model that stands for the paper's.
    cell : Series or None
        Its cell.
    expected : Interval or None
        Where the paper's value is to be expected if it and ours are one.
    """

    cohort: Cohort | None
    model: str | None
    cell: pd.Series | None
    expected: Interval | None

    @property
    def columns(self) -> dict[str, float]:
        """Our cell and its intervals as columns of the ledger; none where nothing was measured."""
        if self.cell is None or self.expected is None:
            return {}
        facts = {"ours": self.cell["value"], "ci_low": self.cell.ci_low, "ci_high": self.cell.ci_high}
        return facts | {"pi_low": self.expected.low, "pi_high": self.expected.high}


def numbers_ledger(experiment: Experiment, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Each published number, with ours where its model was run on a cohort that stands for the paper's.

    A line per group that has such a model, and one without a group where none has.

    Parameters
    ----------
    tables : dict of str to DataFrame
        "table1" and "table2" -> the tidy table.
    """
    rows = []
    for table, cells in tables.items():
        wanted: Table = getattr(experiment, table)
        known = {group: names_of(experiment, wanted.models, group) for group in MODEL_GROUPS}
        standing_for = {experiment.cohort(name).stands_for: experiment.cohort(name) for name in wanted.cohorts[::-1]}
        for paper in cells_of(table).itertuples(index=False):
            by_group = {group: names[paper.model] for group, names in known.items() if paper.model in names}
            for group, model in (by_group or {"": None}).items():
                own = ours(cells, paper, standing_for.get(paper.cohort), model)
                facts = dict(zip(NUMBERS, (table, *paper, group), strict=False))
                apart = {"difference": own.cell["value"] - paper.published} if own.columns else {}
                rows.append(facts | own.columns | apart | {"verdict": verdict_on(paper, own, experiment)})
    return pd.DataFrame(rows, columns=NUMBERS)


def ours(cells: pd.DataFrame, paper: tuple, cohort: Cohort | None, model: str | None) -> Ours:
    """What a table has beside a published number.

    Parameters
    ----------
    paper : named tuple
        A row of `published.cells_of`.
    """
    if cohort is None or model is None:
        return Ours(cohort, model, None, None)
    here = cells[(cells.cohort == cohort.name) & (cells.model == model)]
    here = here[(here.modality == paper.modality) & (here.metric == paper.metric)]
    if not len(here):
        return Ours(cohort, model, None, None)
    cell = here.iloc[0]
    interval = Interval(cell["value"], cell.ci_low, cell.ci_high, 0)
    return Ours(cohort, model, cell, predictive(interval, int(cell.n_subjects), TEST_SUBJECTS[paper.cohort]))


def verdict_on(paper: tuple, own: Ours, experiment: Experiment) -> str:
    """Whether a published number lies where ours lets it be expected, or why that isn't available."""
    if paper.modality not in experiment.modalities:
        return f"not run: this experiment has no {paper.modality}"
    if own.cohort is None:
        return f"not run: no cohort of this experiment stands for {paper.cohort}"
    if own.model is None:
        return "not run: no model of this experiment stands for it"
    if own.cell is None or own.expected is None:
        return "not measured in this run"
    if own.cohort.stand_in:
        return INCOMPARABLE.format(own.cohort.stands_for)
    stand_ins = own.cell.stand_in.split("; ") if isinstance(own.cell.stand_in, str) else ()
    engines = set(stand_ins) - {"", SYNTHETIC}
    if engines:
        return f"can't be compared: measured by a {engines.pop()}"
    if not np.isfinite(own.cell.ci_low):
        return "undecided: no interval with a single subject or family"
    once = f" ({CONDITIONAL})" if trained_once(experiment, [own.model]) else ""
    if own.expected.low <= paper.published <= own.expected.high:
        return f"inside our prediction interval{once}"
    side = "higher" if paper.published > own.expected.high else "lower"
    return f"outside: published {side} than expected from ours{once}"
