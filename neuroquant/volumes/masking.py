"""From a mask, a label map, skull-stripped scans or an engine to the brain of a session."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.scans.unusable import Unusable
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
from neuroquant.volumes.scan import Scan
from neuroquant.volumes.session import Session
from neuroquant.volumes.truth import load_beside, load_labels

Segment = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From voxels (D, H, W) and their affine (4, 4) to FreeSurfer labels on the same grid; `InputError` where it can't."""


@dataclass(frozen=True)
class BrainSources:
    """What a session's brain may be taken from, beside its scans.

    Attributes
    ----------
    root : the cohort's folder
    files : modality -> the file of its scan
    mask, labels : a brain mask and a label map; empty where there is none
    segment : an engine for raw scans
    """

    root: Path
    files: dict[str, str]
    mask: str = ""
    labels: str = ""
    segment: Segment | None = None


@dataclass(frozen=True)
class Brain:
    """Where the brain is, (D, H, W) bool on the session's grid, and what that was taken from."""

    mask: np.ndarray
    taken_from: str


def refuse_raw(scans: dict[str, Scan], sources: BrainSources, volume: Volume) -> None:
    """Refuse raw scans that nothing can mask.

    Raises
    ------
    Unusable
        With what to supply.
    """
    if sources.mask or sources.labels or sources.segment:
        return
    signals = {name: signal_of(scan) for name, scan in scans.items()}
    why, at = not_stripped(signals, volume.strip_check)
    for name, signal in signals.items():
        affine = scans[name].affine
        if not why and brain_ml(signal, affine) > BRAIN_ML_MAX:  # a quick look, before the largest piece is sought
            why, at = signal_brain({name: signal}, affine)[1], name
    if why:
        raise Unusable(SUPPLY.format(why=why), sources.files[at])


def find_brain(session: Session, sources: BrainSources, volume: Volume) -> Brain:
    """The brain of a session.

    In order: a given mask, skull-stripped scans, a label map, the segmentation of the reference scan.

    Raises
    ------
    Unusable
        If none of these can be had, with what to supply; or if it is too small or too large for a brain.
    """
    brain = _of_any_size(session, sources, volume)
    millilitres, origin = brain_ml(brain.mask, session.grid.affine), brain.taken_from
    at = {GIVEN: sources.mask, LABELLED: sources.labels}.get(origin, sources.files[session.reference])
    if millilitres < volume.brain_ml_min:
        size = f"a brain of {millilitres:.3g} ml ({origin}); at least {volume.brain_ml_min:g} ml are expected"
        raise Unusable(f"{size}: look at the file and correct it, or set volume.brain_ml_min", at)
    if millilitres > BRAIN_ML_MAX:
        size = f"a brain of {millilitres:.0f} ml ({origin}), more than any brain"
        raise Unusable(f"{size} ({BRAIN_ML_MAX:g} ml): look at the file and correct it", at)
    return brain


def _of_any_size(session: Session, sources: BrainSources, volume: Volume) -> Brain:
    """As `find_brain`, whatever its size."""
    root, name = sources.root, session.reference
    reference = session.scans[name]
    if sources.mask:
        mask = load_beside(root, sources.mask, name, reference)
        return Brain(session.beside(given_brain(mask, sources.mask)) > 0.5, GIVEN)
    brain, why, at = _of_signal(session, volume)
    if not why:
        return Brain(brain, STRIPPED)
    if sources.labels:
        labels, _ = load_labels(root, sources.labels, name, reference)
        return Brain(labelled_brain(session.beside(labels), sources.labels), LABELLED)
    if sources.segment is not None:
        return Brain(_segmented(session, sources), SEGMENTED)
    raise Unusable(SUPPLY.format(why=why), sources.files[at])


def _of_signal(session: Session, volume: Volume) -> tuple[np.ndarray | None, str, str]:
    """The brain of skull-stripped scans; or why they aren't stripped, and which of them."""
    signals = {name: signal_of(scan) for name, scan in session.scans.items()}
    why, at = not_stripped(signals, volume.strip_check)
    if why:
        return None, why, at
    together = {name: session.place(name, signal) > 0.5 for name, signal in signals.items()}
    brain, why = signal_brain(together, session.grid.affine)
    return brain, why, session.reference


def _segmented(session: Session, sources: BrainSources) -> np.ndarray:
    scan, file = session.scan(session.reference), sources.files[session.reference]
    try:
        labels = sources.segment(scan.data, scan.affine)
    except InputError as error:
        raise Unusable(f"{SEGMENTED} can't segment it: {error.found}; {error.remedy}", file) from None
    return labelled_brain(labels, file)
