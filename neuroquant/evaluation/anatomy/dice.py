"""Dice and normalised surface distance of each structure between two segmentations of the same sessions."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from nibabel.affines import voxel_sizes

from neuroquant.errors import InputError
from neuroquant.evaluation.anatomy import ceiling
from neuroquant.evaluation.anatomy.surface import normalised_surface_distances, surfaces
from neuroquant.evaluation.rows import MODALITIES, rows_for
from neuroquant.files import write_tsv
from neuroquant.segmentation.labels import GROUPS, name_of
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import DICE, IMAGE_KEY


class Agreement(NamedTuple):
    """Dice, and normalised surface distance, both in 0 to 1 where 1 is best."""

    dice: float
    nsd: float


def dice(a: np.ndarray, b: np.ndarray, structures: tuple[int, ...]) -> dict[int, float]:
    """Dice of each label between two label maps (D, H, W); a structure that neither has is left out."""
    top = int(max(a.max(), b.max(), max(structures, default=0))) + 1
    size_a, size_b = np.bincount(a.ravel(), minlength=top), np.bincount(b.ravel(), minlength=top)
    both = np.bincount(a[a == b].ravel(), minlength=top)
    total = size_a + size_b
    return {label: float(2 * both[label] / total[label]) for label in structures if total[label]}


def agreements(
    reference: np.ndarray,
    others: dict[str, np.ndarray],
    structures: tuple[int, ...],
    voxel_mm: tuple[float, ...],
    tolerance_mm: float,
) -> dict[str, dict[int, Agreement]]:
    """Name -> structure -> how well other label maps agree with a reference (D, H, W), whose surfaces are made once."""
    own, agreement = surfaces(reference), {}
    for name, other in others.items():
        near = normalised_surface_distances(own, surfaces(other), voxel_mm, tolerance_mm)
        agreement[name] = {
            label: Agreement(value, near[label]) for label, value in dice(reference, other, structures).items()
        }
    return agreement


def score_dice(
    reference_h5: Path, segmentations: dict[str, Path], structures: tuple[int, ...], tolerance_mm: float, out_tsv: Path
) -> None:
    """Agreement between the segmentation of each original and of its reconstructions.

    Parameters
    ----------
    segmentations : model -> segmentations of its reconstructions. Where the originals were segmented a second time,
        moved by half a voxel, the agreement of the two is the entry of the model `ceiling`.
    structures : labels that are scored; empty: all of the engine but the background. Their mean over the structures
        present is a row of its own, with the structure `mean`.
    tolerance_mm : by which a surface may be off.
    """
    reference, rows = ArrayFile(reference_h5), []
    chosen = structures or tuple(label for label in reference.attributes["labels"] if label)
    files = {model: ArrayFile(path) for model, path in segmentations.items()}
    rows_in = {model: check_rows(reference, file) for model, file in files.items()}
    for index, record in enumerate(reference.records):
        row_of = {model: rows.index(index) for model, rows in rows_in.items() if index in rows}
        others = {model: files[model].read("labels", position) for model, position in row_of.items()}
        if ceiling.LABELS in reference.names:
            others[ceiling.NAME] = reference.read(ceiling.LABELS, index)
        sides = tuple(voxel_sizes(np.array(record.geometry.affine)))
        scores = agreements(reference.read("labels", index), others, chosen, sides, tolerance_mm)
        for model, values in scores.items():
            rows += describe(reference, index, model, values)
    write_tsv(pd.DataFrame(rows, columns=DICE), out_tsv)


def score_truth(
    volumes_h5: Path, reference_h5: Path, structures: tuple[int, ...], tolerance_mm: float, out_tsv: Path
) -> None:
    """Agreement of the engine's segmentation of each original with ground truth, where there is one."""
    volumes, reference, rows = ArrayFile(volumes_h5), ArrayFile(reference_h5), []
    check_rows(volumes, reference)
    known = set(reference.attributes["labels"]) - {0}
    for index, record in enumerate(volumes.records):
        if not volumes.attributes["has_labels"][index]:
            continue
        truth = volumes.read("labels", index)
        chosen = structures or tuple(sorted(known & set(np.unique(truth).tolist())))
        sides = tuple(voxel_sizes(np.array(record.geometry.affine)))
        scores = agreements(truth, {"reference": reference.read("labels", index)}, chosen, sides, tolerance_mm)
        rows += describe(reference, index, "reference", scores["reference"])
    write_tsv(pd.DataFrame(rows, columns=DICE), out_tsv)


def check_rows(a: ArrayFile, b: ArrayFile) -> list[int]:
    """Which row of a each row of b belongs to; b may lack the images of modalities that its model doesn't take.

    Raises
    ------
    InputError
        If they don't hold the same sessions.
    """
    rows = rows_for(a, b.attributes.get(MODALITIES))
    if [a.records[row].key for row in rows] != [record.key for record in b.records]:
        raise InputError(str(b.path), "other sessions", f"the sessions of {a.path}", "rerun the rule that wrote it")
    return rows


def describe(file: ArrayFile, index: int, model: str, scores: dict[int, Agreement]) -> list[dict[str, Any]]:
    """Rows of one image: each structure, the mean of each group of structures, and the mean of all."""
    record = file.records[index]
    facts = {name: getattr(record, name) for name in IMAGE_KEY}
    facts |= {"model": model, "stand_in": file.attributes["engine"] if file.attributes["stand_in"] else ""}
    rows = [{**facts, "structure": label, "name": name_of(label), **s._asdict()} for label, s in scores.items()]
    for group, members in GROUPS.items():
        of_group = [value for label, value in scores.items() if label in members]
        if of_group:
            rows.append({**facts, "structure": group, "name": f"mean over {group}", **mean(of_group)})
    return [*rows, {**facts, "structure": "mean", "name": "mean over structures", **mean(list(scores.values()))}]


def mean(scores: list[Agreement]) -> dict[str, float]:
    """Means of both; nan of nothing."""
    values = np.mean(scores, axis=0) if scores else (np.nan, np.nan)
    return Agreement(*map(float, values))._asdict()
