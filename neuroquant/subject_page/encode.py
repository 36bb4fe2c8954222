"""Slices as pictures inside the page: greys and errors as WebP, the mask's outline as a path."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neuroquant.error_scale import ERROR_COLOURS, ERROR_SHARE
from neuroquant.extras import optional

with optional():
    from contourpy import contour_generator
    from matplotlib import colormaps
    from PIL import Image

LONGEST = 6000
"""Signs of an outline's path; that of a mask of specks would be longer, and is a picture of points instead."""
OUTLINE = (255, 155, 80)
"""Colour of the outline, red, green and blue; the style sheet has the same."""
COLOURS = colormaps[ERROR_COLOURS]


@dataclass(frozen=True, slots=True)
class Detail:
    """How much a page shows: less, and coarser, where sessions are many.

    Attributes
    ----------
    slices : int
        Slices of each plane of every scan.
    pairs : int
        Slices of each plane beside their reconstruction.
    quality : int
        Of WebP.
    side : int
        Pixels of a picture's longer side at most.
    """

    slices: int
    pairs: int
    quality: int
    side: int


DETAILS = (
    Detail(6, 2, 84, 256),
    Detail(6, 2, 65, 224),
    Detail(6, 1, 60, 192),
    Detail(3, 1, 60, 192),
    Detail(3, 1, 40, 160),
    Detail(1, 1, 40, 128),
    Detail(1, 1, 20, 80),
)
"""From the best downwards; the first that keeps a page small enough is taken."""


def grey(shown: np.ndarray, white: float, detail: Detail) -> str:
    """A slice (rows, columns) as a data URI: 0 is black, `white` and above it white."""
    levels = np.round(np.clip(np.nan_to_num(shown) / white, 0, 1) * 255).astype(np.uint8)
    return _webp(Image.fromarray(levels), detail)


def error(shown: np.ndarray, original: np.ndarray, detail: Detail) -> str:
    """The absolute difference of two slices in [0, 1] in colours, as a data URI."""
    share = np.clip(np.abs(np.nan_to_num(shown) - np.nan_to_num(original)) / ERROR_SHARE, 0, 1)
    return _webp(Image.fromarray(COLOURS(share, bytes=True)[..., :3]), detail)


def _webp(picture: Image.Image, detail: Detail) -> str:
    if max(picture.size) > detail.side:
        picture.thumbnail((detail.side, detail.side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=detail.quality, method=2)  # 4: a fifth of the speed, 4 % smaller
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def outline(mask: np.ndarray) -> str:
    """The border of a slice of the mask (rows, columns) as an SVG in half pixels, to be laid over the slice."""
    height, width = mask.shape
    line = path(mask)
    shown = f'<path d="{line}"/>'
    if len(line) > LONGEST:
        border = (mask > 0) & ~ndimage.binary_erosion(mask > 0)
        shown = f'<image href="{_png(border)}" width="{2 * width}" height="{2 * height}"/>'
    box = f'viewBox="0 0 {2 * width} {2 * height}"'
    return f'<svg {box} preserveAspectRatio="none" aria-hidden="true">{shown}</svg>'


def _png(border: np.ndarray) -> str:
    """Pixels in the outline's colour on a transparent ground, as a data URI."""
    picture = Image.fromarray(border.astype(np.uint8), mode="P")
    picture.putpalette([0, 0, 0, *OUTLINE])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", transparency=0, bits=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def path(mask: np.ndarray) -> str:
    """The border of a slice of the mask (rows, columns) as the path of an SVG, in half pixels from its corner."""
    padded = np.pad(mask > 0, 1).astype(np.float32)
    lines = contour_generator(z=padded).lines(0.5)  # through the middles between pixels within the mask and outside
    return "".join(_path(np.round(2 * line - 1).astype(int)) for line in lines)


def _path(points: np.ndarray) -> str:
    """A closed path with relative steps; points on a straight line are left out."""
    steps = np.diff(points, axis=0)
    steps = steps[np.any(steps != 0, axis=1)]
    if not len(steps):
        return ""
    turns = np.any(steps[1:] != steps[:-1], axis=1)
    pieces = np.add.reduceat(steps, [0, *(np.flatnonzero(turns) + 1)], axis=0)
    return f"M{points[0, 0]} {points[0, 1]}l" + " ".join(f"{x} {y}" for x, y in pieces[:-1]) + "z"


def colour_bar() -> str:
    """The colours of the error as stops of a CSS gradient, from none to `ERROR_SHARE`."""
    return ",".join("#{:02x}{:02x}{:02x}".format(*COLOURS(share, bytes=True)[:3]) for share in np.linspace(0, 1, 9))
