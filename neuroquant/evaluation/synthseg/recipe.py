"""SynthSeg's recipe around the network: normalise, pad, flip average, keep one piece a structure, soft volumes."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from neuroquant.evaluation.synthseg.labels import flipped, topological_classes
from neuroquant.evaluation.synthseg.network import UNet

PERCENTILES = (0.5, 99.5)
SIGMA = 0.5
SMALL = 2**20
"""Voxels up to which an image and its mirror image pass the network together, which is faster but takes more memory."""
KEPT = 0.25
"""Posterior above which a voxel belongs to a structure's mask when pieces are counted."""


def normalised(volume: np.ndarray) -> np.ndarray:
    """Clip (D, H, W) to its percentiles, zeros included, and scale to [0, 1]."""
    low, high = np.percentile(volume, PERCENTILES)
    if high <= low:
        return np.zeros(volume.shape, np.float32)
    return ((np.clip(volume, low, high) - low) / (high - low)).astype(np.float32)


def padding(shape: tuple[int, ...], multiple: int, min_side: int) -> list[tuple[int, int]]:
    """Voxels before and after each axis that pad centrally to a multiple, and to at least `min_side`."""
    pads = []
    for side in shape:
        target = -(-max(side, min_side) // multiple) * multiple
        pads.append(((target - side) // 2, target - side - (target - side) // 2))
    return pads


def smoothed(posteriors: Tensor) -> Tensor:
    """Gaussian of sigma 0.5, 3^3 voxels, zeros outside, on each channel of (C, D, H, W), in place."""
    side = math.exp(-0.5 / SIGMA**2)
    middle, side = 1 / (1 + 2 * side), side / (1 + 2 * side)
    for channel in posteriors:  # one by one: a copy of all of them would be the largest thing in memory
        for axis in range(3):
            length, before = channel.shape[axis] - 1, channel.clone()
            channel.mul_(middle)
            channel.narrow(axis, 1, length).add_(before.narrow(axis, 0, length), alpha=side)
            channel.narrow(axis, 0, length).add_(before.narrow(axis, 1, length), alpha=side)
    return posteriors


@torch.inference_mode()
def posteriors_of(network: UNet, image: Tensor, labels: tuple[int, ...], flip: bool) -> Tensor:
    """Posteriors (C, D, H, W) of an image (1, 1, D, H, W) in [0, 1], averaged with its mirror image's, smoothed.

    Smoothing once after the average gives what smoothing both before it gives.
    """
    if flip and image.numel() <= SMALL:
        direct, mirrored = softmax_(network(torch.cat([image, image.flip(2)])))
        add_mirrored(direct, mirrored, labels)
        return smoothed(direct.mul_(0.5))
    direct = softmax_(network(image))[0]
    if flip:
        depth = image.shape[2]
        for start, stop, logits in network.in_slabs(image.flip(2)):
            add_mirrored(direct[:, depth - stop : depth - start], softmax_(logits)[0], labels)
        direct.mul_(0.5)
    return smoothed(direct)


def add_mirrored(direct: Tensor, mirrored: Tensor, labels: tuple[int, ...]) -> None:
    """Add posteriors (C, D, H, W) of a mirror image to those of the image, in place: turned back, sides exchanged."""
    for own, other in enumerate(flipped(labels)):
        direct[own].add_(mirrored[other].flip(0))


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
    found = np.zeros_like(mask)
    found[box] = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    return found


def box_of(mask: np.ndarray) -> tuple[slice, ...] | None:
    """The smallest box (slices) around the voxels of a mask; None where it is empty."""
    box = []
    for axis in range(mask.ndim):
        places = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if not len(places):
            return None
        box.append(slice(places[0], places[-1] + 1))
    return tuple(box)


def clean(posteriors: np.ndarray, labels: tuple[int, ...]) -> np.ndarray:
    """Keep one piece of the foreground, then of each topological class; (C, D, H, W), in place.

    A class is a group of structures that hang together, such as a hemisphere's white matter, cortex and ventricles; its
    mask is where any of them is above 0.25. Outside the largest piece its posteriors become 0. Background and CSF are
    in no class.
    """
    background = labels.index(0)
    body = largest_piece(posteriors.sum(0) - posteriors[background] > KEPT)
    for index in range(len(labels)):
        if index != background:
            posteriors[index] *= body
    for group in topological_classes(labels):
        mask = posteriors[group[0]] > KEPT
        for index in group[1:]:
            mask |= posteriors[index] > KEPT
        mask = largest_piece(mask)
        for index in group:
            posteriors[index] *= mask
    return posteriors


def segment(
    network: UNet,
    labels: tuple[int, ...],
    volume: np.ndarray,
    voxel_mm: float,
    flip: bool,
    min_side: int,
    device: str,
    coarsen: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Label map and soft volumes of one image.

    Parameters
    ----------
    volume : (D, H, W), RAS+, isotropic, background 0
    voxel_mm : side of its voxels
    coarsen : side of the cubes of voxels that the network works on; its posteriors are interpolated

    Returns
    -------
    (D, H, W) int16, and (C,) volumes in mm3: sums of posteriors times the voxel's volume
    """
    pads = padding(volume.shape, coarsen * 2 ** len(network.down), min_side)
    image = torch.from_numpy(np.pad(normalised(volume), pads))[None, None].to(device)
    if coarsen == 1:
        found = posteriors_of(network, image, labels, flip)
    else:
        coarse = posteriors_of(network, F.avg_pool3d(image, coarsen), labels, flip)
        found = F.interpolate(coarse[None], scale_factor=coarsen, mode="trilinear", align_corners=False)[0]
    posteriors = found.cpu().numpy()
    posteriors = clean(posteriors, labels)
    inside = tuple(slice(before, before + side) for (before, _), side in zip(pads, volume.shape, strict=True))
    posteriors = posteriors[(slice(None), *inside)]
    total = posteriors.sum(0)
    posteriors[labels.index(0)] += total == 0
    posteriors /= np.maximum(total, 1e-12, where=total > 0, out=np.ones_like(total))
    found = np.asarray(labels, np.int16)[posteriors.argmax(0)]
    return found, np.array([part.sum(dtype=np.float64) for part in posteriors]) * voxel_mm**3
