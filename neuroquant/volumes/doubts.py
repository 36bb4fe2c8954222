"""What makes a session worth a look, though it is in: measured limits, each well inside the one that excludes."""

from typing import Any

from neuroquant.config.volume import Volume
from neuroquant.tables import DOUBTS

SMALL, LARGE = 1.3, 0.9
"""Below this multiple of `brain_ml_min`, or above this one of `brain_ml_max`, a brain is near the limit."""
CUT_OFF = 0.1
"""Share of the largest plane in an outermost one above which the brain may be cut off."""
POOR_MATCH = 1.5
"""Below this multiple of `volume.match_min` images match poorly."""
THICK_MM = 2.5
"""Slices above this length are thick."""


def doubts(qc: dict[str, Any], volume: Volume) -> list[str]:
    """Names (of `tables.DOUBTS`) of what is doubtful about a session.

    Parameters
    ----------
    qc : its row of the QC table.
    """

    def of_images(fact: str) -> list[float]:
        return [value for name, value in qc.items() if name.endswith(fact)]

    found = {
        "small_brain": qc["brain_ml"] < SMALL * volume.brain_ml_min,
        "large_brain": qc["brain_ml"] > LARGE * volume.brain_ml_max,
        "cut_off": qc["border_share"] > CUT_OFF,
        "poor_match": any(value < POOR_MATCH * volume.match_min for value in of_images("_match")),
        "thick_slices": any(value > THICK_MM for value in of_images("_slice_mm")),
    }
    return [name for name in DOUBTS if found[name]]
