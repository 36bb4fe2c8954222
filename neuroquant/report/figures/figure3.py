"""Figure 3: originals and reconstructions in three views of each modality, with their errors."""

import itertools
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuroquant.error_scale import ERROR_COLOURS, ERROR_SHARE
from neuroquant.report.figures.images import Images, box_of, session_images, slice_of
from neuroquant.report.figures.style import HEIGHT, WIDTH, plt, save
from neuroquant.report.sentences import SIGNS

VIEWS = {"axial": 2, "coronal": 1, "sagittal": 0}
ERROR_MAX = 2 * ERROR_SHARE
"""In images that span -1 to 1."""
LABELS, HEAD, FOOT = 0.35, 0.3, 0.5
"""Inches beside, above and below the slices."""
LINE, LETTERS = 0.11, 18
"""Inches that a line of the foot takes, and letters an inch of it."""
LARGEST = 1.4
"""Inches of a slice's side at most."""
NARROW = 3.0
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
        Of each line of slices, in squares: 1 for the originals, 2 for a model (slice and error).
    columns : int
        Views of all modalities.
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


def layout(models: int, modalities: int, foot: int) -> Layout:
    """Sizes that fit a page, for a number of models and modalities and lines of the foot.

    More modalities make the slices smaller, so that the figure never gets wider than a page.
    """
    heights, columns = [1, *([2] * models)], len(VIEWS) * modalities
    below = FOOT + LINE * foot
    side = min((WIDTH - LABELS) / columns, (HEIGHT - HEAD - below) / sum(heights), LARGEST)
    return Layout(side, heights, columns, below)


def draw(
    images: Images,
    labels: dict[str, str],
    modalities: tuple[str, ...],
    session: tuple[str, str] | None,
    verdicts: dict[tuple[str, str], str],
    out: list[Path],
) -> None:
    """Draw and write the figure.

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
    letters = round(len(VIEWS) * len(modalities) * layout(len(labels), len(modalities), 0).side * LETTERS)
    shown, foot = marked(labels, modalities, verdicts, letters)
    sizes = layout(len(labels), len(modalities), len(foot))
    figure = plt.figure(figsize=sizes.size)
    original = session_images(images.volumes, session)
    lines = {"original": original} | {
        label: session_images(images.reconstructions[model], session) for model, label in shown.items()
    }
    brain = box_of(original)
    columns = list(itertools.product(modalities, VIEWS.items()))
    for (line, (label, pair)), (column, (modality, (view, plane))) in itertools.product(
        enumerate(lines.items()), enumerate(columns)
    ):
        axis = figure.add_axes(sizes.cell(line, column))
        if modality in pair and modality in original:
            truth = slice_of(original[modality], plane, brain)
            picture = slice_of(pair[modality], plane, brain)
            axis.imshow(compose(picture, truth, line > 0), interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        if line == 0:
            axis.set_title(f"{modality}\n{view}" if view == "coronal" else view, fontsize=6.5, pad=2)
        if column == 0:
            axis.set_ylabel(label.replace(" w/o", "\nw/o"), fontsize=6.5, labelpad=2)
    _draw_foot(figure, sizes, foot)
    save(figure, *out)


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
    error = np.clip(np.abs(picture - truth) / ERROR_MAX, 0, 1)
    return np.concatenate([grey, plt.get_cmap(ERROR_COLOURS)(error)[..., :3]], axis=0)
