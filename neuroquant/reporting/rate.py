"""Rate and distortion: what a volume costs in bits, and what comes back; and what that costs in time."""

from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.reporting.pages import page, small_table
from neuroquant.reporting.style import COLOURS, plt, save
from neuroquant.reporting.summarise import MODALITIES, write_csv
from neuroquant.volumes.store import ArrayFile

METRICS = {"psnr": "PSNR (dB)", "ssim": "SSIM (%)", "dice": "Dice (%)"}
COSTS = ["model", "cohort", "factor", "kbit_per_volume", "bits_per_voxel", "parameters", "encode_s", "decode_s"]
MARKS = "oDsv^P*X"


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


def write_costs(experiment: Experiment, reconstructions: list[Path], out: Path, view: Path) -> pd.DataFrame:
    """Write the costs as CSV and as a page; times hang on the machine, so they stay out of tables 1 and 2."""
    table = costs(reconstructions)
    write_csv(table, out)
    shown = pd.DataFrame(
        {
            "model": [experiment.row(name).shown for name in table.model],
            "cohort": [experiment.cohort(name).shown for name in table.cohort],
            "f": [f"{factor}x" for factor in table.factor],
            "kbit a volume": table.kbit_per_volume.map("{:,.1f}".format),
            "bits a voxel": table.bits_per_voxel.map("{:.4f}".format),
            "parameters": table.parameters.map("{:,}".format),
            "encode, s a volume": table.encode_s.map("{:.3g}".format),
            "decode, s a volume": table.decode_s.map("{:.3g}".format),
        }
    )
    text = (
        "<h1>What a volume costs</h1><p>Bits that decoding needs: codes times log2 of the codebook's size for "
        "quantised latents, the latents' own numbers for continuous ones. Compression by sides (f) is not a rate. "
        "Seconds were measured while reconstructing the test subjects, on whatever machine did it.</p>"
    )
    write_text(view, page("What a volume costs", text + small_table(shown)))
    return table


def draw(experiment: Experiment, table: pd.DataFrame, cells: pd.DataFrame, *out: Path) -> None:
    """PSNR, SSIM and Dice against bits a volume: a colour a row, filled for T1w, hollow for T2w; first cohort.

    Parameters
    ----------
    table : as `costs` gives it.
    cells : tidy cells of table 1.
    """
    cohort = experiment.table1.cohorts[0]
    here, spent = cells[cells.cohort == cohort], table[table.cohort == cohort].set_index("model").kbit_per_volume
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.6))
    for axis, (metric, name) in zip(axes, METRICS.items(), strict=True):
        for number, row in enumerate(experiment.table1.rows):
            for modality in MODALITIES:
                mine = here[(here.model == row) & (here.metric == metric) & (here.modality == modality)]
                if not len(mine) or row not in spent.index or not np.isfinite(mine.iloc[0]["value"]):
                    continue
                point, colour = mine.iloc[0], COLOURS[(number + 1) % len(COLOURS)]
                value, low, high = point["value"], point.ci_low, point.ci_high
                axis.errorbar(
                    spent[row], value, yerr=[[value - low], [high - value]],
                    fmt=MARKS[number % len(MARKS)], markersize=4.5, color=colour, linewidth=0.8,
                    markerfacecolor=colour if modality == MODALITIES[0] else "white",
                    label=experiment.row(row).shown if modality == MODALITIES[0] else None,
                )  # fmt: skip
        if not axis.has_data():
            axis.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axis.transAxes)
        axis.set_xscale("log")
        axis.set_xlabel("kbit a volume")
        axis.set_ylabel(name)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=4, frameon=False, bbox_to_anchor=(0.5, -0.14), fontsize=7)
    figure.suptitle(f"{experiment.cohort(cohort).shown}: filled T1w, hollow T2w", fontsize=8)
    figure.tight_layout()
    save(figure, *out)
