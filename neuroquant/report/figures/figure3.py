"""Figure 3: originals and reconstructions in three views and both modalities, with their errors."""

import itertools
import textwrap
from pathlib import Path

import numpy as np

from neuroquant.report.figures.style import HEIGHT, WIDTH, plt, save
from neuroquant.statistics.against_mean import SIGNS
from neuroquant.statistics.numbers import read_numbers
from neuroquant.store.arrays import ArrayFile

VIEWS = {"axial": 2, "coronal": 1, "sagittal": 0}
MODALITIES = ("T1w", "T2w")
ERROR_MAX = 0.5
LABELS, HEAD, FOOT = 0.35, 0.3, 0.5
"""Inches beside, above and below the slices."""
LINE, LETTERS = 0.11, 18
"""Inches that a line of the foot takes, and letters an inch of it."""
FILL = 0.97
"""Share of its place that a slice fills."""
ERROR_COLOURS = "inferno"


def choose_session(fidelity: Path, cohort: str, row: str) -> tuple[str, str] | None:
    """Subject and session whose mean PSNR under `row` is the median: neither the best nor the worst.

    Sessions with both modalities go before those with one. None where no session was scored.
    """
    scores = read_numbers("fidelity", fidelity, "value").dropna(subset="value")
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
    told: dict[tuple[str, str, str], str] | None = None,
) -> None:
    """Draw and write the figure.

    Parameters
    ----------
    rows : row -> label.
    volumes, reconstructions : test shards of the cohort, in the same order for every row.
    told : (cohort, row, modality) -> how its PSNR stands beside the mean image, as `against_mean.verdicts` gives it.
    """
    heights = [1, *([2] * len(rows))]
    widest = min((WIDTH - LABELS) / 6, (HEIGHT - HEAD - FOOT) / sum(heights))
    rows, foot = marked(rows, cohort, told or {}, round(6 * widest * LETTERS))
    session = choose_session(fidelity, cohort, next(iter(rows)))
    if session is None:
        figure, axis = plt.subplots(figsize=(WIDTH, 1.2))
        axis.text(0.5, 0.5, "nothing to show: no test session was scored", ha="center", va="center")
        axis.axis("off")
        return save(figure, *out)
    images = {"original": find(volumes, session)}
    images |= {label: find(reconstructions[row], session) for row, label in rows.items()}
    below = FOOT + LINE * len(foot)
    side = min((WIDTH - LABELS) / 6, (HEIGHT - HEAD - below) / sum(heights))
    size = 6 * side + LABELS, side * sum(heights) + HEAD + below
    figure = plt.figure(figsize=size)
    brain = box_of(images["original"])
    columns = list(itertools.product(MODALITIES, VIEWS.items()))
    for line, (label, pair) in enumerate(images.items()):
        above = HEAD + side * sum(heights[: line + 1])
        for column, (modality, (view, axis_number)) in enumerate(columns):
            corner = LABELS + side * column, size[1] - above
            place = corner[0] / size[0], corner[1] / size[1], side / size[0], side * heights[line] / size[1]
            axis = figure.add_axes([place[0], place[1], place[2] * FILL, place[3] * (1 - (1 - FILL) / heights[line])])
            if modality in pair:
                truth = slice_of(images["original"][modality], axis_number, brain)
                mine = slice_of(pair[modality], axis_number, brain)
                axis.imshow(compose(mine, truth, line > 0), interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            if line == 0:
                axis.set_title(f"{modality}\n{view}" if view == "coronal" else view, fontsize=6.5, pad=2)
            if column == 0:
                axis.set_ylabel(label.replace(" w/o", "\nw/o"), fontsize=6.5, labelpad=2)
    scale = plt.cm.ScalarMappable(plt.Normalize(0, ERROR_MAX), ERROR_COLOURS)
    strip = figure.add_axes([0.25, (below - 0.14) / size[1], 0.6, 0.08 / size[1]])
    bar = figure.colorbar(scale, cax=strip, orientation="horizontal", extend="max")
    bar.set_label("absolute error (below each slice); images span -1 to 1", fontsize=6.5, labelpad=1)
    bar.ax.tick_params(labelsize=6, length=2, pad=1)
    for number, text in enumerate(foot[::-1]):
        figure.text(LABELS / size[0], (0.02 + LINE * number) / size[1], text, fontsize=6, va="bottom")
    save(figure, *out)


def marked(
    rows: dict[str, str], cohort: str, told: dict[tuple[str, str, str], str], letters: int
) -> tuple[dict[str, str], list[str]]:
    """Labels with the signs of models that aren't above the mean image, and the lines that say so below the figure.

    Parameters
    ----------
    letters : that a line has at most.
    """
    labels, foot = dict(rows), []
    for verdict, sign in SIGNS.items():
        found = {
            row: [modality for modality in MODALITIES if told.get((cohort, row, modality)) == verdict] for row in rows
        }
        found = {row: modalities for row, modalities in found.items() if modalities}
        for row in found:
            labels[row] += f" {sign}" if labels[row] == rows[row] else sign
        if found:
            who = "; ".join(f"{rows[row]} ({', '.join(modalities)})" for row, modalities in found.items())
            foot += textwrap.wrap(f"{sign} PSNR {verdict}: {who}", letters)
    return labels, foot


def find(shards: list[Path], session: tuple[str, str]) -> dict[str, np.ndarray]:
    """Modality -> image (D, H, W) of one session."""
    for path in shards:
        file = ArrayFile(path)
        for (_, subject, visit), found in file.sessions.items():
            if (subject, visit) == session:
                return {m: file.view("image")[index].astype(np.float32) for m, index in found.items()}
    raise KeyError(f"no shard holds {session}")


def box_of(pair: dict[str, np.ndarray]) -> list[tuple[int, int]]:
    """First and past-last voxel of what isn't background, on each axis, over the modalities; all where nothing is."""
    inside = np.any([image > -1 for image in pair.values()], axis=0)
    box = []
    for axis, side in enumerate(inside.shape):
        found = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append((max(int(found[0]) - 1, 0), min(int(found[-1]) + 2, side)) if len(found) else (0, side))
    return box


def slice_of(image: np.ndarray, axis: int, box: list[tuple[int, int]]) -> np.ndarray:
    """The middle slice of a box of an image, up upwards, in a square of the box's longest side (h, h) of background.

    The sagittal one lies a little off the midline, where there is more to see.
    """
    cut = image[tuple(slice(*ends) for ends in box)]
    place = cut.shape[axis] // 2 + (cut.shape[axis] // 10 if axis == 0 else 0)
    picture = np.take(cut, place, axis).T[::-1]
    spare = [max(cut.shape) - side for side in picture.shape]
    return np.pad(picture, [(each // 2, each - each // 2) for each in spare], constant_values=-1)


def compose(mine: np.ndarray, truth: np.ndarray, with_error: bool) -> np.ndarray:
    """RGB picture of a slice in [-1, 1]; for reconstructions the absolute error below it."""
    grey = np.clip((mine + 1) / 2, 0, 1)[..., None].repeat(3, axis=-1)
    if not with_error:
        return grey
    error = np.clip(np.abs(mine - truth) / ERROR_MAX, 0, 1)
    return np.concatenate([grey, plt.get_cmap(ERROR_COLOURS)(error)[..., :3]], axis=0)
