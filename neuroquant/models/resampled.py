"""A model on volumes of other voxels than it was trained on: they are resampled for it, and its images back."""

import torch.nn.functional as F
from torch import Tensor

from neuroquant.models.autoencoder import Autoencoder, Swaps
from neuroquant.models.grid import Shape
from neuroquant.models.latents import Latents
from neuroquant.models.start import BACKGROUND


class Resampled(Autoencoder):
    """Another model, behind a change of the grid. Never saved itself: the folder has the weights of the other.

    Parameters
    ----------
    inner : the model, on its own grid.
    shape : sides of the volumes that this one takes and gives.
    ratio : how many voxels of the inner model's a side of one of these has.
    step : what the inner model's sides must be multiples of.
    """

    def __init__(self, inner: Autoencoder, shape: Shape, ratio: float, step: int):
        super().__init__()
        self.inner, self.shape = inner, tuple(shape)
        self.own: tuple[int, ...] = tuple(max(1, round(side * ratio)) for side in shape)
        self.padded: Shape = tuple(-(-side // step) * step for side in self.own)
        self.modalities, self.latents_class = inner.modalities, inner.latents_class
        self.factor, self.probe_latent, self.codebook_size = inner.factor, inner.probe_latent, inner.codebook_size

    def encode(self, x: Tensor, modality: Tensor) -> Latents:
        """Volumes of `shape` to the latents of the inner model."""
        return self.inner.encode(self.to_own(x), modality)

    def decode(self, latents: Latents, modality: Tensor) -> Tensor:
        """Latents to volumes of `shape`."""
        return self.back(self.inner.decode(latents, modality))

    def to_own(self, x: Tensor) -> Tensor:
        """Volumes (B, 1, D, H, W) on the inner model's grid, padded evenly with background."""
        self.check_channels(x)
        resized = resize(x, self.own)
        pads = [pad for side, whole in zip(self.own, self.padded, strict=True) for pad in _even(whole - side)]
        return F.pad(resized, [pad for axis in (4, 2, 0) for pad in pads[axis : axis + 2]], value=BACKGROUND)

    def back(self, x: Tensor) -> Tensor:
        """Volumes of the inner model on the grid of `shape`."""
        starts = [_even(whole - side)[0] for side, whole in zip(self.own, self.padded, strict=True)]
        box = tuple(slice(start, start + side) for start, side in zip(starts, self.own, strict=True))
        return resize(x[(slice(None), slice(None), *box)], self.shape)

    def bits(self, shape: Shape) -> float:
        """Of a volume on the inner model's grid."""
        return self.inner.bits(self.padded)

    def codes(self, latents: Latents) -> Tensor | None:
        """Those of the inner model."""
        return self.inner.codes(latents)

    def coded_bits(self, latents: Latents) -> Tensor | None:
        """Those of the inner model."""
        return self.inner.coded_bits(latents)


class SwappingResampled(Resampled, Swaps):
    """The same of a model that tells anatomy from appearance."""

    inner: Swaps

    def appearance(self, latents: Latents) -> Tensor:
        """That of the inner model."""
        return self.inner.appearance(latents)

    def translate(self, latents: Latents, appearance: Tensor, modality: Tensor) -> Tensor:
        """That of the inner model, on the grid of `shape`."""
        return self.back(self.inner.translate(latents, appearance, modality))


def resampled(inner: Autoencoder, shape: Shape, ratio: float, step: int) -> Resampled:
    """The model behind a change of the grid; parameters as for `Resampled`."""
    kind = SwappingResampled if isinstance(inner, Swaps) else Resampled
    return kind(inner, shape, ratio, step)


def resize(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Volumes (B, 1, D, H, W) of other sides: means over the voxels where they get fewer, else trilinear."""
    fewer = all(new <= old for new, old in zip(shape, x.shape[2:], strict=True))
    if fewer:
        return F.interpolate(x, size=shape, mode="area")
    return F.interpolate(x, size=shape, mode="trilinear", align_corners=False)


def _even(spare: int) -> tuple[int, int]:
    return spare // 2, spare - spare // 2
