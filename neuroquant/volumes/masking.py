"""From a mask, a label map, skull-stripped scans or an engine to the brain of a session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.affines import voxel_sizes
from scipy.spatial import cKDTree

from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.volumes import align
from neuroquant.volumes.brain import (
    BRAIN_ML_MAX,
    GIVEN,
    LABELLED,
    SEGMENTED,
    STRIPPED,
    SUPPLY,
    brain_ml,
    given_brain,
    labelled_brain,
    not_stripped,
    signal_brain,
    signal_of,
)
from neuroquant.volumes.scan import Scan, Unusable, by, load_scan
from neuroquant.volumes.session import Session

Segment = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From voxels (D, H, W) and their affine (4, 4) to FreeSurfer labels on the same grid; `InputError` where it can't."""
PARCELS = {
    3: ((1000, 1999), (11100, 11199)),
    42: ((2000, 2999), (12100, 12199)),
    2: ((78, 78), (3000, 3999), (5001, 5001)),
    41: ((79, 79), (4000, 4999), (5002, 5002)),
    4: ((31, 31),),
    43: ((63, 63),),
}
"""FreeSurfer's finer labels by the structure of SynthSeg that they are parts of: parcels of cortex and white matter
(aparc+aseg, wmparc), white matter of low signal, choroid plexus."""
SIDELESS = (77, 251, 252, 253, 254, 255)
"""Cerebral white matter that has no side of its own: of low signal, and the corpus callosum."""


def refuse_raw(
    row: dict[str, Any], scans: dict[str, Scan], files: dict[str, str], volume: Volume, segment: Segment | None
) -> None:
    """Refuse raw scans that nothing can mask, before half a minute is spent on their registration.

    Raises
    ------
    Unusable
        With what to supply.
    """
    if row["mask"] or row["labels"] or segment:
        return
    signals = {name: signal_of(scan) for name, scan in scans.items()}
    why, at = not_stripped(signals, volume.strip_check)
    for name, signal in signals.items():
        affine = scans[name].affine
        if not why and brain_ml(signal, affine) > BRAIN_ML_MAX:  # a quick look, before the largest piece is sought
            why, at = signal_brain({name: signal}, affine)[1], name
    if why:
        raise Unusable(SUPPLY.format(why=why), files[at])


def find_brain(
    row: dict[str, Any], root: Path, session: Session, files: dict[str, str], volume: Volume, segment: Segment | None
) -> tuple[np.ndarray, str]:
    """The brain (D, H, W), bool, on the session's grid, and what it was taken from.

    In order: a given mask, skull-stripped scans, a label map, the segmentation of the reference scan.

    Raises
    ------
    Unusable
        If none of these can be had, with what to supply; or if it is too small for a brain.
    """
    brain, made_from = _sought(row, root, session, files, volume, segment)
    millilitres = brain_ml(brain, session.grid[1])
    if millilitres < volume.brain_ml_min:
        found = f"a brain of {millilitres:.3g} ml ({made_from}); at least {volume.brain_ml_min:g} ml are expected"
        at = {GIVEN: row["mask"], LABELLED: row["labels"]}.get(made_from, files[session.reference])
        raise Unusable(f"{found}: look at the file and correct it, or set volume.brain_ml_min", at)
    return brain, made_from


def _sought(
    row: dict[str, Any], root: Path, session: Session, files: dict[str, str], volume: Volume, segment: Segment | None
) -> tuple[np.ndarray, str]:
    """As `find_brain`, of any size."""
    if row["mask"]:
        mask = session.beside(load_beside(root, row["mask"], session))
        return given_brain(mask, row["mask"]), GIVEN
    signals = {name: signal_of(scan) for name, scan in session.scans.items()}
    why, at = not_stripped(signals, volume.strip_check)
    if not why:
        together = {name: session.place(name, signal) > 0.5 for name, signal in signals.items()}
        brain, why = signal_brain(together, session.grid[1])
        if not why:
            return brain, STRIPPED
        at = session.reference
    if row["labels"]:
        return labelled_brain(session.beside(load_labels(root, row["labels"], session)), row["labels"]), LABELLED
    if segment is not None:
        scan = session.scan(session.reference)
        try:
            labels = segment(scan.data, scan.affine)
        except InputError as error:
            reason = f"{SEGMENTED} can't segment it: {error.found}; {error.remedy}"
            raise Unusable(reason, files[session.reference]) from None
        return labelled_brain(labels, files[session.reference]), SEGMENTED
    raise Unusable(SUPPLY.format(why=why), files[at])


def load_beside(root: Path, file: str, session: Session) -> Scan:
    """A mask or label map, which lies on the grid of the reference scan."""
    scan = load_scan(root, file)
    reference = session.scans[session.reference]
    if not align.same_grid(align.grid_of(scan), align.grid_of(reference)):
        shapes = f"{by(scan.data.shape)} against {by(reference.data.shape)}"
        raise Unusable(f"on another grid than {session.reference} ({shapes} voxels)", file)
    return scan


def load_labels(root: Path, file: str, session: Session) -> Scan:
    """A label map in RAS+, whole numbers that fit int16; parts become the structure that they are parts of.

    Cerebral white matter without a side becomes that of the nearest hemisphere.
    """
    scan = load_beside(root, file, session)
    data = scan.data.round()
    for structure, ranges in PARCELS.items():
        for first, last in ranges:
            data[(data >= first) & (data <= last)] = structure
    data = sided(data, scan.affine)
    if data.min() < 0 or data.max() > np.iinfo(np.int16).max:
        raise Unusable(f"labels from {data.min():g} to {data.max():g}; 0 to 32767 are expected", file)
    return Scan(data, scan.affine, scan.source_shape, scan.source_affine)


def sided(labels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Labels (D, H, W) in which `SIDELESS` voxels are the nearest hemisphere's white matter, 2 or 41."""
    where = np.argwhere(np.isin(labels, SIDELESS))
    white = np.argwhere(np.isin(labels, (2, 41)))
    if not len(where) or not len(white):
        return labels
    sides = voxel_sizes(affine)
    _, nearest = cKDTree(white * sides).query(where * sides)
    labels = labels.copy()
    labels[tuple(where.T)] = labels[tuple(white[nearest].T)]
    return labels
