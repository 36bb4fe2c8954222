"""MedITok's network: ViTamin transformers around several small codebooks, slice by slice."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.models.baselines.meditok import FACTOR, Parameters
from neuroquant.models.baselines.meditok.vitamin import AttnProjection, ViTaminDecoder, ViTaminEncoder
from neuroquant.models.latents import Continuous
from neuroquant.models.slicewise import SlicewiseAutoencoder


class Codebook(nn.Module):
    """Words on the unit sphere, chosen by cosine."""

    def __init__(self, words: int, width: int, commitment: float):
        super().__init__()
        self.commitment = commitment
        self.register_buffer("vocab_usage", torch.zeros(words))
        self.codebook = nn.Embedding(words, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, width) to the chosen words, straight through, and the loss."""
        x, words = F.normalize(x, dim=-1), F.normalize(self.codebook.weight, dim=1)
        chosen = F.embedding((x.detach() @ words.detach().T).argmax(1), words)
        loss = self.commitment * F.mse_loss(chosen.detach(), x) + F.mse_loss(chosen, x.detach())
        return x + (chosen - x).detach(), loss


class Quantizer(nn.Module):
    """A codebook for each part of the channels."""

    def __init__(self, parameters: Parameters):
        super().__init__()
        width = parameters.latent_channels // parameters.codebooks
        self.codebooks = nn.ModuleList(
            Codebook(parameters.words, width, parameters.commitment) for _ in range(parameters.codebooks)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, C) to the same, quantised, and the mean loss."""
        parts = [
            codebook(part.flatten(0, 1))
            for codebook, part in zip(self.codebooks, x.float().chunk(len(self.codebooks), -1), strict=True)
        ]
        quantised, losses = zip(*parts, strict=True)
        return torch.cat(quantised, -1).view(x.shape), torch.stack(losses).mean()


class MedITok(SlicewiseAutoencoder):
    """Axial slices to words and back."""

    regulariser = "vq"

    def __init__(self, parameters: Parameters):
        super().__init__(parameters.axis, factor=FACTOR, chunk=parameters.chunk)
        self.parameters_used, self.codebook_size = parameters, parameters.words
        width, channels = parameters.widths[2], parameters.latent_channels
        sizes = (parameters.widths, parameters.depths, parameters.blocks, parameters.heads)
        self.encoder, self.decoder = ViTaminEncoder(*sizes), ViTaminDecoder(*sizes)
        self.quant_proj = AttnProjection(width, channels, width // channels)
        self.post_quant_proj = AttnProjection(channels, width, width // channels)
        self.vectors = Quantizer(parameters)
        self.fc_norm = nn.LayerNorm(width, eps=1e-6)
        self.projection = nn.Linear(width, parameters.align)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        for unused in (*self.fc_norm.parameters(), *self.projection.parameters(), self.logit_scale):
            unused.requires_grad_(False)

    def margins(self, rows: int, columns: int) -> list[int]:
        """Pixels before and after the last and the first axis, whole tokens, that make slices square."""
        pads = []
        for side in (columns, rows):
            spare = max(self.parameters_used.side - side, 0) // FACTOR
            pads += [spare // 2 * FACTOR, (spare - spare // 2) * FACTOR]
        return pads

    def tokens(self, slices: Tensor) -> tuple[Tensor, Tensor]:
        """Slices of full size (N, 3, H, W) to quantised latents (N, C, h, w), and L_VQ."""
        grid = [side // FACTOR for side in slices.shape[2:]]
        vectors, loss = self.vectors(self.quant_proj(self.encoder(slices)))
        return vectors.transpose(1, 2).unflatten(2, grid), loss

    def encode_slices(self, slices: Tensor, sample: bool) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) to quantised latents (N, C, H/16, W/16), those of the padding cut off."""
        left, right, top, bottom = self.margins(*slices.shape[2:])
        tokens, loss = self.tokens(F.pad(slices, (left, right, top, bottom), value=-1.0))
        rows, columns = (side // FACTOR for side in slices.shape[2:])
        return tokens[:, :, top // FACTOR :, left // FACTOR :][:, :, :rows, :columns], loss

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

    def codes(self, latents: Continuous) -> Tensor:
        """(B, codebooks, tokens)."""
        tokens = latents.z.movedim(1, -1).flatten(1, -2).float()
        parts = zip(self.vectors.codebooks, tokens.chunk(self.parameters_used.codebooks, -1), strict=True)
        return torch.stack([(part @ F.normalize(book.codebook.weight, dim=1).T).argmax(-1) for book, part in parts], 1)

    def bits_per_position(self) -> float:
        """One word of each codebook."""
        return self.parameters_used.codebooks * math.log2(self.parameters_used.words)

    def units(self, what: Literal["norms", "blocks"]) -> list[nn.Module]:
        """Both transformers' blocks."""
        return [*self.encoder.blocks, *self.decoder.blocks] if what == "blocks" else []
