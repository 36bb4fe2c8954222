"""What must be said below a table."""

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.sentences import listed, mean_image_notes, training_sentences
from neuroquant.statistics.against_mean import verdicts
from neuroquant.statistics.cells import EXTRA, SIGNIFICANT
from neuroquant.tables import CEILING

STAND_IN = "STAND-IN"
"""How a note on stand-ins begins, so that nobody misses it."""


def notes(experiment: Experiment, cells: pd.DataFrame, tests: pd.DataFrame, timed: bool, grouped: bool) -> list[str]:
    """Notes below a table.

    Parameters
    ----------
    cells, tests : DataFrame
        The tidy table and its tests.
    timed : bool
        The table has columns of seconds.
    grouped : bool
        The table has several groups of models.
    """
    below = [explained(experiment, timed)]
    if (cells.model == CEILING).any():
        below.append(
            "Segmenter test-retest: Dice of the segmenter between the originals and the same originals moved rigidly "
            "by half a voxel. A reconstruction that scores as high is as close to its original as the segmenter is to "
            "itself."
        )
    below += training_sentences(experiment, tuple(name for name in dict.fromkeys(cells.model) if name not in EXTRA))
    if any(experiment.cohort(name).external for name in dict.fromkeys(cells.cohort)):
        probes = "by probes that have learned from the training subjects of the other cohorts"
        below.append(
            "External: all subjects of the cohort are test subjects, and no model of this run has trained on any. Sex "
            f"is {f'predicted there {probes}' if experiment.training_cohorts else 'not predicted: nobody trains here'}."
        )
    below += trained_elsewhere(experiment, set(cells.model))
    if grouped:
        below.append("Models are ranked and tested within their group, never across groups.")
    if (~(tests[tests["rank"] == 1].p_holm < SIGNIFICANT)).any():
        below.append("~ the lead over the runner-up isn't significant (test over families, Holm-corrected).")
    below += mean_image_notes(experiment, set(verdicts(cells).values()))
    if cells.published.notna().any():
        below.append(
            "In square brackets: published in arXiv:2604.05171, measured on other subjects with other weights."
        )
    stand_ins = sorted({part for text in cells.stand_in.dropna() for part in str(text).split("; ") if part})
    if stand_ins:
        named = " and ".join(f"an {name}" if name[0] in "aeiou" else f"a {name}" for name in stand_ins)
        below.append(
            f"{STAND_IN}: these numbers come from {named}. They show that the workflow runs end to end, and nothing "
            "more."
        )
    return below


def explained(experiment: Experiment, timed: bool) -> str:
    """What the numbers are."""
    times = "Seconds per volume depend on the machine: they are on the report's front page and in the table of costs."
    if timed:
        times = "enc., dec.: seconds for encoding and decoding one volume in this run; they depend on the machine."
    return (
        "Means over families (subjects where no family is known), each of which counts once, with "
        f"{experiment.statistics.confidence:.0%} intervals of a bootstrap over them; no interval with a single subject "
        "or family. "
        f"PSNR in dB, the rest in percent; PSNR and SSIM over the region '{experiment.fidelity.region}'. Bold: best; "
        f"underlined: second. f: side reduction; kbit: kilobits per volume; M: millions of parameters. {times}"
    )


def trained_elsewhere(experiment: Experiment, scored: set[str]) -> list[str]:
    """What must be said of models that had been trained before, of those that are scored."""
    entries = [
        entry for entry in experiment.shown_models if entry.group == "trained_elsewhere" and entry.name in scored
    ]
    if not entries:
        return []
    texts = [
        f"Trained elsewhere: {listed([entry.shown for entry in entries])}. Whose weights these are, and on how many "
        "sessions they were trained, is on the provenance page. Whether test subjects of these cohorts were among them "
        "isn't known."
    ]
    texts += [
        f"{entry.shown} was trained on voxels of {entry.resampled_mm:g} mm: volumes were resampled to these for it, "
        "and its reconstructions back. What that alone costs is part of its scores."
        for entry in entries
        if entry.resampled_mm
    ]
    return texts
