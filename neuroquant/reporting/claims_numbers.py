"""Every published number beside what this run measured."""

import numpy as np
import pandas as pd

from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment
from neuroquant.reporting.claims_rows import names_of
from neuroquant.reporting.published import cells_of
from neuroquant.reporting.summarise import BLOCKS, EMBEDDED

NUMBERS = [
    "table", "cohort", "model", "modality", "metric", "published", "block", "ours", "ci_low", "ci_high", "verdict",
]  # fmt: skip
INCOMPARABLE = "can't be compared: an embedded cohort stands in for {}"


def numbers_ledger(experiment: Experiment, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Each published number, with ours where its row was run on a cohort that stands for the paper's.

    A line a block that has such a row, and one without a block where none has.
    """
    rows = []
    for table, cells in tables.items():
        shown = experiment.table1 if table == "table1" else experiment.table2
        known = {block: names_of(experiment, shown.rows, block) for block in BLOCKS}
        places = {experiment.cohort(name).stands_for: experiment.cohort(name) for name in reversed(shown.cohorts)}
        for told in cells_of(table).itertuples(index=False):
            cohort = places.get(told.cohort)
            mine_by_block = {block: names[told.model] for block, names in known.items() if told.model in names}
            for block, row in (mine_by_block or {"": None}).items():
                mine = found(cells, cohort, row, told.modality, told.metric)
                verdict = verdict_on(told.published, mine, cohort, row, told.cohort)
                facts = dict(zip(NUMBERS, (table, *told, block), strict=False))
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
    engines = set(mine.stand_in.split("; ") if isinstance(mine.stand_in, str) else ()) - {"", EMBEDDED}
    if engines:
        return f"can't be compared: measured by a {engines.pop()}"
    if not np.isfinite(mine.ci_low):
        return "undecided: no interval, for there is one subject or family alone"
    if mine.ci_low <= published <= mine.ci_high:
        return "inside our interval"
    return "outside: published higher than ours" if published > mine.ci_high else "outside: published lower than ours"
