"""SynthSeg's recipe around the network: normalise, pad, flip average, keep one piece a structure, soft volumes."""

import math

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from neuroquant.evaluation.synthseg.labels import FLUID, flipped
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
    """Gaussian of sigma 0.5, 3^3 voxels, zeros outside, on each channel of (C, D, H, W)."""
    side = math.exp(-0.5 / SIGMA**2)
    middle, side = 1 / (1 + 2 * side), side / (1 + 2 * side)
    for axis in (1, 2, 3):
        length = posteriors.shape[axis] - 1
        spread = posteriors * middle
        spread.narrow(axis, 1, length).add_(posteriors.narrow(axis, 0, length), alpha=side)
        spread.narrow(axis, 0, length).add_(posteriors.narrow(axis, 1, length), alpha=side)
        posteriors = spread
    return posteriors


@torch.inference_mode()
def posteriors_of(network: UNet, image: Tensor, labels: tuple[int, ...], flip: bool) -> Tensor:
    """Posteriors (C, D, H, W) of an image (1, 1, D, H, W) in [0, 1], averaged with its mirror image's, smoothed.

    Smoothing once after the average gives what smoothing both before it gives.
    """
    if not flip:
        return smoothed(network(image).softmax(1)[0])
    both = torch.cat([image, image.flip(2)]).split(2 if image.numel() <= SMALL else 1)
    direct, mirrored = (part for pair in both for part in network(pair).softmax(1))
    return smoothed(0.5 * (direct + mirrored.flip(1)[flipped(labels)]))


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """The largest 6-connected piece of a mask."""
    pieces, count = ndimage.label(mask)
    if count <= 1:
        return mask
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])


def clean(posteriors: np.ndarray, labels: tuple[int, ...]) -> np.ndarray:
    """Keep one piece of the foreground, and of each structure but the background and CSF; (C, D, H, W), in place.

    Every structure is a topological class of its own here.
    """
    background = labels.index(0)
    foreground = [index for index in range(len(labels)) if index != background]
    body = largest_piece(posteriors[foreground].sum(0) > KEPT)
    for index in foreground:
        posteriors[index] *= body
        if labels[index] != FLUID:
            posteriors[index] *= largest_piece(posteriors[index] > KEPT) | (posteriors[index] == 0)
    return posteriors


def segment(
    network: UNet, labels: tuple[int, ...], volume: np.ndarray, voxel_mm: float, flip: bool, min_side: int, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Label map and soft volumes of one image.

    Parameters
    ----------
    volume : (D, H, W), RAS+, isotropic, background 0
    voxel_mm : side of its voxels

    Returns
    -------
    (D, H, W) int16, and (C,) volumes in mm3: sums of posteriors times the voxel's volume
    """
    pads = padding(volume.shape, 2 ** len(network.down), min_side)
    image = np.pad(normalised(volume), pads)
    posteriors = posteriors_of(network, torch.from_numpy(image)[None, None].to(device), labels, flip).cpu().numpy()
    posteriors = clean(posteriors, labels)
    inside = tuple(slice(before, before + side) for (before, _), side in zip(pads, volume.shape, strict=True))
    posteriors = posteriors[(slice(None), *inside)]
    total = posteriors.sum(0)
    posteriors[labels.index(0)] += total == 0
    posteriors /= np.maximum(posteriors.sum(0), 1e-12)
    found = np.asarray(labels, np.int16)[posteriors.argmax(0)]
    return found, posteriors.sum(axis=(1, 2, 3), dtype=np.float64) * voxel_mm**3
