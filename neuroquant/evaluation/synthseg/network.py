"""SynthSeg's 3D U-Net: ELU convolutions, batch norm behind each level, skips taken before it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.convolution import upsampled_conv

EPSILON = 1e-3


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
        return self._second(
            F.conv3d(skip, conv.weight[:, :own], conv.bias, padding=1) + upsampled_conv(below, conv.weight[:, own:])
        )

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
        skips = []
        for level in self.down[:-1]:
            skip = level.features(x)
            skips.append(skip)
            x = F.max_pool3d(level.norm(skip), 2)
        x = self.down[-1].norm(self.down[-1].features(x))
        for level in self.up:
            x = level.norm(level.merged(skips.pop(), x))
        return self.likelihood(x)
