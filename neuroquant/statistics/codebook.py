"""How much of their codebooks the models use on test images."""

from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import read_tsv
from neuroquant.statistics.cells import cohort_stand_in
from neuroquant.tables import CODEBOOK

ALL = "all"
"""Modality of the counts of all images together."""


def codebook(experiment: Experiment, shards: list[Path]) -> pd.DataFrame:
    """How many tokens of each codebook test images use, and their perplexity, by modality and over all of them.

    Parameters
    ----------
    shards : list of Path
        Tables of counts, as `reconstruct` writes them.

    Returns
    -------
    Columns `CODEBOOK`. `usage` is the share of the codebook's entries that some position uses. `perplexity` is the
    exponential of the entropy of their shares: the number of entries that an even use would need.
    """
    counts = pd.concat([read_tsv(path, ("tokens",)) for path in shards], ignore_index=True)
    if len(experiment.modalities) > 1:
        counts = pd.concat([counts, counts.assign(modality=ALL)])
    rows = []
    for (cohort, model, modality, book, size), part in counts.groupby(
        ["cohort", "model", "modality", "codebook", "size"], sort=False
    ):
        tokens = part.groupby("code").tokens.sum()
        share = tokens / tokens.sum()
        facts = [cohort, model, modality, book, int(size), int(tokens.sum()), len(tokens), len(tokens) / int(size)]
        rows.append([*facts, float(np.exp(-(share * np.log(share)).sum())), cohort_stand_in(experiment, cohort)])
    table = pd.DataFrame(rows, columns=CODEBOOK)
    order = {name: number for number, name in enumerate((*experiment.modalities, ALL))}
    keys = ["cohort", "model", "codebook", "modality"]
    return table.sort_values(
        keys, key=lambda names: names.map(order) if names.name == "modality" else names, kind="stable",
        ignore_index=True,
    )  # fmt: skip
