"""The strip of pictures on the front page: one slice of a test session as the models return it, and the error."""

import html
from dataclasses import dataclass

import numpy as np

from neuroquant.report.figures.figure3 import ERROR_MAX, coloured_error
from neuroquant.report.figures.images import Images, box_of, session_images, slice_of
from neuroquant.report.pictures import of_pixels

AXIAL = 2
LOW, HIGH = -1.0, 1.0
"""The intensities that all pictures show as black and as white."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the strip shows.

    Attributes
    ----------
    session : (str, str) or None
        Subject and session, which the page never names; None where none was scored.
    models : dict of str to str
        Model -> its label: the full model, then the best baseline where there is one.
    modalities : tuple of str
    """

    session: tuple[str, str] | None
    models: dict[str, str]
    modalities: tuple[str, ...]


def strip(images: Images, wanted: Shown) -> str:
    """A row of tiles per modality that the session has; nothing where no session was scored.

    Parameters
    ----------
    images : Images
        Test shards of the cohort, of the models at least.
    """
    if wanted.session is None:
        return ""
    original = session_images(images.volumes, wanted.session)
    copies = {model: session_images(images.reconstructions[model], wanted.session) for model in wanted.models}
    brain = box_of(original)
    rows = [
        _row(
            modality,
            slice_of(original[modality], AXIAL, brain),
            {wanted.models[model]: slice_of(own[modality], AXIAL, brain) for model, own in copies.items()},
        )
        for modality in wanted.modalities
        if modality in original and all(modality in own for own in copies.values())
    ]
    full = html.escape(next(iter(wanted.models.values())))
    return (
        f'<div class="strips">{"".join(rows)}</div><p class="note">An axial slice of the test session whose PSNR under '
        f"{full} is the median; all pictures have one scale. L: left, R: right. Error of {full}: "
        f'<span class="ramp" style="background:linear-gradient(90deg,{_ramp()})"></span> 0 to {ERROR_MAX:g} and more, '
        f"in images that span {LOW:g} to {HIGH:g}.</p>"
    )


def _row(modality: str, original: np.ndarray, copies: dict[str, np.ndarray]) -> str:
    """Original, each model, and the error of the first."""
    full, picture = next(iter(copies.items()))
    tiles = {"original": _grey(original)} | {label: _grey(copy) for label, copy in copies.items()}
    tiles |= {f"error of {full}": coloured_error(picture, original)}
    figures = "".join(
        f'<figure><span class="side l">L</span><span class="side r">R</span>'
        f'<img src="{of_pixels(pixels)}" alt="{html.escape(f"{modality}, axial slice: {label}")}">'
        f"<figcaption>{html.escape(label)}</figcaption></figure>"
        for label, pixels in tiles.items()
    )
    return f'<div class="strip"><h2>{html.escape(modality)}</h2><div class="tiles">{figures}</div></div>'


def _grey(picture: np.ndarray) -> np.ndarray:
    """Intensities from `LOW` to `HIGH` as 0 to 1."""
    return (picture - LOW) / (HIGH - LOW)


def _ramp() -> str:
    """The colours of errors as stops of a gradient of CSS."""
    steps = np.linspace(0, ERROR_MAX, 9)
    colours = coloured_error(steps[None], np.zeros((1, len(steps))))[0]
    return ",".join(f"rgb({','.join(str(round(255 * part)) for part in colour)})" for colour in colours)
