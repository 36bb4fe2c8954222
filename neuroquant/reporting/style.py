"""How figures look, and how they are written so that the same numbers give the same bytes."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from neuroquant.files import written_whole

COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C00")
"""Okabe and Ito's palette, safe for the colour-blind."""
plt.rcParams.update(
    {
        "font.family": "DejaVu Sans",
        "font.size": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.hashsalt": "neuroquant",
        "svg.fonttype": "path",
        "savefig.dpi": 300,
        "figure.dpi": 100,
    }
)


def save(figure: Figure, *paths: Path) -> None:
    """Write a figure, whole, without dates or versions in its metadata."""
    for path in paths:
        kind = Path(path).suffix.lstrip(".")
        metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        with written_whole(path) as scratch:
            figure.savefig(scratch, format=kind, metadata=metadata, bbox_inches="tight", facecolor="white")
    plt.close(figure)
