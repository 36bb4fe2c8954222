"""Layers that work on a volume, or on a slice as they would on a volume made of copies of that slice.

A slice is (B, C, D, H, W) with one voxel along its normal axis, `plane`. On an endless stack of copies a convolution
sees the same values all along the normal, so it is the 2D convolution with the kernel summed over that axis; a stride
or a nearest up-sampling along the normal changes nothing; a norm over channels is per voxel. That makes 2D training
train the 3D network (section 3.5: "convolution kernels are adjusted along the selected plane").
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from neuroquant.convolution import upsampled_conv
from neuroquant.models.neuroquant.film import modulate


class PlaneConv3d(nn.Conv3d):
    """3D convolution that also takes slices."""

    def forward(self, x: Tensor, plane: int | None = None) -> Tensor:
        """(B, C, D, H, W) to (B, C', D', H', W'); along `plane` both have one voxel."""
        if plane is None:
            return super().forward(x)
        axis = plane + 2
        stride, padding = ([v for i, v in enumerate(values) if i != plane] for values in (self.stride, self.padding))
        flat = F.conv2d(x.squeeze(axis), self.weight.sum(axis), self.bias, stride, padding)
        return flat.unsqueeze(axis)


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each voxel: the same for a slice and for a stack of it."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) to the same, in the dtype of x."""
        return self.channels_last(x.movedim(1, -1)).movedim(-1, 1)

    def channels_last(self, x: Tensor) -> Tensor:
        """(..., C) to the same in the dtype of x, contiguous: the kernel copies what isn't, and no later one has to."""
        with as_it_comes(x):
            return F.layer_norm(x, self.normalized_shape, like(self.weight, x), like(self.bias, x), self.eps)


class SpaceNorm(nn.GroupNorm):
    """Group normalisation over space, in groups of eight channels.

    A slice has the statistics of an endless stack of its copies, and nearly those of a long one.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, D, H, W) to the same, in the dtype of x."""
        with as_it_comes(x):
            return F.group_norm(x, self.num_groups, like(self.weight, x), like(self.bias, x), self.eps)


def as_it_comes(x: Tensor) -> AbstractContextManager[None]:
    """Without autocast where x isn't float32.

    On GPUs autocast has norms write float32, and with them all that comes before the next convolution: twice the
    memory to keep and to move. Means and variances are float32 inside a norm's kernel all the same.
    """
    return nullcontext() if x.dtype == torch.float32 else torch.autocast(x.device.type, enabled=False)


def like(parameter: Tensor, x: Tensor) -> Tensor:
    """The parameter in the dtype of x, as autocast does it for convolutions."""
    return parameter.to(x.dtype)


class Activation(nn.Module):
    """Norm, FiLM where there is one, SiLU: what comes before each convolution.

    With `recompute`, its input alone is kept for the backward pass, which computes these cheap operations again.
    """

    recompute = False

    def __init__(self, kind: str, channels: int):
        super().__init__()
        self.norm = ChannelNorm(channels) if kind == "layer" else SpaceNorm(max(1, channels // 8), channels)

    def forward(self, x: Tensor, film: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """(B, C, D, H, W) to the same; gamma and beta of film (B, C)."""
        return again(self._compute, x, *(film or ())) if self.recompute else self._compute(x, *(film or ()))

    def _compute(self, x: Tensor, *film: Tensor) -> Tensor:
        """SiLU(gamma * norm(x) + beta)."""
        return F.silu(modulate(self.norm(x), film or None))


def again(function: Callable[..., Tensor], *inputs: Tensor | bool) -> Tensor:
    """`function(*inputs)`, of which the inputs alone are kept for the backward pass; nothing in it may be random."""
    return checkpoint(function, *inputs, use_reentrant=False, preserve_rng_state=False)


class UpConv3d(nn.Conv3d):
    """Nearest up-sampling by two and a 3x3x3 convolution; a slice isn't up-sampled along its normal."""

    def __init__(self, inside: int, outside: int):
        super().__init__(inside, outside, 3, padding=1)

    def forward(self, x: Tensor, plane: int | None = None) -> Tensor:
        """(B, C, D, H, W) to (B, C', 2D, 2H, 2W); along `plane` both have one voxel."""
        if plane is None:
            return upsampled_conv(x, self.weight, self.bias)
        axis = plane + 2
        return upsampled_conv(x.squeeze(axis), self.weight.sum(axis), self.bias).unsqueeze(axis)


def strided(inside: int, outside: int) -> PlaneConv3d:
    """3x3x3 convolution of stride 2, halving even sides."""
    return PlaneConv3d(inside, outside, 3, stride=2, padding=1)


def local(inside: int, outside: int, kernel: int = 3) -> PlaneConv3d:
    """Convolution that keeps the sides."""
    return PlaneConv3d(inside, outside, kernel, padding=kernel // 2)
