"""ViTamin (Chen et al. 2024) as MedITok has it: convolutions down to 1/16, a transformer, and the way back up.

Modules carry the names that timm and MedITok give them, so that the authors' file loads strictly; neither package is
needed. Sides may be any multiples of 16: nothing depends on the position of a token.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-6


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        x = x.permute(0, 2, 3, 1)
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps).permute(0, 3, 1, 2)


class GeGlu(nn.Module):
    """Gated feed-forward with a norm of its own."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.w0, self.w1, self.w2 = nn.Linear(width, hidden), nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) to the same."""
        x = self.norm(x)
        return self.w2(F.gelu(self.w0(x)) * self.w1(x))


class Attention(nn.Module):
    """Multi-head attention over all tokens."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, width) to the same."""
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and feed-forward, each after a norm and around a shortcut."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width, eps=EPSILON), Attention(width, heads)
        self.norm2, self.mlp = nn.LayerNorm(width, eps=EPSILON), GeGlu(width, 2 * width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, width) to the same."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Pooled(nn.Module):
    """Shortcut of a block that halves the sides."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        self.pool = nn.AvgPool2d(3, 2, 1, count_include_pad=False)
        self.expand = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H/2, W/2)."""
        return self.expand(self.pool(x))


class Doubled(nn.Module):
    """Doubles the sides by the nearest pixel, then convolves."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', 2H, 2W)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class MbConv(nn.Module):
    """Inverted bottleneck; `step` -1 halves the sides, 1 doubles them, 0 keeps them."""

    def __init__(self, c_in: int, c_out: int, step: int):
        super().__init__()
        hidden = 4 * c_out
        self.shortcut = {-1: Pooled, 1: Doubled, 0: lambda *_: nn.Identity()}[step](c_in, c_out)
        self.pre_norm = LayerNorm2d(c_in, eps=EPSILON)
        self.conv1_1x1 = nn.Conv2d(c_in, hidden, 1)
        self.up = Doubled(hidden, hidden) if step == 1 else nn.Identity()
        self.conv2_kxk = nn.Conv2d(hidden, hidden, 3, 2 if step == -1 else 1, 1, groups=hidden)
        self.conv3_1x1 = nn.Conv2d(hidden, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        h = self.up(F.gelu(self.conv1_1x1(self.pre_norm(x))))
        return self.shortcut(x) + self.conv3_1x1(F.gelu(self.conv2_kxk(h)))


class Stem(nn.Module):
    """The first or the last two convolutions, with a norm between them."""

    def __init__(self, first: nn.Module, middle: int, c_out: int):
        super().__init__()
        self.conv1, self.norm1 = first, LayerNorm2d(middle, eps=EPSILON)
        self.conv2 = nn.Conv2d(middle, c_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Two convolutions."""
        return self.conv2(F.gelu(self.norm1(self.conv1(x))))


class Pool(nn.Module):
    """The step from the convolutions to tokens."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        self.proj, self.norm = nn.Conv2d(c_in, c_out, 3, 2, 1), LayerNorm2d(c_in, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H/2, W/2)."""
        return self.proj(self.norm(x))


class Backbone(nn.Module):
    """The convolutional stages."""

    def __init__(self, widths: tuple[int, int, int], depths: tuple[int, int]):
        super().__init__()
        self.stem = Stem(nn.Conv2d(3, widths[0], 3, 2, 1), widths[0], widths[0])
        stages, before = [], widths[0]
        for width, depth in zip(widths, depths, strict=False):
            stages.append(nn.Sequential(*(MbConv(width if n else before, width, 0 if n else -1) for n in range(depth))))
            before = width
        self.stages, self.pool = nn.Sequential(*stages), Pool(widths[1], widths[2])

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, C, H/16, W/16)."""
        return self.pool(self.stages(self.stem(x)))


class PatchEmbed(nn.Module):
    """Images to tokens."""

    def __init__(self, backbone: Backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, H/16 * W/16, C)."""
        return self.backbone(x).flatten(2).transpose(1, 2)


class ViTaminEncoder(nn.Module):
    """Images to tokens that have seen each other."""

    def __init__(self, widths: tuple[int, int, int], depths: tuple[int, int], blocks: int, heads: int):
        super().__init__()
        self.patch_embed = PatchEmbed(Backbone(widths, depths))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1, widths[2]), requires_grad=False)
        self.blocks = nn.Sequential(*(Block(widths[2], heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(widths[2], eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, N, C)."""
        return self.norm(self.blocks(self.patch_embed(x) + self.pos_embed))


class ViTaminDecoder(nn.Module):
    """Tokens back to images."""

    def __init__(self, widths: tuple[int, int, int], depths: tuple[int, int], blocks: int, heads: int):
        super().__init__()
        fine, middle, width = widths
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.up_conv1 = Doubled(width, middle)
        self.up_conv2 = nn.Sequential(*(MbConv(middle, middle, 0 if n else 1) for n in range(depths[1])))
        self.up_conv3 = nn.Sequential(*(MbConv(fine if n else middle, fine, 0 if n else 1) for n in range(depths[0])))
        self.up_conv4 = Stem(Doubled(fine, fine), fine, 3)

    def forward(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """Tokens (B, h * w, C) of a grid (h, w) to images (B, 3, 16h, 16w)."""
        x = self.norm(self.blocks(x)).transpose(1, 2).unflatten(2, grid)
        return self.up_conv4(self.up_conv3(self.up_conv2(self.up_conv1(x))))


class CausalAttention(nn.Module):
    """Attention to oneself and the tokens before, between two widths; without a bias on keys."""

    def __init__(self, c_in: int, c_out: int, heads: int):
        super().__init__()
        self.heads, self.narrows, wide = heads, c_in > c_out, max(c_in, c_out)
        self.qkv = nn.Linear(c_in, 3 * wide, bias=False)
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(wide)), nn.Parameter(torch.zeros(wide))
        self.register_buffer("zero_k_bias", torch.zeros(wide))
        self.proj = nn.Linear(c_out, c_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) to (B, N, C'): heads are averaged where C' is smaller, side by side where it is larger."""
        bias = torch.cat([self.q_bias, self.zero_k_bias, self.v_bias])
        q, k, v = F.linear(x, self.qkv.weight, bias).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        x = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        if not self.narrows:
            return self.proj(x.transpose(1, 2).flatten(2))
        x, wanted = x.mean(1), self.proj.in_features
        return self.proj(x if x.shape[-1] == wanted else F.adaptive_avg_pool1d(x, wanted))


class AttnProjection(nn.Module):
    """From the transformer's width to the codebooks', or back."""

    def __init__(self, c_in: int, c_out: int, heads: int):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(c_in), CausalAttention(c_in, c_out, heads)
        self.norm3, self.proj = nn.LayerNorm(c_in), nn.Linear(c_in, c_out)
        self.norm2, self.mlp = nn.LayerNorm(c_out), GeGlu(c_out, 2 * c_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) to (B, N, C')."""
        x = self.proj(self.norm3(x)) + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))
