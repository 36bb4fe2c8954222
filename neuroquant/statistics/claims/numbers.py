"""Every published number beside what this run measured."""

import numpy as np
import pandas as pd

from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment
from neuroquant.statistics.cells import EMBEDDED, MODEL_GROUPS
from neuroquant.statistics.claims.compared import names_of
from neuroquant.statistics.intervals import Interval, predictive
from neuroquant.statistics.published import TEST_SUBJECTS, cells_of

NUMBERS = [
    "table", "cohort", "model", "modality", "metric", "published", "group", "ours", "ci_low", "ci_high", "pi_low",
    "pi_high", "verdict",
]  # fmt: skip
ABSENT = "not run: no cohort of this experiment stands for"
INCOMPARABLE = "can't be compared: a synthetic cohort stands in for {}"


def numbers_ledger(experiment: Experiment, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Each published number, with ours where its row was run on a cohort that stands for the paper's.

    A line a group that has such a row, and one without a group where none has.
    """
    rows = []
    for table, cells in tables.items():
        shown = experiment.table1 if table == "table1" else experiment.table2
        known = {group: names_of(experiment, shown.rows, group) for group in MODEL_GROUPS}
        places = {experiment.cohort(name).stands_for: experiment.cohort(name) for name in reversed(shown.cohorts)}
        for told in cells_of(table).itertuples(index=False):
            cohort = places.get(told.cohort)
            mine_by_group = {group: names[told.model] for group, names in known.items() if told.model in names}
            for group, row in (mine_by_group or {"": None}).items():
                mine = found(cells, cohort, row, told.modality, told.metric)
                facts = dict(zip(NUMBERS, (table, *told, group), strict=False))
                expected = None if mine is None else expect(mine, told.cohort)
                verdict = verdict_on(told.published, mine, expected, cohort, row) or f"{ABSENT} {told.cohort}"
                rows.append(facts | ours(mine, expected) | {"verdict": verdict})
    return pd.DataFrame(rows, columns=NUMBERS)


def found(cells: pd.DataFrame, cohort: Cohort | None, row: str | None, modality: str, metric: str) -> pd.Series | None:
    """Our cell, where there is one."""
    if cohort is None or row is None:
        return None
    here = cells[(cells.cohort == cohort.name) & (cells.model == row)]
    here = here[(here.modality == modality) & (here.metric == metric)]
    return here.iloc[0] if len(here) else None


def expect(mine: pd.Series, paper: str) -> Interval:
    """Where the paper's value is to be expected if it and ours are one: on other subjects, of whom it had so many."""
    interval = Interval(mine["value"], mine.ci_low, mine.ci_high, 0)
    return predictive(interval, int(mine.n_subjects), TEST_SUBJECTS[paper])


def ours(mine: pd.Series | None, expected: Interval | None) -> dict[str, float]:
    """Our cell and its intervals as columns of the ledger."""
    if mine is None or expected is None:
        return {}
    facts = {"ours": mine["value"], "ci_low": mine.ci_low, "ci_high": mine.ci_high}
    return facts | {"pi_low": expected.low, "pi_high": expected.high}


def verdict_on(
    published: float, mine: pd.Series | None, expected: Interval | None, cohort: Cohort | None, row: str | None
) -> str:
    """Whether a published number lies where ours lets it be expected, or why that can't be said.

    Empty where no cohort stands for the paper's.
    """
    if cohort is None:
        return ""
    if row is None:
        return "not run: no row of this experiment stands for it"
    if mine is None or expected is None:
        return "not measured in this run"
    if cohort.embedded:
        return INCOMPARABLE.format(cohort.stands_for)
    engines = set(mine.stand_in.split("; ") if isinstance(mine.stand_in, str) else ()) - {"", EMBEDDED}
    if engines:
        return f"can't be compared: measured by a {engines.pop()}"
    if not np.isfinite(mine.ci_low):
        return "undecided: no interval, for there is one subject or family alone"
    if expected.low <= published <= expected.high:
        return "inside our prediction interval"
    return f"outside: published {'higher' if published > expected.high else 'lower'} than expected from ours"
