"""The FiLM decoder: from codes to a volume (section 3.3.2, equations 10 and 11)."""

from torch import Tensor, nn

from neuroquant.models.neuroquant import Parameters
from neuroquant.models.neuroquant.attention import MultiAxisAttention
from neuroquant.models.neuroquant.encoder import attention_of
from neuroquant.models.neuroquant.film import Film, modulate
from neuroquant.models.neuroquant.plane import Activation, UpConv3d, local


class DecoderBlock(nn.Module):
    """Norm, FiLM, convolution, attention, residual; then up-sampling and a convolution to the next width.

    FiLM comes after the norm, which would undo it otherwise. With `trunk` it modulates what passes by the residual
    branch, too.
    """

    def __init__(self, inside: int, outside: int, norm: str, attention: MultiAxisAttention | None, trunk: bool = False):
        super().__init__()
        self.trunk = trunk
        self.activation = Activation(norm, inside)
        self.conv = local(inside, inside)
        self.attention = attention
        self.up = UpConv3d(inside, outside)

    def forward(self, x: Tensor, film: tuple[Tensor, Tensor] | None, plane: int | None, off: int | None) -> Tensor:
        """(B, C, d, h, w) to (B, C', 2d, 2h, 2w)."""
        h = self.conv(self.activation(x, film), plane)
        x = (modulate(x, film) if self.trunk else x) + (h if self.attention is None else self.attention(h, plane, off))
        return self.up(x, plane)


class Decoder(nn.Module):
    """Codes z_q and FiLM parameters to a volume."""

    def __init__(self, parameters: Parameters):
        super().__init__()
        widths = (parameters.head_channels, *parameters.channels)
        down = range(len(parameters.channels), 0, -1)
        self.enter = local(parameters.code_dim, widths[-1])
        self.blocks = nn.ModuleList(
            DecoderBlock(widths[t], widths[t - 1], parameters.norm, attention_of(parameters, t), parameters.film_trunk)
            for t in down
        )
        self.activation = Activation(parameters.norm, widths[0])
        self.leave = local(widths[0], 1, parameters.output_kernel)
        self.film_widths = list(widths[::-1])

    def forward(self, z_q: Tensor, film: Film | None, plane: int | None = None, off: int | None = None) -> Tensor:
        """(B, C_a, d, h, w) to (B, 1, 2^T d, 2^T h, 2^T w) with T blocks."""
        layers = film or [None] * len(self.film_widths)
        x = self.enter(z_q, plane)
        for block, layer in zip(self.blocks, layers, strict=False):
            x = block(x, layer, plane, off)
        return self.leave(self.activation(x, layers[-1]), plane)
