"""What happened while the rows trained: loss and validation, and what became of the codes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.files import read_tsv
from neuroquant.report.figures.style import COLOURS, MARKS, WIDTH, plt, save

CURVES = {
    "loss": "loss (weighted sum)",
    "l1": "L1",
    "val_psnr": "validation PSNR (dB)",
    "grad_norm": "norm of the gradient",
}
CODES = {
    "usage": "codebook in use (share)",
    "perplexity": "codebook perplexity",
    "adversary": "modality, cross-entropy",
    "cross": "cross-modal L1 (weighted)",
}
CODEBOOK = ("usage", "perplexity")
"""Columns that are 0 only as long as there is no codebook, in logs that don't leave them empty then."""
PLACES = 150
"""Places along a curve that a panel can tell apart; at each a longer one keeps its lowest and its highest value."""
CHANCE = float(np.log(2))
"""Cross-entropy of a classifier of two modalities that knows nothing."""


def draw(curves: dict[str, Path], *out: Path) -> None:
    """Draw losses and validation by step, one line a row.

    Parameters
    ----------
    curves : label -> training.tsv.
    """
    panels(curves, CURVES, lambda label, column, values: values, *out)


def draw_codes(curves: dict[str, Path], weights: dict[str, float], *out: Path) -> None:
    """Draw how the codebook is used, and what the losses say of the disentanglement.

    Parameters
    ----------
    weights : label -> weight of the adversary, by which its term in training.tsv is multiplied.
    """

    def plain(label: str, column: str, values: pd.Series) -> pd.Series:
        if column == "adversary":
            return values / weights[label] if weights.get(label) else values * np.nan
        return values.where(values > 0) if column in CODEBOOK else values

    panels(curves, CODES, plain, *out, chance={"adversary": CHANCE})


def panels(
    curves: dict[str, Path],
    names: dict[str, str],
    change: Callable[[str, str, pd.Series], pd.Series],
    *out: Path,
    chance: dict[str, float] | None = None,
) -> None:
    """Four panels, one line a row in each that it has numbers for; a panel without any says so.

    A dotted vertical line is where a phase begins. A line breaks where a whole phase lacks the term.
    """
    tables = {label: read_tsv(path) for label, path in curves.items()}
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 4.8), layout="constrained")
    shown = {}
    for axis, (column, name) in zip(axes.flat, names.items(), strict=True):
        drawn = {}
        for number, (label, table) in enumerate(tables.items()):
            if column not in table:
                continue
            values = change(label, column, pd.to_numeric(table[column].replace("", None)).astype(float))
            values = values[np.isfinite(values)]
            if not len(values) or (column in CODES and (values == 0).all()):
                continue
            drawn[label] = table
            look = looks(number)
            for part in stretches(table, values):
                part = thinned(part)
                at = pd.to_numeric(table.step[part.index])
                (line,) = axis.plot(at, part, markevery=max(1, len(part) // 12), **look)
                shown.setdefault(label, line)
        mark_phases(axis, {begin for table in drawn.values() for begin in begins(table)})
        if column in (chance or {}) and axis.has_data():
            axis.axhline(chance[column], color="black", linewidth=0.6, linestyle=":")
        if not axis.has_data():
            axis.text(0.5, 0.5, "no row has it", ha="center", va="center", transform=axis.transAxes)
            axis.set(xticks=[], yticks=[])
        axis.set_xlabel("step")
        axis.set_ylabel(name)
    order = [label for label in curves if label in shown]
    if order:
        figure.legend(
            [shown[label] for label in order], [told(label, tables[label]) for label in order],
            loc="outside lower center", ncol=3, frameon=False, fontsize=7,
        )  # fmt: skip
    save(figure, *out)


def looks(number: int) -> dict[str, object]:
    """Colour, mark and dash of the `number`-th row."""
    colour = COLOURS[number % (len(COLOURS) - 1) + 1]
    dash = "-" if number < len(COLOURS) - 1 else "--"
    return {
        "color": colour, "linewidth": 1, "marker": MARKS[number % len(MARKS)], "markersize": 2.5, "linestyle": dash
    }  # fmt: skip


def phases(table: pd.DataFrame) -> pd.DataFrame:
    """A row a phase, with its mode and the last step before it; none where the log doesn't name phases."""
    if not {"phase", "mode"} <= set(table) or not len(table):
        return pd.DataFrame(columns=["mode", "begin"])
    steps = table.assign(step=pd.to_numeric(table.step), phase=pd.to_numeric(table["phase"]))
    found = steps.groupby("phase").agg(mode=("mode", "first"), end=("step", "max"))
    return found.assign(begin=found.end.shift(fill_value=0))[["mode", "begin"]]


def begins(table: pd.DataFrame) -> list[tuple[float, str]]:
    """Step and mode of every begin of a phase but the first, which is where the axis begins."""
    return [(float(phase.begin), phase.mode) for phase in phases(table).iloc[1:].itertuples()]


def told(label: str, table: pd.DataFrame) -> str:
    """A row's name with the modes of its phases, in order."""
    modes = ", then ".join(phases(table)["mode"])
    return f"{label} ({modes})" if modes else label


def mark_phases(axis: plt.Axes, found: set[tuple[float, str]]) -> None:
    """A thin vertical line at each of some begins (step, mode), and the mode beside its upper end."""
    for step, mode in sorted(found):
        axis.axvline(step, color="0.45", linewidth=0.5, linestyle=(0, (1, 2)), zorder=0)
        axis.annotate(
            mode, (step, 1), xycoords=("data", "axes fraction"), xytext=(1.5, 0), textcoords="offset points",
            ha="left", va="bottom", fontsize=6, color="0.3",
        )  # fmt: skip


def stretches(table: pd.DataFrame, values: pd.Series) -> list[pd.Series]:
    """Values (a part of the table's rows) cut wherever a whole phase without any lies between them."""
    if "phase" not in table:
        return [values]
    order = {name: number for number, name in enumerate(dict.fromkeys(table["phase"]))}
    number = table["phase"][values.index].map(order)
    return [part for _, part in values.groupby((number.diff() > 1).cumsum())]


def thinned(values: pd.Series) -> pd.Series:
    """The lowest and the highest of each of `PLACES` stretches of a curve, in order; a short curve as it is."""
    if len(values) <= 2 * PLACES:
        return values
    parts = values.groupby(np.arange(len(values)) * PLACES // len(values))
    return values[sorted({*parts.idxmin(), *parts.idxmax()})]
