"""Figure 3: originals and reconstructions in three views and both modalities, with their errors."""

import itertools
from pathlib import Path

import numpy as np

from neuroquant.files import read_tsv
from neuroquant.reporting.style import HEIGHT, WIDTH, plt, save
from neuroquant.volumes.store import ArrayFile

VIEWS = {"axial": 2, "coronal": 1, "sagittal": 0}
MODALITIES = ("T1w", "T2w")
ERROR_MAX = 0.5
LABELS, BAR = 0.3, 0.7
"""Inches beside the slices, and above and below them."""
ERROR_COLOURS = "inferno"


def choose_session(fidelity: Path, cohort: str, row: str) -> tuple[str, str] | None:
    """Subject and session whose mean PSNR under `row` is the median: neither the best nor the worst.

    Sessions with both modalities go before those with one.
    """
    scores = read_tsv(fidelity, ("value",))
    scores = scores[
        (scores.cohort == cohort) & (scores.model == row) & (scores.metric == "psnr") & (scores.region == "whole")
    ]
    found = scores.groupby(["subject", "session"])["value"]
    means = found.mean()[found.count() == found.count().max()].sort_values(kind="stable")
    return tuple(means.index[len(means) // 2]) if len(means) else None


def draw(
    fidelity: Path,
    cohort: str,
    rows: dict[str, str],
    volumes: list[Path],
    reconstructions: dict[str, list[Path]],
    *out: Path,
) -> None:
    """Draw and write the figure.

    Parameters
    ----------
    rows : row -> label.
    volumes, reconstructions : test shards of the cohort, in the same order for every row.
    """
    session = choose_session(fidelity, cohort, next(iter(rows)))
    if session is None:
        figure, axis = plt.subplots(figsize=(WIDTH, 1.2))
        axis.text(0.5, 0.5, "nothing to show: no test session was reconstructed", ha="center", va="center")
        axis.axis("off")
        return save(figure, *out)
    images = {"original": find(volumes, session)}
    images |= {label: find(reconstructions[row], session) for row, label in rows.items()}
    heights = [1, *([2] * len(rows))]
    side = min((WIDTH - LABELS) / 6, (HEIGHT - BAR) / sum(heights))
    figure = plt.figure(figsize=(6 * side + LABELS, side * sum(heights) + BAR))
    grid = figure.add_gridspec(len(images), 6, height_ratios=heights, wspace=0.04, hspace=0.04)
    axes = []
    for line, (label, pair) in enumerate(images.items()):
        for column, (modality, (view, axis_number)) in enumerate(itertools.product(MODALITIES, VIEWS.items())):
            axis = figure.add_subplot(grid[line, column])
            axes.append(axis)
            if modality in pair:
                truth = slice_of(images["original"][modality], axis_number)
                axis.imshow(compose(slice_of(pair[modality], axis_number), truth, line > 0), interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            if line == 0:
                axis.set_title(f"{modality} {view}", fontsize=7, pad=3)
            if column == 0:
                axis.set_ylabel(label, fontsize=7)
    scale = plt.cm.ScalarMappable(plt.Normalize(0, ERROR_MAX), ERROR_COLOURS)
    bar = figure.colorbar(scale, ax=axes, orientation="horizontal", fraction=0.02, pad=0.02, aspect=50, extend="max")
    bar.set_label("absolute error (lower picture of each pair); the images span -1 to 1", fontsize=7)
    bar.ax.tick_params(labelsize=6)
    save(figure, *out)


def find(shards: list[Path], session: tuple[str, str]) -> dict[str, np.ndarray]:
    """Modality -> image (D, H, W) of one session."""
    for path in shards:
        file = ArrayFile(path)
        for (_, subject, visit), found in file.sessions.items():
            if (subject, visit) == session:
                return {m: file.view("image")[index].astype(np.float32) for m, index in found.items()}
    raise KeyError(f"no shard holds {session}")


def slice_of(image: np.ndarray, axis: int) -> np.ndarray:
    """The middle slice of an image, up upwards, in a square of the image's longest side (h, h) of background.

    The sagittal one lies a little off the midline, where there is more to see.
    """
    place = image.shape[axis] // 2 + (image.shape[axis] // 10 if axis == 0 else 0)
    picture = np.take(image, place, axis).T[::-1]
    spare = [max(image.shape) - side for side in picture.shape]
    return np.pad(picture, [(each // 2, each - each // 2) for each in spare], constant_values=-1)


def compose(mine: np.ndarray, truth: np.ndarray, with_error: bool) -> np.ndarray:
    """RGB picture of a slice in [-1, 1]; for reconstructions the absolute error below it."""
    grey = np.clip((mine + 1) / 2, 0, 1)[..., None].repeat(3, axis=-1)
    if not with_error:
        return grey
    error = np.clip(np.abs(mine - truth) / ERROR_MAX, 0, 1)
    return np.concatenate([grey, plt.get_cmap(ERROR_COLOURS)(error)[..., :3]], axis=0)
