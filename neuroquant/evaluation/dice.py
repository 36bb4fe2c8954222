"""Dice of each structure between two segmentations of the same sessions."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuroquant.errors import InputError
from neuroquant.evaluation.synthseg.labels import GROUPS, name_of
from neuroquant.files import write_tsv
from neuroquant.volumes.store import ArrayFile

COLUMNS = [
    "cohort", "subject", "session", "family", "modality", "model", "structure", "name", "dice", "stand_in",
]  # fmt: skip


def dice(a: np.ndarray, b: np.ndarray, structures: tuple[int, ...]) -> dict[int, float]:
    """Dice of each label between two label maps (D, H, W); a structure that neither has is left out."""
    top = int(max(a.max(), b.max(), max(structures, default=0))) + 1
    size_a, size_b = np.bincount(a.ravel(), minlength=top), np.bincount(b.ravel(), minlength=top)
    both = np.bincount(a[a == b].ravel(), minlength=top)
    total = size_a + size_b
    return {label: float(2 * both[label] / total[label]) for label in structures if total[label]}


def score_dice(reference_h5: Path, segmentations: dict[str, Path], structures: tuple[int, ...], out_tsv: Path) -> None:
    """Dice between the segmentation of each original and of its reconstructions.

    Parameters
    ----------
    segmentations : model -> segmentations of its reconstructions.
    structures : labels that are scored; empty: all of the engine but the background. Their mean over the structures
        present is a row of its own, with the structure `mean`.
    """
    reference, rows = ArrayFile(reference_h5), []
    chosen = structures or tuple(label for label in reference.attributes["labels"] if label)
    for model, path in segmentations.items():
        other = ArrayFile(path)
        check_rows(reference, other)
        for index in range(len(reference)):
            scores = dice(reference.read("labels", index), other.read("labels", index), chosen)
            rows += describe(reference, index, model, scores)
    write_tsv(pd.DataFrame(rows, columns=COLUMNS), out_tsv)


def score_truth(volumes_h5: Path, reference_h5: Path, structures: tuple[int, ...], out_tsv: Path) -> None:
    """Dice of the engine's segmentation of each original against ground truth, where there is one."""
    volumes, reference, rows = ArrayFile(volumes_h5), ArrayFile(reference_h5), []
    check_rows(volumes, reference)
    known = set(reference.attributes["labels"]) - {0}
    for index in range(len(volumes)):
        if not volumes.attributes["has_labels"][index]:
            continue
        truth = volumes.read("labels", index)
        chosen = structures or tuple(sorted(known & set(np.unique(truth).tolist())))
        rows += describe(reference, index, "reference", dice(truth, reference.read("labels", index), chosen))
    write_tsv(pd.DataFrame(rows, columns=COLUMNS), out_tsv)


def check_rows(a: ArrayFile, b: ArrayFile) -> None:
    """Refuse two shards that don't hold the same sessions."""
    if [record.key for record in a.records] != [record.key for record in b.records]:
        raise InputError(str(b.path), "other sessions", f"the sessions of {a.path}", "rerun the rule that wrote it")


def describe(file: ArrayFile, index: int, model: str, scores: dict[int, float]) -> list[dict[str, Any]]:
    """Rows of one image: each structure, the mean of each group of structures, and the mean of all."""
    record = file.records[index]
    facts = {name: getattr(record, name) for name in ("cohort", "subject", "session", "family", "modality")}
    facts |= {"model": model, "stand_in": file.attributes["engine"] if file.attributes["stand_in"] else ""}
    rows = [{**facts, "structure": label, "name": name_of(label), "dice": value} for label, value in scores.items()]
    for group, members in GROUPS.items():
        found = [value for label, value in scores.items() if label in members]
        if found:
            rows.append({**facts, "structure": group, "name": f"mean over {group}", "dice": float(np.mean(found))})
    mean = float(np.mean(list(scores.values()))) if scores else float("nan")
    return [*rows, {**facts, "structure": "mean", "name": "mean over structures", "dice": mean}]
