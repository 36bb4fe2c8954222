"""Which rows a published number or statement is about: those of one block, for blocks are never compared."""

from dataclasses import dataclass

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.cells import BLOCKS, blocks
from neuroquant.statistics.published import FULL

RUN = {"retrained": "trained here", "published": "with authors' weights", "reference": "without training"}
"""How the rows of a block were run."""


@dataclass(frozen=True)
class Compared:
    """The rows that a statement may compare, and those that it names besides.

    Parameters
    ----------
    names : the paper's name -> our row, of one block.
    absent : the paper's names of which nothing was run.
    elsewhere : the paper's names that only another block has -> that block.
    """

    names: dict[str, str]
    absent: tuple[str, ...]
    elsewhere: dict[str, str]

    @property
    def not_run(self) -> str:
        """What of the statement this block lacks, in words."""
        apart = (f"{name} (run only {RUN[block]}, another block)" for name, block in self.elsewhere.items())
        return "; ".join((*self.absent, *apart))

    @property
    def nothing(self) -> str:
        """The verdict where no comparison is left."""
        if not self.elsewhere:
            return "not run: the rows or metrics that it compares aren't there"
        found = {block: [name for name, at in self.elsewhere.items() if at == block] for block in BLOCKS}
        told = (f"{', '.join(names)} only {RUN[block]}" for block, names in found.items() if names)
        return f"not run within one block: {'; '.join(told)}, another block"


def names_of(experiment: Experiment, rows: tuple[str, ...], block: str) -> dict[str, str]:
    """The paper's name of a row -> our row of that block; of two the first."""
    mine = reversed(blocks(experiment, rows)[block])
    names = {shown: row for row in mine if (shown := experiment.row(row).published_as)}
    return names | {full: names[row] for row, full in FULL.items() if row in names}


def compared(experiment: Experiment, rows: tuple[str, ...], own: str, over: tuple[str, ...]) -> Compared:
    """The rows of the block of a statement's own row; of several blocks that have it, the first.

    Parameters
    ----------
    rows : of the table or figure that the statement is about.
    own, over : the row that it puts first and those that it puts behind, by the paper's names.
    """
    known = {block: names_of(experiment, rows, block) for block in BLOCKS}
    where = {name: [block for block in BLOCKS if name in known[block]] for name in (own, *over)}
    absent = tuple(name for name, found in where.items() if not found)
    if own in absent:
        return Compared({}, absent, {})
    names = known[where[own][0]]
    return Compared(names, absent, {name: found[0] for name, found in where.items() if found and name not in names})
