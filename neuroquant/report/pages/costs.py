"""The page of costs."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.report.html import page, small_table
from neuroquant.report.tables.model_facts import brief, side_reduction
from neuroquant.statistics import spread as variation
from neuroquant.statistics.cells import write_csv
from neuroquant.statistics.numbers import read_numbers
from neuroquant.statistics.rate import costs, with_training

INTRODUCTION = (
    "<h1>Costs</h1><p>Bits that decoding one volume needs: codes times log2 of the codebook's size for quantised "
    "latents, the latents' own numbers for continuous ones, the rate that was asked for in classical codecs. Coded: "
    "what a range coder that uses the frequencies of training images leaves of the codes, or of numbers rounded to the "
    "stated bits; the bytes of a codec. The side reduction (f) is not a rate. "
    "Seconds per volume were measured while reconstructing the test subjects; they depend on the machine. Hours are "
    "those of the steps of training; processor-hours count every thread. Spread: how much the reconstructions vary "
    "between subjects, as a share of how much the originals do.</p>"
)


@dataclass(frozen=True, slots=True)
class Sources:
    """What the costs are made of.

    Attributes
    ----------
    reconstructions : list of Path
        Test shards of all models and cohorts.
    models : dict of str to Path
        Model -> provenance.json of its model folder.
    spread : Path
        The gathered spread.tsv.
    """

    reconstructions: list[Path]
    models: dict[str, Path]
    spread: Path


def write_costs(experiment: Experiment, sources: Sources, out: Path, view: Path) -> pd.DataFrame:
    """Write the costs as CSV and as a page; the table is returned.

    Beside them stand the hours that training took and how much the reconstructions vary between subjects. Times depend
    on the machine, so they stay out of Tables 1 and 2.
    """
    table = with_training(costs(sources.reconstructions), sources.models)
    varied = variation.columns(read_numbers("spread", sources.spread, "spread"))
    table = table.merge(varied, on=["model", "cohort"], how="left")
    write_csv(table, out)
    shown = pd.DataFrame(
        {
            "model": [experiment.model(name).shown for name in table.model],
            "cohort": [experiment.cohort(name).shown for name in table.cohort],
            "f": table.factor.map(side_reduction),
            "kbit per volume": table.kbit_per_volume.map("{:,.1f}".format),
            "coded, kbit": table.kbit_coded.map(lambda value: "" if pd.isna(value) else f"{value:,.1f}"),
            "bits per number": table.bits_per_number.map(number),
            "bits per voxel": table.bits_per_voxel.map("{:.4f}".format),
            "parameters": table.parameters.map("{:,}".format),
            "encode, s": table.encode_s.map(brief),
            "decode, s": table.decode_s.map(brief),
            "processor-hours": table.processor_hours.map(number),
            "GPU-hours": table.gpu_hours.map(number),
        }
        | {f"spread, {m}": table[f"spread_{m}"].map(number) for m in variation.modalities(table)}
    )
    write_text(view, page("Costs", INTRODUCTION + small_table(shown)))
    return table


def number(value: float) -> str:
    """Three digits; nothing where there is no number."""
    return "" if pd.isna(value) else f"{value:.3g}"
