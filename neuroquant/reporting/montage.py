"""A look at preprocessed volumes: a few sessions, mid slices, the brain mask's outline."""

from pathlib import Path

import numpy as np

from neuroquant.reporting.style import plt, save
from neuroquant.volumes.store import ArrayFile

SESSIONS = 4


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
        for number, row in enumerate(rows.values()):
            image, mask = file.view("image")[row].astype(np.float32), file.read("mask", row)
            for plane in range(3):
                axis = axes[line, 3 * number + plane]
                middle = image.shape[plane] // 2
                axis.imshow(np.take(image, middle, plane).T, origin="lower", cmap="gray", vmin=-1, vmax=1)
                axis.contour(np.take(mask, middle, plane).T, levels=[0.5], colors="#E69F00", linewidths=0.5)
    figure.suptitle(f"{title}: T1w (left) and T2w (right), outline of the brain mask", fontsize=8)
    save(figure, out)
