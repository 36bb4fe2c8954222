"""How well models keep anatomy and appearance apart: what decides the paper's claim."""

from pathlib import Path

import pandas as pd

from neuroquant.statistics.numbers import read_numbers

NEAR = 0.2
"""A classifier is as good as chance where its accuracy's interval includes chance, or lies below this share of the way
from chance to always right: 60 % of images with two modalities."""
READS = 0.8
"""A classifier reads the modality where its accuracy's interval lies above this share of that way: 90 % with two. One
that reaches beyond isn't chance either, even where its interval includes chance: it says nothing."""
FEWEST = 5
"""Families that a verdict takes: where every guess is right the bootstrap's interval has no width, few as they are."""


def read_disentanglement(path: Path) -> pd.DataFrame:
    """The gathered table; without rows where there is none."""
    return read_numbers("disentanglement", path, "classes", "value", "ci_low", "ci_high", "sessions", "families")


def chance(classes: pd.Series) -> pd.Series:
    """Share of images whose modality a blind guess among so many modalities hits."""
    return 1 / classes


def level(classes: pd.Series, share: float) -> pd.Series:
    """The accuracy that lies at a share of the way from chance to always right."""
    return chance(classes) + share * (1 - chance(classes))


def outcomes(table: pd.DataFrame, cohort: str, model: str) -> tuple[str, str]:
    """What the numbers of a model on a cohort say of the claim that its codes don't reveal the modality.

    Returns
    -------
    `holds`, `contradicted` or `undecided`, or nothing where no latent of the anatomy was measured; and the numbers in
    words. The latent is the first of the anatomy, before any codebook. The claim is contradicted where a classifier
    reads the modality from it. It holds where none is better than chance, and two modalities of a session have the same
    code in more positions than two subjects have.
    """
    here = table[(table.cohort == cohort) & (table.model == model)]
    anatomy = here[(here.measure == "accuracy") & (here.role == "anatomy")]
    lead = here[(here.measure == "same_code") & (here.of == "difference") & (here.by == "")]
    if not len(anatomy):
        return "", ""
    guesses = anatomy[anatomy.of == anatomy.of.iloc[0]]
    details = [f"{r.by} on {r.of}: {in_percent(r)} of images right" for r in guesses.itertuples()]
    details += [
        f"same code in two modalities of a session, beyond two subjects: {in_percent(r)} of positions"
        for r in lead.itertuples()
    ]
    if guesses.families.min() < FEWEST:
        details.append(f"{guesses.families.min():.0f} families, and a verdict takes {FEWEST}")
        return "undecided", "; ".join(details)
    reads = level(guesses.classes, READS)
    if (guesses.ci_low > reads).any():
        return "contradicted", "; ".join(details)
    near = (guesses.ci_low <= chance(guesses.classes)) | (guesses.ci_high < level(guesses.classes, NEAR))
    holds = (near & (guesses.ci_high <= reads)).all() and (lead.ci_low > 0).any()
    return "holds" if holds else "undecided", "; ".join(details)


def in_percent(row: object) -> str:
    """A share with its interval."""
    return f"{100 * row.value:.1f} % ({100 * row.ci_low:.1f} to {100 * row.ci_high:.1f})"
