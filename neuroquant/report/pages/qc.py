"""Quality of a cohort's preprocessing: distributions, sessions that stand out, brain masks that a network found."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from neuroquant.report.figures.heads import append, masked_heads
from neuroquant.report.figures.style import COLOURS, WIDTH, plt, save

NAMED = 20
"""Sessions that are named below the picture."""
COLUMNS = 3
"""Panels beside each other."""


def draw(
    table: pd.DataFrame, labels: dict[str, str], title: str, identifiable: bool, out: Path, shards: Sequence[Path] = ()
) -> None:
    """Draw a histogram per measure, with the sessions that stand out marked, and heads with their masks below.

    Parameters
    ----------
    table : DataFrame
        As `quality.gather_qc` gives it.
    labels : dict of str to str
        Measure (a column) -> its label, as `quality.measures` gives them; those without values are left out.
    title : str
        The cohort's name.
    identifiable : bool
        Name the sessions that stand out below the picture; the table beside the results names them in any case.
    shards : sequence of Path
        Volumes, in which heads with masks are looked for.
    """
    shown = [name for name in labels if name in table and table[name].notna().any()]
    columns = min(COLUMNS, max(len(shown), 1))
    rows = max(1, -(-len(shown) // columns))
    size = (WIDTH * columns / COLUMNS, 1.8 * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="compressed")
    for axis in axes.flat[len(shown) :]:
        axis.axis("off")
    for axis, name in zip(axes.flat, shown, strict=False):
        values = table[name].dropna()
        axis.hist(values, bins=min(30, max(5, len(values) // 3)), color=COLOURS[1], alpha=0.7)
        far = table[table["outlier"].str.split().map(lambda names, name=name: name in names)]
        for _, session in far.iterrows():
            axis.axvline(session[name], color=COLOURS[2], linewidth=0.8)
        axis.set_xlabel(labels[name], fontsize=7)
        axis.tick_params(labelsize=6)
    if not shown:
        axes.flat[0].text(0.5, 0.5, "no usable session", ha="center")
    marked = int((table["outlier"] != "").sum())
    figure.suptitle(f"{title}: {len(table)} sessions, {marked} stand out (orange)", fontsize=8)
    if identifiable and marked:
        figure.supxlabel("\n".join(named(table, labels)), fontsize=6, x=0.01, ha="left")
    save(figure, out)
    if heads := masked_heads(table, shards, identifiable):
        append(out, heads)


def named(table: pd.DataFrame, labels: dict[str, str]) -> list[str]:
    """The sessions that stand out and by what, a line each; of many the first."""
    odd = table[table["outlier"] != ""].sort_values(["cohort", "subject", "session"])
    lines = [
        f"{row.subject} {row.session}".strip()
        + ": "
        + ", ".join(f"{labels[name]} {row[name]:.4g}" for name in row.outlier.split())
        for _, row in odd.head(NAMED).iterrows()
    ]
    return lines + ([f"and {len(odd) - NAMED} others: cohorts/*/qc.tsv names them"] if len(odd) > NAMED else [])
