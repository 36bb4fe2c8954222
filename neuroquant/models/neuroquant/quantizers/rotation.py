"""How the gradient of a code reaches its token: as it is, or by the rotation trick."""

import torch.nn.functional as F
from torch import Tensor

TINY = 1e-6
"""Least norm of a token that its code is divided by."""


def passed_through(z: Tensor, codes: Tensor, rotation: bool) -> Tensor:
    """The codes of z, both (B, C, ...), with a gradient for z: straight through, or by the rotation trick."""
    if not rotation:
        return z + (codes - z).detach()
    turned = rotated(z, codes.detach())
    return codes.detach() + (turned - turned.detach())


def rotated(z: Tensor, codes: Tensor) -> Tensor:
    """Tokens z (B, C, ...), each turned and scaled to its code by a fixed rotation (Fifty et al. 2024, section 4.2).

    The rotation is that in the plane of the two, by two reflections; neither it nor the scale has a gradient, so that
    a gradient keeps its angle to the token that it had to the code.
    """
    source, target = F.normalize(z.detach(), dim=1), F.normalize(codes.detach(), dim=1)
    between = F.normalize(source + target, dim=1)
    scale = codes.detach().norm(dim=1, keepdim=True) / z.detach().norm(dim=1, keepdim=True).clamp_min(TINY)
    along = (z * between).sum(1, keepdim=True)
    return scale * (z - 2 * along * between + 2 * (z * source).sum(1, keepdim=True) * target)
