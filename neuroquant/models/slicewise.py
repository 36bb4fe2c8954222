"""A 2D autoencoder run over the slices of a volume, as the paper's 2D baselines are."""

from abc import abstractmethod

import torch
from torch import Tensor

from neuroquant.models.autoencoder import Autoencoder, Output


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

    def encode(self, x: Tensor, modality: Tensor) -> dict[str, Tensor]:
        """Volumes (B, 1, D, H, W) to z (B, C, slices, h, w); the posterior's mode, not a sample."""
        self.check_shape(x)
        slices, batch = self._slices(x)
        z = torch.cat([self.encode_slices(part, sample=False)[0] for part in slices.split(self.chunk)])
        return {"z": z.unflatten(0, (batch, -1)).movedim(1, 2)}

    def decode(self, latents: dict[str, Tensor], modality: Tensor) -> Tensor:
        """z (B, C, slices, h, w) to volumes (B, 1, D, H, W)."""
        z = latents["z"].movedim(2, 1)
        slices = torch.cat([self.decode_slices(part) for part in z.flatten(0, 1).split(self.chunk)])
        return self._volume(slices, len(z))

    def forward(self, x: Tensor, modality: Tensor, plane: int | None = None) -> Output:
        """Volumes or slices along the model's own axis, with a sampled posterior in training mode."""
        if plane is not None and plane != self.plane_axis:
            raise ValueError(f"this model works on slices along axis {self.plane_axis}, not {plane}")
        self.check_shape(x, plane)
        slices, batch = self._slices(x)
        z, regulariser = self.encode_slices(slices, sample=self.training)
        reconstruction = self._volume(self.decode_slices(z), batch)
        return Output(reconstruction, {"z": z.unflatten(0, (batch, -1)).movedim(1, 2)}, {self.regulariser: regulariser})

    def bits(self, shape: tuple[int, int, int]) -> float:
        """Positions of all slices' latents times what one costs."""
        sides = [side for axis, side in enumerate(shape) if axis != self.plane_axis]
        return shape[self.plane_axis] * (sides[0] // self.factor) * (sides[1] // self.factor) * self.bits_per_position()

    def _slices(self, x: Tensor) -> tuple[Tensor, int]:
        """(B, 1, D, H, W) to (B * slices, 3, H, W): grey repeated to RGB."""
        slices = x.movedim(self.plane_axis + 2, 1).flatten(0, 1)
        return slices.expand(-1, 3, -1, -1), len(x)

    def _volume(self, slices: Tensor, batch: int) -> Tensor:
        """The inverse of `_slices`: RGB averaged to grey."""
        return slices.mean(1, keepdim=True).unflatten(0, (batch, -1)).movedim(1, self.plane_axis + 2)
