"""The page of costs."""

from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.report.html import page, small_table
from neuroquant.report.tables import brief, side_reduction
from neuroquant.statistics import spread as variation
from neuroquant.statistics.cells import write_csv
from neuroquant.statistics.numbers import read_numbers
from neuroquant.statistics.rate import costs, with_training

INTRODUCTION = (
    "<h1>What a volume costs</h1><p>Bits that decoding needs: codes times log2 of the codebook's size for quantised "
    "latents, the latents' own numbers for continuous ones. Compression by sides (f) is not a rate. Seconds are those "
    "of one volume, measured while reconstructing the test subjects, on whatever machine did it. Hours are those of "
    "the training's steps; processor-hours count every thread. Spread: how much the reconstructions vary between "
    "subjects, as a share of how much the originals do.</p>"
)


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


def number(value: float) -> str:
    """Three digits; nothing where there is no number."""
    return "" if pd.isna(value) else f"{value:.3g}"
