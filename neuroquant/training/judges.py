"""Terms of the loss that a network computes: LPIPS, and a critic that trains beside the model. Both are options.

They see pictures: slices as they are; of a volume some slices along each axis. A model carries its judges while it
trains, so that checkpoints and several processes take care of the critic; they aren't part of what is saved in the end.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from neuroquant.config.model import Objective
from neuroquant.errors import InputError
from neuroquant.extras import optional
from neuroquant.weights.find import find_file
from neuroquant.weights.put import read_state

VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512)
TAPS = (3, 8, 15, 22, 29)
"""Layers of VGG16 whose output LPIPS compares: the last ReLU of each of the five groups."""
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""From [-1, 1] to what VGG16 was trained on, as LPIPS has it."""
ALONG = 4
"""Slices of a volume along each axis."""


class LPIPS(nn.Module):
    """Learned perceptual image patch similarity, version 0.1 with VGG16 (Zhang et al. 2018), frozen.

    Parameters
    ----------
    vgg : torchvision's state dict of VGG16; `features.*` is read.
    linear : LPIPS's own weights, `lin0.model.1.weight` to `lin4.model.1.weight`.
    """

    def __init__(self, vgg: dict[str, Tensor], linear: dict[str, Tensor]):
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in VGG16:
            if width == "M":
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
        features = nn.Sequential(*layers)
        features.load_state_dict({k.removeprefix("features."): v for k, v in vgg.items() if k.startswith("features.")})
        self.hidden = [features.requires_grad_(False).eval()]  # in a list: neither saved nor trained
        self.linear = [linear[f"lin{number}.model.1.weight"] for number in range(len(TAPS))]

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean distance of pictures (N, 1, H, W) in [-1, 1]; scalar."""
        features = self.hidden[0].to(x.device)
        shift, scale = (torch.tensor(v, device=x.device)[:, None, None] for v in (SHIFT, SCALE))
        both = (torch.cat([x, y]).expand(-1, 3, -1, -1) - shift) / scale
        total: Tensor | float = 0.0
        for number, layer in enumerate(features):
            if min(both.shape[2:]) < 2 and isinstance(layer, nn.MaxPool2d):
                break  # pictures of the demo are smaller than VGG16 is deep
            both = layer(both)
            if number in TAPS:
                one, two = F.normalize(both, dim=1, eps=1e-10).chunk(2)
                weights = self.linear[TAPS.index(number)].to(x.device)
                total = total + F.conv2d((one - two).square(), weights).mean()
        return total


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


def open_lpips(vgg: Path, linear: Path) -> LPIPS:
    """The perceptual network of two files.

    Raises
    ------
    InputError
        If they aren't what LPIPS is made of.
    """
    try:
        return LPIPS(read_state(vgg), read_state(linear))
    except (KeyError, RuntimeError) as error:
        raise InputError(
            f"{vgg}, {linear}", f"not LPIPS's networks ({str(error).splitlines()[0]})",
            "torchvision's vgg16 and LPIPS's v0.1 linear layers", "get the files again, or set perceptual.weight: 0",
        ) from None  # fmt: skip


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
