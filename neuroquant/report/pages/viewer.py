"""An interactive viewer: originals and reconstructions of a few test sessions, slice by slice, in one offline page."""

import base64
import html
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neuroquant.extras import optional
from neuroquant.files import write_text
from neuroquant.report.figures.images import Images, session_images, synthesised_images
from neuroquant.report.html import page
from neuroquant.statistics.choice import Chosen

with optional():
    from PIL import Image


BUDGET = 5_000_000
"""Bytes that all pictures of the page, as text, may take together; embedded in the report they take a third more."""
LEVELS = 64
"""Grey levels that are kept; more can't be told apart in the page, and take twice the bytes."""
STYLE = """
<style>.views{display:grid;grid-template-columns:repeat(var(--kinds,3),minmax(0,1fr));gap:.4rem;max-width:60rem}
.views canvas{width:100%;image-rendering:pixelated;background:#000;cursor:crosshair;display:block}
.views .surface{cursor:grab;image-rendering:auto;touch-action:none}
.views h3{margin:.2rem 0;font-size:.85rem;border:0;text-align:center;align-self:end} .bar{margin:.6rem 0}
.bar label{display:inline-block;margin:.1rem 1rem .1rem 0} .slice{grid-column:1/-1} .slice input{width:60%}
#place{display:block;font-variant-numeric:tabular-nums} kbd{border:1px solid var(--edge);border-radius:.2rem;
padding:0 .3rem;font-size:.85em} @media (max-width:700px){.views{gap:.2rem} .views h3{font-size:.7rem}}</style>
"""
PLANES = {2: "axial", 1: "coronal", 0: "sagittal"}
KINDS = {
    "original": "original", "reconstruction": "reconstruction", "synthesis": "synthesis", "error": "absolute error",
}  # fmt: skip
SLIDERS = (
    ("low", "window from", 0, 254, 1, 0), ("high", "to", 1, 255, 1, 255),
    ("blend", "fade the first panel to the reconstruction", 0, 1, 0.05, 0), ("gain", "error scale", 0.05, 1, 0.05, 0.5),
)  # fmt: skip
"""Key, name, least, most, step and value of the sliders; grey values from 0 to 255."""
KEYS = (
    ("\u2190 \u2192 \u2191 \u2193", "move the cursor in the active plane"), ("PageUp PageDown", "next slice of it"),
    ("a c s", "axial, coronal, sagittal plane"), ("f", "flip between original and reconstruction"),
    ("+ \u2212", "brighter, darker"), ("m", "next modality"), ("n", "next session"), ("r", "as at the start"),
)  # fmt: skip
"""What keys do."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One image of the page: a session and modality, its original and its reconstruction (D, H, W).

    Attributes
    ----------
    synthesis : the image made from another modality's anatomy; None where the model can't, or there is no other.
    """

    session: str
    modality: str
    original: np.ndarray
    copy: np.ndarray
    synthesis: np.ndarray | None = None


def name_of(chosen: Chosen, identifiable: bool) -> str:
    """What the page calls a session: its number among the test subjects, unless the report may name subjects."""
    who = f"{chosen.subject} {chosen.session}".strip() if identifiable else f"test subject {chosen.number}"
    return f"{who}, {chosen.rank} PSNR ({chosen.psnr:.2f} dB)"


def write_viewer(
    sessions: dict[str, tuple[str, str]],
    modalities: tuple[str, ...],
    label: str,
    images: Images,
    out: Path,
    budget: int = BUDGET,
) -> None:
    """Write the page; where not all images fit the budget, the last ones get every second voxel, or are left out.

    Parameters
    ----------
    sessions : dict of str to (str, str)
        What the page calls a session -> subject and session.
    modalities : tuple of str
        In the order of the switch.
    label : str
        Name of the model that reconstructed.
    images : Images
        Test shards of that model alone.
    budget : int
        Bytes of all pictures together.
    """
    pairs = list(pairs_of(sessions, modalities, images))
    entries: list[dict[str, Any]] = []
    spent = 0
    for pair in pairs:
        entry = packed(pair, 2)
        if not entries or spent + size_of(entry) <= budget:
            entries.append(entry)
            spent += size_of(entry)
    kept = [pair for pair in pairs if any(is_of(entry, pair) for entry in entries)]
    for number, pair in enumerate(kept):
        entry = packed(pair, 1)
        more = size_of(entry) - size_of(entries[number])
        if spent + more <= budget:
            entries[number] = entry
            spent += more
    write_text(out, page("Viewer", body(entries, label, len(pairs) - len(entries))))


def pairs_of(sessions: dict[str, tuple[str, str]], modalities: tuple[str, ...], images: Images) -> Iterator[Pair]:
    """Every image of the sessions that has a reconstruction; one session after the other."""
    (copies,) = images.reconstructions.values() or ([],)
    for name, session in sessions.items():
        originals, reconstructed = session_images(images.volumes, session), session_images(copies, session)
        made = synthesised_images(copies, session)
        for modality in modalities:
            if modality in originals and modality in reconstructed:
                yield Pair(name, modality, originals[modality], reconstructed[modality], made.get(modality))


def is_of(entry: dict[str, Any], pair: Pair) -> bool:
    """Whether a choice of the page shows an image."""
    return (entry["session"], entry["modality"]) == (pair.session, pair.modality)


def packed(pair: Pair, step: int) -> dict[str, Any]:
    """One choice of the page: its images in [-1, 1], every `step`-th voxel."""
    pictures = {"original": pair.original, "reconstruction": pair.copy, "synthesis": pair.synthesis}
    kept = {kind: image[::step, ::step, ::step] for kind, image in pictures.items() if image is not None}
    facts = {"session": pair.session, "modality": pair.modality, "step": step, "shape": list(kept["original"].shape)}
    return facts | {kind: mosaic(image) for kind, image in kept.items()}


def size_of(entry: dict[str, Any]) -> int:
    """Bytes of its pictures."""
    return sum(len(entry[kind]["png"]) for kind in KINDS if kind in entry)


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
    sessions, modalities = (list(dict.fromkeys(one[key] for one in images)) for key in ("session", "modality"))
    choices = [
        f'<label>{key} <select id="{key}">'
        + "".join(f'<option value="{html.escape(name)}">{html.escape(name)}</option>' for name in names)
        + "</select></label>"
        for key, names in (("session", sessions), ("modality", modalities))
    ]
    hidden = {kind: f' class="{kind}" hidden' if kind == "synthesis" else "" for kind in KINDS}
    names = "".join(f"<h3{hidden[kind]}>{name}</h3>" for kind, name in KINDS.items())
    views = "".join(
        f'<div class="slice"><label>{plane} <input type="range" min="0" id="slice{axis}"></label></div>'
        + "".join(
            f'<canvas id="{kind}{axis}"{hidden[kind]} role="img" aria-label="{plane} slice, {name}"></canvas>'
            for kind, name in KINDS.items()
        )
        for axis, plane in PLANES.items()
    )
    surfaces = '<div class="slice">surface: drag to turn it, or use the arrow keys on it</div>' + "".join(
        f'<canvas id="surface-{kind}" class="surface{" synthesis" if kind == "synthesis" else ""}" tabindex="0" '
        f'role="img" aria-label="surface of the {name}"{" hidden" if kind == "synthesis" else ""}></canvas>'
        for kind, name in KINDS.items()
        if kind != "error"
    )
    keys = " ".join(f"<kbd>{html.escape(key)}</kbd> {meaning};" for key, meaning in KEYS)
    sliders = "".join(
        f'<label>{name} <input type="range" id="{key}" min="{low}" max="{high}" step="{step}" value="{value}"></label>'
        for key, name, low, high, step, value in SLIDERS
    )
    note = f"<p>{left_out} more images were left out to keep the report small.</p>" if left_out else ""
    data = json.dumps(images).replace("</", "<\\/")
    script = (Path(__file__).parents[1] / "templates" / "viewer.js").read_text(encoding="utf-8")
    return (
        f"{STYLE}{head}<p>Reconstructed by {html.escape(label)}. Click into a slice, or move the sliders: all views "
        f"follow. Left is left; voxels count from left, back and below. {LEVELS} grey levels are kept of each image; "
        "scores are computed on the images themselves. A synthesis has the anatomy that the model reads from another "
        "modality of the session, with the mean appearance of training images.</p>"
        f'<div class="bar">{"".join(choices)}{sliders}<span id="place"></span></div>'
        f'<div class="views" id="views">{names}{views}{surfaces}</div>{note}<p class="small">Keys: {keys[:-1]}.</p>'
        f'<script type="application/json" id="images">{data}</script><script>{script}</script>'
    )
