"""A look at preprocessed volumes: a few sessions, mid slices, the brain mask's outline."""

from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle
from scipy import ndimage

from neuroquant.reporting.style import COLOURS, plt, save
from neuroquant.volumes.store import ArrayFile

SESSIONS = 4
STRONG = 88
"""Percentile of the gradient above which a voxel is an edge."""
BLUE = ListedColormap([COLOURS[6]])


def draw(shards: list[Path], title: str, out: Path) -> None:
    """Draw the first sessions of some shards, both modalities, three planes; no identifier is shown."""
    picked = []
    for path in shards:
        file = ArrayFile(path)
        picked += [(file, rows) for rows in file.sessions.values()]
    picked = picked[:SESSIONS]
    figure, axes = plt.subplots(
        max(len(picked), 1), 6, figsize=(7.2, 1.35 * max(len(picked), 1)), squeeze=False, layout="compressed"
    )
    for axis in axes.flat:
        axis.axis("off")
    for line, (file, rows) in enumerate(picked):
        reference = next(iter(rows.values()))
        inside = edges(file.view("image")[reference].astype(np.float32))
        for number, row in enumerate(rows.values()):
            image, mask = file.view("image")[row].astype(np.float32), file.read("mask", row)
            for plane in range(3):
                axis = axes[line, 3 * number + plane]
                middle = image.shape[plane] // 2
                axis.imshow(np.take(image, middle, plane).T, origin="lower", cmap="gray", vmin=-1, vmax=1)
                axis.contour(np.take(mask, middle, plane).T, levels=[0.5], colors=COLOURS[5], linewidths=0.5)
                axis.add_patch(box_of(mask, plane))
                if row != reference:
                    drawn = np.ma.masked_equal(np.take(inside, middle, plane).T, False)
                    axis.imshow(drawn, origin="lower", cmap=BLUE, vmin=0, vmax=1, interpolation="nearest")
    figure.suptitle(f"{title}: T1w (left) and T2w (right); brain and its box, T1w's edges on T2w", fontsize=8)
    save(figure, out)


def edges(image: np.ndarray) -> np.ndarray:
    """The strongest edges of an image (D, H, W), bool."""
    strength = ndimage.gaussian_gradient_magnitude(image, 0.7)
    signal = strength[image > -1]
    return (strength > np.percentile(signal, STRONG)) & (image > -1) if len(signal) else np.zeros(image.shape, bool)


def box_of(mask: np.ndarray, plane: int) -> Rectangle:
    """The brain's box as a slice with normal `plane` shows it."""
    across, up = (axis for axis in range(3) if axis != plane)
    first, last = mask_ends(mask, across), mask_ends(mask, up)
    corner = first[0] - 0.5, last[0] - 0.5
    sides = first[1] - first[0] + 1, last[1] - last[0] + 1
    return Rectangle(corner, *sides, fill=False, edgecolor=COLOURS[5], linewidth=0.4, linestyle=":")


def mask_ends(mask: np.ndarray, axis: int) -> tuple[int, int]:
    """First and last place along an axis that a mask (D, H, W) reaches."""
    places = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
    return (int(places[0]), int(places[-1])) if len(places) else (0, 0)
