"""Which models a published number or statement is about: those of one group, for groups are never compared."""

from dataclasses import dataclass

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.cells import MODEL_GROUPS, by_group
from neuroquant.statistics.published import FULL

RUN = {
    "trained_here": "trained here",
    "trained_elsewhere": "trained elsewhere",
    "authors_weights": "with authors' weights",
    "reference": "without training",
}
"""How the models of a group were run."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The models that a statement may compare, and those that it names besides.

    Attributes
    ----------
    names : dict of str to str
        The paper's name -> our model, of one group.
    absent : tuple of str
        The paper's names of which nothing was run.
    elsewhere : dict of str to str
        The paper's names that only another group has -> that group.
    """

    names: dict[str, str]
    absent: tuple[str, ...]
    elsewhere: dict[str, str]

    @property
    def not_run(self) -> str:
        """What of the statement this group lacks, in words."""
        others = (f"{name} (run only {RUN[group]}, another group)" for name, group in self.elsewhere.items())
        return "; ".join((*self.absent, *others))

    @property
    def nothing(self) -> str:
        """The verdict where no comparison is left."""
        if not self.elsewhere:
            return "not run: the models or metrics that it compares are missing"
        by_name = {group: [name for name, at in self.elsewhere.items() if at == group] for group in MODEL_GROUPS}
        words = (f"{', '.join(names)} only {RUN[group]}" for group, names in by_name.items() if names)
        return f"not run within one group: {'; '.join(words)}, another group"


def names_of(experiment: Experiment, entries: tuple[str, ...], group: str) -> dict[str, str]:
    """The paper's name of a model -> our model of that group; of two the first."""
    models = reversed(by_group(experiment, entries)[group])
    names = {shown: model for model in models if (shown := experiment.model(model).published_as)}
    return names | {full: names[model] for model, full in FULL.items() if model in names}


def compared(experiment: Experiment, entries: tuple[str, ...], own: str, over: tuple[str, ...]) -> Compared:
    """The models of the group of a statement's own model; of several groups that have it, the first.

    Parameters
    ----------
    entries : tuple of str
        The models of the table or figure that the statement is about.
    own, over : str, tuple of str
        The model that it puts first and those that it puts behind, by the paper's names.
    """
    known = {group: names_of(experiment, entries, group) for group in MODEL_GROUPS}
    where = {name: [group for group in MODEL_GROUPS if name in known[group]] for name in (own, *over)}
    absent = tuple(name for name, groups in where.items() if not groups)
    if own in absent:
        return Compared({}, absent, {})
    names = known[where[own][0]]
    elsewhere = {name: groups[0] for name, groups in where.items() if groups and name not in names}
    return Compared(names, absent, elsewhere)
