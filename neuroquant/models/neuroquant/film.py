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
    """The identity, whose gradient is turned round, and scaled."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, x: Tensor, strength: float) -> Tensor:
        """x itself."""
        context.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        """The negative gradient times `strength`."""
        return -context.strength * gradient, None


class ModalityClassifier(nn.Module):
    """D_m: guesses the modality from z_anat (equation 15), from its mean, from each token, or from both.

    Parameters
    ----------
    layers : of each token's network, convolutions of one voxel.
    view : "pooled" (one guess an image, from the mean over its tokens), "tokens" (one a token), or "both".
    """

    def __init__(self, code_dim: int, hidden: int, modalities: int, layers: int = 1, view: str = "pooled"):
        super().__init__()
        widths = [code_dim, *[hidden] * layers]
        parts = [(nn.Conv3d(a, b, 1), nn.SiLU()) for a, b in zip(widths, widths[1:], strict=False)]
        self.local = nn.Sequential(*(layer for part in parts for layer in part))
        self.out = nn.Linear(hidden, modalities)
        self.view = view

    def forward(self, z_anat: Tensor, strength: float = 1.0) -> list[Tensor]:
        """z_anat (B, C_a, d, h, w) to logits (B, modalities, N) for each view, N = 1 or d * h * w.

        The gradient into z_anat is reversed, and scaled by `strength`.
        """
        tokens = self.local(ReverseGradient.apply(z_anat, strength)).flatten(2)
        pooled = [tokens.mean(2, keepdim=True)] if self.view != "tokens" else []
        views = [*pooled, *([tokens] if self.view != "pooled" else [])]
        return [self.out(view.transpose(1, 2)).transpose(1, 2) for view in views]
