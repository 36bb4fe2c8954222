"""The shared encoder: four blocks, sixteenfold down (section 3.2, equation 3)."""

from torch import Tensor, nn

from neuroquant.models.neuroquant import Parameters
from neuroquant.models.neuroquant.attention import MultiAxisAttention
from neuroquant.models.neuroquant.plane import Activation, local, strided


def attention_of(parameters: Parameters, block: int) -> MultiAxisAttention | None:
    """Attention of block 1 to 4, or None where it is switched off."""
    if not parameters.attention or block not in parameters.attention_blocks:
        return None
    return MultiAxisAttention(parameters.channels[block - 1], parameters.heads, parameters.plane_attention)


class EncoderBlock(nn.Module):
    """F(t) = F + A(Conv3D(F)) with F = the strided convolution of F(t-1).

    Halving first puts the convolution and the attention at the lower resolution, an eighth of the cost; the paper's
    text leaves the order open.
    """

    def __init__(self, inside: int, outside: int, norm: str, attention: MultiAxisAttention | None):
        super().__init__()
        self.down = strided(inside, outside)
        self.activation = Activation(norm, outside)
        self.conv = local(outside, outside)
        self.attention = attention

    def forward(self, x: Tensor, plane: int | None = None, off: int | None = None) -> Tensor:
        """(B, C, D, H, W) to (B, C', D/2, H/2, W/2)."""
        x = self.down(x, plane)
        h = self.conv(self.activation(x), plane)
        return x + (h if self.attention is None else self.attention(h, plane, off))


class Head(nn.Module):
    """E_anat or E_mod: a light convolution on F(4) at its own resolution (equation 4)."""

    def __init__(self, inside: int, outside: int, norm: str):
        super().__init__()
        self.activation = Activation(norm, inside)
        self.conv = local(inside, outside)

    def forward(self, x: Tensor, plane: int | None = None) -> Tensor:
        """(B, C, d, h, w) to (B, C', d, h, w)."""
        return self.conv(self.activation(x), plane)


class Encoder(nn.Module):
    """Volumes to F(4)."""

    def __init__(self, parameters: Parameters):
        super().__init__()
        widths = (1, *parameters.channels)
        self.blocks = nn.ModuleList(
            EncoderBlock(widths[t - 1], widths[t], parameters.norm, attention_of(parameters, t)) for t in (1, 2, 3, 4)
        )

    def forward(self, x: Tensor, plane: int | None = None, off: int | None = None) -> Tensor:
        """(B, 1, D, H, W) to (B, C4, D/16, H/16, W/16)."""
        for block in self.blocks:
            x = block(x, plane, off)
        return x
