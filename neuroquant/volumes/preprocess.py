"""From the scans of one shard to volumes: RAS+, brain box, padding, intensities (section 4.1 of the paper)."""

import hashlib
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuroquant.config.volume import Volume
from neuroquant.files import read_tsv, write_tsv, written_whole
from neuroquant.scans.grid import Grid
from neuroquant.scans.unusable import Unusable
from neuroquant.store.arrays import ArrayWriter, Geometry, Record
from neuroquant.store.disk import remove_stale, reserve, told_when_full
from neuroquant.volumes import align
from neuroquant.volumes.brain import brain_ml
from neuroquant.volumes.geometry import bounding_box, centred_start, cut
from neuroquant.volumes.intensity import intensity_bounds, normalise
from neuroquant.volumes.masking import Segment, find_brain, refuse_raw
from neuroquant.volumes.plausible import lacking, look
from neuroquant.volumes.scan import Scan, by, check_image, load_scan
from neuroquant.volumes.session import Session, bring_together
from neuroquant.volumes.truth import load_labels

KEY = ["cohort", "subject", "session"]
EXCLUDED = [*KEY, "reason", "file"]
QC = [
    *KEY, "scan_shape", "voxel_mm", "box", "brain_ml", "mask_from", "lost_voxels", "lost_share",
    "t1w_low", "t1w_high", "t2w_low", "t2w_high", "resampled", "scale", "registered", "mi_before", "mi_after",
    "shift_mm", "turn_deg", "mirrored", "inward", "ground_truth", "n4_t1w", "n4_t2w", "t1w_hash", "t2w_hash",
]  # fmt: skip
BYTES = 2 + 1 + 2
"""A voxel of image, mask and labels; the last two are compressed in the end."""
KINDS = {"T1w": "t1w", "T2w": "t2w"}
"""Column of the manifest that names a modality's scan."""


@dataclass
class Prepared:
    """One session, ready to write.

    Attributes
    ----------
    images : modality -> float16 (D, H, W) in [-1, 1]
    mask : the brain, uint8 (D, H, W)
    labels : ground truth, int16 (D, H, W); zeros where there is none
    has_labels : whether there is one
    geometry : modality -> where the volume lies in its scan
    qc : a row of the QC table, less the key
    """

    images: dict[str, np.ndarray]
    mask: np.ndarray
    labels: np.ndarray
    has_labels: bool
    geometry: dict[str, Geometry]
    qc: dict[str, Any]


def preprocess_shard(
    manifest_tsv: Path,
    root: Path,
    volume: Volume,
    out_h5: Path,
    qc_tsv: Path,
    excluded_tsv: Path,
    segment: Segment | None = None,
) -> None:
    """Write the volumes of one shard; a session that fails costs itself alone and is named in `excluded_tsv`.

    `segment` makes masks of raw scans that come with neither mask nor label map.

    The HDF5 file has a row for each session and modality: `image` float16 in [-1, 1] with background -1, `mask` uint8
    (the brain) and `labels` int16 (ground truth; zeros where the attribute `has_labels` says there is none).

    Raises
    ------
    InputError
        If the disk is full; nothing half written stays behind.
    """
    out_h5.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(out_h5)
    with told_when_full(out_h5.parent):
        _preprocess(manifest_tsv, root, volume, out_h5, qc_tsv, excluded_tsv, segment)


def _preprocess(
    manifest_tsv: Path,
    root: Path,
    volume: Volume,
    out_h5: Path,
    qc_tsv: Path,
    excluded_tsv: Path,
    segment: Segment | None,
) -> None:
    records: list[Record] = []
    has_labels: list[bool] = []
    qc: list[dict[str, Any]] = []
    excluded: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix=f".{out_h5.stem}.", dir=out_h5.parent) as spool:
        for row in read_tsv(manifest_tsv, numeric=("age",)).to_dict("records"):
            key = {name: row[name] for name in KEY}
            try:
                session = prepare(row, root, volume, segment)
            except Unusable as error:
                excluded.append({**key, "reason": error.reason, "file": error.file})
                print(f"excluded {' '.join(key.values())}: {error.reason} ({error.file})", flush=True)
                continue
            facts = {name: row[name] for name in ("split", "family", "sex", "age")}
            for modality, image in session.images.items():
                _spool(Path(spool), len(records), image=image, mask=session.mask, labels=session.labels)
                records.append(Record(**key, modality=modality, **facts, geometry=session.geometry[modality]))
                has_labels.append(session.has_labels)
            qc.append({**key, **session.qc})
            print(
                f"done {' '.join(key.values())}: {session.qc['brain_ml']:.0f} ml, box {session.qc['box']}", flush=True
            )
        _write(out_h5, Path(spool), records, has_labels, volume)
    write_tsv(pd.DataFrame(qc, columns=QC), qc_tsv)
    write_tsv(pd.DataFrame(excluded, columns=EXCLUDED), excluded_tsv)


def _spool(folder: Path, row: int, **arrays: np.ndarray) -> None:
    """Keep a row on disk until all rows are known: a shard of a large cohort doesn't fit in memory."""
    for name, array in arrays.items():
        np.save(folder / f"{row}-{name}.npy", array, allow_pickle=False)


def _write(out_h5: Path, spool: Path, records: list[Record], has_labels: list[bool], volume: Volume) -> None:
    sides = {_voxel_side(record.geometry) for record in records if record.geometry}
    attributes = {
        "shape": volume.shape,
        "range": [-1, 1],
        "has_labels": has_labels,
        "voxel_mm": float(np.median(list(sides))) if sides else None,
    }
    reserve(out_h5.parent, len(records) * math.prod(volume.shape) * BYTES)
    with written_whole(out_h5) as scratch, ArrayWriter(scratch, records, attributes) as writer:
        writer.create("image", volume.shape, np.float16)
        writer.create("mask", volume.shape, np.uint8, compress=True)
        writer.create("labels", volume.shape, np.int16, compress=True)
        for row in range(len(records)):
            for name in ("image", "mask", "labels"):
                writer.write(name, row, np.load(spool / f"{row}-{name}.npy", allow_pickle=False))


def prepare(row: dict[str, Any], root: Path, volume: Volume, segment: Segment | None = None) -> Prepared:
    """One session, given its row of a manifest; one modality may be missing.

    Raises
    ------
    Unusable
        If a file is broken, scans on different grids may not be resampled, no brain mask can be had, or the brain
        doesn't fit.
    """
    files, scans, hashes = read_scans(row, root, volume)
    truth, why_not = None, ""
    if row["labels"]:
        reference = next(iter(scans))
        truth, why_not = load_labels(root, row["labels"], reference, scans[reference])
        row = row if truth else {**row, "labels": ""}
    refuse_raw(row, scans, files, volume, segment)
    aligned = bring_together(scans, files, volume)
    brain, made_from = find_brain(row, root, aligned, files, volume, segment)
    seen = check_together(aligned, brain, files, volume)
    if volume.oversize == "rescale" and (factor := too_large(brain, volume)) > 1:
        aligned = aligned.on(align.stretched(aligned.grid, np.full(3, factor)), factor)
        brain, made_from = find_brain(row, root, aligned, files, volume, segment)
    start, mask, qc = place(brain, volume, files[aligned.reference])
    labels = np.zeros(volume.shape, np.int16)
    if truth:
        labels = cut(aligned.beside(truth).astype(np.int16), start, volume.shape, 0)
    qc |= {"voxel_mm": by(aligned.grid.sides), "brain_ml": round(brain_ml(brain, aligned.grid.affine), 3)}
    qc |= {"mask_from": made_from, "ground_truth": "yes" if truth else why_not or "none"}
    qc |= {**aligned.facts(brain), **seen}
    qc |= hashes
    images, geometry = {}, {}
    for name in scans:
        scan = aligned.scan(name)
        if volume.n4:
            scan, qc[f"n4_{name.lower()}"] = align.unbiased(scan, brain)
        bounds = intensity_bounds(scan.data[brain], volume.percentiles)
        if bounds[1] <= bounds[0]:
            raise Unusable(f"the brain's intensities are all {bounds[0]:g} or less", files[name])
        images[name] = normalise(cut(scan.data, start, volume.shape, 0.0), mask, bounds)
        geometry[name] = describe(scan, start, bounds, aligned.moved(name))
        qc |= {f"{name.lower()}_low": bounds[0], f"{name.lower()}_high": bounds[1]}
    return Prepared(images, mask.astype(np.uint8), labels, truth is not None, geometry, qc)


def read_scans(
    row: dict[str, Any], root: Path, volume: Volume
) -> tuple[dict[str, str], dict[str, Scan], dict[str, str]]:
    """Modality -> file and scan of a session, each an image of a head, and the fingerprints of their voxels.

    Raises
    ------
    Unusable
        If one of them is broken, or both are the same image.
    """
    files = {name: row[kind] for name, kind in KINDS.items() if row[kind]}
    scans = {name: load_scan(root, file) for name, file in files.items()}
    for name, scan in scans.items():
        check_image(scan, files[name])
    hashes = {f"{name.lower()}_hash": content_hash(scan.data) for name, scan in scans.items()}
    if volume.pair_check and len(set(hashes.values())) < len(hashes):
        raise Unusable("T1w and T2w are the same image: copy the right one", files["T2w"])
    return files, scans, hashes


def check_together(session: Session, brain: np.ndarray, files: dict[str, str], volume: Volume) -> dict[str, float]:
    """Refuse scans that lack a part of the brain, and pairs that aren't what they say; numbers for the QC table.

    Raises
    ------
    Unusable
        With the file at fault.
    """
    for name in session.scans:
        if fault := lacking(session.scan(name).data, brain):
            raise Unusable(fault, files[name])
    if len(session.scans) < len(KINDS) or not volume.pair_check:
        return {}
    seen, fault = look(*(session.scan(name).data for name in KINDS), brain, session.grid.cube_mm)
    if fault:
        raise Unusable(fault, files["T2w"])
    return seen


def content_hash(data: np.ndarray) -> str:
    """Fingerprint of a scan's voxels (D, H, W) in RAS+, whatever its file's name, compression or orientation."""
    return hashlib.sha256(np.ascontiguousarray(data).tobytes() + str(data.shape).encode()).hexdigest()[:24]


def too_large(brain: np.ndarray, volume: Volume) -> float:
    """By what voxels must grow for a brain's box to fit the volume, a voxel to spare; at most 1 where it fits."""
    _, size = bounding_box(brain)
    return float(np.max((size + 1) / np.asarray(volume.shape))) if (size > volume.shape).any() else 1.0


def place(brain: np.ndarray, volume: Volume, file: str) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Where the volume starts in the scan (3,), the brain within it (bool, of the volume's shape), and facts for QC.

    Raises
    ------
    Unusable
        If the brain is larger than the volume and that may not be, or too much of it would be lost.
    """
    first, size = bounding_box(brain)
    start = centred_start(first, size, volume.shape)
    mask = cut(brain, start, volume.shape, False)
    total = np.count_nonzero(brain)
    lost = int(total - np.count_nonzero(mask))
    limit = volume.crop_limit if volume.oversize == "crop" else 0.0
    if lost > limit * total:
        reason = f"a brain of {by(size)} voxels in a volume of {by(volume.shape)} would lose {lost / total:.1%}"
        raise Unusable(f"{reason}; at most {limit:.1%} may be lost (volume.shape, oversize, crop_limit)", file)
    facts = {"scan_shape": by(brain.shape), "box": by(size), "lost_voxels": lost, "lost_share": lost / total}
    return start, mask, facts


def describe(scan: Scan, start: np.ndarray, bounds: tuple[float, float], moved: np.ndarray | None) -> Geometry:
    """What it takes to put a volume back into its scan."""
    return Geometry(
        affine=_rows(scan.affine),
        shape=tuple(int(side) for side in scan.data.shape),
        source_affine=_rows(scan.source_affine),
        source_shape=tuple(int(side) for side in scan.source_shape),
        start=tuple(int(voxel) for voxel in start),
        intensity=bounds,
        moved=None if moved is None else _rows(moved),
    )


def _rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)


def _voxel_side(geometry: Geometry) -> float:
    """Side in mm of the cube that has a voxel's volume."""
    return Grid(geometry.shape, np.asarray(geometry.affine)).cube_mm
