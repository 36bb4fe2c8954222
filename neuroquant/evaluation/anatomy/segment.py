"""Segment every image of a shard."""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neuroquant.evaluation.anatomy import ceiling
from neuroquant.evaluation.rows import MODALITIES
from neuroquant.files import written_whole
from neuroquant.segmentation.engine import Segmenter
from neuroquant.segmentation.scans import Found, Scan
from neuroquant.store.arrays import ArrayFile, ArrayWriter


def segment_shards(
    images: Mapping[str, Path], out: Mapping[str, Path], segmenter: Segmenter, with_ceiling: bool = False
) -> None:
    """`segment_shard` for several files by name, e.g. the reconstructions of one shard by several models."""
    for name, path in images.items():
        segment_shard(path, out[name], segmenter, with_ceiling)


def segment_shard(images_h5: Path, out_h5: Path, segmenter: Segmenter, with_ceiling: bool = False) -> None:
    """Write `labels` (int16) and `volumes` (mm3 a label) for every row of volumes or reconstructions.

    With a ceiling every image is segmented once more, moved by half a voxel: `labels_moved` and `volumes_moved`.

    An image with nothing in it, which a model that has learnt nothing makes, is background in every voxel: its Dice is
    0, and the run goes on. Attributes: engine, stand_in, labels (of the volumes, in order), provenance, and blank, the
    rows of such images.
    """
    images = ArrayFile(images_h5)
    view = images.view("image")
    attributes = {
        "engine": segmenter.name,
        "stand_in": segmenter.stand_in,
        "labels": list(segmenter.labels),
        "provenance": segmenter.provenance,
    }
    if MODALITIES in images.attributes:
        attributes[MODALITIES] = images.attributes[MODALITIES]
    blank = [row for row in range(len(images)) if view[row].min() == view[row].max()]  # nan isn't equal to itself
    kinds = [("labels", "volumes")] + ([(ceiling.LABELS, ceiling.VOLUMES)] if with_ceiling else [])
    jobs = [(row, kind) for row in range(len(images)) for kind in range(len(kinds))]
    to_segment = [(row, kind) for row, kind in jobs if row not in blank]

    with written_whole(out_h5) as scratch, ArrayWriter(scratch, list(images.records), attributes) as writer:
        for labels, volumes in kinds:
            writer.create(labels, view.shape[1:], np.int16, compress=True)
            writer.create(volumes, (len(segmenter.labels),), np.float64)

        def keep(row: int, kind: int, segmentation: Found) -> None:
            labels, volumes = kinds[kind]
            writer.write(labels, row, segmentation.labels)
            writer.write(volumes, row, segmentation.volumes)

        segmentations = segmenter.segment_all(scan(images, row, shifted=kind > 0) for row, kind in to_segment)
        for (row, kind), segmentation in zip(to_segment, segmentations, strict=True):
            keep(row, kind, segmentation)
        for row, kind in jobs:
            if row in blank:
                empty = scan(images, row)
                print(f"{empty.name}: the same value in every voxel; taken as background", file=sys.stderr)
                keep(row, kind, nothing(empty, segmenter.labels))
        writer.note(blank=blank)


def scan(images: ArrayFile, row: int, shifted: bool = False) -> Scan:
    """An image of a shard with background 0; `shifted` by half a voxel for the ceiling."""
    record = images.records[row]
    name = f"{images.path}, row {row} ({' '.join(filter(None, record.key))})" + (", moved" if shifted else "")
    volume = images.view("image")[row].astype(np.float32) + 1
    return Scan(name, ceiling.moved(volume) if shifted else volume, np.array(record.geometry.affine))


def nothing(empty: Scan, labels: tuple[int, ...]) -> Found:
    """The segmentation of an empty image."""
    cubic = float(abs(np.linalg.det(empty.affine[:3, :3])))
    volumes = [empty.volume.size * cubic if label == 0 else 0.0 for label in labels]
    return Found(np.zeros(empty.volume.shape, np.int16), np.array(volumes))
