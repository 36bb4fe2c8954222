"""SynthSeg's 3D U-Net: ELU convolutions, batch norm behind each level, skips taken before it."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.convolution import upsampled_conv

EPSILON = 1e-3
PLANES = 16
"""Planes of a large image that pass its finest level at a time; an even number."""
LARGE = 2**20
"""Voxels from which on an image passes so: at full size the finest level's maps are what fills the memory."""
FAST = torch.channels_last_3d
"""How CPUs want features in memory: convolutions take half to two thirds of the time that they take otherwise."""
HALO = 2
"""Planes on either side that two 3x3x3 convolutions look at."""


Slab = tuple[int, int, Tensor]
"""First plane, the one behind the last, and (B, C, planes, H, W)."""


def slabs(function: Callable[..., Tensor], planes: int, *inputs: Tensor) -> Iterator[Slab]:
    """What a function of two 3x3x3 convolutions gives, `planes` planes of the first axis at a time.

    Parameters
    ----------
    inputs : (B, C, D, H, W); the first has all planes, the others may have a fraction of them (1/2: one per two).
    """
    depth = inputs[0].shape[2]
    ratios = [depth // x.shape[2] for x in inputs]
    for start in range(0, depth, planes):
        stop = min(start + planes, depth)
        low, high = max(start - HALO, 0), min(stop + HALO, depth)
        part = function(*(x[:, :, low // r : high // r] for x, r in zip(inputs, ratios, strict=True)))
        yield start, stop, part[:, :, start - low : stop - low]


def joined(parts: Iterator[Slab], depth: int, memory_format: torch.memory_format = torch.contiguous_format) -> Tensor:
    """All slabs in one tensor, (B, C, D, H, W)."""
    whole = None
    for start, stop, part in parts:
        if stop - start == depth:
            return part
        if whole is None:
            shape = (*part.shape[:2], depth, *part.shape[3:])
            whole = torch.empty(shape, dtype=part.dtype, device=part.device, memory_format=memory_format)
        whole[:, :, start:stop] = part
    return whole


class Level(nn.Module):
    """Two 3x3x3 convolutions with ELU, then batch norm."""

    def __init__(self, inside: int, outside: int):
        super().__init__()
        self.convs = nn.ModuleList(
            [nn.Conv3d(inside, outside, 3, padding=1), nn.Conv3d(outside, outside, 3, padding=1)]
        )
        self.norm = nn.BatchNorm3d(outside, eps=EPSILON, momentum=0.05)

    def features(self, x: Tensor) -> Tensor:
        """What the skip carries: (B, C, D, H, W) to (B, C', D, H, W)."""
        return self._second(self.convs[0](x))

    def merged(self, skip: Tensor, below: Tensor) -> Tensor:
        """`features` of [skip, nearest up-sampling of below], which is never made: skip (B, C, D, H, W)."""
        conv, own = self.convs[0], skip.shape[1]
        from_skip = F.conv3d(skip, conv.weight[:, :own], conv.bias, padding=1)
        from_below = upsampled_conv(below, conv.weight[:, own:])
        return self._second(from_skip + from_below if torch.is_grad_enabled() else from_skip.add_(from_below))

    def _second(self, x: Tensor) -> Tensor:
        inplace = not torch.is_grad_enabled()
        return F.elu(self.convs[1](F.elu(x, inplace=inplace)), inplace=inplace)


class UNet(nn.Module):
    """`levels` levels of features * 2^l channels; max-pooling down, nearest up, [skip, up] concatenated.

    Parameters
    ----------
    labels : number of output channels.
    """

    def __init__(self, labels: int, features: int = 24, levels: int = 5):
        super().__init__()
        widths = [features * 2**level for level in range(levels)]
        self.down = nn.ModuleList(Level(a, b) for a, b in zip([1, *widths], widths, strict=False))
        self.up = nn.ModuleList(Level(widths[t] + widths[t + 1], widths[t]) for t in reversed(range(levels - 1)))
        self.likelihood = nn.Conv3d(features, labels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, D, H, W) in [0, 1], sides multiples of 2^(levels - 1), to logits (B, labels, D, H, W)."""
        return joined(self.in_slabs(x), x.shape[2])

    def in_slabs(self, x: Tensor) -> Iterator[Slab]:
        """The logits of `forward`, one slab after the other: of a large image they are never all in memory."""
        depth = x.shape[2]
        planes = depth if torch.is_grad_enabled() or x.numel() < LARGE else PLANES
        skips = []
        for number, level in enumerate(self.down[:-1]):
            skip = level.features(x) if number else joined(slabs(level.features, planes, x), depth, FAST)
            skips.append(skip)
            x = level.norm(F.max_pool3d(skip, 2)) if self.keeps_order(level) else F.max_pool3d(level.norm(skip), 2)
        x = self.down[-1].norm(self.down[-1].features(x))
        for level in self.up[:-1]:
            x = level.norm(level.merged(skips.pop(), x))
        yield from slabs(self.finish, planes, skips.pop(), x)

    def finish(self, skip: Tensor, below: Tensor) -> Tensor:
        """The finest level of the way up, and the logits."""
        return self.likelihood(self.up[-1].norm(self.up[-1].merged(skip, below)))

    @staticmethod
    def keeps_order(level: Level) -> bool:
        """Whether a level's norm, with fixed statistics and no negative factor, can follow the pooling: less work."""
        return not level.norm.training and not torch.is_grad_enabled() and bool((level.norm.weight >= 0).all())


def ready_on(network: UNet, device: str) -> UNet:
    """The network for inference on a device; the same values, laid out in memory as the device wants them."""
    network = network.to(device).eval()
    return network.to(memory_format=FAST) if device == "cpu" else network
