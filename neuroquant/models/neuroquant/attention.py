"""Factorised multi-axis attention, A(F) = Attn_W(Attn_H(Attn_D(F))) (section 3.2, equation 2)."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.models.neuroquant.plane import ChannelNorm, again

LINES = 2**16 - 1
"""Most lines that one call of a fused kernel takes on a GPU (pytorch/pytorch#146704): 4.7 pairs of full volumes."""


class AxisAttention(nn.Module):
    """Multi-head self-attention among the voxels of every line along one axis, with its own norm and residual.

    The residual keeps A near the identity at the start of training; the paper names "residual connections and layer
    normalization" without saying where.
    """

    recompute: Literal["nothing", "norms", "attention"] = "nothing"
    """What isn't kept for the backward pass, but computed again there."""

    def __init__(self, channels: int, axis: int, heads: int):
        super().__init__()
        self.axis, self.heads = axis, heads
        self.norm = ChannelNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, only_self: bool = False) -> Tensor:
        """(B, C, D, H, W) to the same; with `only_self` every voxel attends to itself alone."""
        if self.recompute == "attention":
            return x + again(self._mix, x, only_self)
        return x + self._mix(x, only_self)

    def _mix(self, x: Tensor, only_self: bool) -> Tensor:
        qkv = again(self._project, x) if self.recompute == "norms" else self._project(x)
        q, k, v = qkv.chunk(3, dim=-1)
        mixed = v if only_self else self._attend(q, k, v)
        return self.out(mixed).movedim(-1, 1).movedim(-1, self.axis + 2)

    def _project(self, x: Tensor) -> Tensor:
        """Queries, keys and values of all lines, (B, other, other, L, 3 C)."""
        lines = x.movedim(self.axis + 2, -1).movedim(1, -1)
        return self.qkv(self.norm.channels_last(lines))  # the norm writes the lines that the product reads

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Softmax(Q K^T / sqrt(d_k)) V along the second to last axis of (..., L, C)."""
        shape = q.shape
        q, k, v = (
            part.reshape(-1, shape[-2], self.heads, shape[-1] // self.heads).transpose(1, 2) for part in (q, k, v)
        )
        pieces = zip(*(part.split(LINES) for part in (q, k, v)), strict=True)
        mixed = [F.scaled_dot_product_attention(*piece) for piece in pieces]
        return (torch.cat(mixed) if len(mixed) > 1 else mixed[0]).transpose(1, 2).reshape(shape)


class MultiAxisAttention(nn.Module):
    """The three axes in turn."""

    def __init__(self, channels: int, heads: int, plane_attention: str):
        super().__init__()
        self.plane_attention = plane_attention
        self.axes = nn.ModuleList(AxisAttention(channels, axis, heads) for axis in range(3))

    def forward(self, x: Tensor, plane: int | None = None, off: int | None = None) -> Tensor:
        """(B, C, D, H, W) to the same. `plane`: normal of a slice; `off`: an axis to leave out of a volume."""
        for attention in self.axes:
            if attention.axis == off:
                continue
            if attention.axis != plane:
                x = attention(x)
            elif self.plane_attention == "self":
                x = attention(x, only_self=True)
        return x
