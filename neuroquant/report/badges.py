"""Badges of verdicts: an icon, a word and a colour, so that no verdict is told by its colour alone."""

import html

from neuroquant.statistics.claims.outcome import (
    CONTRADICTED,
    HOLDS,
    INCOMPARABLE,
    INSIDE,
    MIXED,
    NO_NUMBER,
    NOT_RUN,
    OUTSIDE,
    UNDECIDED,
)

LOOKS = {
    HOLDS: ("\u2713", "good"),
    MIXED: ("\u25d0", "partly"),
    UNDECIDED: ("?", "open"),
    CONTRADICTED: ("\u2717", "against"),
    INSIDE: ("\u2713", "good"),
    OUTSIDE: ("\u2717", "against"),
    INCOMPARABLE: ("\u2260", "open"),
    NOT_RUN: ("\u2013", "none"),
    NO_NUMBER: ("\u25cb", "none"),
}
"""Kind of a verdict -> its icon, and the class of its colours in page.css."""


def badge(kind: str, text: str = "") -> str:
    """The badge of a kind of verdict; `text` stands in place of the kind's own word."""
    icon, style = LOOKS[kind]
    return f'<span class="badge {style}"><span aria-hidden="true">{icon}</span>{html.escape(text or kind)}</span>'


def stand_in_tag(what: str = "stand-in") -> str:
    """The mark of a number or verdict to which a stand-in contributed."""
    return f'<span class="badge standing"><span aria-hidden="true">\u26a0</span>{html.escape(what)}</span>'
