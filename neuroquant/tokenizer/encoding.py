"""From scans to the volumes that a model encodes."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.model_facts import require_voxel_size
from neuroquant.scans.unusable import Unusable
from neuroquant.store.arrays import Geometry, Record
from neuroquant.tokenizer.given import Given, as_files, modality_of, stem_of
from neuroquant.volumes.manifest import SessionRow
from neuroquant.volumes.masking import Finder
from neuroquant.volumes.preprocess import prepare
from neuroquant.volumes.work import Preprocessing


@dataclass(frozen=True)
class Prepared:
    """A scan that is ready for the network.

    Attributes
    ----------
    name : of the scan, for messages
    modality : its position among those of the model
    image : (D, H, W) in [-1, 1]
    mask : the brain, uint8 (D, H, W)
    record : whose it is, and where the volume lies in it
    """

    name: str
    modality: int
    image: np.ndarray
    mask: np.ndarray
    record: Record


@dataclass(frozen=True)
class Preparation:
    """How scans are prepared for one model.

    Attributes
    ----------
    entry : the model
    volume : settings
    finders : source of `volume.brain_mask` -> what finds the brain of a raw head
    voxel_mm : side of the voxels that it was trained on; None where that isn't known or doesn't matter
    """

    entry: ModelEntry
    volume: Volume
    finders: dict[str, Finder]
    voxel_mm: float | None

    def prepared(self, given: Given) -> Prepared:
        """A scan as the model's training images were.

        Raises
        ------
        InputError
            If it can't be used, with its name and the reason.
        """
        modality = given.modality or modality_of(given.name, self.entry.suffixes)
        kind = modality_index(given.name, modality, self.entry)
        with as_files(given) as (files, names):
            try:
                session = self._session(files, modality)
            except InputError as error:
                where = names.get(error.where, error.where)
                raise InputError(where, error.found, error.expected, error.remedy) from None
        image, geometry, mask = session
        record = Record("", stem_of(given.name), "", modality, "", "", "", float("nan"), geometry)
        return Prepared(given.name, kind, image, mask.astype(np.uint8), record)

    def _session(self, files: Given, modality: str) -> tuple[np.ndarray, Geometry, np.ndarray]:
        """Image, geometry and mask of a scan that lies on disk."""
        path = Path(files.voxels).absolute()
        if not os.path.isfile(path):  # unlike Path.is_file, this bears any name
            raise InputError(str(files.voxels), "no such file", "a NIfTI", "look at its name")
        require_voxel_size(path, self.voxel_mm, f"model {self.entry.name}", self.volume.uneven_mm)
        row = SessionRow({modality: str(path)}, mask=str(Path(files.mask).absolute()) if files.mask else "")
        try:
            session = prepare(row, Preprocessing(Path(path.anchor), self.volume, (modality,), self.finders))
        except Unusable as error:
            raise InputError(
                error.file, error.reason, "a scan as docs/cohorts.md describes it", "correct the file, or give a mask"
            ) from None
        return session.images[modality], session.geometry[modality], session.mask


def modality_index(where: str, name: str, entry: ModelEntry) -> int:
    """Position of a modality among those of a model.

    Raises
    ------
    InputError
        If the model doesn't take it.
    """
    known = entry.suffixes
    if name not in known:
        raise InputError(
            where,
            f"modality {name!r}",
            f"one of {', '.join(known)}, with which model {entry.name} was trained",
            "take a scan of one of these, or a model that was trained with this modality",
        )
    return known.index(name)
