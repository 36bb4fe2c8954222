"""From the scans of one shard to volumes: RAS+, brain box, padding, intensities (section 4.1 of the paper)."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.filebasedimages import ImageFileError
from scipy import ndimage

from neuroquant.config.volume import Volume
from neuroquant.files import read_tsv, write_tsv, written_whole
from neuroquant.volumes.geometry import bounding_box, centred_start, cut, ras_affine, to_ras
from neuroquant.volumes.store import ArrayWriter, Geometry, Record

EXCLUDED = ["cohort", "subject", "session", "reason", "file"]
QC = [
    "cohort", "subject", "session", "scan_shape", "voxel_mm", "box", "brain_ml", "lost_voxels",
    "t1w_low", "t1w_high", "t2w_low", "t2w_high", "mask_from",
]  # fmt: skip
KIND = {"T1w": "t1w", "T2w": "t2w"}
"""Column of the manifest that names a modality's scan."""
NOISE_FLOOR = 1e-3
"""Share of a scan's largest value below which a voxel is background: interpolation leaves ripples around zero."""


class Unusable(Exception):
    """Why a session can't become volumes, in words, and the file at fault."""

    def __init__(self, reason: str, file: str):
        super().__init__(reason)
        self.reason, self.file = reason, file


@dataclass
class Prepared:
    """One session, ready to write: both images in [-1, 1], brain mask, label map, geometries, QC facts."""

    images: dict[str, np.ndarray]
    mask: np.ndarray
    labels: np.ndarray
    geometry: dict[str, Geometry]
    qc: dict[str, Any]


def preprocess_shard(
    manifest: Path, root: Path, volume: Volume, out_h5: Path, qc_tsv: Path, excluded_tsv: Path
) -> None:
    """Write the volumes of one shard; a session that fails costs itself alone and is named in `excluded_tsv`.

    The HDF5 file has a row for each session and modality: `image` float16 in [-1, 1] with background -1, `mask` uint8
    (the brain) and `labels` int16 (ground truth; zeros where the attribute `has_labels` says there is none).
    """
    records, ready, qc, excluded, has_labels = [], [], [], [], []
    for row in read_tsv(manifest, numeric=("age",)).to_dict("records"):
        key = {name: row[name] for name in ("cohort", "subject", "session")}
        try:
            session = prepare(row, root, volume)
        except Unusable as error:
            excluded.append({**key, "reason": error.reason, "file": error.file})
            print(f"excluded {' '.join(key.values())}: {error.reason} ({error.file})")
            continue
        facts = {name: row[name] for name in ("split", "family", "sex", "age")}
        for modality, image in session.images.items():
            records.append(Record(**key, modality=modality, **facts, geometry=session.geometry[modality]))
            ready.append((image, session.mask, session.labels))
            has_labels.append(bool(row["labels"]))
        qc.append({**key, **session.qc})
    voxel_mm = float(np.median([float(row["voxel_mm"]) for row in qc])) if qc else None
    attributes = {"range": [-1, 1], "has_labels": has_labels, "voxel_mm": voxel_mm}
    with written_whole(out_h5) as scratch, ArrayWriter(scratch, records, attributes) as writer:
        writer.create("image", volume.shape, np.float16)
        writer.create("mask", volume.shape, np.uint8, compress=True)
        writer.create("labels", volume.shape, np.int16, compress=True)
        for index, (image, mask, labels) in enumerate(ready):
            writer.write("image", index, image)
            writer.write("mask", index, mask)
            writer.write("labels", index, labels)
    write_tsv(pd.DataFrame(qc, columns=QC), qc_tsv)
    write_tsv(pd.DataFrame(excluded, columns=EXCLUDED), excluded_tsv)


def prepare(row: dict[str, Any], root: Path, volume: Volume) -> Prepared:
    """One session of a manifest.

    Raises
    ------
    Unusable
        If a scan's voxels are broken, no brain mask can be had, or the brain doesn't fit.
    """
    scans = {name: load(root, row[kind]) for name, kind in KIND.items()}
    for name, (data, _) in scans.items():
        check_voxels(data, name, row[KIND[name]])
    affine = scans["T1w"][1]
    brain, source = find_brain(row, root, {name: data for name, (data, _) in scans.items()}, volume)
    first, size = bounding_box(brain)
    start = centred_start(first, size, volume.shape)
    mask = cut(brain, start, volume.shape, False)
    lost = int(brain.sum() - mask.sum())
    if lost and (volume.oversize == "exclude" or lost > volume.crop_limit * brain.sum()):
        limit = 0 if volume.oversize == "exclude" else volume.crop_limit
        raise Unusable(
            f"the brain's box of {_by(size)} voxels exceeds {_by(volume.shape)}: {lost / brain.sum():.1%} of its "
            f"voxels would be lost, more than {limit:.1%}",
            row["t1w"],
        )
    labels = np.zeros(volume.shape, np.int16)
    if row["labels"]:
        labels = cut(load(root, row["labels"])[0].round().astype(np.int16), start, volume.shape, 0)
    voxel = np.linalg.norm(affine[:3, :3], axis=0)
    qc = {"scan_shape": _by(brain.shape), "voxel_mm": float(voxel.mean()), "box": _by(size), "lost_voxels": lost}
    qc |= {"brain_ml": float(brain.sum() * np.prod(voxel) / 1000), "mask_from": source}
    images, geometry = {}, {}
    for name, (data, _) in scans.items():
        file = row[KIND[name]]
        bounds = intensity_bounds(data[brain], volume.percentiles, name, file)
        images[name] = normalise(cut(data, start, volume.shape, 0.0), mask, bounds)
        geometry[name] = describe(root / file, affine, brain.shape, start, bounds)
        qc |= {f"{name.lower()}_low": bounds[0], f"{name.lower()}_high": bounds[1]}
    return Prepared(images, mask, labels, geometry, qc)


def load(root: Path, relative: str) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (float32, through the header's slope) and affine of a scan, in RAS+ orientation.

    Raises
    ------
    Unusable
        If the file can't be read to its end.
    """
    try:
        image = nib.load(root / relative)
        data = np.asarray(image.dataobj, dtype=np.float32)
    except (OSError, EOFError, ValueError, zlib.error, ImageFileError) as error:
        raise Unusable(f"its voxels can't be read ({type(error).__name__})", relative) from None
    return to_ras(data, image.affine), ras_affine(image.shape, image.affine)


def check_voxels(data: np.ndarray, name: str, file: str) -> None:
    """Refuse voxels that are no image."""
    if not np.isfinite(data).all():
        raise Unusable(f"{name}: {int((~np.isfinite(data)).sum())} voxels are NaN or infinite", file)
    low, high = float(data.min()), float(data.max())
    if low == high:
        raise Unusable(f"{name}: every voxel is {low:g}", file)
    if high <= 0:
        raise Unusable(f"{name}: no voxel is above zero", file)


def find_brain(row: dict[str, Any], root: Path, scans: dict[str, np.ndarray], volume: Volume) -> tuple[np.ndarray, str]:
    """The brain mask (D, H, W), bool, and where it comes from: a given mask, or the scans being skull-stripped."""
    if row["mask"]:
        mask = load(root, row["mask"])[0] > 0.5
        if not mask.any():
            raise Unusable("the brain mask is empty", row["mask"])
        return mask, "given mask"
    foreground = {name: data > NOISE_FLOOR * data.max() for name, data in scans.items()}
    for name, inside in foreground.items():
        background = 1 - inside.mean()
        if background < volume.strip_check:
            raise Unusable(
                f"{name} isn't skull-stripped ({background:.0%} of its voxels are background, "
                f"{volume.strip_check:.0%} are expected) and there is no mask; supply one as "
                "derivatives/<name>/sub-*/[ses-*/]anat/*_desc-brain_mask.nii.gz",
                row[KIND[name]],
            )
    return _largest(foreground["T1w"] | foreground["T2w"]), "skull-stripped scans"


def _largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected piece of a mask, its holes filled."""
    pieces, count = ndimage.label(mask)
    if count > 1:
        mask = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    return ndimage.binary_fill_holes(mask)


def intensity_bounds(values: np.ndarray, percentiles: tuple[float, float], name: str, file: str) -> tuple[float, float]:
    """Intensities at the two percentiles of the brain's values; they become -1 and 1."""
    low, high = (float(v) for v in np.percentile(values, percentiles))
    low = max(low, 0.0)  # interpolation ripples are no signal
    if high <= low:
        raise Unusable(f"{name}: the brain's intensities are all {low:g}", file)
    return low, high


def normalise(data: np.ndarray, mask: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """Intensities (D, H, W) to float16 in [-1, 1]; -1 outside the mask."""
    scaled = np.clip((data - bounds[0]) / (bounds[1] - bounds[0]) * 2 - 1, -1, 1)
    return np.where(mask, scaled, -1).astype(np.float16)


def describe(
    path: Path, affine: np.ndarray, shape: tuple[int, ...], start: np.ndarray, bounds: tuple[float, float]
) -> Geometry:
    """What it takes to put a volume back into its scan."""
    source = nib.load(path)
    return Geometry(
        affine=_rows(affine),
        shape=tuple(int(side) for side in shape),
        source_affine=_rows(source.affine),
        source_shape=tuple(int(side) for side in source.shape),
        start=tuple(int(voxel) for voxel in start),
        intensity=bounds,
    )


def _rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)


def _by(sides: Any) -> str:
    return " x ".join(str(int(side)) for side in sides)
