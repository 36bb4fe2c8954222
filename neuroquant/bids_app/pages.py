"""Pages of subjects, and the pictures that are kept for them until all numbers are known."""

import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np

from neuroquant.bids_app.encode import Encoded
from neuroquant.bids_app.record import Record
from neuroquant.files import written_whole
from neuroquant.subject_page import SessionPictures, write_page

LABELS = {
    "psnr": "{} PSNR (dB)", "psnr_brain": "{} PSNR in the brain (dB)", "ssim": "{} SSIM",
    "ssim_brain": "{} SSIM in the brain",
}  # fmt: skip
"""Score of a reconstruction -> what pages call it."""


def label_of(name: str) -> str:
    """A number's name with its unit, as pages show it, e.g. T1w PSNR (dB)."""
    modality, _, measure = name.partition("_")
    return LABELS[measure].format(modality) if measure in LABELS else "Brain (ml)"


def pictures_path(work_dir: Path, name: str) -> Path:
    """Where the pictures of a session are kept."""
    return work_dir / "pictures" / f"{name}.npz"


def page_path(output: Path, subject: str) -> Path:
    """Where the page of a subject lies."""
    return output / f"sub-{subject}.html"


def keep_pictures(path: Path, encoded: Encoded) -> None:
    """Keep what a page shows of a session, with 256 grey values."""
    work = encoded.work
    images = {name: work.images[name] for name in encoded.reconstructions}
    made = encoded.reconstructions | {name: one.volume for name, one in encoded.synthetic.items() if not one.like}
    arrays = {f"image {name}": _grey(volume) for name, volume in images.items()}
    arrays |= {f"made {name}": _grey(volume) for name, volume in made.items()}
    with written_whole(path) as scratch, open(scratch, "wb") as file:
        np.savez_compressed(file, mask=work.mask, voxel_mm=work.session.grid.sides, **arrays)


def write_pages(output: Path, work_dir: Path, records: list[Record], subjects: set[str]) -> list[str]:
    """Write the pages of subjects; returns those of whom the pictures of a session are gone.

    Parameters
    ----------
    records : of all finished sessions, whose numbers are the distribution.
    subjects : labels of those whose pages are written.
    """
    distribution: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for name, value in record.numbers.items():
            distribution[label_of(name)].append(value)
    without = []
    for subject in sorted(subjects):
        own = [record for record in records if record.subject == subject]
        shown = [pictures for record in own if (pictures := _pictures(work_dir, record)) is not None]
        if len(shown) < len(own):
            without.append(subject)
        elif shown:
            write_page(page_path(output, subject), f"sub-{subject}: {own[0].model}", shown, dict(distribution))
    return without


def _pictures(work_dir: Path, record: Record) -> SessionPictures | None:
    """The pictures of a session; None where they are gone or damaged."""
    try:
        with np.load(pictures_path(work_dir, record.name), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
    shown = {kind: {} for kind in ("image", "made")}
    for name, array in arrays.items():
        kind, _, modality = name.partition(" ")
        if kind in shown:
            shown[kind][modality] = array.astype(np.float32) / 255
    return SessionPictures(
        subject=f"sub-{record.subject}",
        session=f"ses-{record.session}" if record.session else "",
        images=shown["image"],
        mask=arrays["mask"],
        reconstructions=shown["made"],
        voxel_mm=tuple(float(side) for side in arrays["voxel_mm"]),
        numbers={label_of(name): value for name, value in record.numbers.items()},
    )


def _grey(volume: np.ndarray) -> np.ndarray:
    """A volume in [-1, 1] as uint8."""
    return np.round((np.clip(volume.astype(np.float32), -1, 1) + 1) * 127.5).astype(np.uint8)
