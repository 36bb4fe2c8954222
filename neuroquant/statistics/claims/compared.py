"""Which rows a published number or statement is about: those of one group, for groups are never compared."""

from dataclasses import dataclass

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.cells import MODEL_GROUPS, by_group
from neuroquant.statistics.published import FULL

RUN = {"trained_here": "trained here", "authors_weights": "with authors' weights", "reference": "without training"}
"""How the rows of a group were run."""


@dataclass(frozen=True)
class Compared:
    """The rows that a statement may compare, and those that it names besides.

    Parameters
    ----------
    names : the paper's name -> our row, of one group.
    absent : the paper's names of which nothing was run.
    elsewhere : the paper's names that only another group has -> that group.
    """

    names: dict[str, str]
    absent: tuple[str, ...]
    elsewhere: dict[str, str]

    @property
    def not_run(self) -> str:
        """What of the statement this group lacks, in words."""
        apart = (f"{name} (run only {RUN[group]}, another group)" for name, group in self.elsewhere.items())
        return "; ".join((*self.absent, *apart))

    @property
    def nothing(self) -> str:
        """The verdict where no comparison is left."""
        if not self.elsewhere:
            return "not run: the rows or metrics that it compares aren't there"
        by_name = {group: [name for name, at in self.elsewhere.items() if at == group] for group in MODEL_GROUPS}
        words = (f"{', '.join(names)} only {RUN[group]}" for group, names in by_name.items() if names)
        return f"not run within one group: {'; '.join(words)}, another group"


def names_of(experiment: Experiment, rows: tuple[str, ...], group: str) -> dict[str, str]:
    """The paper's name of a row -> our row of that group; of two the first."""
    models = reversed(by_group(experiment, rows)[group])
    names = {shown: row for row in models if (shown := experiment.row(row).published_as)}
    return names | {full: names[row] for row, full in FULL.items() if row in names}


def compared(experiment: Experiment, rows: tuple[str, ...], own: str, over: tuple[str, ...]) -> Compared:
    """The rows of the group of a statement's own row; of several groups that have it, the first.

    Parameters
    ----------
    rows : of the table or figure that the statement is about.
    own, over : the row that it puts first and those that it puts behind, by the paper's names.
    """
    known = {group: names_of(experiment, rows, group) for group in MODEL_GROUPS}
    where = {name: [group for group in MODEL_GROUPS if name in known[group]] for name in (own, *over)}
    absent = tuple(name for name, groups in where.items() if not groups)
    if own in absent:
        return Compared({}, absent, {})
    names = known[where[own][0]]
    elsewhere = {name: groups[0] for name, groups in where.items() if groups and name not in names}
    return Compared(names, absent, elsewhere)
