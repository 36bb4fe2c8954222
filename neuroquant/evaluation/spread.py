"""How much reconstructions differ between subjects, beside how much the originals do.

A model that gives everybody nearly the same brain can have a fair PSNR; its reconstructions hardly vary.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.evaluation.rows import matching
from neuroquant.files import write_tsv
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import SPREAD


class Variance:
    """Standard deviation over volumes (D, H, W) that come one at a time, voxel by voxel; holds two of them.

    Sums are of differences to the first volume, so that equal volumes give exactly 0.
    """

    def __init__(self) -> None:
        self.count = 0

    def add(self, volume: np.ndarray) -> None:
        """Take in one more volume."""
        if not self.count:
            self.first = volume.astype(np.float32)
            self.sum, self.squares = np.zeros(volume.shape), np.zeros(volume.shape)
        difference = volume.astype(np.float32) - self.first
        self.sum += difference
        self.squares += np.square(difference, out=difference)
        self.count += 1

    def deviation(self, inside: np.ndarray) -> float:
        """Mean over the voxels `inside` (D, H, W) of the standard deviation; nan of fewer than two volumes."""
        if self.count < 2 or not inside.any():
            return float("nan")
        total, squares = self.sum[inside], self.squares[inside]
        variance = (squares - total**2 / self.count) / (self.count - 1)
        return float(np.sqrt(np.maximum(variance, 0)).mean())


def score_spread(volumes: list[Path], reconstructions: dict[str, list[Path]], out: Path) -> None:
    """Write a row per model and modality of one cohort: test subjects, both deviations, and their ratio.

    One session of each subject counts, its first. Voxels are those that lie in the brain of any of them.

    Parameters
    ----------
    volumes : the cohort's shards of test volumes.
    reconstructions : model -> its shards, in the same order.
    out : columns `SPREAD`; numbers are empty where there are fewer than two subjects.
    """
    shards = [ArrayFile(path) for path in volumes]
    rows = []
    for (cohort, modality), chosen in first_sessions(shards).items():
        original, inside = Variance(), False
        for shard, row in chosen:
            original.add(shards[shard].view("image")[row])
            inside = inside | (shards[shard].read("mask", row) > 0)
        truth = original.deviation(inside)
        for model, paths in reconstructions.items():
            copies, mine = [matching(path, shard) for path, shard in zip(paths, shards, strict=True)], Variance()
            if chosen[0][1] not in copies[chosen[0][0]][1]:
                continue  # the model doesn't take this modality
            for shard, row in chosen:
                file, rows_of_volumes = copies[shard]
                mine.add(file.view("image")[rows_of_volumes.index(row)])
            deviation = mine.deviation(inside)
            ratio = deviation / truth if truth > 0 else float("nan")
            rows.append([cohort, model, modality, len(chosen), truth, deviation, ratio])
    write_tsv(pd.DataFrame(rows, columns=SPREAD), out)


def first_sessions(shards: list[ArrayFile]) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """(cohort, modality) -> (shard, row) of the first session of each subject that has the modality, by subject."""
    by_group: dict[tuple[str, str], dict[str, tuple[str, int, int]]] = {}
    for shard, row, record in _records(shards):
        firsts = by_group.setdefault((record.cohort, record.modality), {})
        firsts[record.subject] = min(
            firsts.get(record.subject, (record.session, shard, row)), (record.session, shard, row)
        )
    return {key: [firsts[subject][1:] for subject in sorted(firsts)] for key, firsts in sorted(by_group.items())}


def _records(shards: list[ArrayFile]) -> Iterator[tuple]:
    for number, shard in enumerate(shards):
        for row, record in enumerate(shard.records):
            yield number, row, record
