"""Encoder and decoder of the CompVis family, once for images and volumes.

Modules carry the names of the authors' state dicts, so that VQGAN-LC's and MedVAE's files load strictly. Rombach et al.
2022 (latent diffusion), Esser et al. 2021 (taming transformers), Varma et al. 2025 (MedVAE).
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.convolution import upsampled_conv
from neuroquant.models.compvis.slabs import Source, Stored, Upsampled, by_slabs, group_scale, is_large, slabs
from neuroquant.models.start import start_as_background, start_at_zero, start_evenly, start_narrow

EPSILON = 1e-6
"""Of the group norms."""


class Sizes(NamedTuple):
    """What an autoencoder of the family is made of.

    Attributes
    ----------
    dims : 2 for images, 3 for volumes
    channels_in : of the image
    width, mults : channels of each level, top down, are width times its multiplier
    z_channels : channels between encoder and decoder
    doubled : whether the encoder gives mean and log variance
    blocks : residual blocks a level (the decoder has one more)
    groups : groups of the norms
    """

    dims: int
    channels_in: int
    width: int
    mults: tuple[int, ...]
    z_channels: int
    doubled: bool
    blocks: int = 2
    groups: int = 32


def conv(sizes: Sizes, c_in: int, c_out: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Module:
    """A convolution in as many dimensions as the autoencoder has."""
    return (nn.Conv2d if sizes.dims == 2 else nn.Conv3d)(c_in, c_out, kernel, stride, padding)


def norm(sizes: Sizes, channels: int) -> nn.GroupNorm:
    """The family's norm."""
    return nn.GroupNorm(sizes.groups, channels, eps=EPSILON)


class ResnetBlock(nn.Module):
    """Two convolutions with norms before them, and a shortcut."""

    def __init__(self, sizes: Sizes, c_in: int, c_out: int):
        super().__init__()
        self.norm1, self.conv1 = norm(sizes, c_in), conv(sizes, c_in, c_out, 3, padding=1)
        self.norm2, self.conv2 = norm(sizes, c_out), conv(sizes, c_out, c_out, 3, padding=1)
        self.nin_shortcut = conv(sizes, c_in, c_out, 1) if c_in != c_out else None

    def forward(self, x: Tensor | Upsampled) -> Tensor:
        """(B, C, *sides) to (B, C', *sides)."""
        if isinstance(x, Upsampled):
            return self.lean(x)
        if is_large(x.shape, x):
            return self.lean(Stored(x))
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return self._shortcut(x) + h

    def _shortcut(self, x: Tensor) -> Tensor:
        return x if self.nin_shortcut is None else self.nin_shortcut(x)

    def lean(self, source: Source) -> Tensor:
        """The same values with two such volumes in memory beside the source, without gradients."""
        scale, shift = group_scale(source, self.norm1)
        h = by_slabs(source, lambda part: self.conv1(F.silu((part * scale).add_(shift), inplace=True)))
        scale2, shift2 = group_scale(Stored(h), self.norm2)
        by_slabs(Stored(h), lambda part: self.conv2(F.silu((part * scale2).add_(shift2), inplace=True)), into=h)
        for start, stop in slabs(source.shape[2]):
            h[:, :, start:stop] += self._shortcut(source.planes(start, stop))
        return h


class AttnBlock(nn.Module):
    """Attention of one head over all positions."""

    def __init__(self, sizes: Sizes, channels: int):
        super().__init__()
        self.norm = norm(sizes, channels)
        self.q, self.k, self.v, self.proj_out = (conv(sizes, channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *sides) to the same."""
        h = self.norm(x)
        q, k, v = (layer(h).flatten(2).transpose(1, 2) for layer in (self.q, self.k, self.v))
        h = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        return x + self.proj_out(h.transpose(1, 2).reshape(x.shape))


class Downsample(nn.Module):
    """Halves each side; zeros are put behind the last voxel only, as the family does."""

    def __init__(self, sizes: Sizes, channels: int):
        super().__init__()
        self.conv = conv(sizes, channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *sides) to (B, C, *(sides / 2))."""
        return self.conv(F.pad(x, (0, 1) * (x.ndim - 2)))


class Upsample(nn.Module):
    """Doubles each side by the nearest voxel, then convolves; both at once."""

    def __init__(self, sizes: Sizes, channels: int):
        super().__init__()
        self.conv = conv(sizes, channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor | Upsampled:
        """(B, C, *sides) to (B, C, *(2 * sides)); where that would be large, planes of it on demand."""
        upsampled = Upsampled(x, self.conv.weight, self.conv.bias)
        if is_large(upsampled.shape, x):
            return upsampled
        return upsampled_conv(x, self.conv.weight, self.conv.bias)


class Level(nn.Module):
    """Residual blocks of one width, and the step to the next level.

    Encoder and decoder call the blocks themselves: a method here would keep what went into the first one in memory.
    """

    def __init__(self, sizes: Sizes, c_in: int, c_out: int, blocks: int):
        super().__init__()
        self.block = nn.ModuleList(ResnetBlock(sizes, c_out if n else c_in, c_out) for n in range(blocks))
        self.downsample: Downsample | None = None
        self.upsample: Upsample | None = None


class Middle(nn.Module):
    """Two blocks with attention between them, on the coarsest grid."""

    def __init__(self, sizes: Sizes, channels: int):
        super().__init__()
        self.block_1 = ResnetBlock(sizes, channels, channels)
        self.attn_1 = AttnBlock(sizes, channels)
        self.block_2 = ResnetBlock(sizes, channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *sides) to the same."""
        return self.block_2(self.attn_1(self.block_1(x)))


class Encoder(nn.Module):
    """Image to latent."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        widths = [sizes.width * mult for mult in sizes.mults]
        self.conv_in = conv(sizes, sizes.channels_in, sizes.width, 3, padding=1)
        self.down = nn.ModuleList()
        before = sizes.width
        for number, width in enumerate(widths):
            level = Level(sizes, before, width, sizes.blocks)
            if number < len(widths) - 1:
                level.downsample = Downsample(sizes, width)
            self.down.append(level)
            before = width
        self.mid = Middle(sizes, before)
        self.norm_out = norm(sizes, before)
        self.conv_out = conv(sizes, before, sizes.z_channels * (2 if sizes.doubled else 1), 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *sides) to (B, z or 2z, *(sides / f))."""
        x = self.conv_in(x)
        for level in self.down:
            for block in level.block:
                x = block(x)
            if level.downsample is not None:
                x = level.downsample(x)
        return self.conv_out(F.silu(self.norm_out(self.mid(x))))


class Decoder(nn.Module):
    """Latent to image."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        widths = [sizes.width * mult for mult in sizes.mults]
        before = widths[-1]
        self.conv_in = conv(sizes, sizes.z_channels, before, 3, padding=1)
        self.mid = Middle(sizes, before)
        levels = []
        for number, width in reversed(list(enumerate(widths))):
            level = Level(sizes, before, width, sizes.blocks + 1)
            if number:
                level.upsample = Upsample(sizes, width)
            levels.insert(0, level)
            before = width
        self.up = nn.ModuleList(levels)
        self.norm_out = norm(sizes, before)
        self.conv_out = conv(sizes, before, sizes.channels_in, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        """(B, z, *sides) to (B, C, *(sides * f))."""
        x = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            for block in level.block:
                x = block(x)
            if level.upsample is not None:
                x = level.upsample(x)
        if not is_large(x.shape, x):
            return self.conv_out(F.silu(self.norm_out(x)))
        scale, shift = group_scale(Stored(x), self.norm_out)
        return by_slabs(Stored(x), lambda part: self.conv_out(F.silu((part * scale).add_(shift), inplace=True)))


class CompVis(nn.Module):
    """Encoder, decoder and the two pointwise convolutions around the latent, under their authors' names.

    Parameters
    ----------
    embed : channels of the latent.
    """

    def __init__(self, sizes: Sizes, embed: int):
        super().__init__()
        twice = 2 if sizes.doubled else 1
        self.encoder, self.decoder = Encoder(sizes), Decoder(sizes)
        self.quant_conv = conv(sizes, twice * sizes.z_channels, twice * embed, 1)
        self.post_quant_conv = conv(sizes, embed, sizes.z_channels, 1)
        self._start(embed if sizes.doubled else 0)

    def _start(self, variances: int) -> None:
        """As NeuroQuant starts: the authors' files replace it, and without them no model has a head start."""
        start_evenly(self)
        if variances:
            start_narrow(self.quant_conv, variances)
        for module in self.modules():
            if isinstance(module, ResnetBlock):
                start_at_zero(module.conv2)
            if isinstance(module, AttnBlock):
                start_at_zero(module.proj_out)
        start_as_background(self.decoder.conv_out)

    def halves(self) -> Iterator[nn.Module]:
        """What is compiled separately."""
        yield from (self.encoder, self.decoder)
