"""Finite scalar quantisation (Mentzer et al. 2023): a few numbers per token, each rounded to one of its levels."""

import math

import torch
from torch import Tensor, nn

from neuroquant.models.neuroquant import Parameters
from neuroquant.models.neuroquant.quantizers.interface import Quantized, Quantizer, as_map

MARGIN = 1e-3
"""Share by which the bounds lie beyond the outer levels, as in the paper: these can then be reached."""


class FSQ(Quantizer):
    """A linear layer to as many numbers as there are levels, bounds, rounding, and a linear layer back.

    It has no codebook: nothing starts, is averaged, dies or is revived, and L_VQ is 0. Both layers learn by gradients
    from every loss, that of slices included. Frozen, the layer back stays as it is, so that indices keep their vectors.
    """

    levels: Tensor
    places: Tensor

    def __init__(self, parameters: Parameters):
        super().__init__(*parameters.codebooks)
        levels = parameters.quantizer.level_counts(parameters.codebook_size)
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        places = torch.tensor([math.prod(levels[:number]) for number in range(len(levels))])
        self.register_buffer("places", places, persistent=False)
        self.enter = nn.Linear(parameters.code_dim, len(levels))
        self.leave = nn.Linear(len(levels), parameters.code_dim)
        for layer in (self.enter, self.leave):  # numbers keep their size, as in `start_evenly`
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
            nn.init.zeros_(layer.bias)

    def quantise(self, z: Tensor, tokens: Tensor, learn: bool) -> Quantized:
        """Rounded numbers, with the gradient of the unrounded ones."""
        bounded = self.bounded(self.enter(tokens))
        whole = bounded.round().detach()
        indices = ((whole.long() + self.levels // 2) * self.places).sum(1, keepdim=True)
        if learn:
            self.note(indices)
        z_q = self.leave((whole + (bounded - bounded.detach())) / (self.levels // 2))
        return Quantized(as_map(z_q, z), as_map(indices, z), z.new_zeros(()))

    def bounded(self, numbers: Tensor) -> Tensor:
        """Numbers (N, levels) within so many whole numbers around 0; of an even count, one more of them below 0."""
        half = (self.levels - 1) * (1 + MARGIN) / 2
        offset = torch.where(self.levels % 2 == 0, 0.5, 0.0)
        return torch.tanh(numbers + torch.atanh(offset / half)) * half - offset

    def vectors(self, indices: Tensor) -> Tensor:
        """Whole numbers, scaled to [-1, 1], through the layer back."""
        whole = indices // self.places % self.levels - self.levels // 2
        return self.leave(whole / (self.levels // 2))

    def go_on(self, frozen: bool) -> None:
        """Frozen, the layer back learns nothing more."""
        super().go_on(frozen)
        self.leave.requires_grad_(not frozen)
