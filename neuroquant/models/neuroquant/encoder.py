"""The shared encoder: four blocks in the paper, sixteenfold down (section 3.2, equation 3)."""

from torch import Tensor, nn

from neuroquant.models.neuroquant import Parameters
from neuroquant.models.neuroquant.attention import MultiAxisAttention
from neuroquant.models.neuroquant.plane import Activation, local, strided


def attention_of(parameters: Parameters, block: int) -> MultiAxisAttention | None:
    """Attention of a block, counted from 1, or None where it is switched off."""
    chosen = parameters.attention_blocks
    if not parameters.attention or (chosen is not None and block not in chosen):
        return None
    return MultiAxisAttention(parameters.channels[block - 1], parameters.heads, parameters.plane_attention)


class EncoderBlock(nn.Module):
    """F(t) = F + A(Conv3D(F)) with F = the strided convolution of F(t-1).

    Halving first puts the convolution and the attention at the lower resolution, an eighth of the cost; the paper's
    text leaves the order open. Halving last, the convolution in front only widens, and a strided one follows.
    """

    def __init__(self, inside: int, outside: int, norm: str, halves: str, attention: MultiAxisAttention | None):
        super().__init__()
        self.down = strided(inside, outside) if halves == "first" else local(inside, outside)
        self.after = strided(outside, outside) if halves == "last" else None
        self.activation = Activation(norm, outside)
        self.conv = local(outside, outside)
        self.attention = attention

    def forward(self, x: Tensor, plane: int | None = None, off: int | None = None) -> Tensor:
        """(B, C, D, H, W) to (B, C', D/2, H/2, W/2)."""
        x = self.down(x, plane)
        h = self.conv(self.activation(x), plane)
        x = x + (h if self.attention is None else self.attention(h, plane, off))
        return x if self.after is None else self.after(x, plane)


class Head(nn.Module):
    """E_anat or E_mod: a light convolution on the last F at its own resolution (equation 4)."""

    def __init__(self, inside: int, outside: int, norm: str):
        super().__init__()
        self.activation = Activation(norm, inside)
        self.conv = local(inside, outside)

    def forward(self, x: Tensor, plane: int | None = None) -> Tensor:
        """(B, C, d, h, w) to (B, C', d, h, w)."""
        return self.conv(self.activation(x), plane)


class Encoder(nn.Module):
    """Volumes to the F of the last block, F(4) in the paper."""

    def __init__(self, parameters: Parameters):
        super().__init__()
        widths = (1, *parameters.channels)
        self.blocks = nn.ModuleList(
            EncoderBlock(
                widths[t - 1], widths[t], parameters.norm, parameters.encoder_halves, attention_of(parameters, t)
            )
            for t in range(1, len(widths))
        )

    def forward(self, x: Tensor, plane: int | None = None, off: int | None = None) -> Tensor:
        """(B, 1, D, H, W) to (B, C_T, D/2^T, H/2^T, W/2^T) with T blocks."""
        for block in self.blocks:
            x = block(x, plane, off)
        return x
