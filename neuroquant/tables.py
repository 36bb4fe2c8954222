"""Names of the columns of every table that passes between stages, and of entries that are no model."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

REFERENCE = "reference"
"""Entry of segmentations and volumes: the originals."""

SESSION_KEY = ["cohort", "subject", "session"]
"""What names a session in every table."""
EXCLUDED = [*SESSION_KEY, "reason", "file"]
"""Columns of `excluded.tsv`: why a session is out, and the file at fault."""
NOT_LOOKED_AT = ["path", "files", "reason"]
"""Columns of `not_looked_at.tsv`: a file, a folder or a row of the participants table; the scan-like files that it
stands for; why, and what to do."""
OF_VISITS = ("age", "site", "scanner")
"""Facts that may differ from visit to visit."""
BESIDE_SCANS = ("mask", "labels")
"""Columns of files that lie beside a session's scans: the brain mask, and the ground-truth label map."""
STAMP, HASH = "_stamp", "_hash"
"""Ends of columns: of a file's bytes and time, and of the fingerprint of an image's voxels."""
QC_OF_SESSION = [
    "target", "scan_shape", "voxel_mm", "box", "brain_ml", "mask_from", "lost_voxels", "lost_share", "resampled",
    "scale", "ground_truth",
]  # fmt: skip
"""What the QC table of preprocessing says of a session; `target` is the modality whose space it is in."""
QC_OF_IMAGE = [
    "low", "high", "n4", "inward", "registered", "mi_before", "mi_after", "shift_mm", "turn_deg", "mirrored",
]  # fmt: skip
"""What it says of each image, as `<modality>_<this>`; from `registered` on against the target, and empty for it."""


def sessions_columns(modalities: Iterable[str]) -> list[str]:
    """Columns of `sessions.tsv`: who and when, then a file and its stamp of each modality, mask and label map."""
    files = [*modalities, *BESIDE_SCANS]
    return [*SESSION_KEY, "family", "sex", *OF_VISITS, *files, *(f"{name}{STAMP}" for name in files)]


def qc_columns(modalities: Iterable[str]) -> list[str]:
    """Columns of the QC tables of preprocessing."""
    names = list(modalities)
    images = [f"{name}_{fact}" for name in names for fact in QC_OF_IMAGE]
    return [*SESSION_KEY, *QC_OF_SESSION, *images, *(f"{name}{HASH}" for name in names)]


def modalities_of(columns: Iterable[str]) -> list[str]:
    """The modalities of a manifest, or of `sessions.tsv`, by its columns."""
    stamped = [name.removesuffix(STAMP) for name in columns if name.endswith(STAMP)]
    return [name for name in stamped if name not in BESIDE_SCANS]


def hash_columns(columns: Iterable[str]) -> list[str]:
    """Those of a table's columns that hold fingerprints of images, one a modality."""
    return [name for name in columns if name.endswith(HASH)]


def family_of(table: "pd.DataFrame") -> "pd.Series":
    """Each row's family; a subject whose family isn't known is one of their own."""
    return table["family"].where(table["family"] != "", table["subject"])
