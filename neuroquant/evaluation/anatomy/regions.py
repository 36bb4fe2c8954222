"""Regional volumes in mm3, soft as SynthSeg reports them."""

from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.evaluation.anatomy import ceiling
from neuroquant.files import write_tsv
from neuroquant.segmentation.labels import FLUID, REGIONS, name_of
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import IMAGE_KEY, REGION_VOLUMES


def write_regions(segmentations: dict[str, Path], out_tsv: Path) -> None:
    """A row per session, modality, model and region: every label, the regions of figure 4, and where CSF is
    known, as in SynthSeg 2.0, the total intracranial volume: all structures, CSF among them.

    Parameters
    ----------
    segmentations : model, or `reference` for the originals -> segmentations. Those of originals that were moved by half
        a voxel are the model `ceiling`.
    """
    rows = []
    for model, path in segmentations.items():
        file = ArrayFile(path)
        arrays = {model: "volumes"} | ({ceiling.NAME: ceiling.VOLUMES} if ceiling.VOLUMES in file.names else {})
        for name, array in arrays.items():
            rows += regions_of(file, name, array)
    write_tsv(pd.DataFrame(rows, columns=REGION_VOLUMES), out_tsv)


def regions_of(file: ArrayFile, model: str, array: str) -> list[dict[str, Any]]:
    """Rows of one array of soft volumes (rows, labels)."""
    labels, rows = file.attributes["labels"], []
    engine = file.attributes["engine"] if file.attributes["stand_in"] else ""
    for index, record in enumerate(file.records):
        volumes = dict(zip(labels, file.read(array, index).tolist(), strict=True))
        named = {name_of(label): value for label, value in volumes.items() if label}
        named |= {name: sum(volumes.get(label, 0.0) for label in parts) for name, parts in REGIONS.items()}
        if FLUID in volumes:
            named["total intracranial"] = sum(value for label, value in volumes.items() if label)
        facts = {name: getattr(record, name) for name in IMAGE_KEY}
        rows += [{**facts, "model": model, "region": r, "mm3": v, "stand_in": engine} for r, v in named.items()]
    return rows
