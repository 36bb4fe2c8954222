"""The sentences of the front page."""

from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.sentences import listed
from neuroquant.statistics.against_mean import mean_model
from neuroquant.statistics.agreement import against_truth
from neuroquant.statistics.cells import SIGNIFICANT, by_group
from neuroquant.statistics.numbers import read_numbers

DID = {
    "trained_here": "trained here",
    "trained_elsewhere": "trained elsewhere before",
    "authors_weights": "run with their authors' weights",
    "reference": "run without training",
}
"""What was done with the models of a group."""


def in_words(experiment: Experiment, tests: pd.DataFrame) -> list[str]:
    """What was run on what.

    Parameters
    ----------
    tests : DataFrame
        The tests of Table 1.
    """
    wanted = experiment.table1
    cohorts = listed([experiment.cohort(cohort).shown for cohort in wanted.cohorts])
    size = " x ".join(map(str, experiment.volume.shape))
    groups = {kind: models for kind, models in by_group(experiment, wanted.models).items() if models}
    named = [
        f"{listed([experiment.model(model).shown for model in models])} ({DID[kind]})"
        for kind, models in groups.items()
    ]
    first = (
        f"{listed(named)} were compared on {listed(list(experiment.modalities))} volumes of {size} voxels of the test "
        f"subjects of {cohorts}."
    )
    return [first] if len(leads(tests)) else [first, "No model leads: that takes the PSNR of two models on a cohort."]


def missing(experiment: Experiment, cells: pd.DataFrame) -> list[str]:
    """Sentences on what was not measured."""
    texts = []
    for name in experiment.table1.cohorts:
        here = cells[cells.cohort == name]
        absent = [experiment.model(model).shown for model in experiment.table1.models if model not in set(here.model)]
        if absent:
            texts.append(f"Missing on {experiment.cohort(name).shown}: nothing was measured of {listed(absent)}.")
        present = [modality for modality in experiment.modalities if modality in set(here.modality)]
        if len(here) and present != list(experiment.modalities):
            texts.append(f"{experiment.cohort(name).shown} has only {listed(present)} images.")
    if experiment.segmentation.engine == "none":
        texts.append("No segmentation engine was run: Dice and regional volumes are empty.")
    if not (cells.metric == "accuracy").any():
        few = "there are too few subjects, or all training subjects are of one sex"
        why = (
            few if experiment.training_cohorts else "all cohorts are external, and probes learn from training subjects"
        )
        texts.append(f"Sex could not be probed: {why}.")
    return texts


def leads(tests: pd.DataFrame) -> pd.DataFrame:
    """Of the tests of a table those of the model with the best PSNR of each cohort, modality and group."""
    return tests[(tests.metric == "psnr") & (tests["rank"] == 1)]


def lead_table(experiment: Experiment, cells: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """The model with the highest PSNR of each cohort, modality and group, and its lead over the runner-up."""
    level = f"{experiment.statistics.confidence:.0%}"
    several = sum(map(bool, by_group(experiment, experiment.table1.models).values())) > 1
    rows = []
    for test in leads(tests).itertuples():
        here = cells[(cells.cohort == test.cohort) & (cells.modality == test.modality) & (cells.metric == "psnr")]
        best = here[here.model == test.model].iloc[0]
        row = {"cohort": experiment.cohort(test.cohort).shown, "modality": test.modality}
        row |= {"group": DID[experiment.model(test.model).group]} if several else {}
        rows.append(
            row
            | {
                "highest PSNR": experiment.model(test.model).shown,
                f"PSNR, dB ({level} interval)": with_interval(best.value, best.ci_low, best.ci_high),
                "runner-up": experiment.model(test.against).shown,
                f"lead, dB ({level} interval)": with_interval(test.difference, test.ci_low, test.ci_high),
                "p": "not tested" if pd.isna(test.p_holm) else f"{test.p_holm:.2g}",
                "significant": "yes" if test.p_holm < SIGNIFICANT else "no",
                "subjects": f"{best.n_subjects:.0f}",
            }
        )
    return pd.DataFrame(rows)


def with_interval(value: float, low: float, high: float) -> str:
    """A number with its interval; without one where a single subject or family gives none."""
    return f"{value:.2f}" if pd.isna(low) else f"{value:.2f} ({low:.2f} to {high:.2f})"


def stand_ins(experiment: Experiment) -> list[str]:
    """Sentences on what stands in for something else, and on cohorts that aren't the paper's."""
    texts = []
    synthetic = [cohort.shown for cohort in experiment.cohorts if cohort.stand_in]
    if synthetic:
        are = "are synthetic cohorts" if len(synthetic) > 1 else "is a synthetic cohort"
        texts.append(
            f"Stand-in: {listed(synthetic)} {are}, made by the workflow itself. No person was scanned. The numbers "
            "show that the workflow runs end to end; they say nothing about the paper."
        )
    if experiment.segmentation.engine == "standin":
        texts.append(
            "Stand-in: Dice and regional volumes come from an atlas of the training subjects, not from SynthSeg."
        )
    others = [cohort.shown for cohort in experiment.cohorts if not cohort.stand_in and not cohort.stands_for]
    if others:
        which = "are not cohorts" if len(others) > 1 else "is not a cohort"
        texts.append(
            f"{listed(others)} {which} of the paper: numbers measured there can't be compared with the paper's."
        )
    return texts


def result_sentence(experiment: Experiment, cells: pd.DataFrame, full: str, baseline: str | None) -> str:
    """The PSNR of the full model on the first cohort, beside the best baseline's and the mean image's.

    Parameters
    ----------
    full : str
        The full model.
    baseline : str or None
        As `choice.best_baseline` gives it.
    """
    cohort = experiment.table1.cohorts[0]
    here = cells[(cells.cohort == cohort) & (cells.metric == "psnr")].dropna(subset="value")
    scores = {(row.model, row.modality): row.value for row in here.itertuples()}

    def of(model: str) -> str:
        values = [(m, scores[model, m]) for m in experiment.modalities if (model, m) in scores]
        return listed([f"{value:.2f} dB ({modality})" for modality, value in values])

    kind = "the synthetic cohort " if experiment.cohort(cohort).stand_in else ""
    name, where = experiment.model(full).shown, f"{kind}{experiment.cohort(cohort).shown}"
    if not of(full):
        return f"Nothing was measured of {name} on the test subjects of {where}."
    text = f"On the test subjects of {where}, {name} reconstructs brains with a PSNR of {of(full)}"
    mean = mean_model(experiment)
    others = [(f"the best baseline, {experiment.model(baseline).shown}", baseline)] if baseline else []
    others += [("the mean training image", mean)] if mean else []
    beside = [f"{words}, has {of(model)}" if model == baseline else f"{words} {of(model)}" for words, model in others]
    beside = [text for text, (_, model) in zip(beside, others, strict=True) if of(model)]
    return f"{text}; {listed(beside)}." if beside else f"{text}."


def truth_sentence(truth: Path) -> str:
    """Dice of the segmentation of the originals against ground truth, in words.

    Parameters
    ----------
    truth : Path
        dice_truth.tsv.
    """
    table = read_numbers("dice_truth", truth, "dice", "nsd")
    means = against_truth(table)
    if not means:
        return "Not available: no ground-truth label maps, no engine, or a table of scores without numbers."
    scores = listed([f"{value:.3f} on {modality}" for modality, value in means.items()])
    engine = next(iter(set(table.stand_in) - {""}), "SynthSeg")
    return f"Against ground truth, the segmentations of the originals by the {engine} reach a mean Dice of {scores}."
