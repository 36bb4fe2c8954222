"""The whole page: one HTML file that opens offline, and shows everything without JavaScript; rating needs it."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path

from neuroquant.errors import InputError
from neuroquant.files import write_text
from neuroquant.subject_page.encode import DETAILS, Detail
from neuroquant.subject_page.panels import layer_rules, session_panels
from neuroquant.subject_page.pictures import WHITE, SessionPictures

LIMIT = 3_000_000
"""Bytes of a page."""
SURE = 1.3
"""By how much the first sessions may be larger than the others."""
RATINGS = ("good", "doubtful", "exclude")
FORMAT = "neuroquant-rating-1"
TEMPLATES = Path(__file__).parent / "templates"
READING = (
    "Neurological view: the subject's left is on the left of the picture (L and R beside axial and coronal slices). "
    "Sagittal slices have the back (P) on the left. Captions have the slice's voxel on the model's grid. "
    f"Greys end at the {WHITE}th percentile of the brain's intensities; errors are computed on the images themselves."
)


def write_page(path: Path, title: str, sessions: list[SessionPictures], distribution: dict[str, list[float]]) -> None:
    """Write the page of a subject.

    Slices get fewer and coarser, the more sessions and modalities there are, so that the page stays below 3 MB.

    Parameters
    ----------
    path : Path
        Where to write; whole or not at all.
    title : str
        The page's heading.
    sessions : list of SessionPictures
        In the order in which they are shown.
    distribution : dict of str to list of float
        Name of a number -> its values in the cohort, those of these sessions among them or not.

    Raises
    ------
    InputError
        If there is no session.
    """
    if not sessions:
        raise InputError(str(path), "no session", "one session or more", "give those that were preprocessed")
    for detail in DETAILS:
        parts = sections(sessions, distribution, detail, bounded=detail is not DETAILS[-1])
        text = document(title, sessions, "".join(parts))
        if len(parts) == len(sessions) and len(text.encode()) <= LIMIT:
            break
    write_text(path, text)


def sections(
    sessions: list[SessionPictures], distribution: dict[str, list[float]], detail: Detail, bounded: bool
) -> list[str]:
    """Each session's part of the page; if `bounded`, no more of them once it is clear that all would be too large."""
    parts: list[str] = []
    size = 0
    for number, session in enumerate(sessions):
        parts.append(section(session, number, detail, distribution))
        size += len(parts[-1])
        expected = size / len(parts) * len(sessions)
        if bounded and (size > LIMIT or expected > SURE * LIMIT):
            break
    return parts


def document(title: str, sessions: list[SessionPictures], parts: str) -> str:
    """The page's HTML around the parts of the sessions."""
    style, script = ((TEMPLATES / f"subject_page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    style += layer_rules(max(len(session.images) for session in sessions))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{html.escape(title)}</title><style>{style}</style></head><body>"
        f"<header><h1>{html.escape(title)}</h1><p>{READING}</p>{contents(sessions)}</header>"
        f"<main>{parts}{saving()}</main>{facts(title, sessions)}<script>{script}</script></body></html>\n"
    )


def contents(sessions: list[SessionPictures]) -> str:
    """Links to the sessions, where there are several."""
    if len(sessions) < 2:
        return ""
    links = "".join(f'<li><a href="#s{n}">{html.escape(heading(one))}</a></li>' for n, one in enumerate(sessions))
    return f'<nav aria-label="sessions"><ul>{links}<li><a href="#ratings">ratings</a></li></ul></nav>'


def heading(session: SessionPictures) -> str:
    """What a session is called on the page."""
    return session.session or session.subject


def section(session: SessionPictures, number: int, detail: Detail, distribution: dict[str, list[float]]) -> str:
    """All of one session, with its rating."""
    panels = session_panels(session, number, detail, distribution)
    title = f'<h2 id="h{number}">{html.escape(heading(session))}</h2>'
    return f'<section id="s{number}" aria-labelledby="h{number}">{title}{panels}{rating(number)}</section>'


def rating(number: int) -> str:
    """The buttons and the comment; without JavaScript they stay hidden."""
    buttons = "".join(
        f'<input type="radio" name="r{number}" id="r{number}{word}" value="{word}">'
        f'<label class="{word}" for="r{number}{word}">{word}</label>'
        for word in RATINGS
    )
    return (
        f'<fieldset class="rating" data-session="{number}" hidden><legend>Rating</legend><div class="buttons">{buttons}'
        '<button type="button" class="clear">clear</button></div>'
        f'<label for="c{number}">comment</label><textarea id="c{number}" rows="2"></textarea></fieldset>'
    )


def saving() -> str:
    """What saves the ratings of all sessions."""
    return (
        '<section id="ratings" aria-labelledby="hr"><h2 id="hr">Ratings</h2>'
        "<noscript><p>Rating needs JavaScript, which is off in this browser.</p></noscript>"
        '<div class="saving" hidden><label for="rater">your name or initials</label> <input id="rater" type="text" '
        'autocomplete="off"> <button type="button" id="save">Save ratings as JSON</button> '
        '<p id="said" role="status"></p></div></section>'
    )


def facts(title: str, sessions: list[SessionPictures]) -> str:
    """What the script writes into the JSON of ratings, as data that no name can leave."""
    words = re.findall(r"[A-Za-z0-9.-]+", sessions[0].subject)
    known = {
        "format": FORMAT,
        "title": title,
        "file": f"{'_'.join(words).strip('.') or 'subject'}_rating.json",
        "sessions": [{"subject": one.subject, "session": one.session, "pictures": one.fingerprint} for one in sessions],
    }
    text = json.dumps(known, ensure_ascii=True).replace("<", "\\u003c").replace("&", "\\u0026")
    return f'<script type="application/json" id="facts">{text}</script>'
