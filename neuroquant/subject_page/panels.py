"""The parts of a page that show one session: scans with the mask, reconstructions with their errors, and numbers."""

import html
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neuroquant.error_scale import ERROR_SHARE
from neuroquant.subject_page import encode
from neuroquant.subject_page.distribution import place_of, shown, strip, words
from neuroquant.subject_page.encode import Detail
from neuroquant.subject_page.pictures import SessionPictures

PLANES = {2: "axial", 1: "coronal", 0: "sagittal"}
AXES = "xyz"
ENDS = {2: ("L", "R"), 1: ("L", "R"), 0: ("P", "A")}
"""What is on the left and on the right of a slice: left, right, back (posterior) and front (anterior)."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice of a session, whatever is shown in it."""

    session: SessionPictures
    axis: int
    index: int
    number: int
    count: int

    @property
    def said(self) -> str:
        """Which slice it is, in words."""
        return f"{PLANES[self.axis]} slice {self.number} of {self.count}"

    @property
    def caption(self) -> str:
        """Its voxel, and for a sagittal one in which half of the brain it lies."""
        half = "" if self.axis else f", {self.session.half(self.index)} half"
        return f"{AXES[self.axis]} {self.index}{half}"

    def marks(self) -> str:
        """What is left and right of it."""
        left, right = ENDS[self.axis]
        return f'<i class="l" aria-hidden="true">{left}</i><i class="r" aria-hidden="true">{right}</i>'

    def frame(self, inside: str) -> str:
        """A box with the slice's shape."""
        width, height = self.session.sides_mm(self.axis)
        return f'<div class="stack" style="aspect-ratio:{width:.4g}/{height:.4g}">{inside}</div>'


def slices_of(session: SessionPictures, count: int) -> Iterator[tuple[str, list[Slice]]]:
    """Plane -> so many slices of it, from below, the back or the left."""
    for axis, plane in PLANES.items():
        places = session.places(axis, count)
        yield plane, [Slice(session, axis, index, n, len(places)) for n, index in enumerate(places, start=1)]


def session_panels(session: SessionPictures, number: int, detail: Detail, distribution: dict[str, list[float]]) -> str:
    """Everything that is shown of a session, without its heading.

    Parameters
    ----------
    number : int
        Of the session on the page, for names within it.
    distribution : dict of str to list of float
        Name of a number -> its values in the cohort.
    """
    parts = [scans(session, number, detail), reconstructions(session, detail), numbers(session, distribution)]
    return "".join(parts)


def scans(session: SessionPictures, number: int, detail: Detail) -> str:
    """All modalities on top of each other with the outline of the mask, and the switches that choose what is seen."""
    names = list(session.images)
    if not names:
        return "<p>This session has no scan on the model's grid.</p>"
    rows = "".join(
        f'<div class="plane" role="group" aria-label="{plane} slices" style="--n:{len(row)}">'
        + "".join(scan_figure(one, names, detail) for one in row)
        + "</div>"
        for plane, row in slices_of(session, detail.slices)
    )
    return (
        '<h3>Scan and brain mask</h3><div class="panel" role="group" aria-label="scan and brain mask">'
        f'<input type="checkbox" class="mask" id="s{number}o" checked><label for="s{number}o">mask outline</label>'
        f'{switches(names, number)}<div class="slices n{len(names)}">{rows}</div></div>'
    )


def switches(names: list[str], number: int) -> str:
    """What chooses among several modalities; the script shows the button, without it the others work."""
    if len(names) < 2:
        return ""
    picks = "".join(
        f'<input type="radio" class="pick p{n}" id="s{number}m{n}" name="s{number}m"{"" if n else " checked"}>'
        f'<label for="s{number}m{n}">{html.escape(name)}</label>'
        for n, name in enumerate(names)
    )
    return (
        f'{picks}<button type="button" class="flicker" aria-pressed="false" hidden>Flicker</button>'
        '<p class="hint">Point at a slice, or tap it, to see the next modality there.</p>'
    )


def layer_rules(most: int) -> str:
    """CSS that shows the chosen modality, and the next one under the pointer, for up to `most` modalities."""
    rules = [
        ".n1 .layer{visibility:visible}",
        *(f".p{n}:checked~.slices .m{n}{{visibility:visible}}" for n in range(most)),
    ]
    for count in range(2, most + 1):
        for n in range(count):
            under = f".p{n}:checked~.n{count} .stack:hover"
            rules.append(f"{under} .m{n}{{visibility:hidden}}{under} .m{(n + 1) % count}{{visibility:visible}}")
    return "".join(rules)


def scan_figure(one: Slice, names: list[str], detail: Detail) -> str:
    """One slice of every modality, the first on top, and the mask's outline."""
    session = one.session
    layers = "".join(
        f'<span class="layer m{n}">{picture(grey(one, session.images[name], name, detail), f"{name}, {one.said}")}'
        f'<b aria-hidden="true">{html.escape(name)}</b></span>'
        for n, name in enumerate(names)
    )
    border = encode.outline(session.cut(session.mask, one.axis, one.index))
    return f"<figure>{one.frame(layers + border + one.marks())}<figcaption>{one.caption}</figcaption></figure>"


def reconstructions(session: SessionPictures, detail: Detail) -> str:
    """Each modality's original, reconstruction and error beside each other."""
    if not session.reconstructions:
        return ""
    parts = []
    for name in session.reconstructions:
        lines = [triplet(one, name, detail) for _, row in slices_of(session, detail.pairs) for one in row]
        alone = "" if name in session.images else ": made without an original, so there is no error"
        parts.append(f'<h4>{html.escape(name)}{alone}</h4><div class="triplets">{"".join(lines)}</div>')
    return f"<h3>Reconstruction</h3>{''.join(parts)}{error_bar()}"


def triplet(one: Slice, name: str, detail: Detail) -> str:
    """A slice of the original, of the reconstruction, and of their absolute difference."""
    session = one.session
    copy = session.reconstructions[name]
    kinds = {"reconstruction": grey(one, copy, name, detail)}
    if name in session.images:
        original = session.images[name]
        error = encode.error(*(session.cut(volume, one.axis, one.index) for volume in (copy, original)), detail)
        kinds = {"original": grey(one, original, name, detail), **kinds, "absolute error": error}
    figures = "".join(
        f"<figure>{one.frame(picture(source, f'{name}, {kind}, {one.said}') + one.marks())}"
        f"<figcaption>{kind}</figcaption></figure>"
        for kind, source in kinds.items()
    )
    where = f"{PLANES[one.axis]}, {one.caption}"
    return f'<div class="triplet" role="group" aria-label="{where}"><p aria-hidden="true">{where}</p>{figures}</div>'


def grey(one: Slice, volume: np.ndarray, name: str, detail: Detail) -> str:
    """A slice of a volume (D, H, W) of a modality as a data URI."""
    return encode.grey(one.session.cut(volume, one.axis, one.index), one.session.white[name], detail)


def picture(source: str, alt: str) -> str:
    """An image of the page."""
    return f'<img src="{source}" alt="{html.escape(alt, quote=True)}">'


def error_bar() -> str:
    """The scale of the errors."""
    top = round(100 * ERROR_SHARE)
    ticks = "".join(f"<span>{value}</span>" for value in range(0, top + 1, 5))
    return (
        f'<div class="bar"><div class="colours" style="background:linear-gradient(90deg,{encode.colour_bar()})"></div>'
        f'<div class="scale">{ticks}</div><div>absolute error, % of the scan\'s range of intensities; '
        f"{top} or more has the last colour</div></div>"
    )


def numbers(session: SessionPictures, distribution: dict[str, list[float]]) -> str:
    """The session's numbers beside those of the cohort."""
    if not session.numbers:
        return ""
    rows = "".join(number_row(name, value, distribution.get(name, [])) for name, value in session.numbers.items())
    titles = "".join(f'<th scope="col">{title}</th>' for title in ("measure", "value", "in the cohort"))
    head = f"<thead><tr>{titles}</tr></thead>"
    return f'<h3>Numbers</h3><table class="numbers">{head}<tbody>{rows}</tbody></table>'


def number_row(name: str, value: float, others: list[float]) -> str:
    """One number: its value, the cohort's values with the session's mark, and its percentile."""
    place = place_of(value, others)
    out = ' <strong class="out">stands out</strong>' if place.stands_out else ""
    ends = ""
    if place.percentile is not None:
        ends = f'<span class="ends" aria-hidden="true">{shown(place.others[0])} to {shown(place.others[-1])}</span>'
    return (
        f'<tr><th scope="row">{html.escape(name)}</th><td>{shown(value)}</td>'
        f"<td>{strip(name, place)}<div>{words(place)}{out}{ends}</div></td></tr>"
    )
