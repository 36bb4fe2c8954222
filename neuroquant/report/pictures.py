"""Pictures inside of pages: a slice, an error and a figure as a PNG within the page's own text."""

import base64
import io
from pathlib import Path

import numpy as np

from neuroquant.extras import optional

with optional():
    from PIL import Image

WIDEST = 1600
"""Pixels of a figure's width within a page; the file beside the report has 300 points per inch."""
COLOURS = 255
"""Colours that a figure keeps within a page."""
SMALL = (320, 200)
"""Pixels that a thumbnail has at most."""


def as_data(picture: "Image.Image") -> str:
    """A picture as a PNG in the text of a page."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def of_pixels(pixels: np.ndarray) -> str:
    """A slice (h, w) or (h, w, 3) with values from 0 to 1 as a PNG in the text of a page."""
    return as_data(Image.fromarray(np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)))


def of_figure(path: Path) -> tuple[str, int, int]:
    """A figure's PNG, with fewer colours and at most `WIDEST` pixels wide, and its width and height on a page."""
    with Image.open(path) as whole:
        picture = whole.convert("RGB")
    if picture.width > WIDEST:
        picture = picture.resize((WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.LANCZOS)
    return as_data(picture.quantize(COLOURS)), picture.width, picture.height


def thumbnail(path: Path) -> str:
    """The upper part of a figure, small."""
    with Image.open(path) as whole:
        picture = whole.convert("RGB")
    width, height = SMALL
    shown = picture.crop((0, 0, picture.width, min(picture.height, round(picture.width * height / width))))
    shown.thumbnail(SMALL, Image.Resampling.LANCZOS)
    return as_data(shown.quantize(64))
