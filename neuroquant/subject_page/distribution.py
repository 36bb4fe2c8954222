"""Where a session's number lies among those of its cohort, in words and as a small picture."""

import html
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import percentileofscore

from neuroquant.statistics.quality import standing_out

WIDTH, HEIGHT, EDGE = 240, 26, 8
"""Of a strip, in units of its SVG; `EDGE` is left free on both sides."""
MOST = 200
"""Values of a cohort that are drawn one by one; of more, as many of their quantiles."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies among others.

    Attributes
    ----------
    value : float
    others : ndarray
        The finite values of the cohort, sorted; they may include this one.
    percentile : float or None
        Share of the others that are lower, and half of those that are equal, in %; None without any others.
    stands_out : bool
        Whether it is as far from the others as the cohort's QC table calls an outlier.
    """

    value: float
    others: np.ndarray
    percentile: float | None
    stands_out: bool


def place_of(value: float, others: list[float]) -> Place:
    """Where a value lies among those of a cohort; values that aren't finite don't count."""
    numbers = np.asarray(others, float)
    finite = np.sort(numbers[np.isfinite(numbers)])
    if not len(finite) or not np.isfinite(value):
        return Place(value, finite, None, False)
    far = bool(standing_out(pd.Series([value]), pd.Series(finite)).iloc[0])
    return Place(value, finite, float(percentileofscore(finite, value, kind="mean")), far)


def shown(value: float) -> str:
    """A number with four digits; a dash where there is none."""
    if not np.isfinite(value):
        return "–"
    return f"{value:.0f}" if value == 0 or abs(value) >= 1000 else f"{value:#.4g}"


def words(place: Place) -> str:
    """Where a value lies, in words."""
    if place.percentile is None:
        return "no values of a cohort" if np.isfinite(place.value) else "not measured"
    return f"percentile {place.percentile:.0f}, n = {len(place.others)}"


def strip(name: str, place: Place) -> str:
    """The cohort's values as ticks, with their middle half and median, and a diamond at the session's: an SVG.

    Parameters
    ----------
    name : str
        Of the number, for the picture's text.
    """
    if place.percentile is None:
        return ""
    low, high = min(place.others[0], place.value), max(place.others[-1], place.value)
    spread = (high - low) or 1.0

    def at(value: float) -> float:
        return round(EDGE + (WIDTH - 2 * EDGE) * (value - low) / spread if high > low else WIDTH / 2, 1)

    many = len(place.others) > MOST
    ticks = np.quantile(place.others, np.linspace(0, 1, MOST)) if many else place.others
    lower, middle, upper = (at(value) for value in np.quantile(place.others, (0.25, 0.5, 0.75)))
    x, half = at(place.value), HEIGHT / 2
    said = html.escape(f"{name} {shown(place.value)}: {words(place)}, from {shown(low)} to {shown(high)}", quote=True)
    marks = "".join(f"M{place} 7v12" for place in dict.fromkeys(at(value) for value in ticks))
    return (
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">'
        f'<path class="line" d="M{EDGE} {half}H{WIDTH - EDGE}"/>'
        f'<rect class="half" x="{lower}" y="7" width="{max(round(upper - lower, 1), 1)}" height="12"/>'
        f'<path class="ticks" d="{marks}"/><path class="median" d="M{middle} 4v18"/>'
        f'<path class="own" d="M{x} {half - 9}l6 9l-6 9l-6-9z"/></svg>'
    )
