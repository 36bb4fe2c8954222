"""Bits that latents really take: coded with frequencies of the training images, so that they can be decoded again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neuroquant.entropy import WORD, Frequencies
from neuroquant.evaluation.batches import batches
from neuroquant.evaluation.latents import CODE_COUNTS
from neuroquant.evaluation.rows import rows_for
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.latents import Continuous, Latents
from neuroquant.similarity import psnr
from neuroquant.store.arrays import ArrayFile

FEWEST, MOST = 4, 16
"""Bits of a number of a continuous latent, between which the fewest that suffice are searched."""
LOSS_DB = 0.05
"""PSNR that rounding these numbers may cost."""
JUDGED = 2
"""Validation images on which that is measured."""
TOGETHER = 64
"""Rows of a file of latents that are in memory at a time."""


@dataclass(frozen=True)
class Rounding:
    """Uniform steps for every channel of a continuous latent.

    Attributes
    ----------
    low, high : (channels,), the range of the training images; values beyond it are set to its ends.
    bits : of a number.
    """

    low: np.ndarray
    high: np.ndarray
    bits: int

    def symbols(self, z: np.ndarray) -> np.ndarray:
        """Values (channels, N) as whole numbers below 2**bits."""
        share = (z - self.low[:, None]) / np.maximum(self.high - self.low, 1e-12)[:, None]
        return np.round(np.clip(share, 0, 1) * (2**self.bits - 1)).astype(np.int32)

    def values(self, symbols: np.ndarray) -> np.ndarray:
        """The middle of each symbol's step, (channels, N) in float32."""
        share = symbols / (2**self.bits - 1)
        return (self.low[:, None] + share * (self.high - self.low)[:, None]).astype(np.float32)

    def rounded(self, z: Tensor) -> Tensor:
        """A latent (B, C, d, h, w) as it is after coding."""
        flat = z.movedim(1, 0).flatten(1).cpu().numpy()
        values = torch.from_numpy(self.values(self.symbols(flat)))
        return values.view(z.shape[1], z.shape[0], *z.shape[2:]).movedim(0, 1).to(z)


class Coder:
    """Adds up the bits of images' latents.

    Parameters
    ----------
    model : whose latents they are.
    shape : sides of the volumes.
    training : files of latents of training images; none: nothing is known of frequencies, and nothing is coded.
    validation : files of validation images; none: continuous latents get 16 bits a number.
    """

    def __init__(
        self,
        model: Autoencoder,
        shape: tuple[int, int, int],
        training: list[Path],
        validation: list[Path],
        device: str,
    ):
        self.model, self.naive = model, model.bits(shape)
        self.frequencies: Frequencies | None = None
        self.rounding: Rounding | None = None
        self.bits, self.images = 0.0, 0
        files = [file for file in map(ArrayFile, training) if file.names]
        uses = [counts for file in files if (counts := file.attributes.get(CODE_COUNTS)) is not None]
        if uses:
            self.frequencies = Frequencies(np.sum(uses, axis=0))
        elif files and issubclass(model.latents_class, Continuous):
            (name,) = files[0].names
            low, high = _range(files, name)
            self.rounding = fewest_bits(model, Rounding(low, high, MOST), validation, device)
            symbols = (self.rounding.symbols(_flat(rows)) for rows in _rows(files, name))
            self.frequencies = Frequencies(_counted(symbols, 2**self.rounding.bits))

    def count(self, latents: Latents, codes: Tensor | None) -> None:
        """Add the latents of some images, and their codes, as `Autoencoder.codes` gives them."""
        own = self.model.coded_bits(latents)
        if own is not None:  # they are a code already
            self.bits, self.images = self.bits + float(own.sum()), self.images + len(own)
            return
        if self.frequencies is None or (codes is None and self.rounding is None):
            return
        images = number_of(latents) if self.rounding else codes
        for image in images.cpu().numpy():
            symbols = _flat(image[None]) if self.rounding is None else self.rounding.symbols(_flat(image[None]))
            self.bits += WORD * len(self.frequencies.encode(symbols))
            if codes is not None:  # what is sent beside the codes, e.g. a pooled latent, is sent as it is
                self.bits += max(self.naive - symbols.size * np.log2(self.model.codebook_size), 0.0)
            self.images += 1

    def facts(self) -> dict[str, float | None]:
        """`kbit_coded`, the mean of an image, and `bits_per_number` of a continuous latent; None where not known."""
        kbit = self.bits / self.images / 1000 if self.images else (None if self.naive else 0.0)
        return {"kbit_coded": kbit, "bits_per_number": self.rounding.bits if self.rounding else None}


Given = tuple[Tensor, Tensor, Latents]
"""Images, their modalities and their latents."""


def number_of(latents: Latents) -> Tensor:
    """The only tensor of a continuous latent, (B, C, d, h, w)."""
    (tensor,) = latents.arrays().values()
    return tensor


@torch.inference_mode()
def fewest_bits(model: Autoencoder, finest: Rounding, validation: list[Path], device: str) -> Rounding:
    """The coarsest rounding that costs less than `LOSS_DB` of PSNR on validation images, by bisection.

    Parameters
    ----------
    finest : with `MOST` bits, which it stays at where there are no validation images.
    """
    given = list(_judged(model, validation, device))
    if not given:
        return finest
    best = _quality(model, given, None)
    low, high = FEWEST, MOST
    while low < high:
        middle = (low + high) // 2
        lost = best - _quality(model, given, replace(finest, bits=middle))
        low, high = (low, middle) if lost < LOSS_DB else (middle + 1, high)
    return replace(finest, bits=low)


def _judged(model: Autoencoder, validation: list[Path], device: str) -> Iterator[Given]:
    """The first validation images, encoded."""
    for volumes in map(ArrayFile, validation):
        rows = rows_for(volumes, model.modalities)[:JUDGED]
        for _, x, modality in batches(volumes, rows, model, device):
            yield x, modality, model.encode(x, modality)
        if rows:
            return


def _quality(model: Autoencoder, given: list[Given], rounding: Rounding | None) -> float:
    """Mean PSNR in dB with latents as they are, or rounded."""
    scores = []
    for x, modality, latents in given:
        copies = model.decode(latents.each(rounding.rounded) if rounding else latents, modality)
        depth, height, width = x.shape[2:]
        scores.append(psnr(x, copies[:, :, :depth, :height, :width].clamp(-1, 1)))
    return float(torch.cat(scores).mean())


def _rows(files: list[ArrayFile], name: str) -> Iterator[np.ndarray]:
    """Rows of an array in all files, some at a time."""
    for file in files:
        array = file.view(name)
        for first in range(0, len(file), TOGETHER):
            yield np.asarray(array[first : first + TOGETHER])


def _flat(rows: np.ndarray) -> np.ndarray:
    """(B, groups, ...) as (groups, all of a group's)."""
    return np.moveaxis(rows, 1, 0).reshape(rows.shape[1], -1)


def _range(files: list[ArrayFile], name: str) -> tuple[np.ndarray, np.ndarray]:
    ends = [(flat.min(1), flat.max(1)) for flat in (_flat(rows).astype(np.float32) for rows in _rows(files, name))]
    return np.min([low for low, _ in ends], 0), np.max([high for _, high in ends], 0)


def _counted(symbols: Iterator[np.ndarray], size: int) -> np.ndarray:
    """How often each symbol below `size` occurs in each group."""
    return sum(np.stack([np.bincount(row, minlength=size) for row in part]) for part in symbols)
