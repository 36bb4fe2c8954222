"""Sentences that several pages and tables share, in words of what statistics computed."""

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.against_mean import ARCHITECTURE, BELOW, UNSHOWN, mean_model, verdicts
from neuroquant.statistics.budgets import unequal
from neuroquant.statistics.classical import wins
from neuroquant.statistics.spread import LEAST, modalities
from neuroquant.statistics.trainings import CONDITIONAL, trained_once

SIGNS = {BELOW: "\u2020", UNSHOWN: "\u2021"}
"""What stands beside the PSNR of a model that isn't above the mean image: a dagger and a double dagger."""

ALL_ABOVE = "Every trained model's PSNR is above that of the mean image on every cohort and modality."


def listed(words: list[str]) -> str:
    """Words as a list in a sentence: a, b and c.

    Examples
    --------
    >>> listed(["SD-VAE", "MedVAE", "NeuroQuant"])
    'SD-VAE, MedVAE and NeuroQuant'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def mean_image_notes(experiment: Experiment, present: set[str]) -> list[str]:
    """What the signs beside values mean, of those verdicts that are present."""
    level = f"{experiment.statistics.confidence:.0%}"
    words = {
        BELOW: "the PSNR is no higher than that of the mean training image of the modality on the same sessions. By "
        "this score the model has learned nothing.",
        UNSHOWN: f"the PSNR is higher, but the {level} interval of the difference on the same sessions includes 0, or "
        "a single subject or family gives no interval.",
    }
    return [f"{SIGNS[verdict]} {verdict}: {text}" for verdict, text in words.items() if verdict in present]


def mean_image_sentences(experiment: Experiment, cells: pd.DataFrame) -> list[str]:
    """Which models aren't above the mean image, or that none was compared with it.

    Parameters
    ----------
    cells : DataFrame
        The tidy Table 1.
    """
    if mean_model(experiment) is None:
        return ["The experiment has no `mean` model, so no model was compared with the mean training image."]
    known = verdicts(cells)
    if not known:
        return ["No model was compared with the mean image: they weren't scored on the same sessions."]
    texts = []
    for verdict, end in ((BELOW, ": by this score nothing was learned"), (UNSHOWN, "")):
        for cohort in dict.fromkeys(cohort for cohort, *_ in known):
            names: dict[str, list[str]] = {}
            for (where, model, modality), outcome in known.items():
                if (where, outcome) == (cohort, verdict):
                    names.setdefault(experiment.model(model).shown, []).append(modality)
            if names:
                who = "; ".join(f"{name} ({', '.join(each)})" for name, each in names.items())
                texts.append(f"{experiment.cohort(cohort).shown}, PSNR {verdict}: {who}{end}.")
    return texts or [ALL_ABOVE]


def spread_sentences(experiment: Experiment, costs: pd.DataFrame) -> list[str]:
    """A sentence per cohort on models whose reconstructions hardly depend on the subject; the mean image never does.

    Parameters
    ----------
    costs : DataFrame
        costs.csv.
    """
    texts = []
    for cohort, here in costs.groupby("cohort", sort=False):
        low: dict[str, list[str]] = {}
        for line in here.to_dict("records"):
            entry = experiment.model(line["model"])
            values = [f"{m} {line[f'spread_{m}']:.2f}" for m in modalities(costs) if line[f"spread_{m}"] < LEAST]
            if values and entry.architecture != ARCHITECTURE:
                low[entry.shown] = values
        if low:
            who = "; ".join(f"{name} ({', '.join(values)})" for name, values in low.items())
            texts.append(
                f"{experiment.cohort(cohort).shown}: reconstructions hardly depend on the subject and are nearly the "
                f"same picture for everybody (spread between subjects below {LEAST} of that of the originals): {who}."
            )
    return texts


def classical_sentences(experiment: Experiment, against_full: pd.DataFrame, costs: pd.DataFrame) -> list[str]:
    """A sentence per cohort on models without training that beat the full model at no more bits; none where none does.

    Parameters
    ----------
    against_full : DataFrame
        As `statistics.classical.against_full` gives it.
    costs : DataFrame
        costs.csv.
    """
    texts = []
    for cohort, here in wins(experiment, against_full, costs).groupby("cohort", sort=False):
        first = here.iloc[0]
        coded = "" if pd.isna(first.kbit_full_coded) else f", {first.kbit_full_coded:,.4g} after coding"
        who = "; ".join(
            f"{experiment.model(row.model).shown} ({row.modality} {row.difference:+.2f} dB, {row.ci_low:.2f} to "
            f"{row.ci_high:.2f}, at {row.kbit:,.4g} kbit)"
            for row in here.itertuples()
        )
        texts.append(
            f"{experiment.cohort(cohort).shown}: without training, a higher PSNR than that of "
            f"{experiment.model(first.full).shown} is reached at no more bits than its {first.kbit_full:,.4g} kbit per "
            f"volume{coded}: {who}."
        )
    return texts


def budget_notes(experiment: Experiment, budgets: pd.DataFrame) -> list[str]:
    """A footnote that names the models whose training budgets differ from the full model's; or nothing.

    Models trained elsewhere aren't among them: what they had seen before isn't in any budget.

    Parameters
    ----------
    budgets : DataFrame
        As `statistics.budgets.budgets` gives it.
    """
    here = [entry.name for entry in experiment.shown_models if entry.group != "trained_elsewhere"]
    apart = unequal(budgets[budgets.model.isin(here)])
    if not len(apart):
        return []
    who = ", ".join(f"{experiment.model(row.model).shown} {row.share:.2g}" for row in apart.itertuples())
    full = experiment.model(experiment.figure4.models[0]).shown
    return [
        f"Training budgets differ. Voxels seen in training as a multiple of {full}'s: {who}. Steps and voxels are in "
        "the table of training budgets; `budget: equal_voxels` makes them equal."
    ]


def training_sentences(experiment: Experiment, models: tuple[str, ...]) -> list[str]:
    """Which models were trained with several seeds, and which verdicts depend on one training; empty without training.

    Parameters
    ----------
    models : of a table, in order.
    """
    once = trained_once(experiment, list(models))
    several = [(name, len(experiment.trainings(name))) for name in models if len(experiment.trainings(name)) > 1]
    texts = []
    if several:
        who = listed([f"{experiment.model(name).shown} ({count})" for name, count in several])
        texts.append(
            f"Trained with several seeds: {who}. Their numbers are means over the trainings; intervals and tests take "
            "subjects and trainings as sources of variance."
        )
    if once:
        who = listed([experiment.model(name).shown for name in once]) if several else "every trained model"
        texts.append(
            f"Ranks, intervals and tests are {CONDITIONAL} of {who}: they don't say what another seed would give."
        )
    return texts


def seeds_in_words(experiment: Experiment, model: str) -> str:
    """The seed of a model's training, or those of all its trainings."""
    seeds = [str(experiment.model(name).training.seed) for name in experiment.trainings(model)]
    return f"seed{'s' * (len(seeds) > 1)} {listed(seeds)}"


def modality_fills(modalities: tuple[str, ...]) -> str:
    """Which marks of a figure are of which modality."""
    words = ("filled", "hollow", "left half filled", "upper half filled")
    text = "; ".join(f"{word}: {modality}" for word, modality in zip(words, modalities, strict=False))
    return text[:1].upper() + text[1:]
