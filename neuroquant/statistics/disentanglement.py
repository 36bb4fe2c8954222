"""How well models keep anatomy and appearance apart: what decides the paper's claim."""

from pathlib import Path

import pandas as pd

from neuroquant.statistics.numbers import read_numbers

CHANCE = 0.5
NEAR = 0.6
"""A classifier is as good as chance where its accuracy's interval includes chance or lies below this."""
READS = 0.9
"""A classifier reads the modality where its accuracy's interval lies above this. One that reaches beyond isn't chance
either, even where it includes 0.5: it says nothing."""
FEWEST = 5
"""Families that a verdict takes: where every guess is right the bootstrap's interval has no width, few as they are."""


def read_disentanglement(path: Path) -> pd.DataFrame:
    """The gathered table; without rows where there is none."""
    return read_numbers("disentanglement", path, "value", "ci_low", "ci_high", "sessions", "families")


def outcomes(table: pd.DataFrame, cohort: str, model: str) -> tuple[str, str]:
    """What the numbers of a model on a cohort say of the claim that its codes don't tell the modality.

    Returns
    -------
    `holds`, `contradicted` or `undecided`, or nothing where z_anat wasn't measured; and the numbers in words. It is
    contradicted where a classifier reads the modality from z_anat. It holds where none is better than chance, and T1w
    and T2w of a session have the same code in more positions than two subjects have.
    """
    here = table[(table.cohort == cohort) & (table.model == model)]
    guesses = here[(here.measure == "accuracy") & (here.of == "z_anat")]
    lead = here[(here.measure == "same_code") & (here.of == "difference")]
    if not len(guesses):
        return "", ""
    told = [f"{r.by} on z_anat: {in_percent(r)} of images right" for r in guesses.itertuples()]
    told += [f"same code in T1w and T2w, beyond two subjects: {in_percent(r)} of positions" for r in lead.itertuples()]
    if guesses.families.min() < FEWEST:
        return "undecided", "; ".join((*told, f"{guesses.families.min():.0f} families, and a verdict takes {FEWEST}"))
    if (guesses.ci_low > READS).any():
        return "contradicted", "; ".join(told)
    chance = ((guesses.ci_low <= CHANCE) | (guesses.ci_high < NEAR)) & (guesses.ci_high <= READS)
    return "holds" if chance.all() and (lead.ci_low > 0).any() else "undecided", "; ".join(told)


def in_percent(row: object) -> str:
    """A share with its interval."""
    return f"{100 * row.value:.1f} % ({100 * row.ci_low:.1f} to {100 * row.ci_high:.1f})"
