"""How well models separate anatomy from appearance: a section of the breakdown."""

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.report.html import by_cohort, ranged

FEW = 20
"""Families below which the page calls them few."""


LATENTS = {"z_anat": "z_anat", "z_q": "z_q", "z_mod": "z_mod"}


PAIRS = {"session": "two modalities, one session", "subjects": "two subjects, one modality", "difference": "difference"}


SHARES = {"same_code": "same code at a position", "code_overlap": "overlap of the codes used"}


def disentanglement_section(experiment: Experiment, table: pd.DataFrame, labels: dict[str, str]) -> str:
    """Accuracies of fresh classifiers, and codes in common, of every model that separates anatomy from appearance."""
    table = table[table.model.isin(labels)]
    if not len(table):
        return (
            "<p>No model that was run separates anatomy from appearance, or fewer than two families have test sessions "
            "with two modalities.</p>"
        )
    count, fewest = len(experiment.modalities), int(table.families.min())
    few = f" {fewest} families are few: their intervals say little." if fewest < FEW else ""
    accuracy, shares = (table[table.measure.isin(names)] for names in (("accuracy",), SHARES))
    accuracy = accuracy.assign(line=accuracy.by)
    parts = [
        "<p>How often a fresh classifier recognises the modality from a latent, in percent of the test images, in a "
        "cross-validation that keeps families whole. Chance is the goal for z_anat and z_q; z_mod should give "
        f"the modality away. Chance is {100 / count:.0f} with {count} modalities. The network is trained for few "
        f"steps: it misses what takes longer to learn.{few}</p>",
        by_cohort(experiment, tables(accuracy, "classifier", LATENTS, labels)),
    ]
    if len(shares):
        parts += [
            "<p>How many codes two images share, in percent of the positions in the brain. Two subjects share codes in "
            "one modality because few codes are used, and because brains are alike. Only what two modalities of a "
            "session share beyond that is the subject's own anatomy.</p>",
            by_cohort(experiment, tables(shares.assign(line=shares.measure.map(SHARES)), "share", PAIRS, labels)),
        ]
    return "".join(parts)


def tables(table: pd.DataFrame, name: str, columns: dict[str, str], labels: dict[str, str]) -> dict[str, pd.DataFrame]:
    """Cohort -> a table with a row per model and `line`, which is shown as `name`, and a column for each `of`."""
    text = ranged(100 * table["value"], 100 * table.ci_low, 100 * table.ci_high, 1)
    known = table.assign(text=text, order=table.model.map([*labels].index), model=table.model.map(labels))
    known = known.astype({"sessions": int, "families": int})
    wide_tables = {}
    for cohort, part in known.sort_values("order", kind="stable").groupby("cohort", sort=False):
        wide = part.pivot_table("text", ["model", "line", "sessions", "families"], "of", aggfunc="first", sort=False)
        wide = wide.reindex(columns=list(columns)).fillna("–").reset_index()
        wide_tables[cohort] = wide.rename(columns={"line": name, **columns})
    return wide_tables
