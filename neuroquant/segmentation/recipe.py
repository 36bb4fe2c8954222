"""SynthSeg's recipe around the network: normalise, pad, flip average, keep one piece a structure, soft volumes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from neuroquant.segmentation.labels import flipped, topological_classes
from neuroquant.segmentation.network import UNet
from neuroquant.segmentation.scans import normalised

SIGMA = 0.5
SMALL = 2**20
"""Voxels up to which an image and its mirror image pass the network together, which is faster but takes more memory."""
KEPT = 0.25
"""Posterior above which a voxel belongs to a structure's mask when pieces are counted."""


def padding(shape: tuple[int, ...], multiple: int, min_side: int) -> list[tuple[int, int]]:
    """Voxels before and after each axis that pad centrally to a multiple, and to at least `min_side`."""
    pads = []
    for side in shape:
        target = -(-max(side, min_side) // multiple) * multiple
        pads.append(((target - side) // 2, target - side - (target - side) // 2))
    return pads


def smoothed(posteriors: Tensor) -> Tensor:
    """Gaussian of sigma 0.5, 3^3 voxels, zeros outside, on each channel of (B, C, D, H, W), in place."""
    side = math.exp(-0.5 / SIGMA**2)
    middle, side = 1 / (1 + 2 * side), side / (1 + 2 * side)
    for channel in posteriors.flatten(0, 1):  # one by one: a copy of all of them would be the largest thing in memory
        for axis in range(3):
            length, before = channel.shape[axis] - 1, channel.clone()
            channel.mul_(middle)
            channel.narrow(axis, 1, length).add_(before.narrow(axis, 0, length), alpha=side)
            channel.narrow(axis, 0, length).add_(before.narrow(axis, 1, length), alpha=side)
    return posteriors


@torch.inference_mode()
def posteriors_of(network: UNet, images: Tensor, labels: tuple[int, ...], flip: bool) -> Tensor:
    """Posteriors (B, C, D, H, W) of images (B, 1, D, H, W) in [0, 1], averaged with their mirror images', smoothed.

    Smoothing once after the average gives what smoothing both before it gives. Images and mirror images pass the
    network together where they are small, and on GPUs.
    """
    if flip and (images.numel() <= SMALL or images.is_cuda):
        direct, mirrored = softmax_(network(torch.cat([images, images.flip(2)]))).chunk(2)
        add_mirrored(direct, mirrored, labels)
        return smoothed(direct.mul_(0.5))
    direct = softmax_(network(images))
    if flip:
        depth = images.shape[2]
        for start, stop, logits in network.in_slabs(images.flip(2)):
            add_mirrored(direct[:, :, depth - stop : depth - start], softmax_(logits), labels)
        direct.mul_(0.5)
    return smoothed(direct)


def add_mirrored(direct: Tensor, mirrored: Tensor, labels: tuple[int, ...]) -> None:
    """Add posteriors (B, C, D, H, W) of mirror images to those of the images, in place: turned back, sides swapped."""
    for own, other in enumerate(flipped(labels)):
        direct[:, own].add_(mirrored[:, other].flip(1))


def softmax_(logits: Tensor) -> Tensor:
    """Softmax over the channels of (B, C, D, H, W), in place."""
    logits.sub_(logits.amax(1, keepdim=True)).exp_()
    return logits.div_(logits.sum(1, keepdim=True))


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """The largest 6-connected piece of a mask; only the box around its voxels is looked at."""
    box = box_of(mask)
    if box is None:
        return mask
    pieces, count = ndimage.label(mask[box])
    if count == 1:
        return mask
    largest = np.zeros_like(mask)
    largest[box] = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    return largest


def box_of(mask: np.ndarray) -> tuple[slice, ...] | None:
    """The smallest box (slices) around the voxels of a mask; None where it is empty."""
    box = []
    for axis in range(mask.ndim):
        inside = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if not len(inside):
            return None
        box.append(slice(inside[0], inside[-1] + 1))
    return tuple(box)


def clean(posteriors: Tensor, labels: tuple[int, ...]) -> Tensor:
    """Keep one piece of the foreground, then of each topological class; (C, D, H, W), in place.

    A class is a group of structures that hang together, such as a hemisphere's white matter, cortex and ventricles; its
    mask is where any of them is above 0.25. Outside the largest piece its posteriors become 0. Background and CSF are
    in no class.
    """
    background = labels.index(0)
    body = largest_piece_of(posteriors.sum(0) - posteriors[background] > KEPT)
    for index in range(len(labels)):
        if index != background:
            posteriors[index] *= body
    for group in topological_classes(labels):
        mask = posteriors[group[0]] > KEPT
        for index in group[1:]:
            mask |= posteriors[index] > KEPT
        mask = largest_piece_of(mask)
        for index in group:
            posteriors[index] *= mask
    return posteriors


def largest_piece_of(mask: Tensor) -> Tensor:
    """`largest_piece` of a mask on any device: the mask alone travels, the posteriors stay."""
    return torch.from_numpy(largest_piece(mask.cpu().numpy())).to(mask.device)


@dataclass(frozen=True)
class Use:
    """How a network is used.

    Attributes
    ----------
    labels : FreeSurfer numbers of its channels
    flip : average with the mirror image
    min_side : smallest side, in voxels, that images are padded to
    device : where it is
    """

    labels: tuple[int, ...]
    flip: bool
    min_side: int
    device: str


@torch.inference_mode()
def segment(
    network: UNet, use: Use, volumes: list[np.ndarray], voxel_mm: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Label map and soft volumes of each of some images, which pass the network together.

    Parameters
    ----------
    volumes : (D, H, W) each, all of one shape, RAS+, isotropic, background 0
    voxel_mm : side of their voxels

    Yields
    ------
    (D, H, W) int16, and (C,) volumes in mm3: sums of posteriors times the voxel's volume
    """
    shape = volumes[0].shape
    pads = padding(shape, 2 ** len(network.down), use.min_side)
    padded = np.stack([np.pad(normalised(volume), pads) for volume in volumes])
    images = torch.from_numpy(padded)[:, None].to(use.device)
    inside = tuple(slice(before, before + side) for (before, _), side in zip(pads, shape, strict=True))
    for posteriors in posteriors_of(network, images, use.labels, use.flip):
        yield decided(clean(posteriors, use.labels)[(slice(None), *inside)], use.labels, voxel_mm)


def decided(posteriors: Tensor, labels: tuple[int, ...], voxel_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Label of the largest posterior (D, H, W) int16, and soft volumes (C,) in mm3, of (C, D, H, W), in place.

    Posteriors are brought to a sum of 1 first; where the clean-up left nothing, there is background.
    """
    total = posteriors.sum(0)
    posteriors[labels.index(0)] += total == 0
    posteriors /= total.masked_fill_(total == 0, 1)
    winner = torch.tensor(labels, dtype=torch.int16, device=posteriors.device)[posteriors.argmax(0)]
    sums = torch.stack([part.sum(dtype=torch.float64) for part in posteriors])
    return winner.cpu().numpy(), sums.cpu().numpy() * voxel_mm**3
