"""LPIPS (Zhang et al. 2018): a term of the loss, and a metric, where its networks are given."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.errors import InputError
from neuroquant.weights.read import read_state

VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512)
TAPS = (3, 8, 15, 22, 29)
"""Layers of VGG16 whose output LPIPS compares: the last ReLU of each of the five groups."""
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""From [-1, 1] to what VGG16 was trained on, as LPIPS has it."""
ALONG = 16
"""Slices along each axis that the metric compares."""
TOGETHER = 4
"""Slices that pass the network together, so that memory doesn't grow with `ALONG`."""


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
            "torchvision's vgg16 and LPIPS's v0.1 linear layers", "get the files again, or leave LPIPS out",
        ) from None  # fmt: skip


def planes(network: LPIPS, x: Tensor, y: Tensor, inside: Tensor | None = None) -> float:
    """Mean distance of slices of y to those of x, both (1, 1, D, H, W) in [-1, 1], over three planes.

    Along each axis there are `ALONG` slices (all, where there are fewer) at equal distances from the first to the last
    that has anything but background, in the original or in the region.

    Parameters
    ----------
    inside : voxels that count, bool; the others are background in both images. All where None.
    """
    if inside is not None:
        x, y = x.where(inside, -1.0), y.where(inside, -1.0)
    totals = []
    for axis in range(2, 5):
        filled = (x > x.min()).movedim(axis, 0).flatten(1).any(1).nonzero().flatten()
        if not len(filled):
            continue
        first, last = int(filled[0]), int(filled[-1])
        chosen = torch.linspace(first, last, min(ALONG, last - first + 1)).round().long()
        slices = [image.movedim(axis, 1)[0, chosen] for image in (x, y)]
        parts = zip(slices[0].split(TOGETHER), slices[1].split(TOGETHER), strict=True)
        totals.append(sum(float(network(one, two)) * len(one) for one, two in parts) / len(chosen))
    return sum(totals) / len(totals) if totals else float("nan")
