"""Quality of reconstructions of spoiled test scans against the severity of the fault."""

from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.figures.style import COLOURS, MARKS, WIDTH, plt, save
from neuroquant.statistics.metrics import metric

SHOWN = ("psnr", "dice")
"""Metrics of the figure; SSIM is in the table of exact values beside them."""


def named(fault: str) -> str:
    """A fault as people read it.

    Examples
    --------
    >>> named("missing_slices")
    'missing slices'
    """
    return fault.replace("_", " ")


def draw(experiment: Experiment, cells: pd.DataFrame, cohort: str, *out: Path) -> None:
    """A column of panels per fault, a line per metric and modality; in each a line per model over the severities.

    Parameters
    ----------
    cells : DataFrame
        As `robustness.robust_cells` gives them.
    cohort : str
        The one that is drawn.
    """
    here = cells[cells.cohort == cohort]
    faults = [fault for fault in experiment.robustness.faults if fault in set(here.fault)]
    lines = [
        (name, modality)
        for name in SHOWN
        for modality in experiment.modalities
        if len(here[(here.metric == name) & (here.modality == modality)])
    ]
    if not faults or not lines:
        figure, axis = plt.subplots(figsize=(WIDTH, 2))
        axis.text(0.5, 0.5, "nothing was scored", ha="center", va="center", transform=axis.transAxes)
        axis.set_axis_off()
        save(figure, *out)
        return
    figure, grid = plt.subplots(
        len(lines), len(faults), figsize=(WIDTH, 1.7 * len(lines) + 0.5), squeeze=False, sharex=True, sharey="row"
    )
    for axes, (name, modality) in zip(grid, lines, strict=True):
        for axis, fault in zip(axes, faults, strict=True):
            part = here[(here.fault == fault) & (here.metric == name) & (here.modality == modality)]
            _panel(axis, experiment, part)
        axes[0].set_ylabel(f"{metric(name).titled}\n{modality}")
    for axis, fault in zip(grid[0], faults, strict=True):
        axis.set_title(named(fault), fontsize=8)
    for axis in grid[-1]:
        axis.set_xticks(range(experiment.robustness.severities + 1))
        axis.set_xlabel("severity")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.tight_layout()
    figure.legend(handles, labels, loc="upper center", ncol=3, frameon=False, fontsize=7, bbox_to_anchor=(0.5, 0.01))
    save(figure, *out)


def _panel(axis: plt.Axes, experiment: Experiment, part: pd.DataFrame) -> None:
    """The models of Table 1, each a line with intervals."""
    for number, name in enumerate(experiment.table1.models):
        own = part[part.model == name].sort_values("severity")
        if not len(own):
            continue
        below, above = own["value"] - own.ci_low, own.ci_high - own["value"]
        axis.errorbar(
            own.severity, own["value"], yerr=[below, above], color=COLOURS[(number + 1) % len(COLOURS)],
            marker=MARKS[number % len(MARKS)], markersize=3, linewidth=0.9, elinewidth=0.5,
            label=experiment.model(name).shown,
        )  # fmt: skip
