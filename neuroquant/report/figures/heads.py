"""Heads with the outlines of brain masks that a network found, doubtful ones first, for a cohort's QC picture."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neuroquant.extras import optional
from neuroquant.files import written_whole
from neuroquant.report.figures.montage import BRAIN, GREYS, LETTER, PALETTE, Key, remarks, sided, stacked, titled
from neuroquant.store.arrays import ArrayFile

with optional():
    from PIL import Image

MOST = 36
"""Sessions that are shown of a cohort."""
OUTLINE = 255
"""The value of a mask's outline in the array `head`."""
NETWORKS = ("deepbet", "SynthSeg")
"""What the QC table calls the networks that find brains."""
GAP = 2
READ = "Red: the brain mask that a network found. L, R: left and right; P, A: back and front."
Found = tuple[Path, dict[str, int]]
"""A shard, and the rows of a session's images by their modality."""


def masked_heads(table: pd.DataFrame, shards: Sequence[Path], identifiable: bool) -> list[np.ndarray]:
    """Sessions whose masks a network found, (height, width) palette numbers each: those with remarks, then the first.

    Parameters
    ----------
    table : DataFrame
        As `quality.gather_qc` gives it.
    identifiable : bool
        Name the sessions; else they are numbered.
    """
    places = {key: (shard, rows) for shard in shards for key, rows in ArrayFile(shard).sessions.items()}
    rows = [row for row in table.to_dict("records") if row.get("mask_from") in NETWORKS and key_of(row) in places]
    rows.sort(key=lambda row: (not remarks(row), row["cohort"], row["subject"], row["session"]))
    drawn = []
    for number, row in enumerate(rows[:MOST], start=1):
        key = key_of(row)
        name = " ".join(key[1:]).strip() if identifiable else ""
        title = "  ".join(part for part in (str(number), name, remarks(row)) if part)
        drawn.append(session(places[key], title))
    hidden = [titled(f"{len(rows) - MOST} others aren't shown", drawn[0].shape[1])] if len(rows) > MOST else []
    return drawn + hidden


def key_of(row: dict[str, Any]) -> Key:
    """Which session a row of the QC table is of."""
    return row["cohort"], row["subject"], row["session"]


def session(found: Found, title: str) -> np.ndarray:
    """Three planes of each modality beside one another, under a title."""
    shard, images = found
    file, groups = ArrayFile(shard), []
    for modality, index in images.items():
        planes = file.read("head", index)
        pixels = np.where(planes == OUTLINE, BRAIN, planes.astype(int) * GREYS // 256).astype(np.uint8)
        line = np.hstack([np.pad(sided(plane, axis), ((0, 0), (0, GAP))) for axis, plane in enumerate(pixels)])
        groups.append(np.vstack([titled(modality, line.shape[1]), line]))
    whole = np.hstack(groups)
    return np.vstack([titled(title, whole.shape[1]), whole])


def append(picture: Path, heads: list[np.ndarray]) -> None:
    """Put heads below a picture (PNG), as many beside one another as fit."""
    with Image.open(picture) as image:
        above = image.convert("RGB")
    beside = max(1, above.width // max(head.shape[1] for head in heads))
    rows = [heads[first : first + beside] for first in range(0, len(heads), beside)]
    lines = []
    for row in rows:
        height = max(len(head) for head in row)
        lines.append(np.hstack([np.pad(head, ((0, height - len(head)), (0, GAP))) for head in row]))
    lines += [titled(text, lines[0].shape[1]) for text in textwrap.wrap(READ, lines[0].shape[1] // LETTER)]
    below = Image.fromarray(stacked(lines), mode="P")
    below.putpalette(PALETTE)
    whole = Image.new("RGB", (max(above.width, below.width), above.height + below.height), "white")
    whole.paste(above, (0, 0))
    whole.paste(below.convert("RGB"), (0, above.height))
    with written_whole(picture) as scratch:
        whole.save(scratch, format="PNG", optimize=True)
