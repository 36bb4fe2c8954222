"""Figure 4: volumes of the cerebellum cortex and the caudate in originals, the full model and its ablations."""

from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.figures.style import COLOURS, MANY, MARKS, WIDTH, plt, save
from neuroquant.statistics.agreement import REGIONS
from neuroquant.statistics.numbers import read_numbers
from neuroquant.tables import REFERENCE


def draw(regions: Path, experiment: Experiment, *out: Path) -> None:
    """Distributions above; below, each reconstruction's difference from its own original against their mean.

    Both modalities are pooled; a dot is an image. Lines in the lower panels: mean difference and 95 % limits of
    agreement (Bland and Altman 1986). A region without volumes has panels that say so.
    """
    table = read_numbers("regions", regions, "mm3").dropna(subset="mm3")
    table = table[table.cohort == experiment.figure4.cohort].assign(ml=lambda t: t.mm3 / 1000)
    rows = {REFERENCE: "original"} | {row: experiment.row(row).shown for row in experiment.figure4.rows}
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 5.6), height_ratios=(1.2, 1))
    for column, (region, name) in enumerate(REGIONS.items()):
        here = table[table.region == region]
        axes[0, column].set_title(name)
        if not len(here):
            for axis in axes[:, column]:
                text = "no volumes: no engine was run,\nor its table is missing or empty"
                axis.text(0.5, 0.5, text, ha="center", va="center", transform=axis.transAxes)
                axis.set_xticks([])
                axis.set_yticks([])
            continue
        distributions(axes[0, column], here, rows)
        agreement(axes[1, column], here, rows)
    engines = sorted(set(table.stand_in) - {""})
    if engines:
        figure.text(0.5, -0.01, f"Volumes by a {engines[0]}, not by SynthSeg", ha="center", color="#bf5700")
    figure.tight_layout()
    save(figure, *out)


def distributions(axis: plt.Axes, here: pd.DataFrame, rows: dict[str, str]) -> None:
    """A box and the single images for every row that has some."""
    shown = [row for row in rows if (here.model == row).any()]
    values = [here[here.model == row].ml.to_numpy() for row in shown]
    boxes = axis.boxplot(values, widths=0.55, showfliers=False, patch_artist=True, medianprops={"color": "black"})
    for number, (box, data) in enumerate(zip(boxes["boxes"], values, strict=True)):
        box.set(facecolor=COLOURS[number % len(COLOURS)], alpha=0.3)
        spread = np.linspace(-0.16, 0.16, len(data))
        colour, many = COLOURS[number % len(COLOURS)], len(data) > MANY
        axis.plot(number + 1 + spread, data, ".", markersize=2.5, color=colour, rasterized=many)
    axis.axhline(np.median(values[0]), color="black", linewidth=0.6, linestyle=":")
    axis.set_xticks(
        range(1, len(shown) + 1), [rows[row].replace(" w/o", "\nw/o") for row in shown], rotation=25, ha="right"
    )
    axis.set_ylabel("volume (ml)")


def agreement(axis: plt.Axes, here: pd.DataFrame, rows: dict[str, str]) -> None:
    """Difference from the original against the mean of both."""
    keys = ["subject", "session", "modality"]
    truth = here[here.model == REFERENCE].set_index(keys).ml
    for number, row in enumerate(rows):
        mine = here[here.model == row].set_index(keys).ml
        if row == REFERENCE or not len(mine):
            continue
        both = pd.concat([truth, mine], axis=1, keys=("truth", "mine")).dropna()
        difference, mean = both.mine - both.truth, both.mean(axis=1)
        colour = COLOURS[number % len(COLOURS)]
        mark = MARKS[number % len(MARKS)]
        many = len(both) > MANY
        axis.plot(mean, difference, mark, markersize=2, color=colour, alpha=0.6, linewidth=0, rasterized=many)
        spread = 1.96 * difference.std(ddof=1) if len(difference) > 1 else 0.0
        text = f"{rows[row]}: {difference.mean():+.2f} ± {spread:.2f} ml"
        axis.axhline(difference.mean(), color=colour, linewidth=1, label=text, marker=mark, markersize=3, markevery=[0])
        for limit in (difference.mean() - spread, difference.mean() + spread):
            axis.axhline(limit, color=colour, linewidth=0.7, linestyle="--")
    axis.axhline(0, color="black", linewidth=0.6, linestyle=":")
    axis.set_xlabel("mean of both (ml)")
    axis.set_ylabel("reconstruction − original (ml)")
    axis.legend(fontsize=6, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.24), ncol=1)
