"""Up-sampling by two and a convolution, as one transposed convolution."""

import torch
import torch.nn.functional as F
from torch import Tensor


def upsampled_conv(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Nearest up-sampling by two, then a convolution with a kernel of side 3 and padding 1, in two or three dimensions.

    Each output voxel needs 8 products a channel instead of 27 (in 2D 4 instead of 9), and the up-sampled image is never
    stored. The values are the same up to rounding.

    Parameters
    ----------
    x : (B, C, *sides), two or three sides
    weight : (C', C, 3, 3[, 3])

    Returns
    -------
    (B, C', *(2 * sides))
    """
    transposed = F.conv_transpose3d if x.ndim == 5 else F.conv_transpose2d
    return transposed(x, transposed_kernel(weight), bias, stride=2, padding=1)


def transposed_kernel(weight: Tensor) -> Tensor:
    """Kernel (C', C, 3, ...) on an up-sampled grid to the transposed kernel (C, C', 4, ...) on the coarse one.

    Each tap is the sum of the taps that fall on the same coarse voxel.
    """
    for axis in range(2, weight.ndim):
        turned = weight.flip(axis)
        nothing = torch.zeros_like(turned.narrow(axis, 0, 1))
        weight = torch.cat([turned, nothing], axis) + torch.cat([nothing, turned], axis)
    return weight.transpose(0, 1)
