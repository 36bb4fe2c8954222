"""An interactive viewer: originals and reconstructions of a few test sessions, slice by slice, in one offline page."""

import base64
import html
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from neuroquant.files import write_text
from neuroquant.report.figures.figure3 import MODALITIES, find
from neuroquant.report.html import page
from neuroquant.statistics.numbers import read_numbers

BUDGET = 5_000_000
"""Bytes that all pictures of the page, as text, may take together; embedded in the report they take a third more."""
LEVELS = 64
"""Grey levels that are kept; more can't be told apart in the page, and take twice the bytes."""
STYLE = """
<style>.views{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:.4rem;max-width:46rem}
.views canvas{width:100%;image-rendering:pixelated;background:#000;cursor:crosshair;display:block}
.views h2,.views h3{margin:.2rem 0;font-size:.85rem;border:0;text-align:center} .bar{margin:.6rem 0}
.bar label{display:inline-block;margin-right:1rem} .slice{grid-column:1/-1} .slice input{width:60%}</style>
"""
PLANES = {2: "axial", 1: "coronal", 0: "sagittal"}
KINDS = {"original": "original", "reconstruction": "reconstruction", "error": "absolute error"}


@dataclass(frozen=True)
class Shown:
    """One test session, and why it is shown."""

    subject: str
    session: str
    called: str


def choose(fidelity: Path, cohort: str, row: str, identifiable: bool) -> list[Shown]:
    """The sessions with the median, the lowest and the highest mean PSNR under `row`, each once; none without scores.

    Subjects go by their number among the test subjects, unless the report may name them.
    """
    scores = read_numbers("fidelity", fidelity, "value").dropna(subset="value")
    scores = scores[scores.cohort == cohort]
    numbers = {name: number + 1 for number, name in enumerate(sorted(set(scores.subject)))}
    scores = scores[(scores.model == row) & (scores.metric == "psnr")]
    means = scores[scores.region == "whole"].groupby(["subject", "session"])["value"].mean()
    means = means.sort_values(kind="stable")
    if not len(means):
        return []
    places = {"median": len(means) // 2, "lowest": 0, "highest": len(means) - 1}
    shown: dict[int, Shown] = {}
    for name, place in places.items():
        subject, session = means.index[place]
        who = f"{subject} {session}".strip() if identifiable else f"test subject {numbers[subject]}"
        shown.setdefault(place, Shown(subject, session, f"{who}, {name} PSNR ({means.iloc[place]:.2f} dB)"))
    return list(shown.values())


def write_viewer(
    chosen: list[Shown], label: str, volumes: list[Path], reconstructions: list[Path], out: Path, budget: int = BUDGET
) -> None:
    """Write the page; where not all images fit the budget, the last ones get every second voxel, or are left out.

    Parameters
    ----------
    label : name of the row that reconstructed.
    volumes, reconstructions : test shards, in the same order.
    """
    pairs = {}
    for session in chosen:
        key = (session.subject, session.session)
        originals, copies = find(volumes, key), find(reconstructions, key)
        for modality in MODALITIES:
            if modality in originals and modality in copies:
                pairs[f"{session.called}, {modality}"] = originals[modality], copies[modality]
    images: dict[str, dict[str, Any]] = {}
    spent = 0
    for name, pair in pairs.items():
        entry = packed(f"{name}, every second voxel", *pair, 2)
        if not images or spent + size_of(entry) <= budget:
            images[name] = entry
            spent += size_of(entry)
    for name, halved in images.items():
        entry = packed(name, *pairs[name], 1)
        more = size_of(entry) - size_of(halved)
        if spent + more <= budget:
            images[name] = entry
            spent += more
    shown, left_out = list(images.values()), len(pairs) - len(images)
    write_text(out, page("Viewer", body(shown, label, left_out)))


def packed(name: str, original: np.ndarray, copy: np.ndarray, step: int) -> dict[str, Any]:
    """One choice of the page: both images (D, H, W) in [-1, 1], every `step`-th voxel."""
    original, copy = original[::step, ::step, ::step], copy[::step, ::step, ::step]
    return {
        "name": name,
        "shape": list(original.shape),
        "original": mosaic(original),
        "reconstruction": mosaic(copy),
    }


def size_of(entry: dict[str, Any]) -> int:
    """Bytes of its pictures."""
    return len(entry["original"]["png"]) + len(entry["reconstruction"]["png"])


def mosaic(image: np.ndarray) -> dict[str, Any]:
    """All axial slices side by side in one PNG of `LEVELS` grey levels."""
    width, height, count = image.shape
    columns = int(np.ceil(np.sqrt(count)))
    levels = np.round((np.clip(image, -1, 1) + 1) / 2 * (LEVELS - 1)) * (255 / (LEVELS - 1))
    whole = np.zeros((-(-count // columns) * height, columns * width), np.uint8)
    for number in range(count):
        row, column = divmod(number, columns)
        whole[row * height : (row + 1) * height, column * width : (column + 1) * width] = np.round(
            levels[..., number]
        ).T
    buffer = io.BytesIO()
    Image.fromarray(whole).save(buffer, "PNG", optimize=True)
    return {"columns": columns, "png": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()}


def body(images: list[dict[str, Any]], label: str, left_out: int) -> str:
    """What is on the page."""
    head = "<h1>Original and reconstruction</h1>"
    if not images:
        return f"{head}<p>Nothing to show: no test session was scored, or reconstructed.</p>"
    options = "".join(f'<option value="{n}">{html.escape(entry["name"])}</option>' for n, entry in enumerate(images))
    names = "".join(f"<h3>{name}</h3>" for name in KINDS.values())
    views = "".join(
        f'<div class="slice"><label>{plane} <input type="range" min="0" id="slice{axis}"></label></div>'
        + "".join(
            f'<canvas id="{kind}{axis}" aria-label="{plane} slice, {name}"></canvas>' for kind, name in KINDS.items()
        )
        for axis, plane in PLANES.items()
    )
    note = f"<p>{left_out} more images were left out to keep the report small.</p>" if left_out else ""
    data = json.dumps(images).replace("</", "<\\/")
    script = (Path(__file__).parents[1] / "templates" / "viewer.js").read_text(encoding="utf-8")
    return (
        f"{STYLE}{head}<p>Reconstructed by {html.escape(label)}. Click into a slice, or move the sliders: all views "
        f"follow. Left is left; voxels count from left, back and below. {LEVELS} grey levels are kept of each image; "
        "scores are computed on the images themselves.</p>"
        f'<div class="bar"><label>image <select id="pick">{options}</select></label>'
        '<label>error scale <input type="range" id="gain" min="0.05" max="1" step="0.05" value="0.5"></label>'
        f'<span id="place"></span></div><div class="views">{names}{views}</div>{note}'
        f'<script type="application/json" id="images">{data}</script><script>{script}</script>'
    )
