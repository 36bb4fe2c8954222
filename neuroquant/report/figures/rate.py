"""Rate and distortion: what a volume costs in bits, and what comes back; and what that costs in time."""

from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.figures.style import COLOURS, WIDTH, plt, save
from neuroquant.statistics.cells import CEILING, EXTRA, MODALITIES

METRICS = {"psnr": "PSNR (dB)", "ssim": "SSIM (%)", "dice": "Dice (%)"}
MARKS = "oDsv^P*X"
OTHERS = "rows of table 2 alone"
AROUND = {
    "authors_weights": ("o", 9.5, "in a ring: authors' weights"),
    "reference": ("s", 9.0, "in a frame: without training"),
}
"""What is drawn around the points of a group that can't be compared with the rows trained here: mark, size, words."""


def draw(experiment: Experiment, table: pd.DataFrame, ceiling: pd.DataFrame, *out: Path) -> None:
    """PSNR, SSIM and Dice against bits a volume: filled for T1w, hollow for T2w; a line of panels a cohort of table 1.

    Rows of table 1 have a colour and a mark each; those that only another table has are small and grey. Rows with
    authors' weights stand in a ring and those without training in a frame, for they are groups of their own.

    Parameters
    ----------
    table : as `rates` gives it.
    ceiling : rows of the segmenter against itself, as `summarise.load_scores` gives them; drawn as a line.
    """
    cohorts = experiment.table1.cohorts
    figure, grid = plt.subplots(len(cohorts), 3, figsize=(WIDTH, 2.2 * len(cohorts) + 0.4), squeeze=False)
    for axes, cohort in zip(grid, cohorts, strict=True):
        axes[0].set_title(experiment.cohort(cohort).shown, loc="left", fontsize=8)
        for axis, (metric, name) in zip(axes, METRICS.items(), strict=True):
            points(axis, experiment, table[table.cohort == cohort], metric)
            line = ceiling[(ceiling.cohort == cohort) & (ceiling.metric == metric)]["value"]
            if len(line):
                axis.axhline(line.mean(), color="0.3", linewidth=0.8, linestyle=":", label=EXTRA[CEILING])
            if not axis.has_data():
                axis.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axis.transAxes)
            axis.set_xscale("log")
            axis.set_xlabel("kbit a volume" if cohort == cohorts[-1] else "")
            axis.set_ylabel(name)
    engines = sorted(set(table.stand_in) - {""})
    figure.suptitle(
        "Filled: T1w; hollow: T2w" + (f". Dice by a {engines[0]}, not by SynthSeg" if engines else ""), fontsize=8
    )
    figure.tight_layout()
    order = [*(experiment.row(name).shown for name in experiment.table1.rows), OTHERS, EXTRA[CEILING]]
    order += [words for *_, words in AROUND.values()]
    legend(figure, list(grid.flat), order)
    save(figure, *out)


def points(axis: plt.Axes, experiment: Experiment, here: pd.DataFrame, metric: str) -> None:
    """A point with its interval for every row and modality of one cohort that was scored.

    Exact copies, whose PSNR is infinite, are left out of all panels: they say nothing that isn't known, and would
    squeeze the others together. Models that need no bits are lines across all rates, dashed for T2w.
    """
    names = experiment.table1.rows
    for point in here[here[metric].notna() & ~np.isinf(here.psnr.astype(float))].itertuples():
        value, low, high = (getattr(point, f"{metric}{end}") for end in ("", "_low", "_high"))
        mark, size, colour, label, order = "o", 2.5, "0.6", OTHERS, 1
        if point.model in names:
            again, number = divmod(names.index(point.model), len(MARKS))
            mark, size, colour = MARKS[number], 4.5, COLOURS[(number + again + 1) % len(COLOURS)]
            label, order = experiment.row(point.model).shown, 2
        if not point.kbit_per_volume > 0:  # no place on a logarithmic axis: what 0 bits give, across all rates
            style = "-" if point.modality == MODALITIES[0] else "--"
            axis.axhline(value, color=colour, linewidth=0.8, linestyle=style, zorder=order, label=label)
            continue
        axis.errorbar(
            point.kbit_per_volume, value, yerr=[[value - low], [high - value]], fmt=mark, markersize=size,
            color=colour, linewidth=0.8, markerfacecolor=colour if point.modality == MODALITIES[0] else "white",
            zorder=order, label=label,
        )  # fmt: skip
        around = AROUND.get(experiment.row(point.model).group)
        if around:
            shape, width, words = around
            axis.plot(
                point.kbit_per_volume, value, shape, markersize=width, markerfacecolor="none", markeredgecolor="0.35",
                markeredgewidth=0.7, zorder=order, label=words,
            )  # fmt: skip


def legend(figure: plt.Figure, axes: list[plt.Axes], order: list[str]) -> None:
    """One legend below all panels; of each row the first mark, which is filled."""
    handles: dict[str, object] = {}
    for axis in axes:
        for handle, text in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(text, handle)
    known = [text for text in dict.fromkeys(order) if text in handles]
    figure.legend(
        [handles[text] for text in known], known, loc="upper center", ncol=3, frameon=False, fontsize=7,
        bbox_to_anchor=(0.5, 0.01),
    )  # fmt: skip
