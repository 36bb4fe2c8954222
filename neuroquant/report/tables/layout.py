"""A table laid out as the paper does: cohorts and groups of models downwards, modalities and metrics across."""

from dataclasses import dataclass

import pandas as pd

from neuroquant.config.experiment import Experiment, Table
from neuroquant.report.contents import TABLES
from neuroquant.report.sentences import SIGNS
from neuroquant.report.tables.model_facts import Costs, Seconds
from neuroquant.report.tables.notes import notes
from neuroquant.statistics.cells import EXTRA, MODEL_GROUPS, by_group
from neuroquant.statistics.metrics import Metric, table_metrics

NO_ABLATIONS = (
    "Empty: no model of this experiment is an ablation of another. A model with ablation_of, or one that is named in "
    "table2.models, would stand here."
)
TITLES = {"table1": "Comparison of autoencoders", "table2": "Ablation of NeuroQuant's components"}
COSTS = ("f", "kbit", "M")
"""What a model costs: side reduction, kilobits per volume, millions of parameters."""
SECONDS = ("enc., s", "dec., s")
"""Seconds per volume. They depend on the machine, and the same numbers must give the same bytes of a table: they
stand on the front page alone."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as it is shown.

    Attributes
    ----------
    metric : Metric
    value, low, high : float
        The score and its interval; the ends are nan where there is none.
    published : float
        The paper's value; nan where there is none.
    rank : int
        1 for the best of the group, 2 for the second; 0 where it isn't ranked.
    tied : bool
        The best, but its lead isn't significant.
    against_mean : str
        How the PSNR compares with that of the mean image; empty for other metrics.
    """

    metric: Metric
    value: float
    low: float
    high: float
    published: float
    rank: int
    tied: bool
    against_mean: str = ""

    def interval(self, dash: str) -> str:
        """The interval; nothing where a single subject or family gives none."""
        return f"{self.metric.text(self.low)}{dash}{self.metric.text(self.high)}" if self.low == self.low else ""

    @property
    def paper(self) -> str:
        """The paper's value in square brackets; nothing where there is none."""
        return f"[{self.metric.text(self.published)}]" if self.published == self.published else ""

    @property
    def text(self) -> str:
        """The score with the metric's digits."""
        return self.metric.text(self.value)

    @property
    def exact(self) -> bool:
        """Whether it is the infinite PSNR of an exact copy."""
        return self.value == float("inf")

    @property
    def signs(self) -> str:
        """What stands behind the value: the lead isn't significant; it isn't above the mean image."""
        return ("~" if self.tied else "") + SIGNS.get(self.against_mean, "")


@dataclass(frozen=True, slots=True)
class Line:
    """A model as it is shown: its label, what it costs, its cells, None where nothing was measured."""

    label: str
    costs: tuple[str, ...]
    cells: list[Cell | None]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table, laid out.

    Attributes
    ----------
    title : str
    costs : tuple of str
        Names of the columns of costs.
    modalities : tuple of str
        Groups of columns, left to right.
    metrics : tuple of Metric
        Columns of each modality.
    groups : list of (str, list of Line)
        Headings, and the models below them.
    notes : list of str
        What must be said below the table.
    """

    title: str
    costs: tuple[str, ...]
    modalities: tuple[str, ...]
    metrics: tuple[Metric, ...]
    groups: list[tuple[str, list[Line]]]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a table is made of.

    Attributes
    ----------
    cells : DataFrame
        The tidy table.
    tests : DataFrame
        Its tests.
    costs : Costs
    seconds : Seconds or None
        For two more columns; None: without these.
    """

    cells: pd.DataFrame
    tests: pd.DataFrame
    costs: Costs
    seconds: Seconds | None = None


def lay_out(experiment: Experiment, table: str, numbers: Numbers) -> Sheet:
    """Arrange the tidy cells as the paper does; models of each kind in a group of their own.

    Parameters
    ----------
    table : str
        "table1" or "table2".
    numbers : Numbers
    """
    wanted: Table = getattr(experiment, table)
    kinds = {group: models for group, models in by_group(experiment, wanted.models).items() if models}
    groups = []
    for cohort in wanted.cohorts:
        here = numbers.cells[numbers.cells.cohort == cohort]
        subjects = f"{int(here.n_subjects.max())} test subjects" if len(here) else "nothing measured"
        for number, (kind, models) in enumerate(kinds.items()):
            first = [name for name in EXTRA if name in set(here.model) and not number]
            lines = [_line(experiment, table, numbers, cohort, model) for model in [*first, *models]]
            heading = f", {MODEL_GROUPS[kind]}" if len(kinds) > 1 else ""
            groups.append((f"{experiment.cohort(cohort).shown}{heading} ({subjects})", lines))
    names = COSTS if numbers.seconds is None else COSTS + SECONDS
    below = notes(experiment, numbers.cells, numbers.tests, numbers.seconds is not None, len(kinds) > 1)
    below = below if wanted.models else [NO_ABLATIONS, *below]
    title = f"{TABLES[table]}. {TITLES[table]}"
    return Sheet(title, names, experiment.modalities, table_metrics(experiment, table), groups, below)


def _line(experiment: Experiment, table: str, numbers: Numbers, cohort: str, model: str) -> Line:
    """One model on one cohort."""
    label = EXTRA.get(model) or experiment.model(model).shown
    own = numbers.cells[(numbers.cells.cohort == cohort) & (numbers.cells.model == model)].dropna(subset="value")
    columns = [(modality, metric) for modality in experiment.modalities for metric in table_metrics(experiment, table)]
    cells = [_cell(own[(own.modality == each) & (own.metric == metric.name)], metric) for each, metric in columns]
    costs: tuple[str, ...] = numbers.costs.get(model, ("", "", ""))
    costs += () if numbers.seconds is None else numbers.seconds.get((cohort, model), ("", ""))
    return Line(label, costs, cells)


def _cell(score: pd.DataFrame, metric: Metric) -> Cell | None:
    """One cell, of at most one row of the tidy table."""
    if not len(score):
        return None
    own = score.iloc[0]
    rank = 0 if pd.isna(own["rank"]) else int(own["rank"])
    verdict = own.get("against_mean", "")
    return Cell(metric, own["value"], own.ci_low, own.ci_high, own.published, rank, bool(own.tied), verdict)
