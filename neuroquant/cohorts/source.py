"""A cohort's folder as one experiment reads it: what every stage before the volumes starts from."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroquant.cohorts.layouts import Layout, layout_of
from neuroquant.config.cohort import Cohort
from neuroquant.tables import BESIDE_SCANS

if TYPE_CHECKING:
    from neuroquant.config.experiment import Experiment


@dataclass(frozen=True)
class Source:
    """A cohort, its folder, and what an experiment asks of the sessions in it.

    Attributes
    ----------
    cohort : how the folder is read.
    root : the folder.
    modalities : the experiment's, in its order.
    target : modality that the others are aligned to; empty, or where a session lacks it: the first that it has.
    registration : whether preprocessing brings scans on different grids together.
    targets : columns of the participants tables that only probes read.
    """

    cohort: Cohort
    root: Path
    modalities: tuple[str, ...]
    target: str = ""
    registration: bool = False
    targets: tuple[str, ...] = ()

    @classmethod
    def of(cls, experiment: "Experiment", name: str, root: Path | None = None) -> "Source":
        """A cohort of an experiment; `root` is its folder where the workflow makes it."""
        cohort, volume = experiment.cohort(name), experiment.volume
        folder = Path(cohort.root) if root is None else root
        return cls(
            cohort,
            folder,
            experiment.modalities,
            volume.registration_target,
            volume.registration != "off",
            experiment.probe.columns,
        )

    @classmethod
    def from_parameters(cls, parameters: Any) -> "Source":
        """The source of a job, from its parameters: cohort and modalities as JSON, root, and of the volume settings
        `target` and `registration`, where the job looks at grids; `targets` of the probes, where it reads people.
        """
        return cls(
            Cohort.model_validate(json.loads(parameters.cohort)),
            Path(parameters.root),
            tuple(json.loads(parameters.modalities)),
            getattr(parameters, "target", ""),
            getattr(parameters, "registration", False),
            tuple(getattr(parameters, "targets", ())),
        )

    @cached_property
    def layout(self) -> Layout:
        """How the folder is laid out."""
        return layout_of(self.cohort, self.modalities)

    @property
    def order(self) -> tuple[str, ...]:
        """The modalities with the target first: of a session's, the first in this order is its reference."""
        return tuple(sorted(self.modalities, key=lambda modality: modality != self.target))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Columns of a session's files: the modalities, mask and labels."""
        return (*self.modalities, *BESIDE_SCANS)

    @property
    def participants_paths(self) -> list[Path]:
        """The participants tables: those that the cohort names, or the layout's own."""
        named = self.cohort.participants_tables
        return [Path(path) for path in named] if named else self.layout.participants(self.root)

    @property
    def participants_names(self) -> str:
        """Their names in words, for reasons."""
        return " and ".join(path.name for path in self.participants_paths)
