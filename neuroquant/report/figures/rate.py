"""Rate and distortion: quality of the reconstructions against the bits that one volume's latents take."""

from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.figures.style import COLOURS, DASHES, WIDTH, fill_of, plt, save
from neuroquant.report.sentences import modality_fills
from neuroquant.statistics.cells import EXTRA
from neuroquant.statistics.metrics import shown_in
from neuroquant.tables import CEILING

MARKS = "oDsv^P*X"
OTHERS = "models of Table 2 only"
AROUND = {
    "trained_elsewhere": ("D", 8.0, "in a diamond: trained elsewhere"),
    "authors_weights": ("o", 9.5, "in a ring: authors' weights"),
    "reference": ("s", 9.0, "in a frame: without training"),
}
"""What is drawn around the points of a group that can't be compared with the models trained here: mark, size, words."""


def draw(experiment: Experiment, table: pd.DataFrame, ceilings: pd.DataFrame, *out: Path) -> None:
    """PSNR, SSIM and Dice against bits per volume; a line of panels per cohort of Table 1.

    Models of Table 1 have a colour and a mark each; those that only another table has are small and grey. Models with
    authors' weights stand in a ring, those trained elsewhere in a diamond and those without training in a frame, for
    they are groups of their own. The fill of a mark tells the modality.

    Parameters
    ----------
    table : DataFrame
        As `rate.rates` gives it.
    ceilings : DataFrame
        As `rate.ceilings` gives them: scores of the segmenter's test-retest, drawn as lines.
    """
    cohorts, metrics = experiment.table1.cohorts, shown_in("rate")
    figure, grid = plt.subplots(len(cohorts), len(metrics), figsize=(WIDTH, 2.2 * len(cohorts) + 0.4), squeeze=False)
    for axes, cohort in zip(grid, cohorts, strict=True):
        axes[0].set_title(experiment.cohort(cohort).shown, loc="left", fontsize=8)
        for axis, metric in zip(axes, metrics, strict=True):
            points(axis, experiment, table[table.cohort == cohort], metric.name)
            curves(axis, experiment, table[table.cohort == cohort], metric.name)
            for level in ceilings[(ceilings.cohort == cohort) & (ceilings.metric == metric.name)]["value"]:
                axis.axhline(level, color="0.3", linewidth=0.8, linestyle=":", label=EXTRA[CEILING])
            if not axis.has_data():
                axis.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axis.transAxes)
            axis.set_xscale("log")
            axis.set_xlabel("kbit per volume" if cohort == cohorts[-1] else "")
            axis.set_ylabel(metric.titled)
    engines = sorted(set(table.stand_in) - {""})
    words = [modality_fills(experiment.modalities)] if len(experiment.modalities) > 1 else []
    words += [f"Dice by a {engines[0]}, not by SynthSeg"] if engines else []
    figure.suptitle(". ".join(words), fontsize=8)
    figure.tight_layout()
    order = [*(experiment.model(name).shown for name in experiment.table1.models), OTHERS, EXTRA[CEILING]]
    order += [words for *_, words in AROUND.values()]
    legend(figure, list(grid.flat), order)
    save(figure, *out)


def points(axis: plt.Axes, experiment: Experiment, here: pd.DataFrame, metric: str) -> None:
    """A point with its interval for every model and modality of one cohort that was scored.

    Exact copies, whose PSNR is infinite, are left out of all panels: they say nothing that isn't known, and would
    squeeze the others together. Models that need no bits are lines across all rates, dashed by modality.
    """
    for point in drawn(experiment, here, metric).itertuples():
        value, low, high = (getattr(point, f"{metric}{end}") for end in ("", "_low", "_high"))
        mark, size, colour, label, order = look_of(experiment, point.model)
        modality = experiment.modalities.index(point.modality)
        if not point.kbit_per_volume > 0:  # a logarithmic axis has no place for 0 bits: a line across all rates
            style = DASHES[modality % len(DASHES)]
            axis.axhline(value, color=colour, linewidth=0.8, linestyle=style, zorder=order, label=label)
            continue
        kbit = kbit_of(experiment, point)
        axis.errorbar(
            kbit, value, yerr=[[value - low], [high - value]], fmt=mark, markersize=size,
            color=colour, linewidth=0.8, zorder=order, label=label, **fill_of(modality, colour),
        )  # fmt: skip
        if kbit == point.kbit_per_volume and point.kbit_coded > 0:  # what coding leaves of the bits
            ends = [point.kbit_coded, point.kbit_per_volume]
            axis.plot(ends, [value] * 2, color=colour, linewidth=0.8, alpha=0.6, zorder=order)
            axis.plot(ends[:1], [value], "|", color=colour, markersize=6, zorder=order)
        entry = experiment.model(point.model)
        around = AROUND.get(entry.group)
        if around and not entry.curve_of:  # the model's own mark says it for its curve
            shape, width, words = around
            axis.plot(
                kbit, value, shape, markersize=width, markerfacecolor="none", markeredgecolor="0.35",
                markeredgewidth=0.7, zorder=order, label=words,
            )  # fmt: skip


def curves(axis: plt.Axes, experiment: Experiment, here: pd.DataFrame, metric: str) -> None:
    """A line through the points of every model that was scored at several rates, dashed by modality."""
    shown = drawn(experiment, here, metric)
    for model in dict.fromkeys(experiment.model(name).curve_of or name for name in shown.model):
        _, _, colour, _, order = look_of(experiment, model)
        for modality in experiment.modalities:
            own = shown[shown.model.isin(experiment.points(model)) & (shown.modality == modality)]
            places = sorted((kbit_of(experiment, point), getattr(point, metric)) for point in own.itertuples())
            places = [(kbit, value) for kbit, value in places if kbit > 0]
            if len(places) > 1:
                dash = DASHES[experiment.modalities.index(modality) % len(DASHES)]
                axis.plot(*zip(*places, strict=True), color=colour, linewidth=0.9, linestyle=dash, zorder=order)


def drawn(experiment: Experiment, here: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of which a panel shows something."""
    finite = ~np.isinf(here.psnr.astype(float))
    return here[here[metric].notna() & finite & here.modality.isin(experiment.modalities)]


def kbit_of(experiment: Experiment, point: tuple) -> float:
    """Where a row of rates stands: on a curve at the bits of the code, unless it takes more than what it codes."""
    model = experiment.model(point.model).curve_of or point.model
    on_curve = len(experiment.points(model)) > 1
    return point.kbit_coded if on_curve and 0 < point.kbit_coded < point.kbit_per_volume else point.kbit_per_volume


def look_of(experiment: Experiment, model: str) -> tuple[str, float, str, str, int]:
    """Mark, its size, colour, label and drawing order of a model; on a curve those of the model whose curve it is."""
    names, of = experiment.table1.models, experiment.model(model).curve_of
    model = of if of in names else model
    if model not in names:
        return "o", 2.5, "0.6", OTHERS, 1
    round_, number = divmod(names.index(model), len(MARKS))
    colour = COLOURS[(number + round_ + 1) % len(COLOURS)]
    return MARKS[number], 4.5, colour, experiment.model(model).shown, 2


def legend(figure: plt.Figure, axes: list[plt.Axes], order: list[str]) -> None:
    """One legend below all panels; of each model the first mark, which is filled."""
    handles: dict[str, object] = {}
    for axis in axes:
        for handle, text in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(text, handle)
    known = [text for text in dict.fromkeys(order) if text in handles]
    figure.legend(
        [handles[text] for text in known], known, loc="upper center", ncol=3, frameon=False, fontsize=7,
        bbox_to_anchor=(0.5, 0.01),
    )  # fmt: skip
