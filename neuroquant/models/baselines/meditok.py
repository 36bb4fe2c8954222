"""MedITok (Ma et al. 2025), slice by slice: a ViTamin encoder, eight small codebooks, a ViTamin decoder."""

import math
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from neuroquant.config.base import Count, Layers, NonNegative, Settings
from neuroquant.models import grid

if TYPE_CHECKING:
    from torch import Tensor

    from neuroquant.models.slicewise import SlicewiseAutoencoder

FACTOR = 16
"""Side reduction of each slice."""


class Parameters(Settings):
    """Sizes; the defaults are the authors' (696.6 M parameters): ViTamin-L, 8 codebooks of 4096 words of 8 numbers."""

    widths: tuple[Count, Count, Count] = Field((160, 320, 1024), description="channels of the stages; the last: tokens")
    depths: tuple[Layers, Layers] = Field((2, 4), description="blocks of the convolutional stages")
    blocks: Layers = Field(31, description="transformer blocks of the encoder, and of the decoder")
    heads: Count = Field(16, description="attention heads")
    codebooks: Count = Field(8, description="codebooks, each for its part of the latent's channels")
    words: Count = Field(4096, description="words of each codebook")
    latent_channels: Count = Field(64, description="channels of the latent")
    align: Count = Field(768, description="width of the authors' alignment with text, unused here but in their file")
    commitment: NonNegative = Field(0.25, description="weight of the term that pulls latents to words")
    side: int = Field(
        256,
        ge=0,
        multiple_of=16,
        description="slices are padded to squares of this side, at which it was trained; 0: not",
    )
    axis: Count = Field(2, le=2, description="axis that is sliced: 2 is axial")
    chunk: Count = Field(8, description="slices a call when encoding whole volumes")

    @model_validator(mode="after")
    def _parts_fit(self) -> "Parameters":
        if self.latent_channels % self.codebooks:
            raise ValueError(f"latent_channels must be a multiple of codebooks = {self.codebooks}")
        if self.widths[2] % self.heads or self.widths[2] % self.latent_channels:
            raise ValueError(f"the last width, {self.widths[2]}, must be a multiple of heads and of latent_channels")
        return self


def latent_shapes(parameters: Parameters, shape: grid.Shape) -> dict[str, tuple[int, ...]]:
    """Latents of a volume of `shape`: name -> (C, d, h, w)."""
    return {"z": (parameters.latent_channels, *grid.of_slices(shape, FACTOR, parameters.axis))}


def bits(parameters: Parameters, shape: grid.Shape) -> float:
    """A word of each codebook a position."""
    positions = math.prod(grid.of_slices(shape, FACTOR, parameters.axis))
    return positions * parameters.codebooks * math.log2(parameters.words)


def published_state(state: dict[str, Any]) -> dict[str, "Tensor"]:
    """The network's tensors in the authors' file, under our names."""
    state = state.get("model", state.get("state_dict", state))
    return {("vectors." + n[10:] if n.startswith("quantizer.") else n): tensor for n, tensor in state.items()}


def build(parameters: Parameters) -> "SlicewiseAutoencoder":
    """A freshly initialised network."""
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    from neuroquant.models.slicewise import SlicewiseAutoencoder
    from neuroquant.models.vitamin import AttnProjection, ViTaminDecoder, ViTaminEncoder

    class Codebook(nn.Module):
        """Words on the unit sphere, chosen by cosine."""

        def __init__(self, words: int, width: int):
            super().__init__()
            self.register_buffer("vocab_usage", torch.zeros(words))
            self.codebook = nn.Embedding(words, width)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            """(N, width) to the chosen words, straight through, and the loss."""
            x, words = F.normalize(x, dim=-1), F.normalize(self.codebook.weight, dim=1)
            chosen = F.embedding((x.detach() @ words.detach().T).argmax(1), words)
            loss = parameters.commitment * F.mse_loss(chosen.detach(), x) + F.mse_loss(chosen, x.detach())
            return x + (chosen - x).detach(), loss

    class Quantizer(nn.Module):
        """A codebook for each part of the channels."""

        def __init__(self) -> None:
            super().__init__()
            width = parameters.latent_channels // parameters.codebooks
            self.codebooks = nn.ModuleList(Codebook(parameters.words, width) for _ in range(parameters.codebooks))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            """(B, N, C) to the same, quantised, and the mean loss."""
            parts = [
                codebook(part.flatten(0, 1))
                for codebook, part in zip(self.codebooks, x.float().chunk(parameters.codebooks, -1), strict=True)
            ]
            found, losses = zip(*parts, strict=True)
            return torch.cat(found, -1).view(x.shape), torch.stack(losses).mean()

    class MedITok(SlicewiseAutoencoder):
        """Axial slices to words and back."""

        regulariser, codebook_size = "vq", parameters.words

        def __init__(self) -> None:
            super().__init__(parameters.axis, factor=FACTOR, chunk=parameters.chunk)
            width, channels = parameters.widths[2], parameters.latent_channels
            sizes = (parameters.widths, parameters.depths, parameters.blocks, parameters.heads)
            self.encoder, self.decoder = ViTaminEncoder(*sizes), ViTaminDecoder(*sizes)
            self.quant_proj = AttnProjection(width, channels, width // channels)
            self.post_quant_proj = AttnProjection(channels, width, width // channels)
            self.vectors = Quantizer()
            self.fc_norm = nn.LayerNorm(width, eps=1e-6)
            self.projection = nn.Linear(width, parameters.align)
            self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
            for unused in (*self.fc_norm.parameters(), *self.projection.parameters(), self.logit_scale):
                unused.requires_grad_(False)

        def margins(self, rows: int, columns: int) -> list[int]:
            """Pixels before and after the last and the first axis, whole tokens, that make slices square."""
            pads = []
            for side in (columns, rows):
                spare = max(parameters.side - side, 0) // FACTOR
                pads += [spare // 2 * FACTOR, (spare - spare // 2) * FACTOR]
            return pads

        def tokens(self, slices: Tensor) -> tuple[Tensor, Tensor]:
            """Slices of full size (N, 3, H, W) to quantised latents (N, C, h, w), and L_VQ."""
            grid = [side // FACTOR for side in slices.shape[2:]]
            found, loss = self.vectors(self.quant_proj(self.encoder(slices)))
            return found.transpose(1, 2).unflatten(2, grid), loss

        def encode_slices(self, slices: Tensor, sample: bool) -> tuple[Tensor, Tensor]:
            """(N, 3, H, W) to quantised latents (N, C, H/16, W/16), those of the padding cut off."""
            left, right, top, bottom = self.margins(*slices.shape[2:])
            found, loss = self.tokens(F.pad(slices, (left, right, top, bottom), value=-1.0))
            rows, columns = (side // FACTOR for side in slices.shape[2:])
            return found[:, :, top // FACTOR :, left // FACTOR :][:, :, :rows, :columns], loss

        def decode_slices(self, latents: Tensor) -> Tensor:
            """(N, C, h, w) to (N, 3, 16h, 16w); around them the latents of an empty slice."""
            rows, columns = latents.shape[2:]
            left, right, top, bottom = self.margins(rows * FACTOR, columns * FACTOR)
            if left + right + top + bottom:
                height, width = rows * FACTOR + top + bottom, columns * FACTOR + left + right
                with torch.no_grad():
                    empty, _ = self.tokens(latents.new_full((1, 3, height, width), -1.0))
                whole = empty.expand(len(latents), -1, -1, -1).clone()
                whole[:, :, top // FACTOR : top // FACTOR + rows, left // FACTOR : left // FACTOR + columns] = latents
                latents = whole
            grid = tuple(latents.shape[2:])
            images = self.decoder(self.post_quant_proj(latents.flatten(2).transpose(1, 2)), grid)
            return images[:, :, top:, left:][:, :, : rows * FACTOR, : columns * FACTOR]

        def codes(self, latents: dict[str, Tensor]) -> Tensor:
            """(B, codebooks, tokens)."""
            tokens = latents["z"].movedim(1, -1).flatten(1, -2).float()
            parts = zip(self.vectors.codebooks, tokens.chunk(parameters.codebooks, -1), strict=True)
            return torch.stack(
                [(part @ F.normalize(book.codebook.weight, dim=1).T).argmax(-1) for book, part in parts], 1
            )

        def bits_per_position(self) -> float:
            """One word of each codebook."""
            return parameters.codebooks * math.log2(parameters.words)

        def units(self) -> list[nn.Module]:
            """Both transformers' blocks."""
            return [*self.encoder.blocks, *self.decoder.blocks]

    return MedITok()
