"""Errors of intensities by structure: where in the brain a reconstruction goes wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuroquant.evaluation.rows import matching
from neuroquant.files import write_tsv
from neuroquant.segmentation.labels import GROUPS, name_of
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import IMAGE_KEY, STRUCTURE_ERRORS

RANGE = 2.0
"""Data range of volumes in [-1, 1]."""


def score_errors(
    volumes_h5: Path, reference_h5: Path, reconstructions: dict[str, Path], structures: tuple[int, ...], out_tsv: Path
) -> None:
    """Write MAE and PSNR of every reconstruction within each structure of its original's segmentation.

    Groups of structures, and all of them together (`mean`), are sets of voxels too: their errors are means over voxels.

    Parameters
    ----------
    reference_h5 : segmentations of the originals.
    reconstructions : model -> its reconstructions of the shard of volumes.
    structures : labels that are scored; empty: all of the engine but the background.
    """
    volumes, reference = ArrayFile(volumes_h5), ArrayFile(reference_h5)
    chosen = structures or tuple(label for label in reference.attributes["labels"] if label)
    engine = reference.attributes["engine"] if reference.attributes["stand_in"] else ""
    files = {model: matching(path, volumes) for model, path in reconstructions.items()}
    rows: dict[str, list[dict[str, Any]]] = {model: [] for model in files}
    for index, record in enumerate(volumes.records):
        x, labels = volumes.view("image")[index].astype(np.float32), reference.read("labels", index)
        facts = {name: getattr(record, name) for name in IMAGE_KEY} | {"stand_in": engine}
        for model, (copies, rows_of_volumes) in files.items():
            if index not in rows_of_volumes:
                continue  # the model doesn't take this modality
            y = copies.view("image")[rows_of_volumes.index(index)].astype(np.float32)
            rows[model] += [facts | {"model": model} | row for row in errors(x, y, labels, chosen)]
    write_tsv(pd.DataFrame([row for own in rows.values() for row in own], columns=STRUCTURE_ERRORS), out_tsv)


def errors(x: np.ndarray, y: np.ndarray, labels: np.ndarray, structures: tuple[int, ...]) -> list[dict[str, Any]]:
    """Structure, name, MAE (in the units of x, of a range of 2) and PSNR (dB) of y against x in each structure.

    Parameters
    ----------
    x, y, labels : (D, H, W); a structure without voxels has no row.
    """
    error, flat = np.abs(x.astype(np.float32) - y).ravel(), labels.ravel()
    top = max(int(flat.max(initial=0)), *structures) + 1
    voxels = np.bincount(flat, minlength=top)
    absolute = np.bincount(flat, error, top)
    squared = np.bincount(flat, np.square(error, dtype=np.float64), top)
    parts = {label: ([label], name_of(label)) for label in structures}
    parts |= {group: ([label for label in structures if label in members], group) for group, members in GROUPS.items()}
    parts["mean"] = (list(structures), "all structures")
    rows = []
    for structure, (members, name) in parts.items():
        count = voxels[members].sum()
        if count:
            with np.errstate(divide="ignore"):
                psnr = 10 * np.log10(RANGE**2 / (squared[members].sum() / count))
            mae = float(absolute[members].sum() / count)
            rows.append({"structure": structure, "name": name, "mae": mae, "psnr": float(psnr)})
    return rows
