"""The block transform coder: what it learns of training volumes, how it keeps to its rate, and the way back.

What is coded is the difference of a volume from the mean training image of its modality, which needs no bits.
Coefficients of like frequency share a distribution. All volumes of a modality have one step between the values of a
coefficient, the finest for which the training volumes take no more than the rate on average.
"""

import math
from typing import Any

import numpy as np
import torch
from scipy.fft import dctn, idctn
from torch import Tensor

from neuroquant.entropy import Frequencies
from neuroquant.models.autoencoder import Fitted, Passes
from neuroquant.models.baselines.dct import Parameters
from neuroquant.models.codec import Codec, largest_that_fits
from neuroquant.models.grid import Shape
from neuroquant.models.principal import principal_components
from neuroquant.models.projection import require_fitted_sides
from neuroquant.models.rates import most_bytes
from neuroquant.models.start import BACKGROUND

SEEN = 32
"""Training volumes of each modality by which the step and the frequencies are found."""
FINEST, COARSEST = 0.02, 64.0
"""Steps that are considered; the finest leaves an error of about 50 dB."""
ROUNDS = 10
"""Bisections of the step."""
LARGEST = 2047
"""Steps beyond which a coefficient is cut off."""
TRIES = 10
"""Codes of one volume that are made beyond the first, where that is larger than the rate."""


class BlockTransform(Codec):
    """Cosine transform of blocks, equal steps, range coder.

    A volume that takes more than the rate has its coefficients moved towards zero until it doesn't; one for which even
    that is too much, or of a modality without training volumes, comes back as the mean image.
    """

    def __init__(self, parameters: Parameters, modalities: tuple[str, ...]):
        super().__init__(most_bytes(parameters.kbit))
        self.block, self.modalities = parameters.block, modalities
        self._make_room(parameters.shape or (0, 0, 0), parameters.largest)

    def _make_room(self, shape: Shape, largest: int) -> None:
        kinds, groups = len(self.modalities), 3 * (self.block - 1) + 1
        self.register_buffer("mean", torch.full((kinds, *shape), BACKGROUND, dtype=torch.float16))
        self.register_buffer("steps", torch.ones(kinds))
        self.register_buffer("counts", torch.zeros(kinds, groups, 2 * largest + 1, dtype=torch.int32))

    @property
    def largest(self) -> int:
        """Steps beyond which a coefficient is cut off."""
        return self.counts.shape[2] // 2

    @torch.no_grad()
    def fit(self, passes: Passes) -> Fitted:
        """The mean image, the step and the frequencies of every modality."""
        shape, fitted = principal_components(passes, len(self.modalities), 0)
        self._make_room(shape, LARGEST)
        for kind, one in enumerate(fitted):
            if one.count:
                self.mean[kind] = one.mean.view(shape)
        wanted = [min(one.count, SEEN) for one in fitted]
        finer, coarser = torch.full_like(self.steps, FINEST), torch.full_like(self.steps, COARSEST)
        for _ in range(ROUNDS):
            self.steps = (finer * coarser).sqrt()
            counts = self._count(passes, wanted)
            fits = torch.tensor([bits(own) <= 8 * self.most * n for own, n in zip(counts, wanted, strict=True)])
            finer, coarser = torch.where(fits, finer, self.steps), torch.where(fits, self.steps, coarser)
        self.steps = coarser
        counts = self._count(passes, wanted)
        largest = int(np.abs(np.flatnonzero(counts.any((0, 1))) - LARGEST).max(initial=1))
        self.counts = torch.from_numpy(counts[:, :, LARGEST - largest : LARGEST + largest + 1]).int()
        settled: dict[str, Any] = {"shape": list(shape), "largest": largest}
        missing = [name for name, one in zip(self.modalities, fitted, strict=True) if not one.count]
        return Fitted(
            settled, tuple(f"there is no training volume of {name}: its images are empty" for name in missing)
        )

    def _count(self, passes: Passes, wanted: list[int]) -> np.ndarray:
        """How often each number of steps occurs in so many volumes of each modality, (modalities, groups, numbers)."""
        counts, missing = np.zeros(self.counts.shape, np.int64), list(wanted)
        for x, modality in passes():
            for volume, kind in zip(x[:, 0].float().numpy(), modality.tolist(), strict=True):
                if missing[kind]:
                    missing[kind] -= 1
                    rows = self._numbers(self._coefficients(volume, kind), 0.5)
                    counts[kind] += [np.bincount(row, minlength=counts.shape[2]) for row in rows]
            if not any(missing):
                break
        return counts

    def compress(self, volume: np.ndarray, kind: int) -> bytes:
        """The range coder's words; nothing where none would fit."""
        coefficients, coder = self._coefficients(volume, kind), Frequencies(self.counts[kind].numpy())

        def encode(reach: float) -> bytes:
            return coder.encode(self._numbers(coefficients, reach)).astype("<u4").tobytes()

        nothing = 0.5 - float(np.abs(coefficients).max())
        return largest_that_fits(encode, min(nothing, 0.0), 0.5, self.most, TRIES) or b""

    def expand(self, code: bytes, kind: int) -> np.ndarray:
        """The mean image, and what was coded of the difference from it."""
        mean = self.mean[kind].float().numpy()
        if not code:
            return mean
        blocks, group = grid_of(mean.shape, self.block), groups_of(self.block)
        counts = np.bincount(group) * math.prod(blocks)
        rows = Frequencies(self.counts[kind].numpy()).decode(
            np.frombuffer(code, "<u4").astype(np.uint32), counts.tolist()
        )
        flat = np.concatenate(rows).astype(np.float32) - self.largest
        coefficients = np.empty((self.block**3, math.prod(blocks)), np.float32)
        coefficients[np.argsort(group, kind="stable")] = flat.reshape(coefficients.shape)
        difference = untransformed(coefficients * float(self.steps[kind]), blocks, self.block)
        return mean + difference[tuple(map(slice, mean.shape))]

    def _coefficients(self, volume: np.ndarray, kind: int) -> np.ndarray:
        """Those of the difference from the mean image, in steps: (block ** 3, blocks), like frequencies together."""
        difference = volume - self.mean[kind].float().numpy()
        order = np.argsort(groups_of(self.block), kind="stable")
        return transformed(difference, self.block)[order] / float(self.steps[kind])

    def _numbers(self, coefficients: np.ndarray, reach: float) -> list[np.ndarray]:
        """Whole numbers of steps from 0 on, which stands for `-largest`: an array a group of frequencies.

        Parameters
        ----------
        reach : what is added before a coefficient is cut down to a whole number; 0.5: rounding, less: towards zero.
        """
        size = np.floor(np.abs(coefficients) + reach).clip(0, self.largest)
        numbers = (np.sign(coefficients) * size).astype(np.int32) + self.largest
        ends = np.cumsum(np.bincount(groups_of(self.block)))[:-1]
        return [rows.ravel() for rows in np.split(numbers, ends)]

    def check_shape(self, x: Tensor, plane: int | None = None) -> None:
        """Refuse volumes other than those of the fit."""
        self.check_channels(x)
        require_fitted_sides(x, self.mean)


def groups_of(block: int) -> np.ndarray:
    """The group of each coefficient of a block, (block ** 3,): the sum of its three frequencies."""
    return np.indices((block,) * 3).sum(0).ravel()


def grid_of(shape: tuple[int, ...], block: int) -> tuple[int, ...]:
    """Blocks along each axis, the last of which may reach beyond the volume."""
    return tuple(-(-side // block) for side in shape)


def transformed(volume: np.ndarray, block: int) -> np.ndarray:
    """Coefficients (block ** 3, blocks) of a volume, zeros beyond it; an orthonormal transform."""
    blocks = grid_of(volume.shape, block)
    behind = [(0, number * block - side) for number, side in zip(blocks, volume.shape, strict=True)]
    cut = np.pad(volume, behind).reshape([part for number in blocks for part in (number, block)])
    return dctn(cut.transpose(1, 3, 5, 0, 2, 4), axes=(0, 1, 2), norm="ortho").reshape(block**3, -1)


def untransformed(coefficients: np.ndarray, blocks: tuple[int, ...], block: int) -> np.ndarray:
    """The volume of these coefficients, as many whole blocks as there are."""
    cut = idctn(coefficients.reshape((block,) * 3 + blocks), axes=(0, 1, 2), norm="ortho")
    return cut.transpose(3, 0, 4, 1, 5, 2).reshape([number * block for number in blocks])


def bits(counts: np.ndarray) -> float:
    """What a range coder takes for symbols of which there are `counts` (groups, symbols), by their own frequencies."""
    seen = counts[:, counts.any(0)]
    shares = (seen + 1) / (seen + 1).sum(1, keepdims=True)
    return float(-(seen * np.log2(shares)).sum())
