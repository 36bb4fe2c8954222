"""Segment every image of a shard."""

import sys
from pathlib import Path

import numpy as np

from neuroquant.evaluation.synthseg.engine import Segmenter
from neuroquant.evaluation.synthseg.scans import Found, Scan
from neuroquant.files import written_whole
from neuroquant.volumes.store import ArrayFile, ArrayWriter


def segment_shard(images_h5: Path, out_h5: Path, segmenter: Segmenter) -> None:
    """Write `labels` (int16) and `volumes` (mm3 a label) for every row of volumes or reconstructions.

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
    blank = [row for row in range(len(images)) if view[row].min() == view[row].max()]  # nan isn't equal to itself
    rest = [row for row in range(len(images)) if row not in blank]

    def scan(row: int) -> Scan:
        record = images.records[row]
        name = f"{images_h5}, row {row} ({' '.join(filter(None, record.key))})"
        return Scan(name, view[row].astype(np.float32) + 1, np.array(record.geometry.affine))

    with written_whole(out_h5) as scratch, ArrayWriter(scratch, list(images.records), attributes) as writer:
        writer.create("labels", view.shape[1:], np.int16, compress=True)
        writer.create("volumes", (len(segmenter.labels),), np.float64)

        def keep(row: int, found: Found) -> None:
            writer.write("labels", row, found.labels)
            writer.write("volumes", row, found.volumes)

        for row, found in zip(rest, segmenter.segment_all(map(scan, rest)), strict=True):
            keep(row, found)
        for row in blank:
            print(f"{scan(row).name}: the same value in every voxel; taken as background", file=sys.stderr)
            keep(row, nothing(scan(row), segmenter.labels))
        writer.note(blank=blank)


def nothing(scan: Scan, labels: tuple[int, ...]) -> Found:
    """The segmentation of an empty image."""
    cubic = float(abs(np.linalg.det(scan.affine[:3, :3])))
    volumes = [scan.volume.size * cubic if label == 0 else 0.0 for label in labels]
    return Found(np.zeros(scan.volume.shape, np.int16), np.array(volumes))
