"""Segment every image of a shard."""

from pathlib import Path

import numpy as np

from neuroquant.evaluation.synthseg.engine import Segmenter
from neuroquant.evaluation.synthseg.scans import Scan
from neuroquant.files import written_whole
from neuroquant.volumes.store import ArrayFile, ArrayWriter


def segment_shard(images_h5: Path, out_h5: Path, segmenter: Segmenter) -> None:
    """Write `labels` (int16) and `volumes` (mm3 a label) for every row of volumes or reconstructions.

    Attributes: engine, stand_in, labels (of the volumes, in order), provenance.
    """
    images = ArrayFile(images_h5)
    view = images.view("image")
    attributes = {
        "engine": segmenter.name,
        "stand_in": segmenter.stand_in,
        "labels": list(segmenter.labels),
        "provenance": segmenter.provenance,
    }
    with written_whole(out_h5) as scratch, ArrayWriter(scratch, list(images.records), attributes) as writer:
        writer.create("labels", view.shape[1:], np.int16, compress=True)
        writer.create("volumes", (len(segmenter.labels),), np.float64)
        scans = (
            Scan(f"{images_h5}, row {index}", view[index].astype(np.float32) + 1, np.array(record.geometry.affine))
            for index, record in enumerate(images.records)
        )
        for index, found in enumerate(segmenter.segment_all(scans)):
            writer.write("labels", index, found.labels)
            writer.write("volumes", index, found.volumes)
