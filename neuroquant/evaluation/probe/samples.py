"""What a probe reads: rows that stay in their shards, of which one batch at a time is in memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from neuroquant.config.evaluation import Probe
from neuroquant.errors import InputError
from neuroquant.store.arrays import ArrayFile, Record

SIDE = 4
"""Least side of what SEResNet takes: it halves twice before its first block."""


@dataclass(frozen=True)
class Sample:
    """Rows of one modality.

    Attributes
    ----------
    rows : an array (C, d, h, w) a row, of the type that is stored: memory maps, or means over cubes as float16.
    y : (N,) with 1 for F.
    records : whose they are.
    array : what is read, in words: its name and shape, and over which cubes it was averaged.
    """

    rows: list[np.ndarray]
    y: Tensor
    records: list[Record]
    array: str

    @property
    def subjects(self) -> np.ndarray:
        """Cohort and subject of each row: two cohorts may call two people by one name."""
        return np.array([f"{record.cohort}/{record.subject}" for record in self.records])

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


def load(shards: list[Path], array: str, modality: str, settings: Probe) -> Sample | None:
    """All rows of a modality; None where there are none, or no latents that a probe can read.

    Volumes get a channel. They, and latents of more than `max_voxels` positions, are averaged over cubes as configured.
    """
    rows, records, what = [], [], ""
    for path in sorted(shards):
        file = ArrayFile(path)
        indices = [index for index, record in enumerate(file.records) if record.modality == modality]
        if not indices:
            continue
        name = array or file.attributes["probe_latent"]
        if not file.names or not name:
            return None
        if name not in file.names:
            raise InputError(str(path), f"arrays {', '.join(file.names)}", f"the latent {name!r}", "correct `latent`")
        stored = np.asarray(file.view(name))
        if name == "image":
            stored = stored[:, None]
        sides = stored.shape[2:]
        large = name == "image" or np.prod(sides) > settings.max_voxels
        cube = tuple(min(settings.volume_downsample, side) for side in sides) if large else (1, 1, 1)
        rows += [stored[index] if max(cube) == 1 else means(stored[index], cube) for index in indices]
        records += [file.records[index] for index in indices]
        what = f"{name} {'x'.join(map(str, rows[-1].shape))}"
        what += f", means over {'x'.join(map(str, cube))} voxels" if max(cube) > 1 else ""
    if not rows:
        return None
    return Sample(rows, torch.tensor([float(record.sex == "F") for record in records]), records, what)


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
