"""From a mask, a label map, skull-stripped scans or an engine to the brain of a session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

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
        If none of these can be had, with what to supply; or if it is too small or too large for a brain.
    """
    brain, made_from = _sought(row, root, session, files, volume, segment)
    millilitres = brain_ml(brain, session.grid.affine)
    at = {GIVEN: row["mask"], LABELLED: row["labels"]}.get(made_from, files[session.reference])
    if millilitres < volume.brain_ml_min:
        found = f"a brain of {millilitres:.3g} ml ({made_from}); at least {volume.brain_ml_min:g} ml are expected"
        raise Unusable(f"{found}: look at the file and correct it, or set volume.brain_ml_min", at)
    if millilitres > BRAIN_ML_MAX:
        found = f"a brain of {millilitres:.0f} ml ({made_from}), more than any brain"
        raise Unusable(f"{found} ({BRAIN_ML_MAX:g} ml): look at the file and correct it", at)
    return brain, made_from


def _sought(
    row: dict[str, Any], root: Path, session: Session, files: dict[str, str], volume: Volume, segment: Segment | None
) -> tuple[np.ndarray, str]:
    """As `find_brain`, of any size."""
    if row["mask"]:
        mask = load_beside(root, row["mask"], session.reference, session.scans[session.reference])
        return session.beside(given_brain(mask, row["mask"])) > 0.5, GIVEN
    signals = {name: signal_of(scan) for name, scan in session.scans.items()}
    why, at = not_stripped(signals, volume.strip_check)
    if not why:
        together = {name: session.place(name, signal) > 0.5 for name, signal in signals.items()}
        brain, why = signal_brain(together, session.grid.affine)
        if not why:
            return brain, STRIPPED
        at = session.reference
    if row["labels"]:
        labels, _ = load_labels(root, row["labels"], session.reference, session.scans[session.reference])
        return labelled_brain(session.beside(labels), row["labels"]), LABELLED
    if segment is not None:
        scan = session.scan(session.reference)
        try:
            labels = segment(scan.data, scan.affine)
        except InputError as error:
            reason = f"{SEGMENTED} can't segment it: {error.found}; {error.remedy}"
            raise Unusable(reason, files[session.reference]) from None
        return labelled_brain(labels, files[session.reference]), SEGMENTED
    raise Unusable(SUPPLY.format(why=why), files[at])
