"""What only some models have: a codebook, and the gift of making one modality of the other."""

from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import read_tsv
from neuroquant.statistics.cells import EMBEDDED
from neuroquant.statistics.intervals import cluster_bootstrap, clusters_of

CODEBOOK = [
    "cohort", "model", "modality", "codebook", "size", "tokens", "used", "usage", "perplexity",
    "stand_in",
]  # fmt: skip
SYNTHESIS = [
    "cohort", "model", "source", "modality", "appearance", "metric", "images", "subjects", "value", "ci_low", "ci_high",
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


def synthesis(experiment: Experiment, shards: list[Path]) -> pd.DataFrame:
    """Mean PSNR (dB) and SSIM (percent) of synthesised images over the configured region, with their intervals.

    Parameters
    ----------
    shards : tables of scores, as `reconstruct` writes them.
    """
    table = pd.concat([read_tsv(path, ("value",)) for path in shards], ignore_index=True)
    table = table[table.region == experiment.fidelity.region]
    table = table.assign(cluster=clusters_of(table))
    rows = []
    for keys, part in table.groupby(["cohort", "model", "source", "modality", "appearance", "metric"], sort=False):
        values = part["value"] * (100 if keys[-1] == "ssim" else 1)
        found = cluster_bootstrap(values, part["cluster"], experiment.statistics)
        rows.append([*keys, len(part), part.subject.nunique(), found.value, found.low, found.high])
        rows[-1].append(_stand_in(experiment, keys[0]))
    return pd.DataFrame(rows, columns=SYNTHESIS)


def _stand_in(experiment: Experiment, cohort: str) -> str:
    """What stands in for a cohort of the study, if anything does."""
    return EMBEDDED if experiment.cohort(cohort).embedded else ""
