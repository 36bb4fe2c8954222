"""A 2D autoencoder run over the slices of a volume, as the paper's 2D baselines are.

Sides of a slice that the factor doesn't divide are padded with background behind the last voxel; `forward` cuts them
back, and so does who decodes latents: `decode` knows the latent grid alone.
"""

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from neuroquant.models.autoencoder import Autoencoder, Output
from neuroquant.models.latents import Continuous

BACKGROUND = -1.0


class SlicewiseAutoencoder(Autoencoder):
    """Slices one axis and stacks the latents as (C, slices, h, w).

    A subclass gives `encode_slices`, `decode_slices` and `bits_per_position`.

    Parameters
    ----------
    axis : axis of the volume whose slices are taken (2: axial).
    chunk : slices a call, which bounds the memory.
    """

    probe_latent = "z"
    regulariser = "kl"
    """Name of the model's own loss in logs."""

    def __init__(self, axis: int, factor: int, chunk: int):
        super().__init__()
        self.plane_axis, self.factor, self.chunk = axis, factor, chunk

    @abstractmethod
    def encode_slices(self, slices: Tensor, sample: bool) -> tuple[Tensor, Tensor]:
        """RGB slices (N, 3, H, W) to latents (N, C, h, w), and the regulariser as a scalar."""

    @abstractmethod
    def decode_slices(self, latents: Tensor) -> Tensor:
        """Latents (N, C, h, w) to RGB slices (N, 3, H, W)."""

    @abstractmethod
    def bits_per_position(self) -> float:
        """Bits that one position of a slice's latent costs."""

    def encode(self, x: Tensor, modality: Tensor) -> Continuous:
        """Volumes (B, 1, D, H, W) to z (B, C, slices, h, w); the posterior's mode, not a sample."""
        self.check_channels(x)
        slices, batch = self._slices(x)
        z = torch.cat([self.encode_slices(part, sample=False)[0] for part in slices.split(self.chunk)])
        return Continuous(z.unflatten(0, (batch, -1)).movedim(1, 2))

    def decode(self, latents: Continuous, modality: Tensor) -> Tensor:
        """z (B, C, slices, h, w) to volumes (B, 1, D, H, W), whose sides in the plane are multiples of the factor."""
        z = latents.z.movedim(2, 1)
        slices = torch.cat([self.decode_slices(part) for part in z.flatten(0, 1).split(self.chunk)])
        return self._volume(slices, len(z))

    def forward(self, x: Tensor, modality: Tensor, plane: int | None = None) -> Output:
        """Volumes or slices along the model's own axis, with a sampled posterior in training mode."""
        if plane is not None and plane != self.plane_axis:
            raise ValueError(f"this model works on slices along axis {self.plane_axis}, not {plane}")
        self.check_channels(x)
        slices, batch = self._slices(x)
        z, regulariser = self.encode_slices(slices, sample=self.training)
        depth, height, width = x.shape[2:]
        reconstruction = self._volume(self.decode_slices(z), batch)[:, :, :depth, :height, :width]
        return Output(
            reconstruction, Continuous(z.unflatten(0, (batch, -1)).movedim(1, 2)), {self.regulariser: regulariser}
        )

    def bits(self, shape: tuple[int, int, int]) -> float:
        """Positions of all slices' latents times what one costs."""
        sides = [side for axis, side in enumerate(shape) if axis != self.plane_axis]
        rows, columns = (-(-side // self.factor) for side in sides)
        return shape[self.plane_axis] * rows * columns * self.bits_per_position()

    def _slices(self, x: Tensor) -> tuple[Tensor, int]:
        """(B, 1, D, H, W) to (B * slices, 3, H, W), sides padded to multiples of the factor, grey repeated to RGB."""
        slices = x.movedim(self.plane_axis + 2, 1).flatten(0, 1)
        below, behind = (-side % self.factor for side in slices.shape[2:])
        if below or behind:
            slices = F.pad(slices, (0, behind, 0, below), value=BACKGROUND)
        return slices.expand(-1, 3, -1, -1), len(x)

    def _volume(self, slices: Tensor, batch: int) -> Tensor:
        """The inverse of `_slices`: RGB averaged to grey."""
        return slices.mean(1, keepdim=True).unflatten(0, (batch, -1)).movedim(1, self.plane_axis + 2)
