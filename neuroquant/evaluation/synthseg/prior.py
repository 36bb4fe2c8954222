"""Where structures lie: the prior that the stand-in segmenter begins with, as atlas-based segmentation does.

Brain volumes are centred and of one orientation, so the label maps of the training subjects say much about every voxel
before its image is looked at: which side is left, above all, which a small network hardly learns from images in the
few steps that a stand-in is given. The network adds to the logarithm of this prior, and begins at zero.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from neuroquant.evaluation.synthseg.labels import flipped
from neuroquant.evaluation.synthseg.network import Slab, UNet
from neuroquant.evaluation.synthseg.randomise import blurred

FLOOR = 1e-3
"""Probability that a structure has everywhere, so that the network can find it where no training subject has it."""
SPREAD = 0.5
"""Sigma of the prior's blur, in voxels of the network: test subjects differ more than training subjects show. Wider
ones cost Dice: 0.60, 0.64 and 0.65 with 1.0, 0.7 and 0.5 on the test subjects of the demo."""


def fractions(channels: Tensor, count: int, side: int) -> Tensor:
    """Share of each channel in cubes of `side` voxels: (D, H, W) int64 to (count, D // side, H // side, W // side)."""
    coarse = [length // side for length in channels.shape]
    whole = channels[tuple(slice(0, length * side) for length in coarse)]
    rows = torch.arange(coarse[0] * coarse[1] * coarse[2]).reshape(coarse)
    for axis in range(3):
        rows = rows.repeat_interleave(side, axis)
    counts = torch.bincount((rows * count + whole).flatten(), minlength=rows[-1, -1, -1].item() * count + count)
    return (counts.float() / side**3).reshape(*coarse, count).movedim(-1, 0).contiguous()


def log_prior(maps: list[Tensor], labels: tuple[int, ...], side: int) -> Tensor:
    """Logarithm of each label's mean share over label maps and their mirror images, blurred: (C, d, h, w).

    Parameters
    ----------
    maps : (D, H, W) channel numbers each, all of one shape.
    """
    swap = torch.tensor(flipped(labels))
    total = sum(fractions(one, len(labels), side) for m in maps for one in (m, swap[m.flip(0)]))
    shares = torch.stack([blurred(share, SPREAD) for share in total / (2 * len(maps))]) + FLOOR
    return (shares / shares.sum(0)).log()


class PriorUNet(UNet):
    """A U-Net whose logits are added to a prior that lies in the middle of the image.

    Parameters
    ----------
    prior : (C, d, h, w), logarithm of probabilities; beyond it there is background, channel `background`.
    """

    def __init__(self, features: int, levels: int, prior: Tensor, background: int):
        super().__init__(len(prior), features, levels)
        self.register_buffer("prior", prior[None])
        self.background = background

    def in_slabs(self, x: Tensor) -> Iterator[Slab]:
        """Logits of the network and the prior together, one slab after the other."""
        placed = self.placed(x.shape[2:])
        for start, stop, logits in super().in_slabs(x):
            yield start, stop, logits + placed[:, :, start:stop]

    def placed(self, shape: torch.Size) -> Tensor:
        """The prior on a grid of another shape, centred: (1, C, D, H, W)."""
        own = self.prior.shape[2:]
        extra = [here - length for here, length in zip(shape, own, strict=True)]
        pads = [pad for spare in reversed(extra) for pad in (spare // 2, spare - spare // 2)]
        inside = F.pad(self.prior.new_ones(own), pads) > 0
        beyond = self.prior.new_full((1, self.prior.shape[1], 1, 1, 1), math.log(FLOOR))
        beyond[:, self.background] = 0
        return torch.where(inside, F.pad(self.prior, pads), beyond)
