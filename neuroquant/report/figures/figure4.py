"""Figure 4: volumes of the cerebellum cortex and the caudate in originals, the full model and its ablations."""

from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.figures.style import COLOURS, MANY, MARKS, WIDTH, fill_of, plt, save
from neuroquant.report.sentences import modality_fills
from neuroquant.statistics.agreement import REGIONS, differences, distributions, pooled
from neuroquant.statistics.numbers import read_numbers
from neuroquant.tables import REFERENCE


def draw(regions: Path, experiment: Experiment, *out: Path) -> None:
    """Distributions above; below, each reconstruction's difference from its own original against their mean.

    All modalities are pooled; a mark is an image, and its fill tells the modality. Lines in the lower panels: mean
    difference and 95 % limits of agreement (Bland and Altman 2007). A region without volumes has panels that say so.

    Parameters
    ----------
    regions : Path
        The gathered regions.tsv.
    """
    table = read_numbers("regions", regions, "mm3").dropna(subset="mm3")
    table = table[(table.cohort == experiment.figure4.cohort) & table.modality.isin(experiment.modalities)]
    boxes, both = distributions(table), differences(table)
    limits = pooled(both)
    labels = {REFERENCE: "original"} | {model: experiment.model(model).shown for model in experiment.figure4.models}
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 5.6), height_ratios=(1.2, 1))
    for column, (region, name) in enumerate(REGIONS.items()):
        here, of_region, pairs, bounds = (each[each.region == region] for each in (table, boxes, both, limits))
        axes[0, column].set_title(name)
        if not len(here):
            draw_nothing(axes[:, column])
            continue
        draw_distributions(axes[0, column], here, of_region, labels, experiment.modalities)
        draw_agreement(axes[1, column], pairs, bounds, labels, experiment.modalities)
    engines = sorted(set(table.stand_in) - {""})
    if len(experiment.modalities) > 1:
        figure.text(0.5, 0.99, modality_fills(experiment.modalities), ha="center", fontsize=7)
    if engines:
        text = f"Volumes by a {engines[0]}, not by SynthSeg"
        figure.text(0.5, -0.01, text, ha="center", color="#bf5700")
    figure.tight_layout(rect=(0, 0, 1, 0.985))
    save(figure, *out)


def draw_nothing(axes: list[plt.Axes]) -> None:
    """Panels that say that a region has no volumes."""
    for axis in axes:
        text = "no volumes: no engine was run,\nor its table is missing or empty"
        axis.text(0.5, 0.5, text, ha="center", va="center", transform=axis.transAxes)
        axis.set_xticks([])
        axis.set_yticks([])


def draw_distributions(
    axis: plt.Axes, here: pd.DataFrame, boxes: pd.DataFrame, labels: dict[str, str], modalities: tuple[str, ...]
) -> None:
    """A box and the single images for every model that has some.

    Parameters
    ----------
    here : DataFrame
        Regional volumes of one region.
    boxes : DataFrame
        As `agreement.distributions` gives them, of the same region.
    """
    known = boxes.set_index("model")
    shown = [model for model in labels if model in known.index]
    stats = [known.loc[model, ["whislo", "q1", "med", "q3", "whishi"]].to_dict() for model in shown]
    drawn = axis.bxp(stats, widths=0.55, showfliers=False, patch_artist=True, medianprops={"color": "black"})
    for number, (box, model) in enumerate(zip(drawn["boxes"], shown, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        box.set(facecolor=colour, alpha=0.3)
        images = here[here.model == model].reset_index(drop=True)
        for order, modality in enumerate(modalities):
            at = images.index[images.modality == modality]
            x = number + 1 - 0.16 + 0.32 * at / max(len(images) - 1, 1)
            axis.plot(
                x, images.mm3[at] / 1000, "o", markersize=1.6, color=colour, **fill_of(order, colour),
                markeredgewidth=0.4, rasterized=len(images) > MANY,
            )  # fmt: skip
    axis.axhline(stats[0]["med"], color="black", linewidth=0.6, linestyle=":")
    names = [labels[model].replace(" w/o", "\nw/o") for model in shown]
    axis.set_xticks(range(1, len(shown) + 1), names, rotation=25, ha="right")
    axis.set_ylabel("volume (ml)")


def draw_agreement(
    axis: plt.Axes, pairs: pd.DataFrame, bounds: pd.DataFrame, labels: dict[str, str], modalities: tuple[str, ...]
) -> None:
    """Difference from the original against the mean of both.

    Parameters
    ----------
    pairs : DataFrame
        As `agreement.differences` gives them, of one region.
    bounds : DataFrame
        As `agreement.pooled` gives them, of the same region.
    """
    limits = bounds.set_index("model")
    for number, model in enumerate(labels):
        if model not in limits.index:
            continue
        own, bound = pairs[pairs.model == model], limits.loc[model]
        colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
        for order, modality in enumerate(modalities):
            part = own[own.modality == modality]
            axis.plot(
                part.mean_ml, part.difference_ml, mark, markersize=2, color=colour, alpha=0.6, linewidth=0,
                **fill_of(order, colour), markeredgewidth=0.4, rasterized=len(own) > MANY,
            )  # fmt: skip
        ends = [] if pd.isna(bound.low_ml) else [bound.low_ml, bound.high_ml]
        margin = f" ± {bound.high_ml - bound.bias_ml:.2f}" if ends else ""
        text = f"{labels[model]}: {bound.bias_ml:+.2f}{margin} ml"
        axis.axhline(bound.bias_ml, color=colour, linewidth=1, label=text, marker=mark, markersize=3, markevery=[0])
        for end in ends:
            axis.axhline(end, color=colour, linewidth=0.7, linestyle="--")
    axis.axhline(0, color="black", linewidth=0.6, linestyle=":")
    axis.set_xlabel("mean of both (ml)")
    axis.set_ylabel("reconstruction − original (ml)")
    axis.legend(fontsize=6, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.24), ncol=1)
