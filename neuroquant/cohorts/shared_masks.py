"""Masks of a subject that serve its sessions: sub-01/anat/sub-01_desc-brain_mask for sub-01/ses-01."""

from neuroquant.cohorts.source import Source
from neuroquant.scans.headers import read_grid
from neuroquant.scans.unusable import Unusable

Candidates = dict[tuple[str, str], dict[str, dict[str, str]]]
"""(subject, session) -> kind -> path -> stamp."""


def share_masks(found: Candidates) -> Candidates:
    """The files of each session, with the subject's own masks where the session has none."""
    shared: Candidates = {}
    for (subject, session), files in found.items():
        masks = found.get((subject, ""), {}).get("mask") if session else None
        shared[subject, session] = {**files, "mask": masks} if masks and "mask" not in files else files
    return shared


def own_mask(source: Source, session: str, files: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The files of a session, less a mask of its subject that doesn't lie on the grid of its scans.

    Such a mask is another session's, and says nothing against this one. A broken mask stays, to be named.

    Parameters
    ----------
    files : kind -> (path, stamp), one of each kind.
    """
    scan = next((files[modality] for modality in source.order if modality in files), None)
    whose = source.layout.match(files["mask"][0]) if "mask" in files else None
    if scan is None or whose is None or whose[2] == session:
        return files
    try:
        if read_grid(source.root / files["mask"][0]).same_as(read_grid(source.root / scan[0])):
            return files
    except Unusable:
        return files
    return {kind: file for kind, file in files.items() if kind != "mask"}
