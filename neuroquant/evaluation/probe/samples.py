"""What a probe reads: rows that stay in their shards, of which one batch at a time is in memory."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from neuroquant.config.evaluation import MAIN, Probe
from neuroquant.errors import InputError
from neuroquant.evaluation.probe.targets import SEX, Aim, Target
from neuroquant.store.arrays import ArrayFile, Record

SIDE = 4
"""Least side of what SEResNet takes: it halves twice before its first block."""
POOLED = "modality_code"
"""The part whose mean over positions is read."""
MB_OF_SESSION, VOXELS = 2300, 144 * 192 * 144
"""Memory that a step of SEResNet-152 takes for each session of so many voxels; shallower networks take less."""
ROOM = 0.8
"""Share of the memory that a step may take."""


@dataclass(frozen=True)
class Joined:
    """Arrays (C, d, h, w) of one grid, one after another along C, read when they are asked for."""

    parts: tuple[np.ndarray, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, d, h, w)."""
        return (sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:])

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.concatenate(self.parts).astype(dtype or self.parts[0].dtype)


@dataclass(frozen=True)
class Sample:
    """Rows of one modality.

    Attributes
    ----------
    rows : an array (C, d, h, w) a row, of the type that is stored: memory maps, or means over cubes as float16.
    y : (N,) of what is predicted: the number of the class, for sex 1 for F, or the number itself.
    records : whose they are.
    array : what is read, in words: its name and shape, and over which cubes it was averaged.
    target : what is predicted.
    names : the arrays that are read.
    """

    rows: list[np.ndarray | Joined]
    y: Tensor
    records: list[Record]
    array: str
    target: Target = SEX
    names: tuple[str, ...] = ()

    @property
    def subjects(self) -> np.ndarray:
        """Cohort and subject of each row: two cohorts may call two people by one name."""
        return np.array([f"{record.cohort}/{record.subject}" for record in self.records])

    @property
    def families(self) -> np.ndarray:
        """Cohort and family of each row; a subject whose family isn't known is one of their own."""
        return np.array([f"{record.cohort}/{record.kin}" for record in self.records])

    @property
    def channels(self) -> int:
        """C."""
        return self.rows[0].shape[0]

    def read(self, rows: Sequence[int], device: str = "cpu") -> Tensor:
        """Some rows (B, C, d, h, w), made float32 on the device."""
        stored = torch.from_numpy(np.stack([self.rows[row] for row in rows]))
        return at_least(stored.to(device).float())

    def batches(self, size: int, device: str = "cpu") -> Iterator[Tensor]:
        """All rows in order, at most `size` at a time."""
        for first in range(0, len(self.rows), size):
            yield self.read(range(first, min(first + size, len(self.rows))), device)


def modalities_of(shards: list[Path]) -> list[str]:
    """Modalities of the images of some shards, in the order in which they first appear."""
    return [*dict.fromkeys(record.modality for path in sorted(shards) for record in ArrayFile(path).records)]


def load(
    shards: list[Path],
    array: str,
    modality: str,
    settings: Probe,
    aim: Aim = Aim(),  # noqa: B008
) -> Sample | None:
    """All rows of a modality of which the target is known; None where there are none, or no latents
    that a probe can read.

    Volumes get a channel. They, and latents of more than `max_voxels` positions, are averaged over cubes as configured.
    """
    rows, records, values, what, names = [], [], [], "", ()
    for path in sorted(shards):
        file = ArrayFile(path)
        known = {index: aim.value(record) for index, record in enumerate(file.records) if record.modality == modality}
        indices = [index for index, value in known.items() if not math.isnan(value)]
        if not indices:
            continue
        names = arrays_of(file, array, aim.part)
        if not names:
            return None
        stored = [np.asarray(file.view(name)) for name in names]
        if names == ("image",):
            stored = [stored[0][:, None]]
        read, over = reader(stored, names, aim, settings)
        rows += [read(index) for index in indices]
        records += [file.records[index] for index in indices]
        values += [known[index] for index in indices]
        what = f"{'+'.join(names)} {'x'.join(map(str, rows[-1].shape))}{over}"
    if not rows:
        return None
    return Sample(rows, torch.tensor(values), records, what, aim.target, names)


def arrays_of(file: ArrayFile, array: str, part: str) -> tuple[str, ...]:
    """Names of the arrays that are read: `array`, else those of a part of the latents, else what the file names.

    None of them where the file has no latents that a probe can read, or its model lacks the part.

    Raises
    ------
    InputError
        If the file has no array of that name.
    """
    if not file.names:
        return ()
    if part not in ("", MAIN) and not array:
        names = tuple(file.attributes.get("parts", {}).get(part, ()))
        return names if all(name in file.names for name in names) else ()
    name = array or file.attributes["probe_latent"]
    if not name:
        return ()
    if name not in file.names:
        raise InputError(str(file.path), f"arrays {', '.join(file.names)}", f"the latent {name!r}", "correct `latent`")
    return (name,)


def reader(
    stored: list[np.ndarray], names: tuple[str, ...], aim: Aim, settings: Probe
) -> tuple[Callable[[int], np.ndarray | Joined], str]:
    """What gives a row (C, d, h, w) of arrays (N, C, d, h, w), and in words over what it was averaged."""
    sides = stored[0].shape[2:]
    large = names == ("image",) or np.prod(sides) > settings.max_voxels
    widest = side_of(settings.volume_downsample, sides, aim.room)
    cube = tuple(min(widest, side) for side in sides) if large else (1, 1, 1)
    over = f", means over {'x'.join(map(str, cube))} voxels" if max(cube) > 1 else ""
    if aim.part == POOLED:
        cube, over = sides, ", means over all positions"

    def read(index: int) -> np.ndarray | Joined:
        parts = tuple(each[index] if max(cube) == 1 else means(each[index], cube) for each in stored)
        return parts[0] if len(parts) == 1 else Joined(parts)

    return read, over


def side_of(cubes: int | str, sides: tuple[int, ...], room: float) -> int:
    """Side of the cubes; `auto` is the smallest power of 2 that leaves at most `room` positions of those of `sides`.

    Examples
    --------
    >>> side_of("auto", (144, 192, 144), room_for(batch=32, memory_mb=140_000)), side_of("auto", (144, 192, 144), 9e4)
    (1, 4)
    """
    if not isinstance(cubes, str):
        return cubes
    side = 1
    while math.prod(sides) / side**3 > room and side < max(sides):
        side *= 2
    return side


def room_for(batch: int, memory_mb: float) -> float:
    """Positions that an array may have for a step of so many sessions to fit into memory."""
    return ROOM * memory_mb / (batch * MB_OF_SESSION) * VOXELS


def means(row: np.ndarray, cube: tuple[int, int, int]) -> np.ndarray:
    """One row (C, d, h, w), averaged over cubes in float32; float16, as what is stored."""
    return F.avg_pool3d(torch.from_numpy(np.array(row)).float(), cube).half().numpy()


def at_least(latents: Tensor, side: int = SIDE) -> Tensor:
    """Latents (..., d, h, w) with every side below `side` repeated."""
    for axis in (-3, -2, -1):
        if latents.shape[axis] < side:
            latents = latents.repeat_interleave(-(-side // latents.shape[axis]), axis)
    return latents


def standardiser(sample: Sample, size: int) -> Callable[[Tensor], Tensor]:
    """Zero mean and unit variance a channel, with the training data's own, found in one pass over batches of `size`."""
    count, mean, spread = 0, torch.zeros(sample.channels).double(), torch.zeros(sample.channels).double()
    for x in sample.batches(size):
        variance, centre = torch.var_mean(x.double(), (0, 2, 3, 4), correction=0)
        more, apart = x[:, 0].numel(), centre - mean
        spread += more * variance + apart**2 * (count * more / (count + more))
        count += more
        mean += apart * (more / count)
    middle, deviation = (
        value.float()[:, None, None, None] for value in (mean, (spread / (count - 1)).sqrt().clamp_min(1e-6))
    )
    return lambda x: (x - middle.to(x.device)) / deviation.to(x.device)
