"""What only some models have: a codebook, and the gift of making one modality of the other."""

from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import read_tsv
from neuroquant.statistics.cells import EMBEDDED

CODEBOOK = [
    "cohort", "model", "modality", "codebook", "size", "tokens", "used", "usage", "perplexity",
    "stand_in",
]  # fmt: skip
BOTH = "both"
"""Modality of the counts of all images together."""


def codebook(experiment: Experiment, shards: list[Path]) -> pd.DataFrame:
    """How many words of each codebook test images use, and their perplexity, by modality and over both.

    Parameters
    ----------
    shards : tables of counts, as `reconstruct` writes them.

    Returns
    -------
    `usage` is the share of the words that some token uses. `perplexity` is the exponential of the entropy of the shares
    of tokens: the number of words that an even use would need.
    """
    counts = pd.concat([read_tsv(path, ("tokens",)) for path in shards], ignore_index=True)
    counts = pd.concat([counts, counts.assign(modality=BOTH)])
    rows = []
    for (cohort, model, modality, book, size), part in counts.groupby(
        ["cohort", "model", "modality", "codebook", "size"], sort=False
    ):
        tokens = part.groupby("code").tokens.sum()
        share = tokens / tokens.sum()
        facts = [cohort, model, modality, book, int(size), int(tokens.sum()), len(tokens), len(tokens) / int(size)]
        rows.append([*facts, float(np.exp(-(share * np.log(share)).sum())), _stand_in(experiment, cohort)])
    table = pd.DataFrame(rows, columns=CODEBOOK)
    return table.sort_values(["cohort", "model", "codebook", "modality"], kind="stable", ignore_index=True)


def _stand_in(experiment: Experiment, cohort: str) -> str:
    """What stands in for a cohort of the study, if anything does."""
    return EMBEDDED if experiment.cohort(cohort).embedded else ""
