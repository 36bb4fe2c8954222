"""The preprocessed volumes of each shard: mid slices with the brain, its box, and the target's edges on the others.

Pixels are put together by hand, in a palette of greys and three colours, so that pictures are small and quick to make:
a report holds one of every shard, or of about 96 of them.
"""

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from neuroquant.extras import optional
from neuroquant.files import read_tsv, written_whole
from neuroquant.statistics.choice import first_of_shard
from neuroquant.statistics.quality import in_words
from neuroquant.store.arrays import ArrayFile

with optional():
    from PIL import Image, ImageDraw, ImageFont


STRONG = 88
"""Percentile of the gradient above which a voxel is an edge."""
GREYS = 32
BRAIN, BOX, EDGE, TEXT = range(GREYS, GREYS + 4)
PALETTE = [*np.repeat(np.linspace(0, 255, GREYS).astype(int), 3), 213, 94, 0, 230, 159, 0, 86, 180, 233, 255, 255, 255]
TALL = 190
"""Pixels that a panel is high at least."""
LINE = 14
"""Pixels of a line of text."""
SIDES = {0: ("P", "A"), 1: ("L", "R"), 2: ("L", "R")}
"""Normal of a slice -> what lies at its left and at its right."""
LEGEND = {BRAIN: "brain mask", BOX: "its box", EDGE: "edges of {target}"}
"""Colour -> what is drawn in it."""
READ = (
    "L, R: left and right; P, A: back and front. Look for brains that are cut, tilted or swapped, and for images that "
    "are not aligned."
)
LETTER = 6
"""Pixels of a letter's width."""
Key = tuple[str, str, str]
"""Cohort, subject, session."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which sessions of a shard are shown, and how they are called.

    Attributes
    ----------
    sessions : int
        At most so many of a shard: those that stand out, then the first.
    identifiable : bool
        Name the sessions; else they are numbered.
    """

    sessions: int
    identifiable: bool


def draw(shards: list[Path], qc_tsv: Path, selection: Selection, pictures: list[Path]) -> None:
    """Draw a picture per shard.

    Parameters
    ----------
    shards : list of Path
        Volumes; one without sessions becomes a picture that says so.
    qc_tsv : Path
        The cohort's QC table: `outlier` says what stands out about a session, `doubts` what makes its mask doubtful,
        `target` to which modality the others were registered.
    selection : Selection
    pictures : list of Path
        Where to write, in the order of `shards`.
    """
    table = read_tsv(qc_tsv)
    keys = list(zip(table.cohort, table.subject, table.session, strict=True))
    odd = {key: why for key, why in zip(keys, map(remarks, table.to_dict("records")), strict=True) if why}
    targets = dict(zip(keys, table.target, strict=True)) if "target" in table else {}
    for shard, picture in zip(shards, pictures, strict=True):
        file = ArrayFile(shard)
        rows = [
            row_of(file, key, title_of(number, key, odd, selection.identifiable), targets.get(key, ""))
            for number, key in enumerate(first_of_shard(list(file.sessions), set(odd))[: selection.sessions], start=1)
        ]
        if rows:
            known = sorted({targets[key] for key in file.sessions if targets.get(key)})
            count = f"n = {len(rows)} of {len(file.sessions)} sessions of this shard. {READ}"
            rows += legend(max(row.shape[1] for row in rows), " or ".join(known), count)
        image = Image.fromarray(stacked(rows or [titled("no usable session", 300)]), mode="P")
        image.putpalette(PALETTE)
        with written_whole(picture) as scratch:
            image.save(scratch, format="PNG", optimize=True)


def title_of(number: int, key: Key, odd: dict[Key, str], identifiable: bool) -> str:
    """A session's number, its name where that may be, and the remarks on it."""
    name = [" ".join(key[1:]).strip()] if identifiable else []
    return "  ".join([str(number), *name, *([odd[key]] if key in odd else [])])


def remarks(row: dict[str, Any]) -> str:
    """What stands out about a session and what is doubtful, of its row of the QC table; empty where nothing does."""
    found = [f"stands out by {row['outlier'].replace(' ', ', ')}"] if row["outlier"] else []
    return "; ".join([*found, *([in_words(row["doubts"])] if row.get("doubts") else [])])


def row_of(file: ArrayFile, key: Key, title: str, target: str) -> np.ndarray:
    """One session (height, width), palette numbers: every modality in three planes, under a title.

    Parameters
    ----------
    target : str
        The modality whose edges are drawn on the others; the first that the session has, where it lacks this one.
    """
    images = file.sessions[key]
    reference = images.get(target, next(iter(images.values())))
    mask = file.read("mask", reference) > 0
    outline = edges(file.view("image")[reference].astype(np.float32))
    groups = []
    for modality, index in images.items():
        image = file.view("image")[index].astype(np.float32)
        panels = [panel(image, mask, outline if index != reference else None, plane) for plane in range(3)]
        height = max(len(one) for one in panels)
        line = np.hstack([np.pad(one, ((0, height - len(one)), (0, 2))) for one in panels])
        groups.append(np.vstack([titled(modality, line.shape[1]), line]))
    whole = np.hstack(groups)
    return np.vstack([titled(title, whole.shape[1]), whole])


def panel(image: np.ndarray, mask: np.ndarray, outline: np.ndarray | None, plane: int) -> np.ndarray:
    """The middle slice with normal `plane`, head up, palette numbers."""
    middle = image.shape[plane] // 2
    times = max(1, TALL // max(image.shape))

    def enlarged(volume: np.ndarray) -> np.ndarray:
        return np.take(volume, middle, plane).T[::-1].repeat(times, 0).repeat(times, 1)

    pixels = np.clip((enlarged(image) + 1) / 2 * (GREYS - 1), 0, GREYS - 1).astype(np.uint8)
    if outline is not None:
        pixels[enlarged(outline)] = EDGE
    inside = enlarged(mask)
    pixels[inside & ~ndimage.binary_erosion(inside)] = BRAIN
    frame(pixels, box_of(mask, plane), times)
    return sided(pixels, plane)


def sided(pixels: np.ndarray, plane: int) -> np.ndarray:
    """Pixels of a slice with normal `plane`, with letters of its sides in the upper corners."""
    for letter, first in zip(SIDES[plane], (0, max(pixels.shape[1] - LETTER - 4, 0)), strict=True):
        text = titled(letter, LETTER + 4)[: len(pixels), : pixels.shape[1] - first]
        corner = pixels[: len(text), first : first + text.shape[1]]
        corner[text == TEXT] = TEXT
    return pixels


def legend(width: int, target: str, words: str) -> list[np.ndarray]:
    """Lines below the sessions: what each colour means, and some words, broken to fit the width.

    Parameters
    ----------
    target : str
        The modality whose edges are drawn on the others; empty where none is.
    """
    patches = []
    for colour, meaning in LEGEND.items():
        if colour != EDGE or target:
            text = meaning.format(target=target)
            patch = np.zeros((LINE, LINE), np.uint8)
            patch[3:-3, 3:-3] = colour
            patches.append(np.hstack([patch, titled(text, LETTER * (len(text) + 3))]))
    lines = [np.hstack(patches)] if sum(patch.shape[1] for patch in patches) <= width else patches
    return lines + [titled(line, width) for line in textwrap.wrap(words, max(width // LETTER - 1, 10))]


def frame(pixels: np.ndarray, box: tuple[tuple[int, int], tuple[int, int]], times: int) -> None:
    """Draw the brain's box, dotted, into pixels whose first row is the top."""
    (left, right), (low, high) = ((first * times, (last + 1) * times - 1) for first, last in box)
    top, bottom = len(pixels) - 1 - high, len(pixels) - 1 - low
    for row in (top, bottom):
        pixels[row, left : right + 1 : 3] = BOX
    for column in (left, right):
        pixels[top : bottom + 1 : 3, column] = BOX


def titled(text: str, width: int) -> np.ndarray:
    """A line of text, palette numbers."""
    line = Image.new("L", (width, LINE))
    ImageDraw.Draw(line).text((2, 1), text, fill=255, font=ImageFont.load_default())
    return np.where(np.asarray(line) > 127, TEXT, 0).astype(np.uint8)


def stacked(rows: list[np.ndarray]) -> np.ndarray:
    """Rows one below the other, padded to one width."""
    width = max(row.shape[1] for row in rows)
    return np.ascontiguousarray(np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1]))) for row in rows]))


def edges(image: np.ndarray) -> np.ndarray:
    """The strongest edges of an image (D, H, W), bool."""
    strength = ndimage.gaussian_gradient_magnitude(image, 0.7)
    signal = strength[image > -1]
    return (strength > np.percentile(signal, STRONG)) & (image > -1) if len(signal) else np.zeros(image.shape, bool)


def box_of(mask: np.ndarray, plane: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last voxel of the brain's box, across and up, as a slice with normal `plane` shows it."""
    across, up = (axis for axis in range(3) if axis != plane)
    return mask_ends(mask, across), mask_ends(mask, up)


def mask_ends(mask: np.ndarray, axis: int) -> tuple[int, int]:
    """First and last place along an axis that a mask (D, H, W) reaches."""
    filled = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
    return (int(filled[0]), int(filled[-1])) if len(filled) else (0, 0)
