"""What is computed once of all scores, and Tables 1 and 2 made of it."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment, Table
from neuroquant.statistics.against_mean import MEASURE, against_mean, verdicts
from neuroquant.statistics.cells import EXTRA, SIGNIFICANT, cells, cohort_stand_in, entries, write_csv
from neuroquant.statistics.claims.leads import Leads
from neuroquant.statistics.metrics import metric, table_metrics
from neuroquant.statistics.published import published
from neuroquant.statistics.runner_up import corrected, paired_tests
from neuroquant.tables import TABLE, TESTS

TABLES = ("table1", "table2")


@dataclass(frozen=True, slots=True)
class Computed:
    """Intervals and tests of all scores.

    Attributes
    ----------
    cells : DataFrame
        Columns `CELLS`: of every cohort, model, modality and metric.
    tests : DataFrame
        Columns `table` and `TESTS`: of Tables 1 and 2.
    against_mean : DataFrame
        Columns `AGAINST_MEAN`.
    """

    cells: pd.DataFrame
    tests: pd.DataFrame
    against_mean: pd.DataFrame

    @classmethod
    def of(cls, experiment: Experiment, scores: pd.DataFrame) -> "Computed":
        """Compute them.

        Parameters
        ----------
        scores : DataFrame
            As `scores.load_scores` gives them.
        """
        tests = paired_tests_of_tables(experiment, scores)
        return cls(cells(experiment, scores), tests, against_mean(experiment, scores))

    @classmethod
    def read(cls, cells_csv: Path, tests_csv: Path, against_mean_csv: Path) -> "Computed":
        """Read what `write` has written."""
        return cls(read_cells(cells_csv), pd.read_csv(tests_csv), pd.read_csv(against_mean_csv))

    def write(self, cells_csv: Path, tests_csv: Path, against_mean_csv: Path) -> None:
        """Write them as CSV."""
        write_csv(self.cells, cells_csv)
        write_csv(self.tests, tests_csv)
        write_csv(self.against_mean, against_mean_csv)

    def tests_of(self, table: str) -> pd.DataFrame:
        """The tests of one table, columns `TESTS`."""
        return self.tests[self.tests.table == table][TESTS].reset_index(drop=True)

    def against_mean_of(self, experiment: Experiment, table: str) -> pd.DataFrame:
        """How the models of one table compare with the mean image, columns `AGAINST_MEAN`."""
        wanted: Table = getattr(experiment, table)
        own = self.against_mean
        return own[own.cohort.isin(wanted.cohorts) & own.model.isin(wanted.models)].reset_index(drop=True)


def paired_tests_of_tables(experiment: Experiment, scores: pd.DataFrame) -> pd.DataFrame:
    """The tests of Tables 1 and 2, columns `table` and `TESTS`; parameters as for `Computed.of`.

    One correction covers all comparisons of a table: its own, and those that statements in the ledger of claims add.
    """
    tests = [paired_tests(experiment, table, scores).assign(table=table) for table in TABLES]
    every = pd.concat(tests, ignore_index=True)[["table", *TESTS]]
    others = Leads(experiment, scores, every).p_of_others
    for table in TABLES:
        own = every.table == table
        every.loc[own, "p_holm"] = corrected(every[own], others.get(table, []))
    return every


def read_cells(cells_csv: Path) -> pd.DataFrame:
    """Read the cells that `Computed.write` has written."""
    return pd.read_csv(cells_csv, dtype={"engine": str}).fillna({"engine": ""})


def table_of(experiment: Experiment, table: str, computed: Computed) -> pd.DataFrame:
    """The cells of Table 1 or 2, by cohort, model and modality; one without scores is left out.

    Parameters
    ----------
    table : str
        "table1" or "table2".

    Returns
    -------
    Columns `TABLE`.
    """
    wanted: Table = getattr(experiment, table)
    order = {
        "cohort": wanted.cohorts,
        "model": entries(experiment, table),
        "modality": experiment.modalities,
        "metric": [shown.name for shown in table_metrics(experiment, table)],
    }
    own = computed.cells
    for name, values in order.items():
        own = own[own[name].isin(list(values))]
    own = own.sort_values(list(order), key=lambda names: names.map([*order[names.name]].index), ignore_index=True)
    known = verdicts(computed.against_mean)
    own = own.assign(
        published=[_published(experiment, table, cell) for cell in own.itertuples()],
        stand_in=[_stand_in(experiment, cell) for cell in own.itertuples()],
        against_mean=[
            known.get((cell.cohort, cell.model, cell.modality), "") if cell.metric == MEASURE else ""
            for cell in own.itertuples()
        ],
        rank=ranks(experiment, own),
    )
    return own.assign(tied=tied(own, computed.tests_of(table)))[TABLE]


def ranks(experiment: Experiment, own: pd.DataFrame) -> pd.Series:
    """The rank of each cell's model in its group, 1 for the best; none where a model has no rival, or is none."""
    groups = {entry.name: entry.group for entry in experiment.models}
    better = own["value"] * own.metric.map(lambda name: metric(name).sign).astype(float)
    column = [own.cohort, own.modality, own.metric, own.model.map(groups)]
    rank = better.groupby(column).rank(method="min", ascending=False)
    return rank.where(better.groupby(column).transform("size") > 1).astype("Int64")


def tied(own: pd.DataFrame, tests: pd.DataFrame) -> list[bool]:
    """Whether a cell is the best of its group and its lead isn't significant."""
    keys = ["cohort", "modality", "metric", "model"]
    p_holm = dict(zip(tests[keys].itertuples(index=False, name=None), tests.p_holm, strict=True))
    best = (own["rank"] == 1).fillna(False)
    cells_of = own[keys].itertuples(index=False, name=None)
    return [bool(b and key in p_holm and not p_holm[key] < SIGNIFICANT) for b, key in zip(best, cells_of, strict=True)]


def _published(experiment: Experiment, table: str, cell: tuple) -> float:
    """The paper's number of a cell; nan where it has none."""
    name = "" if cell.model in EXTRA else experiment.model(cell.model).published_as
    return published(table, experiment.cohort(cell.cohort).stands_for, name, cell.modality, cell.metric)


def _stand_in(experiment: Experiment, cell: tuple) -> str:
    """What stands in for the paper's cohort and segmenter in a cell."""
    return "; ".join(filter(None, (cohort_stand_in(experiment, cell.cohort), cell.engine)))
