"""Quality of a cohort's preprocessing: distributions over its sessions, and which of them stand out."""

from pathlib import Path

import pandas as pd

from neuroquant.files import read_tsv, write_tsv
from neuroquant.report.figures.style import COLOURS, plt, save

MEASURES = {
    "brain_ml": "brain (ml)",
    "box_left_right": "box left-right (voxels)",
    "box_front_back": "box front-back (voxels)",
    "box_up_down": "box up-down (voxels)",
    "lost_share": "brain lost to cropping",
    "t1w_high": "T1w upper percentile",
    "t2w_high": "T2w upper percentile",
    "mi_after": "T1w/T2w mutual information",
    "shift_mm": "T2w moved (mm)",
}
BOX = ("box_left_right", "box_front_back", "box_up_down")
FAR = 4.0
"""Robust z above which a session stands out: distance from the median in scaled median absolute deviations."""
NAMED = 20
"""Sessions that are named below the picture."""
KEY = ["cohort", "subject", "session"]


def gather_qc(tables: list[Path]) -> pd.DataFrame:
    """All QC tables of a cohort in one, the box as three columns, and in `outlier` what stands out about a session."""
    table = pd.concat([read_tsv(path) for path in tables], ignore_index=True)
    sides = table["box"].str.split(" x ", expand=True).reindex(columns=range(3))
    for axis, name in enumerate(BOX):
        table[name] = sides[axis]
    for name in MEASURES:
        table[name] = pd.to_numeric(table[name].replace("", None), errors="coerce")
    far = pd.DataFrame({name: standing_out(table[name]) for name in MEASURES}, index=table.index)
    table["outlier"] = [" ".join(name for name in MEASURES if row[name]) for _, row in far.iterrows()]
    return table


def standing_out(values: pd.Series) -> pd.Series:
    """Which values lie far from the others, by median and median absolute deviation; none of constant ones."""
    middle = values.median()
    spread = 1.4826 * (values - middle).abs().median()
    if not spread > 0:
        return pd.Series(False, index=values.index)
    floor = 1e-3 * abs(middle)
    return ((values - middle).abs() > FAR * max(spread, floor)) & values.notna()


def named(table: pd.DataFrame) -> list[str]:
    """The sessions that stand out and by what, a line each; of many the first."""
    odd = table[table["outlier"] != ""].sort_values(KEY)
    lines = [
        f"{row.subject} {row.session}".strip()
        + ": "
        + ", ".join(f"{MEASURES[name]} {row[name]:.4g}" for name in row.outlier.split())
        for _, row in odd.head(NAMED).iterrows()
    ]
    return lines + ([f"and {len(odd) - NAMED} others: cohorts/*/qc.tsv names them"] if len(odd) > NAMED else [])


def draw(tables: list[Path], title: str, identifiable: bool, out_tsv: Path, *out: Path) -> None:
    """Write the gathered table, and a histogram a measure with the sessions that stand out marked.

    Parameters
    ----------
    identifiable : name them below the picture; the table beside the results names them in any case.
    """
    table = gather_qc(tables)
    write_tsv(table.sort_values(KEY), out_tsv)
    shown = [name for name in MEASURES if table[name].notna().any()]
    count = max(len(shown), 1)
    columns = min(3, count)
    rows = -(-count // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.4 * columns, 1.8 * rows), squeeze=False, layout="compressed")
    for axis in axes.flat[len(shown) :]:
        axis.axis("off")
    for axis, name in zip(axes.flat, shown, strict=False):
        values = table[name].dropna()
        axis.hist(values, bins=min(30, max(5, len(values) // 3)), color=COLOURS[1], alpha=0.7)
        far = table[table["outlier"].str.split().map(lambda names, name=name: name in names)]
        for _, session in far.iterrows():
            axis.axvline(session[name], color=COLOURS[2], linewidth=0.8)
        axis.set_xlabel(MEASURES[name], fontsize=7)
        axis.tick_params(labelsize=6)
    if not shown:
        axes.flat[0].text(0.5, 0.5, "no usable session", ha="center")
    marked = int((table["outlier"] != "").sum())
    figure.suptitle(f"{title}: {len(table)} sessions, {marked} stand out (orange)", fontsize=8)
    if identifiable and marked:
        figure.supxlabel("\n".join(named(table)), fontsize=6, x=0.01, ha="left")
    save(figure, *out)
