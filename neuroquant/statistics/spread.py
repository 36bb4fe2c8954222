"""Whether reconstructions depend on the subject: their spread between subjects, as columns."""

import pandas as pd

LEAST = 0.1
"""Spread, as a share of that of the originals, below which a reconstruction hardly depends on the subject."""


def columns(table: pd.DataFrame) -> pd.DataFrame:
    """A row per model and cohort, with a column `spread_<modality>` for each modality.

    Parameters
    ----------
    table : DataFrame
        The gathered spread.tsv, `spread` as numbers.
    """
    wide = table.pivot(index=["model", "cohort"], columns="modality", values="spread")
    return wide.rename(columns="spread_{}".format).rename_axis(columns=None).reset_index()


def modalities(costs: pd.DataFrame) -> list[str]:
    """Modalities whose spread costs.csv has."""
    return [name.removeprefix("spread_") for name in costs.columns if name.startswith("spread_")]
