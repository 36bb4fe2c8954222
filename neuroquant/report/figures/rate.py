"""Rate and distortion: what a volume costs in bits, and what comes back; and what that costs in time."""

from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.report.figures.style import COLOURS, WIDTH, plt, save
from neuroquant.report.html import page, small_table
from neuroquant.report.tables import brief, side_reduction
from neuroquant.statistics import budgets
from neuroquant.statistics import spread as variation
from neuroquant.statistics.cells import CEILING, EXTRA, MODALITIES, measured, write_csv
from neuroquant.statistics.numbers import read_numbers
from neuroquant.store.arrays import ArrayFile

METRICS = {"psnr": "PSNR (dB)", "ssim": "SSIM (%)", "dice": "Dice (%)"}
COSTS = ["model", "cohort", "factor", "kbit_per_volume", "bits_per_voxel", "parameters", "encode_s", "decode_s"]
RATES = [
    "cohort", "model", "modality", "kbit_per_volume", "bits_per_voxel", "psnr", "psnr_low", "psnr_high", "ssim",
    "ssim_low", "ssim_high", "dice", "dice_low", "dice_high", "stand_in",
]  # fmt: skip
INTRODUCTION = (
    "<h1>What a volume costs</h1><p>Bits that decoding needs: codes times log2 of the codebook's size for quantised "
    "latents, the latents' own numbers for continuous ones. Compression by sides (f) is not a rate. Seconds are those "
    "of one volume, measured while reconstructing the test subjects, on whatever machine did it. Hours are those of "
    "the training's steps; processor-hours count every thread. Spread: how much the reconstructions vary between "
    "subjects, as a share of how much the originals do.</p>"
)
MARKS = "oDsv^P*X"
OTHERS = "rows of table 2 alone"
AROUND = {
    "published": ("o", 9.5, "in a ring: authors' weights"),
    "reference": ("s", 9.0, "in a frame: without training"),
}
"""What is drawn around the points of a block that can't be compared with the rows trained here: mark, size, words."""


def costs(reconstructions: list[Path]) -> pd.DataFrame:
    """What every row's reconstructions cost, a row a model and cohort: bits, parameters, seconds a volume.

    Parameters
    ----------
    reconstructions : the shards of test subjects, of all rows and cohorts.
    """
    rows = []
    for path in reconstructions:
        file = ArrayFile(path)
        if not len(file):
            continue
        facts = {name: file.attributes[name] for name in ("model", "factor", "kbit_per_volume", "parameters")}
        facts |= {"cohort": file.records[0].cohort, "volumes": len(file)}
        voxels = float(np.prod(file.view("image").shape[1:]))
        facts["bits_per_voxel"] = 1000 * facts["kbit_per_volume"] / voxels
        rows.append(facts | {name: file.attributes[name] * len(file) for name in ("encode_s", "decode_s")})
    table = pd.DataFrame(rows, columns=[*COSTS, "volumes"])
    keys = COSTS[:6]
    summed = table.groupby(keys, as_index=False, sort=False)[["encode_s", "decode_s", "volumes"]].sum()
    for name in ("encode_s", "decode_s"):
        summed[name] = summed[name] / summed["volumes"]
    return summed[COSTS]


def write_rates(
    experiment: Experiment, table: pd.DataFrame, scores: pd.DataFrame, csv: Path, figure: tuple[Path, ...]
) -> None:
    """Write rate and distortion as CSV and draw them; parameters as for `rates`."""
    found = rates(experiment, table, scores)
    write_csv(found, csv)
    draw(experiment, found, scores[scores.model == CEILING], *figure)


def write_costs(
    experiment: Experiment, reconstructions: list[Path], models: dict[str, Path], spread: Path, out: Path, view: Path
) -> pd.DataFrame:
    """Write the costs as CSV and as a page; times hang on the machine, so they stay out of tables 1 and 2.

    Beside them stand the hours that training took and how much the reconstructions vary between subjects.

    Parameters
    ----------
    models : row -> provenance.json of its model folder.
    spread : the gathered spread.tsv.
    """
    table = with_training(costs(reconstructions), models)
    varied = variation.columns(read_numbers("spread", spread, "spread"))
    table = table.merge(varied, on=["model", "cohort"], how="left")
    write_csv(table, out)
    shown = pd.DataFrame(
        {
            "model": [experiment.row(name).shown for name in table.model],
            "cohort": [experiment.cohort(name).shown for name in table.cohort],
            "f": table.factor.map(side_reduction),
            "kbit a volume": table.kbit_per_volume.map("{:,.1f}".format),
            "bits a voxel": table.bits_per_voxel.map("{:.4f}".format),
            "parameters": table.parameters.map("{:,}".format),
            "encode, s": table.encode_s.map(brief),
            "decode, s": table.decode_s.map(brief),
            "processor-hours": table.processor_hours.map(number),
            "GPU-hours": table.gpu_hours.map(number),
        }
        | {f"spread, {m}": table[f"spread_{m}"].map(number) for m in variation.modalities(table)}
    )
    write_text(view, page("What a volume costs", INTRODUCTION + small_table(shown)))
    return table


def with_training(table: pd.DataFrame, models: dict[str, Path]) -> pd.DataFrame:
    """The costs with processor-hours and GPU-hours of training; `models` as for `write_costs`."""
    taken = {name: budgets.hours(budgets.facts_of(path)) for name, path in models.items()}
    for place, name in enumerate(("processor_hours", "gpu_hours")):
        table[name] = [taken.get(model, (None, None))[place] for model in table.model]
    return table.astype({"processor_hours": float, "gpu_hours": float})


def number(value: float) -> str:
    """Three digits; nothing where there is no number."""
    return "" if pd.isna(value) else f"{value:.3g}"


def rates(experiment: Experiment, table: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Bits beside PSNR, SSIM and Dice of every row and cohort that was scored, with intervals; nan where not measured.

    Parameters
    ----------
    table : as `costs` gives it.
    scores : as `summarise.load_scores` gives them.
    """
    found, engines = {}, {}
    for keys, part in scores[scores.metric.isin(METRICS)].groupby(["cohort", "model", "modality", "metric"]):
        found[keys] = measured(experiment, part)
        engines[keys] = part.engine.iloc[0]
    rows = []
    for spent in table.itertuples():
        for modality in MODALITIES:
            facts = [spent.cohort, spent.model, modality, spent.kbit_per_volume, spent.bits_per_voxel]
            cells = [found.get((spent.cohort, spent.model, modality, metric)) for metric in METRICS]
            if any(cells):
                values = [(c.value, c.low, c.high) if c else (np.nan,) * 3 for c in cells]
                engine = engines.get((spent.cohort, spent.model, modality, "dice"), "")
                rows.append([*facts, *(number for three in values for number in three), engine])
    return pd.DataFrame(rows, columns=RATES)


def draw(experiment: Experiment, table: pd.DataFrame, ceiling: pd.DataFrame, *out: Path) -> None:
    """PSNR, SSIM and Dice against bits a volume: filled for T1w, hollow for T2w; a line of panels a cohort of table 1.

    Rows of table 1 have a colour and a mark each; those that only another table has are small and grey. Rows with
    authors' weights stand in a ring and those without training in a frame, for they are blocks of their own.

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
        around = AROUND.get(experiment.row(point.model).block)
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
