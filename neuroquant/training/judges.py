"""Terms of the loss that a network computes: LPIPS, and a critic that trains beside the model. Both are options.

They see pictures: slices as they are; of a volume some slices along each axis. A model carries its judges while it
trains, so that checkpoints and several processes take care of the critic; they aren't part of what is saved in the end.
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from neuroquant.config.model import Objective
from neuroquant.extras import optional
from neuroquant.perceptual import LPIPS, open_lpips
from neuroquant.weights.find import find_file

ALONG = 4
"""Slices of a volume along each axis."""


class Judges(nn.Module):
    """What looks at reconstructions while a model trains.

    Parameters
    ----------
    weights : the model's objective; its `perceptual` and `critic` say what is wanted.
    key : of the model, for errors.
    """

    def __init__(self, weights: Objective, key: str):
        super().__init__()
        self.critic = None
        self.frozen: list[LPIPS] = []
        if weights.perceptual.weight:
            paths = [find_file(getattr(weights.perceptual, n), f"{key}: objective.perceptual.{n}") for n in FILES]
            self.frozen = [open_lpips(*paths)]
        if weights.critic:
            with optional():
                from monai.networks.nets.patchgan_discriminator import PatchDiscriminator

            self.critic = PatchDiscriminator(2, weights.critic_channels, 1, num_layers_d=3, norm="INSTANCE")

    def forward(self, x_hat: Tensor, x: Tensor, weights: Objective) -> dict[str, Tensor]:
        """Terms of reconstructions of images (B, 1, D, H, W), weighted."""
        terms: dict[str, Tensor] = {}
        if not self.frozen and (self.critic is None or not weights.critic):
            return terms
        for shown, true in zip(pictures(x_hat.float()), pictures(x), strict=True):
            if self.frozen:
                term = weights.perceptual.weight * self.frozen[0](shown, true)
                terms["perceptual"] = terms.get("perceptual", 0) + term
            if self.critic is not None and weights.critic:
                still = {name: value.detach() for name, value in self.critic.named_parameters()}
                fooled = -functional_call(self.critic, still, (shown,))[-1].mean()
                hinge = F.relu(1 - self.critic(true)[-1]).mean() + F.relu(1 + self.critic(shown.detach())[-1]).mean()
                terms["fooled"] = terms.get("fooled", 0) + weights.critic * fooled
                terms["critic"] = terms.get("critic", 0) + 0.5 * hinge
        return terms


FILES = ("vgg", "linear")


def pictures(x: Tensor) -> list[Tensor]:
    """Images (B, 1, D, H, W) as pictures (N, 1, h, w): slices themselves, of volumes `ALONG` slices an axis."""
    thin = [axis for axis in range(3) if x.shape[axis + 2] == 1]
    if thin:
        return [x.squeeze(thin[0] + 2)]
    pieces = []
    for axis in range(3):
        side = x.shape[axis + 2]
        positions = [side * (2 * number + 1) // (2 * ALONG) for number in range(ALONG)]
        pieces.append(x.movedim(axis + 2, 1)[:, positions].flatten(0, 1))
    return pieces


def provenance(weights: Objective) -> dict[str, Any]:
    """What provenance.json says of the judges."""
    files = weights.perceptual
    seen = "none: no weight, or its networks weren't to be had"
    if files.weight:
        seen = f"LPIPS, vgg {files.vgg.sha256[:12]}, linear {files.linear.sha256[:12]}"
    return {"perceptual_term": seen, "critic": f"patches, weight {weights.critic:g}" if weights.critic else "none"}
