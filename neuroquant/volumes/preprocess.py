"""From the scans of one shard to volumes: each session through the steps, and what they give into one file."""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuroquant.config.volume import Volume
from neuroquant.files import require_writable, write_tsv, written_whole
from neuroquant.scans.grid import Grid
from neuroquant.scans.unusable import Unusable
from neuroquant.store.arrays import ArrayWriter, Geometry, Record
from neuroquant.store.disk import remove_stale, reserve, told_when_full
from neuroquant.tables import EXCLUDED, qc_columns
from neuroquant.volumes.heads import NO_PLANES
from neuroquant.volumes.manifest import SessionRow, read_manifest
from neuroquant.volumes.steps import steps_of
from neuroquant.volumes.work import Preprocessing, Work

BYTES = 2 + 1 + 2
"""A voxel of image, mask and labels; the last two are compressed in the end."""
ARRAYS = ("image", "mask", "labels", "head")


@dataclass(frozen=True)
class ShardFiles:
    """What preprocessing writes of one shard.

    Attributes
    ----------
    volumes : HDF5 with a row per session and modality: `image` float16 in [-1, 1] with background -1, `mask` uint8
        (the brain), `labels` int16 (ground truth; zeros where the attribute `has_labels` says there is none) and `head`
        uint8 (planes of the scan with the mask's outline; zeros where no network found the mask)
    qc : what the sessions that are in are like, columns `qc_columns`
    excluded : the sessions that are out, and why
    """

    volumes: Path
    qc: Path
    excluded: Path


@dataclass
class Shard:
    """The images of a shard, kept on disk until all rows are known: those of a large cohort don't fit in memory."""

    spool: Path
    records: list[Record] = field(default_factory=list)
    has_labels: list[bool] = field(default_factory=list)

    def add(self, work: Work) -> None:
        """The images of one session."""
        for modality in [name for name in work.how.modalities if name in work.images]:
            arrays = {"image": work.images[modality], "mask": work.mask.astype(np.uint8), "labels": work.labels}
            arrays["head"] = work.heads.get(modality, NO_PLANES)
            for name, array in arrays.items():
                np.save(self._file(len(self.records), name), array, allow_pickle=False)
            self.records.append(work.row.record(modality, work.geometry[modality]))
            self.has_labels.append(work.truth is not None)

    def write(self, out_h5: Path, volume: Volume) -> None:
        """All of them, as one file."""
        sides = {_voxel_side(record.geometry) for record in self.records if record.geometry}
        attributes = {
            "shape": volume.shape,
            "range": [-1, 1],
            "has_labels": self.has_labels,
            "voxel_mm": float(np.median(list(sides))) if sides else None,
        }
        reserve(out_h5.parent, len(self.records) * math.prod(volume.shape) * BYTES)
        with written_whole(out_h5) as scratch, ArrayWriter(scratch, self.records, attributes) as writer:
            writer.create("image", volume.shape, np.float16)
            writer.create("mask", volume.shape, np.uint8, compress=True)
            writer.create("labels", volume.shape, np.int16, compress=True)
            writer.create("head", NO_PLANES.shape, np.uint8, compress=True)
            for row in range(len(self.records)):
                for name in ARRAYS:
                    writer.write(name, row, np.load(self._file(row, name), allow_pickle=False))

    def _file(self, row: int, name: str) -> Path:
        return self.spool / f"{row}-{name}.npy"


def preprocess_shard(manifest_tsv: Path, out: ShardFiles, how: Preprocessing) -> None:
    """Write the volumes of one shard; a session that fails costs itself alone and is named in `out.excluded`.

    Raises
    ------
    InputError
        If the folder can't be written to, or the disk is full; nothing half written stays behind.
    """
    folder = out.volumes.parent
    require_writable(folder)
    remove_stale(out.volumes)
    with told_when_full(folder), tempfile.TemporaryDirectory(prefix=f".{out.volumes.stem}.", dir=folder) as spool:
        shard = Shard(Path(spool))
        qc, excluded = _preprocess(read_manifest(manifest_tsv, how.modalities), how, shard.add)
        shard.write(out.volumes, how.volume)
        write_tsv(pd.DataFrame(qc, columns=qc_columns(how.modalities)), out.qc)
        write_tsv(pd.DataFrame(excluded, columns=EXCLUDED), out.excluded)


def _preprocess(
    rows: list[SessionRow], how: Preprocessing, keep: Callable[[Work], None]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the QC table and of the excluded sessions; `keep` receives each session that is in."""
    print("steps:", ", ".join(step.name for step in steps_of(how.volume)), flush=True)
    qc, excluded = [], []
    for row in rows:
        try:
            work = prepare(row, how)
        except Unusable as error:
            excluded.append({**row.key, "reason": error.reason, "file": error.file})
            print(f"excluded {row.shown} at the step {error.step}: {error.reason} ({error.file})", flush=True)
            continue
        keep(work)
        qc.append({**row.key, **work.qc})
        print(f"done {row.shown}: {work.qc['brain_ml']:.0f} ml, box {work.qc['box']}", flush=True)
    return qc, excluded


def prepare(row: SessionRow, how: Preprocessing) -> Work:
    """One session through all steps; any modality may be missing.

    Raises
    ------
    Unusable
        If a file is broken, scans on different grids may not be resampled, no brain mask can be had, or the brain
        doesn't fit; its `step` says where.
    """
    work = Work(row, how)
    for step in steps_of(how.volume):
        step(work)
    return work


def _voxel_side(geometry: Geometry) -> float:
    """Side in mm of the cube that has a voxel's volume."""
    return Grid(geometry.shape, np.asarray(geometry.affine)).cube_mm
