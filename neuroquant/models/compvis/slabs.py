"""Whole volumes through wide layers in little memory: exact group norms and convolutions, a few planes at a time.

At 144 x 192 x 144 one activation of MedVAE's finest level takes 2 GB, the up-sampled one before it 4.1 GB; the usual
way through the residual block between them keeps four or five of them at once.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from neuroquant.convolution import upsampled_conv

LARGE = 2**28
"""Numbers in an activation (1 GB) from which planes are taken a few at a time, where no gradient is wanted."""
PLANES = 6


def is_large(shape: tuple[int, ...], like: Tensor) -> bool:
    """Whether an activation (B, C, D, H, W) is to be cut into slabs: large, on a CPU, and without gradients."""
    if len(shape) != 5 or torch.is_grad_enabled() or like.device.type != "cpu":
        return False
    return torch.Size(shape).numel() >= LARGE


class Source(Protocol):
    """An activation whose planes can be had."""

    shape: tuple[int, ...]

    def planes(self, start: int, stop: int) -> Tensor:
        """Planes [start, stop) along the third axis."""


class Stored:
    """An activation in memory."""

    def __init__(self, x: Tensor):
        self.x, self.shape = x, tuple(x.shape)

    def planes(self, start: int, stop: int) -> Tensor:
        """As the interface says; a view."""
        return self.x[:, :, start:stop]


class Upsampled:
    """What up-sampling by two and a convolution make of `x`, computed again whenever it is asked for."""

    def __init__(self, x: Tensor, weight: Tensor, bias: Tensor | None):
        self.x, self.weight, self.bias = x, weight, bias
        self.shape = (x.shape[0], weight.shape[0], *(2 * side for side in x.shape[2:]))

    def planes(self, start: int, stop: int) -> Tensor:
        """As the interface says."""
        low, high = max(start // 2 - 1, 0), min((stop + 1) // 2 + 1, self.x.shape[2])
        planes = upsampled_conv(self.x[:, :, low:high], self.weight, self.bias)
        return planes[:, :, start - 2 * low : stop - 2 * low]


def slabs(depth: int) -> Iterator[tuple[int, int]]:
    """First and last plane of each slab."""
    for start in range(0, depth, PLANES):
        yield start, min(start + PLANES, depth)


def group_scale(source: Source, norm: nn.GroupNorm) -> tuple[Tensor, Tensor]:
    """The group norm of (B, C, D, H, W) as a factor and a summand (B, C, 1, 1, 1): norm(x) = x * factor + summand."""
    batch, channels, *sides = source.shape
    each = channels // norm.num_groups
    total, square = torch.zeros(2, batch, norm.num_groups, dtype=torch.float64)
    for start, stop in slabs(sides[0]):
        part = source.planes(start, stop).reshape(batch, norm.num_groups, -1)
        total += part.sum(2, dtype=torch.float64)
        square += part.square().sum(2, dtype=torch.float64)
    count = each * torch.Size(sides).numel()
    mean = total / count
    inverse = (square / count - mean.square() + norm.eps).rsqrt()
    factor = inverse.repeat_interleave(each, 1) * norm.weight
    summand = norm.bias - mean.repeat_interleave(each, 1) * factor
    return factor.float()[..., None, None, None], summand.float()[..., None, None, None]


def by_slabs(source: Source, function: Callable[[Tensor], Tensor], into: Tensor | None = None) -> Tensor:
    """`function`, a pointwise part and then a convolution of side 3 and padding 1, on (B, C, D, H, W), slab by slab.

    Parameters
    ----------
    into : where the result goes; may be the source's own memory, where the function keeps the number of channels.
    """
    depth, before = source.shape[2], None
    for start, stop in slabs(depth):
        part = source.planes(max(start - 1, 0), min(stop + 1, depth))
        if before is not None:
            part = torch.cat([before, part[:, :, 1:]], 2)
        last = part.shape[2] - 1 - int(stop < depth)
        before = part[:, :, last : last + 1].clone()  # the next slab needs it as it was
        computed = function(part)[:, :, int(start > 0) :][:, :, : stop - start]
        if into is None:
            into = computed.new_empty(*computed.shape[:2], depth, *computed.shape[3:])
        into[:, :, start:stop] = computed
    return into
