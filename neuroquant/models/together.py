"""How many volumes a network is given in one call."""

from torch import Tensor

VOXELS = 2**20
"""Of the volumes of a call. A full one has four times as many, and goes alone."""


def few(x: Tensor, factor: int = 1) -> tuple[Tensor, ...]:
    """Volumes, or latents whose grid is `factor` times as coarse, (B, C, d, h, w), a few at a time.

    One at a time limits the memory where they are large. Small ones go together: on CPUs PyTorch takes a slow way
    through convolutions of a single one.
    """
    voxels = x.shape[2:].numel() * factor**3
    return x.split(max(1, VOXELS // voxels))
