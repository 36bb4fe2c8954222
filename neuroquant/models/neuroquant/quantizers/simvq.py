"""SimVQ (Zhu et al. 2024): frozen random codes behind one linear layer, so that a gradient moves all codes at once."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.models.codebook import nearest
from neuroquant.models.neuroquant import Parameters
from neuroquant.models.neuroquant.quantizers.interface import Quantized, Quantizer, as_map
from neuroquant.models.neuroquant.quantizers.rotation import passed_through


class SimVQ(Quantizer):
    """Nearest of the codes that the layer makes of frozen ones; both terms of equation 7 have gradients.

    It has no moving averages, and no code dies: an idle one moves with the others. The layer starts as the identity and
    the frozen codes with unit variance, as tokens of a fresh encoder have it.
    """

    basis: Tensor

    def __init__(self, parameters: Parameters):
        super().__init__(*parameters.codebooks)
        self.commitment, self.rotation = parameters.commitment, parameters.quantizer.rotation
        self.register_buffer("basis", nn.init.normal_(torch.empty(parameters.codebook_size, parameters.code_dim)))
        self.transform = nn.Linear(parameters.code_dim, parameters.code_dim, bias=False)
        nn.init.eye_(self.transform.weight)

    def quantise(self, z: Tensor, tokens: Tensor, learn: bool) -> Quantized:
        """Nearest codes; the layer learns from their distance to the tokens alone."""
        codes = self.transform(self.basis)
        with torch.no_grad():
            indices = nearest(tokens, codes)[:, None]
        if learn:
            self.note(indices)
        chosen = as_map(F.embedding(indices[:, 0], codes), z)
        loss = F.mse_loss(chosen, z.detach()) + self.commitment * F.mse_loss(z, chosen.detach())
        return Quantized(passed_through(z, chosen, self.rotation), as_map(indices, z), loss)

    def vectors(self, indices: Tensor) -> Tensor:
        """Frozen codes through the layer."""
        return self.transform(F.embedding(indices[:, 0], self.basis))

    def go_on(self, frozen: bool) -> None:
        """Frozen, the layer learns nothing more."""
        super().go_on(frozen)
        self.transform.requires_grad_(not frozen)
