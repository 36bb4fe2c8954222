"""Batches straight from the shards; which sessions and slices a step sees is a function of (seed, step) alone."""

import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch

from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.model import Phase
from neuroquant.models.batch import Batch, paired_rows
from neuroquant.store.arrays import ArrayFile
from neuroquant.training.distributed import ALONE, World

BACKGROUND = -1.0
TRIES = 16
EVERY = slice(None)
DRAWN, MET = 1, 2
"""Tell the generators of a step's drawn images and of its partners from that of pieces and slices."""
Images = list[tuple[int, np.ndarray]]
"""Those of one session: index of the modality, and the image."""


class Sessions:
    """All sessions of some shards that have an image of one of the modalities, their images as memory maps.

    Parameters
    ----------
    shards : files written by preprocessing, with the array `image`.
    modalities : those that are read; images are numbered in this order. A session may lack any.
    """

    def __init__(self, shards: list[Path], modalities: tuple[str, ...] = DEFAULT_MODALITIES):
        self.images: list[Images] = []
        for path in sorted(shards):
            file = ArrayFile(path)
            view = np.asarray(file.view("image"))  # still the memory map; the subclass only slows indexing down
            for rows in file.sessions.values():
                images = [(kind, view[rows[name]]) for kind, name in enumerate(modalities) if name in rows]
                if images:
                    self.images.append(images)

    def __len__(self) -> int:
        return len(self.images)

    def order(self, seed: int, first: int, count: int) -> list[int]:
        """Sessions at positions first to first + count of an endless series of shuffled epochs."""
        chosen = []
        for position in range(first, first + count):
            epoch, index = divmod(position, len(self))
            chosen.append(int(_shuffled(seed, epoch, len(self))[index]))
        return chosen

    def volumes(self, chosen: list[int]) -> Batch:
        """Whole volumes of the chosen sessions."""
        return _batch([self.images[index] for index in chosen], None)

    def pieces(
        self, chosen: list[int], crop: tuple[int, ...], generator: np.random.Generator, part: slice = EVERY
    ) -> Batch:
        """One piece of each chosen session, at the same random position in every modality, at most as large as it is.

        Of a `part` of the sessions the pieces are those that it has in the whole: positions are drawn for all of them.
        """
        drawn = generator.random((len(chosen), 3))
        sessions = []
        for index, positions in zip(chosen[part], drawn[part], strict=True):
            shape = self.images[index][0][1].shape
            spare = [max(side - length, 0) for side, length in zip(shape, crop, strict=True)]
            first = [int(position * (room + 1)) for position, room in zip(positions, spare, strict=True)]
            box = tuple(slice(start, start + length) for start, length in zip(first, crop, strict=True))
            sessions.append([(modality, image[box]) for modality, image in self.images[index]])
        return _batch(sessions, None)

    def slices(self, chosen: list[int], plane: int, generator: np.random.Generator, part: slice = EVERY) -> Batch:
        """One slice of each chosen session, at the same place in every modality, that isn't all background.

        Of a `part` of the sessions the slices are those that it has in the whole: positions are drawn for all of them.
        """
        drawn = [generator.integers(self.images[index][0][1].shape[plane], size=TRIES) for index in chosen]
        pairs = zip(chosen[part], drawn[part], strict=True)
        return _batch([_cut(self.images[index], plane, positions) for index, positions in pairs], plane)

    def count(self, chosen: list[int]) -> tuple[int, int]:
        """Images of the chosen sessions, and how many of these have another of their session beside them."""
        sizes = [len(self.images[index]) for index in chosen]
        return sum(sizes), sum(paired_rows(sizes))


def _cut(images: Images, plane: int, positions: np.ndarray) -> Images:
    """Slices at the first of `positions`, drawn evenly, that crosses the brain; the middle where luck fails."""
    for position in (*positions, images[0][1].shape[plane] // 2):
        where = (slice(None),) * plane + (slice(position, position + 1),)
        # a copy: the next comparison and the batch then read memory, not the map again
        parts = [(modality, image[where].copy()) for modality, image in images]
        if any(_crosses_brain(part) for _, part in parts):
            break
    return parts


def _crosses_brain(part: np.ndarray) -> bool:
    if part.dtype == np.float16:  # comparing the bits is ten times as fast as comparing halves
        return bool((part.view(np.uint16) != np.float16(BACKGROUND).view(np.uint16)).any())
    return bool((part != BACKGROUND).any())


@lru_cache(maxsize=4)
def _shuffled(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(count)


def _batch(sessions: list[Images], plane: int | None) -> Batch:
    """All images of some sessions; the partner of each is the session's next one."""
    images = [image for parts in sessions for _, image in parts]
    modality = [kind for parts in sessions for kind, _ in parts]
    sizes = tuple(len(parts) for parts in sessions)
    starts = accumulate(sizes, initial=0)
    partner = [
        start + (row + 1) % size if size > 1 else -1
        for start, size in zip(starts, sizes, strict=False)
        for row in range(size)
    ]
    x = torch.from_numpy(np.stack(images))[:, None]
    paired = torch.tensor([row for row, other in enumerate(partner) if other >= 0], dtype=torch.long)
    return Batch(x, torch.tensor(modality), torch.tensor(partner), paired, plane, sizes)


def meet(batch: Batch, coins: np.ndarray, seeds: list[tuple[int, ...]]) -> Batch:
    """Draw a partner for every image of a step on the host, and the half of the images that L_cross may do with.

    With two images in a session the partner is the other one, and the coin says which of the two is drawn. With more,
    the partner is any other one, and a random half is drawn, of which the coin says whether it is rounded up.

    Parameters
    ----------
    coins : (sessions,), 0 or 1.
    seeds : of a session's own generator, for each session.
    """
    partner, drawn, drawn_sizes, start = batch.partner.clone(), [], [], 0
    for size, coin, seed in zip(batch.sessions, coins.tolist(), seeds, strict=True):
        chosen = [coin] if size == 2 else []
        if size > 2:
            generator = np.random.default_rng(seed)
            others = (np.arange(size) + generator.integers(1, size, size=size)) % size
            partner[start : start + size] = torch.from_numpy(start + others)
            chosen = sorted(generator.permutation(size)[: (size + coin) // 2].tolist())
        drawn += [start + row for row in chosen]
        drawn_sizes.append(len(chosen))
        start += size
    rows = torch.tensor(drawn, dtype=torch.long)
    return replace(batch, partner=partner, drawn=rows, drawn_sizes=tuple(drawn_sizes))


class Loader:
    """Reads the batches of a phase ahead of the steps that need them, in order; of each, this process's share.

    Parameters
    ----------
    sessions : what to draw from.
    phase, number : the phase and its place in the schedule; phases draw independently.
    seed : of the order of sessions, planes and slices.
    plane_axis : the only plane that a slice-wise model takes; None for all three.
    pin : hand out batches in page-locked memory.
    world : the processes that share every step.
    """

    AHEAD = 3

    def __init__(
        self,
        sessions: Sessions,
        phase: Phase,
        number: int,
        seed: int,
        plane_axis: int | None,
        pin: bool = False,
        world: World = ALONE,
    ):
        self.sessions, self.phase, self.number, self.seed, self.pin = sessions, phase, number, seed, pin
        self.planes = (0, 1, 2) if plane_axis is None else (plane_axis,)
        self.part = world.part(phase.batch)
        # a new thread would page-lock through the first GPU, whichever this process computes on
        follow = (torch.cuda.set_device, (torch.cuda.current_device(),)) if pin else (None, ())
        self._pool = ThreadPoolExecutor(max_workers=1, initializer=follow[0], initargs=follow[1])
        self._waiting: dict[int, Future[Batch]] = {}

    def batch(self, step: int) -> Batch:
        """The batch of a step; the next ones are read meanwhile."""
        for ahead in range(step, min(step + self.AHEAD, self.phase.steps)):
            if ahead not in self._waiting:
                self._waiting[ahead] = self._pool.submit(self._read, ahead)
        return self._waiting.pop(step).result()

    def __enter__(self) -> "Loader":
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def voxels(self, step: int) -> int:
        """Voxels that all processes together see in a step, of whole volumes, pieces or slices, without reading any."""
        shapes = [
            (len(images), images[0][1].shape) for images in map(self.sessions.images.__getitem__, self._chosen(step))
        ]
        if self.phase.mode == "2d":
            plane = self._plane(self._generator(step))
            return sum(count * math.prod(shape) // shape[plane] for count, shape in shapes)
        crop = self.phase.crop or (math.inf,) * 3
        return sum(count * math.prod(map(min, shape, crop)) for count, shape in shapes)

    def _read(self, step: int) -> Batch:
        batch = self._draw(step)
        return batch.pinned() if self.pin else batch

    def _draw(self, step: int) -> Batch:
        chosen = self._chosen(step)
        if self.phase.mode == "3d" and self.phase.crop:
            batch = self.sessions.pieces(chosen, self.phase.crop, self._generator(step), self.part)
        elif self.phase.mode == "3d":
            batch = self.sessions.volumes(chosen[self.part])
        else:
            generator = self._generator(step)
            batch = self.sessions.slices(chosen, self._plane(generator), generator, self.part)
        # of all sessions of the step, so that it doesn't depend on how they are dealt out
        coins = np.random.default_rng((self.seed, self.number, step, DRAWN)).integers(2, size=len(chosen))
        seeds = [(self.seed, self.number, step, MET, position) for position in range(len(chosen))]
        batch = meet(batch, coins[self.part], seeds[self.part])
        rows, pairs = self.sessions.count(chosen)
        return replace(batch, share=len(batch.x) / rows, paired_share=len(batch.paired) / max(pairs, 1))

    def _chosen(self, step: int) -> list[int]:
        """Sessions of a step, of all processes."""
        return self.sessions.order(hash_seed(self.seed, self.number), step * self.phase.batch, self.phase.batch)

    def _generator(self, step: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self.number, step))

    def _plane(self, generator: np.random.Generator) -> int:
        """The first thing that a step on slices draws."""
        return self.planes[int(generator.integers(len(self.planes)))]


def hash_seed(*parts: int) -> int:
    """One seed of several."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def voxels_seen(sessions: Sessions, phases: Sequence[Phase], seed: int, plane_axis: int | None) -> int:
    """Voxels of all images of all steps of a training, pieces and slices counted as such.

    Parameters
    ----------
    plane_axis : as for `Loader`.
    """
    total = 0
    for number, phase in enumerate(phases):
        with Loader(sessions, phase, number, seed, plane_axis) as loader:
            total += sum(map(loader.voxels, range(phase.steps)))
    return total
