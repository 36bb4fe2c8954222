"""The modality stream: u_m, its FiLM parameters, and the adversary on z_anat (equations 8 to 10 and 15)."""

import torch
from torch import Tensor, nn

Film = list[tuple[Tensor, Tensor]]
"""(gamma, beta), each (B, C_l), for every decoder layer l."""


class FilmGenerator(nn.Module):
    """u_m = Concat(GAP(z_mod), s_m), then one small MLP a decoder layer (equations 8 and 9)."""

    def __init__(self, c_m: int, c_s: int, hidden: int, widths: list[int], modalities: int):
        super().__init__()
        self.embedding = nn.Embedding(modalities, c_s)
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(c_m + c_s, hidden), nn.SiLU(), nn.Linear(hidden, 2 * width)) for width in widths
        )
        for mlp in self.mlps:  # gamma starts at 1 and beta at 0: the decoder starts unmodulated
            nn.init.zeros_(mlp[-1].weight)
            nn.init.zeros_(mlp[-1].bias)

    def forward(self, z_mod: Tensor, modality: Tensor) -> Film:
        """z_mod (B, C_m, d, h, w) and modality (B,) to the FiLM parameters of every layer."""
        u = torch.cat([z_mod.mean(dim=(2, 3, 4)), self.embedding(modality)], dim=1)
        pairs = [mlp(u).chunk(2, dim=1) for mlp in self.mlps]
        return [(1 + gamma, beta) for gamma, beta in pairs]


def modulate(h: Tensor, film: tuple[Tensor, Tensor] | None) -> Tensor:
    """h' = gamma * h + beta for h (B, C, D, H, W) (equation 10); without parameters h itself."""
    if film is None:
        return h
    gamma, beta = (part[:, :, None, None, None] for part in film)
    return gamma * h + beta


class ReverseGradient(torch.autograd.Function):
    """The identity, whose gradient is turned round."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        """x itself."""
        return x.view_as(x)

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        """The negative gradient."""
        return -gradient


class ModalityClassifier(nn.Module):
    """D_m: guesses the modality from z_anat (equation 15)."""

    def __init__(self, code_dim: int, hidden: int, modalities: int):
        super().__init__()
        self.local = nn.Sequential(nn.Conv3d(code_dim, hidden, 1), nn.SiLU())
        self.out = nn.Linear(hidden, modalities)

    def forward(self, z_anat: Tensor) -> Tensor:
        """z_anat (B, C_a, d, h, w) to logits (B, modalities); the gradient into z_anat is reversed."""
        return self.out(self.local(ReverseGradient.apply(z_anat)).mean(dim=(2, 3, 4)))
