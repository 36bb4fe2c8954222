"""Where the brain of a session is: the first source of `volume.brain_mask` that the session has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.extras import NotInstalled
from neuroquant.scans.unusable import Unusable
from neuroquant.volumes.brain import (
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

Finder = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the voxels (D, H, W) of a raw head and their affine (4, 4) to the brain (bool), or, by SynthSeg, to FreeSurfer
labels; `InputError` where it can't."""
CALLED = {
    "given": "given mask", "stripped": "skull-stripped scans", "labels": "label map", "deepbet": "deepbet",
    "synthseg": "SynthSeg",
}  # fmt: skip
"""What the QC table calls the sources of a brain mask."""
NETWORKS = ("deepbet", "synthseg")
"""Sources whose masks somebody should look at."""


@dataclass(frozen=True)
class BrainSources:
    """What a session's brain may be taken from, beside its scans.

    Attributes
    ----------
    root : the cohort's folder
    files : modality -> the file of its scan
    mask, labels : a brain mask and a label map; empty where there is none
    finders : source -> what finds the brain of a raw head
    """

    root: Path
    files: dict[str, str]
    mask: str = ""
    labels: str = ""
    finders: dict[str, Finder] = field(default_factory=dict)


@dataclass(frozen=True)
class Brain:
    """Where the brain is, (D, H, W) bool on the session's grid, and the source of that."""

    mask: np.ndarray
    source: str

    @property
    def by_network(self) -> bool:
        """Whether a network found it."""
        return self.source in NETWORKS

    @property
    def taken_from(self) -> str:
        """The source in words."""
        return CALLED[self.source]


def refuse_raw(scans: dict[str, Scan], sources: BrainSources, volume: Volume) -> None:
    """Refuse raw scans that nothing can mask.

    Raises
    ------
    Unusable
        With what to supply.
    """
    has = {"given": sources.mask, "labels": sources.labels} | sources.finders
    if any(has.get(source) for source in volume.brain_mask):
        return
    signals = {name: signal_of(scan) for name, scan in scans.items()}
    why, at = not_stripped(signals, volume.strip_check)
    for name, signal in signals.items():
        affine = scans[name].affine
        if not why and brain_ml(signal, affine) > volume.brain_ml_max:  # quicker than the largest piece
            why, at = signal_brain({name: signal}, affine, volume.brain_ml_max)[1], name
    if why or "stripped" not in volume.brain_mask:
        at = at or next(iter(scans))
        raise Unusable(SUPPLY.format(why=why or "volume.brain_mask allows no skull-stripped scans"), sources.files[at])


def find_brain(session: Session, sources: BrainSources, volume: Volume) -> Brain:
    """The brain of a session, from the first source of `volume.brain_mask` that it has.

    Raises
    ------
    Unusable
        If no source gives one, with what to supply; or if it is too small or too large for a brain.
    """
    brain = _of_any_size(session, sources, volume)
    millilitres, origin = brain_ml(brain.mask, session.grid.affine), brain.taken_from
    at = {"given": sources.mask, "labels": sources.labels}.get(brain.source, sources.files[session.reference])
    if millilitres < volume.brain_ml_min:
        size = f"a brain of {millilitres:.3g} ml ({origin}); at least {volume.brain_ml_min:g} ml are expected"
        raise Unusable(f"{size}: look at the file and correct it, or set volume.brain_ml_min", at)
    if millilitres > volume.brain_ml_max:
        size = f"a brain of {millilitres:.0f} ml ({origin}); at most {volume.brain_ml_max:g} ml are expected"
        raise Unusable(f"{size}: look at the file and correct it, or set volume.brain_ml_max", at)
    return brain


def _of_any_size(session: Session, sources: BrainSources, volume: Volume) -> Brain:
    """As `find_brain`, whatever its size."""
    root, name = sources.root, session.reference
    reference, why, at = session.scans[name], "", name
    for source in volume.brain_mask:
        if source == "given" and sources.mask:
            mask = load_beside(root, sources.mask, name, reference)
            return Brain(session.beside(given_brain(mask, sources.mask)) > 0.5, source)
        if source == "stripped":
            brain, why, at = _of_signal(session, volume)
            if not why:
                return Brain(brain, source)
        if source == "labels" and sources.labels:
            labels, _ = load_labels(root, sources.labels, name, reference)
            return Brain(labelled_brain(session.beside(labels), sources.labels), source)
        if source in sources.finders:
            return Brain(_found(session, sources, source), source)
    raise Unusable(SUPPLY.format(why=why or f"volume.brain_mask: {', '.join(volume.brain_mask)}"), sources.files[at])


def _of_signal(session: Session, volume: Volume) -> tuple[np.ndarray | None, str, str]:
    """The brain of skull-stripped scans; or why they aren't stripped, and which of them."""
    signals = {name: signal_of(scan) for name, scan in session.scans.items()}
    why, at = not_stripped(signals, volume.strip_check)
    if why:
        return None, why, at
    together = {name: session.carried(name, signal) > 0.5 for name, signal in signals.items()}
    brain, why = signal_brain(together, session.grid.affine, volume.brain_ml_max)
    return brain, why, session.reference


def _found(session: Session, sources: BrainSources, source: str) -> np.ndarray:
    """What a finder makes of the reference scan on the session's grid.

    Raises
    ------
    Unusable
        If it can't be used on this scan, or finds nothing.
    """
    scan, file = session.scan(session.reference), sources.files[session.reference]
    try:
        brain = sources.finders[source](scan.data, scan.affine)
        if source == "synthseg":
            brain = labelled_brain(brain, file)
    except NotInstalled:
        raise
    except InputError as error:
        raise Unusable(f"{CALLED[source]} can't segment it: {error.found}; {error.remedy}", file) from None
    if not brain.any():
        raise Unusable(f"{CALLED[source]} finds no brain in it: look at the scan, or supply a mask", file)
    return brain
