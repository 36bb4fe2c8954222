"""Domain randomisation: images of any contrast from a label map (Billot et al. 2023)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from neuroquant.evaluation.synthseg.labels import SIDES, flipped


def random_image(
    channels: Tensor, labels: tuple[int, ...], crop: tuple[int, ...], generator: torch.Generator, side: int = 1
) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """A synthetic image and its label map, from a label map given as channel numbers.

    Parameters
    ----------
    channels : (D, H, W), int64, index into `labels`
    crop : sides of a random piece to return, in cubes of `side` voxels; empty: everything
    side : pieces begin and end between cubes of this many voxels a side

    Returns
    -------
    image (1, D', H', W') in [0, 1], background 0; channels (D', H', W') deformed like it; where the piece begins, in
    cubes
    """
    channels = warped(channels, generator)
    if uniform(generator, 0, 1) < 0.5:
        swap = torch.tensor(flipped(labels))
        channels = swap[channels.flip(0)]
    channels, start = cropped(channels, crop, side, generator)
    image = contrast(channels, tissues(labels), generator)
    inside = channels != labels.index(0)
    image = blurred(image, uniform(generator, 0.0, 0.9)) * bias(channels.shape, generator)
    image = (image * inside).clamp(0, 1)
    return (image ** float(torch.exp(0.3 * torch.randn((), generator=generator))))[None], channels, start


def uniform(generator: torch.Generator, low: float, high: float) -> float:
    """A number between two."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def warped(channels: Tensor, generator: torch.Generator) -> Tensor:
    """A random affine (8 % scale, a few degrees) and a smooth displacement of about a voxel, nearest neighbour.

    The volumes are centred and of known orientation, so that little is to be gained from more.
    """
    matrix = torch.eye(3) * (1 + 0.08 * (2 * torch.rand(3, generator=generator) - 1))
    turn = torch.randn(3, 3, generator=generator) * 0.03
    theta = torch.cat([matrix + turn - turn.T, 0.03 * torch.randn(3, 1, generator=generator)], dim=1)[None]
    grid = F.affine_grid(theta, [1, 1, *channels.shape], align_corners=False)
    coarse = 0.03 * torch.randn(1, 3, 5, 5, 5, generator=generator)
    smooth = F.interpolate(coarse, size=channels.shape, mode="trilinear", align_corners=True)
    grid = grid + smooth.movedim(1, -1)
    return F.grid_sample(channels[None, None].float(), grid, mode="nearest", align_corners=False)[0, 0].round().long()


def cropped(
    channels: Tensor, crop: tuple[int, ...], side: int, generator: torch.Generator
) -> tuple[Tensor, tuple[int, ...]]:
    """A piece of at most `crop` cubes a side, at a random place, and that place; whole cubes of `side` voxels."""
    start = []
    for axis in range(3):
        cubes = channels.shape[axis] // side
        kept = min(crop[axis], cubes) if crop else cubes
        start.append(int(torch.randint(cubes - kept + 1, (), generator=generator)) if kept < cubes else 0)
        channels = channels.narrow(axis, start[-1] * side, kept * side)
    return channels, tuple(start)


def tissues(labels: tuple[int, ...]) -> Tensor:
    """Tissue of each channel, (C,): a structure and its counterpart on the other side look alike, as in SynthSeg."""
    left = {right: left for left, right in SIDES.items()}
    names = [left.get(label, label) for label in labels]
    return torch.tensor([names.index(name) for name in names])


def contrast(channels: Tensor, tissue: Tensor, generator: torch.Generator) -> Tensor:
    """Each tissue a Gaussian of random mean and spread; the brightest mean, in the piece or not, is just below 1."""
    means = 0.1 + 0.9 * torch.rand(len(tissue), generator=generator)
    means = 0.9 * means / means[tissue[1:]].max()
    spreads = 0.08 * torch.rand(len(tissue), generator=generator)
    kind = tissue[channels]
    return means[kind] + spreads[kind] * torch.randn(channels.shape, generator=generator)


def blurred(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of sigma voxels."""
    weights = torch.exp(-0.5 * (torch.arange(-2, 3) / max(sigma, 0.1)) ** 2)
    weights = weights / weights.sum()
    for axis in range(3):
        padded = image.movedim(axis, 0)
        padded = torch.cat([padded[:1], padded[:1], padded, padded[-1:], padded[-1:]])
        image = sum(weights[k] * padded[k : k + image.shape[axis]] for k in range(5)).movedim(0, axis)
    return image


def bias(shape: torch.Size, generator: torch.Generator) -> Tensor:
    """A smooth multiplicative field."""
    coarse = 0.3 * torch.rand((), generator=generator) * torch.randn(1, 1, 4, 4, 4, generator=generator)
    return torch.exp(F.interpolate(coarse, size=shape, mode="trilinear", align_corners=True)[0, 0])
