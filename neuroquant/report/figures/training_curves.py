"""What happened in training: losses and validation of every model, and what became of its codes."""

from pathlib import Path

import pandas as pd

from neuroquant.report.figures.style import COLOURS, MARKS, WIDTH, plt, save
from neuroquant.statistics.curves import curves, later_phases, phases

LOSSES = {
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


def draw(logs: dict[str, pd.DataFrame], names: dict[str, str], levels: dict[str, float], out: list[Path]) -> None:
    """Draw four panels, one line per model in each that it has numbers for; a panel without any says so.

    A dotted vertical line marks where a phase begins. A line breaks where a whole phase lacks the term.

    Parameters
    ----------
    logs : dict of str to DataFrame
        Label of a model -> its log, as `curves.read_logs` gives it.
    names : dict of str to str
        Column -> label of its axis: `LOSSES` or `CODES`.
    levels : dict of str to float
        Column -> value of a dotted horizontal line, such as that of chance.
    out : list of Path
    """
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 4.8), layout="constrained")
    shown = {}
    for axis, (column, name) in zip(axes.flat, names.items(), strict=True):
        shown = draw_panel(axis, logs, column) | shown
        if column in levels and axis.has_data():
            axis.axhline(levels[column], color="black", linewidth=0.6, linestyle=":")
        if not axis.has_data():
            axis.text(0.5, 0.5, "no model has it", ha="center", va="center", transform=axis.transAxes)
            axis.set(xticks=[], yticks=[])
        axis.set_xlabel("step")
        axis.set_ylabel(name)
    order = [label for label in logs if label in shown]
    if order:
        figure.legend(
            [shown[label] for label in order], [with_modes(label, logs[label]) for label in order],
            loc="outside lower center", ncol=3, frameon=False, fontsize=7,
        )  # fmt: skip
    save(figure, *out)


def draw_panel(axis: plt.Axes, logs: dict[str, pd.DataFrame], column: str) -> dict[str, plt.Line2D]:
    """Draw one term of all logs; the first line of each model that has it."""
    lines: dict[str, plt.Line2D] = {}
    for number, (label, table) in enumerate(logs.items()):
        for piece in curves(table, column):
            (line,) = axis.plot(piece.index, piece, markevery=max(1, len(piece) // 12), **line_style(number))
            lines.setdefault(label, line)
    for step, mode in later_phases(logs[label] for label in lines):
        axis.axvline(step, color="0.45", linewidth=0.5, linestyle=(0, (1, 2)), zorder=0)
        axis.annotate(
            mode, (step, 1), xycoords=("data", "axes fraction"), xytext=(1.5, 0), textcoords="offset points",
            ha="left", va="bottom", fontsize=6, color="0.3",
        )  # fmt: skip
    return lines


def line_style(number: int) -> dict[str, object]:
    """Colour, mark and dash of the `number`-th model."""
    colour = COLOURS[number % (len(COLOURS) - 1) + 1]
    dash = "-" if number < len(COLOURS) - 1 else "--"
    return {
        "color": colour, "linewidth": 1, "marker": MARKS[number % len(MARKS)], "markersize": 2.5, "linestyle": dash
    }  # fmt: skip


def with_modes(label: str, table: pd.DataFrame) -> str:
    """A model's label with the modes of its phases, in order."""
    modes = ", then ".join(phases(table)["mode"])
    return f"{label} ({modes})" if modes else label
