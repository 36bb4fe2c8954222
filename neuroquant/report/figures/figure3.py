"""Figure 3: originals and reconstructions in three views of each modality and on a fold, with their errors."""

import itertools
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuroquant.error_scale import ERROR_COLOURS, ERROR_SHARE
from neuroquant.report.figures.images import Images, box_of, fold_of, session_images, slice_of
from neuroquant.report.figures.style import HEIGHT, WIDTH, plt, save
from neuroquant.report.sentences import SIGNS

VIEWS = {"axial": 2, "coronal": 1, "sagittal": 0}
ZOOM = "fold"
"""The column that enlarges a square of the axial slice."""
COLUMNS = (*VIEWS, ZOOM)
FRAME = (0.34, 0.71, 0.91)
"""Colour of the frame around what is enlarged."""
COLUMN = 8.8 / 2.54
"""Inches of a paper's column, which the figure fits with `BESIDE` modalities at most; with more it fits the page."""
BESIDE = 2
ERROR_MAX = 2 * ERROR_SHARE
"""In images that span -1 to 1."""
LABELS, HEAD, FOOT = 0.3, 0.3, 0.5
"""Inches beside, above and below the slices."""
LINE, LETTERS = 0.11, 18
"""Inches that a line of the foot takes, and letters an inch of it."""
LARGEST = 1.4
"""Inches of a slice's side at most."""
NARROW = 4.0
"""Inches of the figure's width below which the words on errors take two lines."""
FILL = 0.97
"""Share of its cell that a slice fills."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes of the figure, in inches.

    Attributes
    ----------
    side : float
        Of a slice's square.
    heights : list of int
        Of each line of slices, in squares: 1 for the originals and an exact copy, 2 for a model (slice and error).
    columns : int
        Views and enlarged folds of all modalities.
    below : float
        Height of the foot.
    """

    side: float
    heights: list[int]
    columns: int
    below: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the figure."""
        return self.columns * self.side + LABELS, self.side * sum(self.heights) + HEAD + self.below

    def cell(self, line: int, column: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a cell as shares of the figure."""
        width, height = self.size
        bottom = height - HEAD - self.side * sum(self.heights[: line + 1])
        tall = self.heights[line]
        filled = self.side * FILL / width, self.side * (tall - 1 + FILL) / height
        return (LABELS + self.side * column) / width, bottom / height, *filled


def layout(heights: list[int], modalities: int, foot: int) -> Layout:
    """Sizes that fit a paper's column, or with more than `BESIDE` modalities its page.

    Parameters
    ----------
    heights : list of int
        As `Layout` has them.
    foot : int
        Lines of text below the slices.
    """
    columns = len(COLUMNS) * modalities
    below = FOOT + LINE * foot
    width = COLUMN if modalities <= BESIDE else WIDTH
    side = min((width - LABELS) / columns, (HEIGHT - HEAD - below) / sum(heights), LARGEST)
    return Layout(side, heights, columns, below)


def draw(
    images: Images,
    labels: dict[str, str],
    modalities: tuple[str, ...],
    session: tuple[str, str] | None,
    verdicts: dict[tuple[str, str], str],
    out: list[Path],
) -> None:
    """Draw and write the figure: modalities that the session lacks, and errors of exact copies, are left out.

    Parameters
    ----------
    images : Images
        Test shards of the cohort.
    labels : dict of str to str
        Model -> its label, top to bottom.
    modalities : tuple of str
        Left to right.
    session : (str, str) or None
        Subject and session to show; None where none was scored.
    verdicts : dict of (str, str) to str
        (model, modality) -> how its PSNR compares with that of the mean image.
    out : list of Path
        Files to write; their suffixes tell the formats.
    """
    if session is None:
        return _draw_nothing(out)
    original = session_images(images.volumes, session)
    present = tuple(modality for modality in modalities if modality in original)
    copies = {model: session_images(images.reconstructions[model], session) for model in labels}
    heights = [1, *(1 if _exact(copy, original) else 2 for copy in copies.values())]
    letters = round(len(COLUMNS) * len(present) * layout(heights, len(present), 0).side * LETTERS)
    shown, foot = marked(labels, present, verdicts, letters)
    sizes = layout(heights, len(present), len(foot))
    figure = plt.figure(figsize=sizes.size)
    lines = {"original": original} | {shown[model]: copy for model, copy in copies.items()}
    brain = box_of(original)
    fold = fold_of(slice_of(original[present[0]], VIEWS["axial"], brain))
    for (line, (label, pair)), (column, (modality, view)) in itertools.product(
        enumerate(lines.items()), enumerate(itertools.product(present, COLUMNS))
    ):
        axis = figure.add_axes(sizes.cell(line, column))
        if modality in pair:
            plane = VIEWS.get(view, VIEWS["axial"])
            truth, picture = (slice_of(each[modality], plane, brain) for each in (original, pair))
            if view == ZOOM:
                truth, picture = truth[fold], picture[fold]
            axis.imshow(compose(picture, truth, heights[line] > 1), interpolation="nearest")
            if not line and plane == VIEWS["axial"]:
                _frame(axis, view, fold)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        if line == 0:
            axis.set_title(f"{modality}\n{view}" if view == "coronal" else view, fontsize=6, pad=2)
        if column == 0:
            axis.set_ylabel(label.replace(" w/o", "\nw/o"), fontsize=6, labelpad=2)
    _draw_foot(figure, sizes, foot)
    save(figure, *out)


def _exact(copy: dict[str, np.ndarray], original: dict[str, np.ndarray]) -> bool:
    """Whether a reconstruction is its original, so that there is no error to draw."""
    return all(np.array_equal(copy[modality], original[modality]) for modality in copy if modality in original)


def _frame(axis: plt.Axes, view: str, fold: tuple[slice, slice]) -> None:
    """A frame around the fold in the axial slice, and around the enlarged one; L and R beside the brain."""
    rows, columns = fold
    if view == ZOOM:
        left, top, wide, high = 0, 0, columns.stop - columns.start, rows.stop - rows.start
    else:
        left, top, wide, high = columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
        for text, at in (("L", 0.04), ("R", 0.96)):
            axis.text(
                at, 0.96, text, color="white", fontsize=6, ha="left" if text == "L" else "right", va="top",
                transform=axis.transAxes,
            )  # fmt: skip
    axis.add_patch(
        plt.Rectangle((left - 0.5, top - 0.5), wide, high, fill=False, edgecolor=FRAME, linewidth=0.7, clip_on=False)
    )


def _draw_nothing(out: list[Path]) -> None:
    """A figure that says that there is nothing to show."""
    figure, axis = plt.subplots(figsize=(WIDTH, 1.2))
    axis.text(0.5, 0.5, "nothing to show: no test session was scored", ha="center", va="center")
    axis.axis("off")
    save(figure, *out)


def _draw_foot(figure: plt.Figure, sizes: Layout, foot: list[str]) -> None:
    """The scale of the errors, and lines of text below it."""
    width, height = sizes.size
    scale = plt.cm.ScalarMappable(plt.Normalize(0, ERROR_MAX), ERROR_COLOURS)
    strip = figure.add_axes([0.25, (sizes.below - 0.14) / height, 0.6, 0.08 / height])
    bar = figure.colorbar(scale, cax=strip, orientation="horizontal", extend="max")
    words = ("absolute error (below each slice)", "images span -1 to 1")
    bar.set_label(("; " if width > NARROW else "\n").join(words), fontsize=6.5, labelpad=1)
    bar.ax.tick_params(labelsize=6, length=2, pad=1)
    for number, text in enumerate(foot[::-1]):
        figure.text(LABELS / width, (0.02 + LINE * number) / height, text, fontsize=6, va="bottom")


def marked(
    labels: dict[str, str], modalities: tuple[str, ...], verdicts: dict[tuple[str, str], str], letters: int
) -> tuple[dict[str, str], list[str]]:
    """Labels with the signs of models that aren't above the mean image, and the lines that say so below the figure.

    Parameters
    ----------
    verdicts : dict of (str, str) to str
        (model, modality) -> how its PSNR compares with that of the mean image.
    letters : int
        That a line has at most.
    """
    shown, foot = dict(labels), []
    for verdict, sign in SIGNS.items():
        concerned = {
            model: modalities_of
            for model in labels
            if (modalities_of := [each for each in modalities if verdicts.get((model, each)) == verdict])
        }
        for model in concerned:
            shown[model] += f" {sign}" if shown[model] == labels[model] else sign
        if concerned:
            who = "; ".join(f"{labels[model]} ({', '.join(each)})" for model, each in concerned.items())
            foot += textwrap.wrap(f"{sign} PSNR {verdict}: {who}", letters)
    return shown, foot


def compose(picture: np.ndarray, truth: np.ndarray, with_error: bool) -> np.ndarray:
    """RGB picture of a slice in [-1, 1]; for reconstructions the absolute error below it."""
    grey = np.clip((picture + 1) / 2, 0, 1)[..., None].repeat(3, axis=-1)
    if not with_error:
        return grey
    return np.concatenate([grey, coloured_error(picture, truth)], axis=0)


def coloured_error(picture: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """RGB of the absolute error of a slice; the last colour stands from `ERROR_MAX` on."""
    return plt.get_cmap(ERROR_COLOURS)(np.clip(np.abs(picture - truth) / ERROR_MAX, 0, 1))[..., :3]
