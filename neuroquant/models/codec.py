"""A classical codec as an autoencoder: its latent is the code itself, whose bytes are counted."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.grid import Shape
from neuroquant.models.latents import Latents


@dataclass(frozen=True)
class Packed(Latents):
    """Codes of some volumes.

    Attributes
    ----------
    packed : (B, 1, 1, 1, N) of whole numbers: the bytes of each code, and -1 behind its end.
    """

    packed: Tensor


class Codec(Autoencoder):
    """A codec that is given a rate and spends no more on any volume.

    Parameters
    ----------
    most : bytes of a volume at most.
    """

    factor, latents_class = 0, Packed

    def __init__(self, most: int):
        super().__init__()
        self.most = most
        self.register_buffer("most_bytes", torch.tensor(most))

    @abstractmethod
    def compress(self, volume: np.ndarray, kind: int) -> bytes:
        """A volume (D, H, W) in float32 of the modality `kind`, in `most` bytes or fewer."""

    @abstractmethod
    def expand(self, code: bytes, kind: int) -> np.ndarray:
        """What `compress` gave, back to a volume (D, H, W) in float32."""

    def encode(self, x: Tensor, modality: Tensor) -> Packed:
        """Volumes (B, 1, D, H, W) to their codes."""
        self.check_shape(x)
        packed = torch.full((len(x), 1, 1, 1, self.most), -1, dtype=torch.int16)
        for row, volume, kind in zip(packed, x[:, 0].float().cpu().numpy(), modality.tolist(), strict=True):
            code = np.frombuffer(self.compress(volume, int(kind)), np.uint8)
            row[..., : len(code)] = torch.from_numpy(code.astype(np.int16))
        return Packed(packed.to(x.device))

    def decode(self, latents: Packed, modality: Tensor) -> Tensor:
        """Codes back to volumes (B, 1, D, H, W)."""
        rows = latents.packed.flatten(1).cpu().numpy()
        codes = [row[row >= 0].astype(np.uint8).tobytes() for row in rows]
        volumes = [self.expand(code, int(kind)) for code, kind in zip(codes, modality.tolist(), strict=True)]
        return torch.from_numpy(np.stack(volumes))[:, None].to(latents.packed.device)

    def bits(self, shape: Shape) -> float:
        """What a volume may take."""
        return 8.0 * self.most

    def coded_bits(self, latents: Packed) -> Tensor:
        """Those of the bytes of each code."""
        return 8 * (latents.packed.flatten(1) >= 0).sum(1)

    def check_shape(self, x: Tensor, plane: int | None = None) -> None:
        """Refuse channels; any sides will do."""
        self.check_channels(x)


def largest_that_fits(encode: Callable[[float], bytes], low: float, high: float, room: int, tries: int) -> bytes | None:
    """The code of the highest quality of at most `room` bytes; None where no quality that was tried fits.

    Parameters
    ----------
    encode : quality -> code, longer for a higher quality.
    low, high : ends of the qualities; the highest is tried first, then the middle of what remains.
    """
    best = encode(high)
    if len(best) <= room:
        return best
    best = None
    for _ in range(tries):
        middle = (low + high) / 2
        code = encode(middle)
        if len(code) <= room:
            best, low = code, middle
        else:
            high = middle
    return best
