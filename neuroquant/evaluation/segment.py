"""Segment every image of a shard."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neuroquant.evaluation import ceiling
from neuroquant.evaluation.synthseg.engine import Segmenter
from neuroquant.evaluation.synthseg.scans import Scan
from neuroquant.files import written_whole
from neuroquant.volumes.store import ArrayFile, ArrayWriter


def segment_shard(images_h5: Path, out_h5: Path, segmenter: Segmenter, with_ceiling: bool = False) -> None:
    """Write `labels` (int16) and `volumes` (mm3 a label) for every row of volumes or reconstructions.

    With a ceiling every image is segmented once more, moved by half a voxel: `labels_moved` and `volumes_moved`.

    Attributes: engine, stand_in, labels (of the volumes, in order), provenance.
    """
    images = ArrayFile(images_h5)
    shape = images.view("image").shape[1:]
    attributes = {
        "engine": segmenter.name,
        "stand_in": segmenter.stand_in,
        "labels": list(segmenter.labels),
        "provenance": segmenter.provenance,
    }
    kinds = [("labels", "volumes")] + ([(ceiling.LABELS, ceiling.VOLUMES)] if with_ceiling else [])
    with written_whole(out_h5) as scratch, ArrayWriter(scratch, list(images.records), attributes) as writer:
        for labels, volumes in kinds:
            writer.create(labels, shape, np.int16, compress=True)
            writer.create(volumes, (len(segmenter.labels),), np.float64)
        for number, found in enumerate(segmenter.segment_all(scans(images, with_ceiling))):
            index, kind = divmod(number, len(kinds))
            writer.write(kinds[kind][0], index, found.labels)
            writer.write(kinds[kind][1], index, found.volumes)


def scans(images: ArrayFile, with_ceiling: bool) -> Iterator[Scan]:
    """Every image with background 0; with a ceiling each is followed by itself, moved."""
    view = images.view("image")
    for index, record in enumerate(images.records):
        name, affine = f"{images.path}, row {index}", np.array(record.geometry.affine)
        volume = view[index].astype(np.float32) + 1
        yield Scan(name, volume, affine)
        if with_ceiling:
            yield Scan(f"{name}, moved", ceiling.moved(volume), affine)
