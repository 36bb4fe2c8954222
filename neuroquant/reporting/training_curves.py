"""What happened while the rows trained: loss and validation, and what became of the codes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.files import read_tsv
from neuroquant.reporting.style import COLOURS, MARKS, WIDTH, plt, save

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
        return values

    panels(curves, CODES, plain, *out, chance={"adversary": CHANCE})


def panels(
    curves: dict[str, Path],
    names: dict[str, str],
    change: Callable[[str, str, pd.Series], pd.Series],
    *out: Path,
    chance: dict[str, float] | None = None,
) -> None:
    """Four panels, one line a row in each that it has numbers for; a panel without any says so."""
    tables = {label: read_tsv(path) for label, path in curves.items()}
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 4.6), layout="constrained")
    shown = {}
    for axis, (column, name) in zip(axes.flat, names.items(), strict=True):
        for number, (label, table) in enumerate(tables.items()):
            if column not in table:
                continue
            values = change(label, column, pd.to_numeric(table[column].replace("", None)))
            known = values.notna() & np.isfinite(values.astype(float))
            if not known.any() or (column in CODES and (values[known] == 0).all()):
                continue
            at = number % (len(COLOURS) - 1) + 1
            drawn = thinned(values[known].astype(float))
            (shown[label],) = axis.plot(
                pd.to_numeric(table.step[drawn.index]), drawn, color=COLOURS[at], linewidth=1,
                marker=MARKS[number % len(MARKS)], markersize=2.5, markevery=max(1, len(drawn) // 12),
                linestyle="-" if number < len(COLOURS) - 1 else "--",
            )  # fmt: skip
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
            [shown[label] for label in order], order, loc="outside lower center", ncol=4, frameon=False, fontsize=7
        )
    save(figure, *out)


def thinned(values: pd.Series) -> pd.Series:
    """The lowest and the highest of each of `PLACES` stretches of a curve, in order; a short curve as it is."""
    if len(values) <= 2 * PLACES:
        return values
    stretches = values.groupby(np.arange(len(values)) * PLACES // len(values))
    return values[sorted({*stretches.idxmin(), *stretches.idxmax()})]
