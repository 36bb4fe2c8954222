"""Batches straight from the shards; which sessions and slices a step sees is a function of (seed, step) alone."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neuroquant.config.model import Phase
from neuroquant.errors import InputError
from neuroquant.models.autoencoder import MODALITIES
from neuroquant.volumes.store import ArrayFile

BACKGROUND = -1.0


@dataclass
class Batch:
    """Images of some sessions, both modalities of each where there are two.

    Attributes
    ----------
    x : (N, 1, D, H, W) in [-1, 1]; slices have one voxel along `plane`
    modality : (N,), index into MODALITIES
    partner : (N,), row of the same session's other modality, -1 where there is none
    plane : normal of the slices, None for volumes
    """

    x: Tensor
    modality: Tensor
    partner: Tensor
    plane: int | None

    def to(self, device: str) -> "Batch":
        """The batch on a device, images cast to float32 there."""
        x = self.x.pin_memory() if device.startswith("cuda") else self.x
        return Batch(
            x.to(device, non_blocking=True).float(),
            self.modality.to(device, non_blocking=True),
            self.partner.to(device, non_blocking=True),
            self.plane,
        )


class Sessions:
    """All sessions of some shards, their images as memory maps.

    Parameters
    ----------
    shards : files written by preprocessing, with the array `image`.
    """

    def __init__(self, shards: list[Path]):
        self.images: list[list[tuple[int, np.ndarray]]] = []
        for path in sorted(shards):
            file = ArrayFile(path)
            view = file.view("image")
            for rows in file.sessions.values():
                self.images.append([(MODALITIES.index(name), view[rows[name]]) for name in MODALITIES if name in rows])

    def __len__(self) -> int:
        return len(self.images)

    def order(self, seed: int, first: int, count: int) -> list[int]:
        """Sessions at positions first to first + count of an endless series of shuffled epochs."""
        chosen = []
        for position in range(first, first + count):
            epoch, place = divmod(position, len(self))
            chosen.append(int(_shuffled(seed, epoch, len(self))[place]))
        return chosen

    def volumes(self, chosen: list[int]) -> Batch:
        """Whole volumes of the chosen sessions."""
        return _batch([[(m, np.asarray(image)) for m, image in self.images[index]] for index in chosen], None)

    def slices(self, chosen: list[int], plane: int, generator: np.random.Generator) -> Batch:
        """One slice of each chosen session, at the same place in both modalities, that isn't all background."""
        cut = []
        for index in chosen:
            images = self.images[index]
            for _ in range(8):
                place = int(generator.integers(images[0][1].shape[plane]))
                parts = [(m, np.take(image, [place], axis=plane)) for m, image in images]
                if any((part > BACKGROUND).any() for _, part in parts):
                    break
            cut.append(parts)
        return _batch(cut, plane)


@lru_cache(maxsize=4)
def _shuffled(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(count)


def _batch(sessions: list[list[tuple[int, np.ndarray]]], plane: int | None) -> Batch:
    images, modality, partner = [], [], []
    for parts in sessions:
        first = len(images)
        partner += [first + 1, first] if len(parts) == 2 else [-1]
        for index, image in parts:
            modality.append(index)
            images.append(image)
    x = torch.from_numpy(np.stack(images))[:, None]
    return Batch(x, torch.tensor(modality), torch.tensor(partner), plane)


class Loader:
    """Reads the batches of a phase ahead of the steps that need them, in order.

    Parameters
    ----------
    sessions : what to draw from.
    phase, number : the phase and its place in the schedule; phases draw independently.
    seed : of the order of sessions, planes and slices.
    plane_axis : the only plane that a slice-wise model takes; None for all three.
    """

    AHEAD = 3

    def __init__(self, sessions: Sessions, phase: Phase, number: int, seed: int, plane_axis: int | None):
        if not len(sessions):
            raise InputError(
                "training sessions",
                "none in any training shard",
                "at least one",
                "look at cohorts/*/excluded.tsv and cohorts/*/split_proof.tsv for where they went",
            )
        self.sessions, self.phase, self.number, self.seed = sessions, phase, number, seed
        self.planes = (0, 1, 2) if plane_axis is None else (plane_axis,)
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._waiting: dict[int, Future[Batch]] = {}

    def batch(self, step: int) -> Batch:
        """The batch of a step; the next ones are read meanwhile."""
        for ahead in range(step, min(step + self.AHEAD, self.phase.steps)):
            if ahead not in self._waiting:
                self._waiting[ahead] = self._pool.submit(self._read, ahead)
        return self._waiting.pop(step).result()

    def close(self) -> None:
        """Stop reading ahead."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _read(self, step: int) -> Batch:
        seed = (self.seed, self.number)
        chosen = self.sessions.order(hash_seed(*seed), step * self.phase.batch, self.phase.batch)
        if self.phase.mode == "3d":
            return self.sessions.volumes(chosen)
        generator = np.random.default_rng((*seed, step))
        plane = self.planes[int(generator.integers(len(self.planes)))]
        return self.sessions.slices(chosen, plane, generator)


def hash_seed(*parts: int) -> int:
    """One seed of several."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
