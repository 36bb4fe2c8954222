"""Words can be read on every ground that the pages have, by day and by night (WCAG 2.2, 1.4.3)."""

import re

import pytest

from neuroquant.report.html import STYLE

ON = {
    "paper": ("ink", "note", "dim", "link", "published", "ok", "bad"),
    "soft": ("ink", "note", "open"),
    "warn-soft": ("ink",),
    "good-soft": ("good",),
    "partly-soft": ("partly",),
    "against-soft": ("against",),
    "standing-soft": ("standing",),
}
"""Ground -> the colours of words that stand on it."""
LEAST = 4.5


def colours(block: str) -> dict[str, str]:
    """Name -> value of the colours that a block of the style defines."""
    return {name: value.lstrip("#") for name, value in re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", block)}


def blocks() -> dict[str, dict[str, str]]:
    """The colours of both schemes."""
    first, night, rest = (
        STYLE.split("@media (prefers-color-scheme:dark)")[0],
        *re.findall(r"prefers-color-scheme:dark\)\{:root\{(.*?)\}\}(.*)", STYLE, re.DOTALL)[0],
    )
    assert "@media print" in rest
    return {"light": colours(first), "dark": colours(night)}


def luminance(colour: str) -> float:
    """Relative luminance of a colour of three or six digits."""
    digits = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_its_ground(scheme):
    found = blocks()[scheme]
    for ground, inks in ON.items():
        for ink in inks:
            bright, dim = sorted((luminance(found[ground]), luminance(found[ink])), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= LEAST, f"{ink} on {ground}, {scheme}"


def test_both_schemes_have_the_same_names_and_every_name_that_is_used_has_a_colour():
    found = blocks()
    assert found["light"].keys() == found["dark"].keys()
    assert set(re.findall(r"var\(--([\w-]+)\)", STYLE)) == found["light"].keys()
