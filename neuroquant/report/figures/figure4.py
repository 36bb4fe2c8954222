"""Figure 4: volumes of the cerebellum cortex and the caudate in originals, the full model and its ablations."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.figures.style import COLOURS, MANY, MARKS, WIDTH, fill_of, plt, save
from neuroquant.report.sentences import modality_fills
from neuroquant.statistics.agreement import REGIONS, agreement, differences, distributions
from neuroquant.statistics.numbers import read_numbers
from neuroquant.tables import REFERENCE

ABOVE, BELOW = 1.9, 1.6
"""Inches of a line of panels: distributions, and differences of a modality."""
BOXES = 0.8
"""Share of a model's place that its boxes fill, one per modality."""
NOTHING = "no volumes: no engine was run,\nor its table is missing or empty"


@dataclass(frozen=True, slots=True)
class Regional:
    """Volumes of one region, as the figure draws them.

    Attributes
    ----------
    volumes : DataFrame
        Regional volumes, the originals' among them.
    boxes : DataFrame
        As `agreement.distributions` gives them, with a column `modality`.
    pairs : DataFrame
        As `agreement.differences` gives them.
    limits : DataFrame
        As `agreement.agreement` gives them.
    """

    volumes: pd.DataFrame
    boxes: pd.DataFrame
    pairs: pd.DataFrame
    limits: pd.DataFrame

    def of(self, region: str) -> "Regional":
        """Those of one region."""
        tables = (self.volumes, self.boxes, self.pairs, self.limits)
        return Regional(*(each[each.region == region] for each in tables))


def regional(regions: Path, experiment: Experiment) -> Regional:
    """The volumes that the figure shows, and what is computed of them.

    Parameters
    ----------
    regions : Path
        The gathered regions.tsv.
    """
    table = read_numbers("regions", regions, "mm3").dropna(subset="mm3")
    table = table[(table.cohort == experiment.figure4.cohort) & table.modality.isin(experiment.modalities)]
    table = table[table.model.isin([REFERENCE, *experiment.figure4.models]) & table.region.isin(list(REGIONS))]
    by_modality = [
        distributions(table[table.modality == modality]).assign(modality=modality) for modality in experiment.modalities
    ]
    pairs = differences(table)
    return Regional(table, pd.concat(by_modality), pairs, agreement(pairs))


def draw(regions: Path, experiment: Experiment, *out: Path) -> None:
    """Distributions above; below, for each modality, each reconstruction's difference from its own original.

    Beside the differences stand the mean difference and the 95 % limits of agreement (Bland and Altman 2007). Regions
    and modalities without volumes are left out; without any, the figure says so.

    Parameters
    ----------
    regions : Path
        The gathered regions.tsv.
    """
    shown = regional(regions, experiment)
    present = {region: name for region, name in REGIONS.items() if region in set(shown.volumes.region)}
    modalities = [modality for modality in experiment.modalities if modality in set(shown.volumes.modality)]
    if not present:
        return _draw_nothing(out)
    figure = plt.figure(figsize=(WIDTH, ABOVE + BELOW * len(modalities) + 0.9), layout="constrained")
    grid = figure.add_gridspec(
        1 + len(modalities), 2 * len(present), width_ratios=[3, 1] * len(present),
        height_ratios=[ABOVE, *([BELOW] * len(modalities))],
    )  # fmt: skip
    labels = {REFERENCE: "original"} | {
        model: experiment.model(model).in_legends for model in experiment.figure4.models
    }
    handles: dict[str, object] = {}
    for column, (region, name) in enumerate(present.items()):
        here = shown.of(region)
        top = figure.add_subplot(grid[0, 2 * column : 2 * column + 2])
        top.set_title(name)
        handles |= draw_distributions(top, here, labels, modalities)
        for line, modality in enumerate(modalities, start=1):
            left = figure.add_subplot(grid[line, 2 * column])
            right = figure.add_subplot(grid[line, 2 * column + 1], sharey=left)
            left.set_title(f"{name}, {modality}", fontsize=7, loc="left")
            draw_agreement(left, right, here, list(labels), (modality, modalities.index(modality)))
            if line == len(modalities):
                left.set_xlabel("mean of both (ml)")
    figure.legend(
        list(handles.values()), [labels[model] for model in handles], loc="outside lower center", ncol=3,
        frameon=False, fontsize=7, title="; ".join(_notes(shown, modalities)), title_fontsize=7,
    )  # fmt: skip
    save(figure, *out)


def _notes(shown: Regional, modalities: list[str]) -> list[str]:
    """What fills mean, and which segmenter measured."""
    engines = sorted(set(shown.volumes.stand_in) - {""})
    fills = [modality_fills(tuple(modalities))] if len(modalities) > 1 else []
    return fills + ([f"volumes by a {engines[0]}, not by SynthSeg"] if engines else [])


def _draw_nothing(out: tuple[Path, ...]) -> None:
    figure, axis = plt.subplots(figsize=(WIDTH, 1.2))
    axis.text(0.5, 0.5, NOTHING, ha="center", va="center", transform=axis.transAxes)
    axis.axis("off")
    save(figure, *out)


def look_of(number: int) -> tuple[str, str]:
    """Colour and mark of the `number`-th entry, the originals first."""
    return COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]


def draw_distributions(
    axis: plt.Axes, here: Regional, labels: dict[str, str], modalities: list[str]
) -> dict[str, object]:
    """Boxes of each model side by side, one per modality, with the single images; a handle for each model.

    Boxes are filled for the first modality, hollow for the second and hatched for further ones.
    """
    handles: dict[str, object] = {}
    width = BOXES / len(modalities)
    models = [model for model in labels if model in set(here.boxes.model)]
    for number, model in enumerate(models):
        colour, mark = look_of(list(labels).index(model))
        for order, modality in enumerate(modalities):
            middle = number + (order - (len(modalities) - 1) / 2) * width
            own = here.boxes[(here.boxes.model == model) & (here.boxes.modality == modality)]
            if not len(own):
                continue
            stats = own.iloc[0][["whislo", "q1", "med", "q3", "whishi"]].to_dict()
            drawn = axis.bxp(
                [stats], positions=[middle], widths=0.8 * width, showfliers=False, patch_artist=True,
                medianprops={"color": "black"}, manage_ticks=False,
            )  # fmt: skip
            face = plt.matplotlib.colors.to_rgba(colour, 0.0 if order % 2 else 0.35)
            drawn["boxes"][0].set(facecolor=face, edgecolor=colour, hatch="////" if order > 1 else None)
            images = here.volumes[(here.volumes.model == model) & (here.volumes.modality == modality)]
            at = middle + width * 0.3 * (_steps(len(images)) - 0.5)
            many = len(here.volumes[here.volumes.model == model]) > MANY
            (points,) = axis.plot(
                at, images.mm3 / 1000, mark, markersize=2.2, color=colour, **fill_of(order, colour),
                markeredgewidth=0.4, rasterized=many,
            )  # fmt: skip
            handles.setdefault(model, points)
            if model == REFERENCE:
                axis.axhline(stats["med"], color="black", linewidth=0.6, linestyle=(0, (1, 2 + 2 * order)))
    axis.set_xticks([])
    axis.set_ylabel("volume (ml)")
    return handles


def _steps(count: int) -> pd.Series:
    """`count` places from 0 to 1."""
    return pd.Series(range(count), dtype=float) / max(count - 1, 1)


def draw_agreement(left: plt.Axes, right: plt.Axes, here: Regional, models: list[str], at: tuple[str, int]) -> None:
    """Left: difference from the original against the mean of both. Right: mean difference and limits of each model.

    Parameters
    ----------
    at : (str, int)
        The modality, and its number.
    """
    modality, order = at
    limits = here.limits[here.limits.modality == modality].set_index("model")
    for number, model in enumerate(models):
        if model not in limits.index:
            continue
        own = here.pairs[(here.pairs.model == model) & (here.pairs.modality == modality)]
        bound, (colour, mark) = limits.loc[model], look_of(number)
        style = {"color": colour, "markersize": 3, "markeredgewidth": 0.5} | fill_of(order, colour)
        many = (here.pairs.model == model).sum() > MANY
        left.plot(own.mean_ml, own.difference_ml, mark, linewidth=0, rasterized=many, **style)
        if not pd.isna(bound.low_ml):
            right.plot([number, number], [bound.low_ml, bound.high_ml], "_-", color=colour, linewidth=1, markersize=6)
        right.plot([number], [bound.bias_ml], mark, **style)
    for axis in (left, right):
        axis.axhline(0, color="black", linewidth=0.6, linestyle=":")
    left.set_ylabel("reconstruction −\noriginal (ml)", fontsize=7)
    right.set_title("mean, limits", fontsize=7)
    right.set_xticks([])
    right.tick_params(labelleft=False)
    right.margins(x=0.2)
