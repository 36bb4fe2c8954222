"""Preprocessing's numbers of a whole cohort, and which sessions stand out among them."""

from pathlib import Path

import pandas as pd

from neuroquant.files import read_tsv
from neuroquant.tables import DOUBTS

OF_SESSION = {
    "brain_ml": "brain (ml)",
    "box_left_right": "box left-right (voxels)",
    "box_front_back": "box front-back (voxels)",
    "box_up_down": "box up-down (voxels)",
    "lost_share": "brain lost to cropping",
    "border_share": "brain at the image's border",
}
"""Measures of a session, and their labels."""
OF_IMAGE = {
    "high": "{} upper percentile",
    "match": "{} match with the target (nats)",
    "slice_mm": "{} slice thickness (mm)",
    "shift_mm": "{} moved by registration (mm)",
}
"""Measures of an image, in columns named `<modality>_<measure>`, and their labels."""
BOX = ("box_left_right", "box_front_back", "box_up_down")
FAR = 4.0
"""Robust z above which a session stands out: distance from the median in scaled median absolute deviations."""
FEWEST = 10
"""Values from which on some are said to stand out: the spread of fewer isn't known."""


def measures(modalities: tuple[str, ...]) -> dict[str, str]:
    """Columns of the QC table that are compared between sessions -> their labels."""
    images = {
        f"{modality}_{measure}": label.format(modality)
        for measure, label in OF_IMAGE.items()
        for modality in modalities
    }
    return OF_SESSION | images


def gather_qc(tables: list[Path], modalities: tuple[str, ...]) -> pd.DataFrame:
    """All QC tables of a cohort in one.

    The box becomes three columns, and `outlier` names the measures by which a session stands out, with spaces between.

    Parameters
    ----------
    tables : list of Path
        The QC tables of the cohort's shards.
    modalities : tuple of str
        The experiment's, in order.
    """
    table = pd.concat([read_tsv(path) for path in tables], ignore_index=True)
    sides = table["box"].str.split(" x ", expand=True).reindex(columns=range(3))
    for axis, name in enumerate(BOX):
        table[name] = sides[axis]
    names = [name for name in measures(modalities) if name in table]
    for name in names:
        table[name] = pd.to_numeric(table[name].replace("", None), errors="coerce")
    far = pd.DataFrame({name: standing_out(table[name]) for name in names}, index=table.index)
    table["outlier"] = [" ".join(name for name in names if row[name]) for _, row in far.iterrows()]
    return table


def in_words(names: str) -> str:
    """What is doubtful about a session, in words, of the column `doubts`."""
    return ", ".join(DOUBTS[name] for name in names.split())


def standing_out(values: pd.Series, among: pd.Series | None = None) -> pd.Series:
    """Which values lie far from others, by median and median absolute deviation.

    None does where the others are constant, or fewer than `FEWEST`.

    Parameters
    ----------
    values : Series of float
    among : Series of float
        The others; by default the values themselves.
    """
    others = values if among is None else among
    middle = others.median()
    spread = 1.4826 * (others - middle).abs().median()
    if others.count() < FEWEST or not spread > 0:
        return pd.Series(False, index=values.index)
    floor = 1e-3 * abs(middle)
    return ((values - middle).abs() > FAR * max(spread, floor)) & values.notna()
