"""How figures look, and how they are written so that the same numbers give the same bytes."""

from pathlib import Path

from neuroquant.extras import optional
from neuroquant.files import written_whole

with optional():
    import matplotlib

    matplotlib.use("Agg")

    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#661100")
"""Okabe and Ito's palette and one of Tol's for its yellow, which white swallows: apart for the colour-blind too."""
MARKS = "osD^vP*X"
"""One a colour, so that models differ in grey too."""
FILLS = ("full", "none", "left", "top")
"""How marks are filled, modality by modality: fully, not at all, in the left half, in the upper half."""
DASHES = ("-", "--", ":", "-.")
"""How lines are dashed, modality by modality."""
WIDTH, HEIGHT = 17.5 / 2.54, 23.5 / 2.54
"""Of a page's two columns together, inches: what is drawn wider is shrunk, and its letters with it."""
MANY = 300
"""Points above which a cloud of them is a picture in vector graphics too: one by one they would take megabytes."""
plt.rcParams.update(
    {
        "font.family": "DejaVu Sans",
        "font.size": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.hashsalt": "neuroquant",
        "svg.fonttype": "path",
        "pdf.fonttype": 42,
        "savefig.dpi": 300,
        "figure.dpi": 100,
    }
)


SILENT = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
"""Metadata that would make two files of the same numbers differ."""


def fill_of(order: int, colour: str) -> dict[str, str]:
    """Keywords of matplotlib that fill the marks of the `order`-th modality; a fifth looks like the first."""
    fill = FILLS[order % len(FILLS)]
    alone = {"markerfacecolor": "white"} if fill == "none" else {"markerfacecolor": colour, "fillstyle": fill}
    return alone | {"markerfacecoloralt": "white"} if fill not in ("full", "none") else alone


def save(figure: Figure, *paths: Path) -> None:
    """Write a figure, whole, without dates or versions in its metadata."""
    for path in paths:
        kind = Path(path).suffix.lstrip(".")
        metadata = SILENT[kind]
        with written_whole(path) as scratch:
            figure.savefig(
                scratch, format=kind, metadata=metadata, bbox_inches="tight", pad_inches=0.02, facecolor="white"
            )
    plt.close(figure)
