"""One session on its way from scans to volumes: what is known of it after each step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neuroquant.config.volume import Volume
from neuroquant.scans.unusable import Unusable
from neuroquant.store.arrays import Geometry
from neuroquant.volumes.manifest import SessionRow
from neuroquant.volumes.masking import Brain, BrainSources, Finder
from neuroquant.volumes.scan import Scan
from neuroquant.volumes.session import Session


@dataclass(frozen=True)
class Preprocessing:
    """What preprocessing is told, for all sessions of a cohort alike.

    Attributes
    ----------
    root : the cohort's folder, which the manifest's paths are relative to
    volume : settings
    modalities : the experiment's, in its order
    finders : source of `volume.brain_mask` -> what finds the brain of a raw head
    """

    root: Path
    volume: Volume
    modalities: tuple[str, ...]
    finders: dict[str, Finder] = field(default_factory=dict)

    def in_order(self, images: dict[str, Any]) -> list[str]:
        """The modalities of a session, the target first, then in the experiment's order."""
        target = self.volume.registration_target
        return sorted(images, key=lambda name: (name != target, self.modalities.index(name)))


@dataclass
class Work:
    """A session while it goes through the steps. Each step fills in what the later ones use.

    Attributes
    ----------
    row : its files and facts
    how : settings, the same for all sessions
    scans : modality -> the scan as read, in RAS+; the first is the one that the others are aligned to
    truth : the label map, where there is one that counts
    session : the scans on one grid
    brain : where the brain is on that grid
    heads : modality -> planes of the scan with the mask's outline, as `heads.planes` gives them; empty where no network
        found the mask
    corrected : modality -> the scan on that grid without its bias field, where that was asked for
    start : (3,) voxel of the grid at index 0 of the volume
    mask : the brain within the volume, bool (D, H, W)
    labels : ground truth within the volume, int16 (D, H, W); zeros where there is none
    images : modality -> float16 (D, H, W) in [-1, 1]
    geometry : modality -> where the volume lies in its scan
    qc : a row of the QC table, less the key
    """

    row: SessionRow
    how: Preprocessing
    scans: dict[str, Scan] = field(default_factory=dict)
    truth: Scan | None = None
    session: Session | None = None
    brain: Brain | None = None
    heads: dict[str, np.ndarray] = field(default_factory=dict)
    corrected: dict[str, Scan] = field(default_factory=dict)
    start: np.ndarray | None = None
    mask: np.ndarray | None = None
    labels: np.ndarray | None = None
    images: dict[str, np.ndarray] = field(default_factory=dict)
    geometry: dict[str, Geometry] = field(default_factory=dict)
    qc: dict[str, Any] = field(default_factory=dict)

    @property
    def volume(self) -> Volume:
        """The settings."""
        return self.how.volume

    @property
    def files(self) -> dict[str, str]:
        """Modality -> the file of its scan."""
        return self.row.images

    def scan(self, name: str) -> Scan:
        """A modality on the session's grid, as its intensities are taken."""
        return self.corrected[name] if name in self.corrected else self.session.scan(name)

    @property
    def sources(self) -> BrainSources:
        """Where the brain may be taken from."""
        labels = self.row.labels if self.truth is not None else ""
        return BrainSources(self.how.root, self.files, self.row.mask, labels, self.how.finders)


@dataclass(frozen=True)
class Step:
    """One step of preprocessing.

    Attributes
    ----------
    name : what the log, and the reason of a session that fails at it, call it
    run : what it does to a session
    wanted : whether the settings ask for it
    """

    name: str
    run: Callable[[Work], None]
    wanted: Callable[[Volume], bool] = lambda volume: True

    def __call__(self, work: Work) -> None:
        """Carry it out; an `Unusable` says at which step."""
        try:
            self.run(work)
        except Unusable as error:
            error.step = self.name
            raise
