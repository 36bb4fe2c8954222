"""The paper's own numbers, which stand beside measured ones and never in their place."""

from functools import lru_cache
from pathlib import Path

import pandas as pd

FULL = {"NeuroQuant": "+ L_adv (full)"}
"""Names that Table 2 gives to models of Table 1."""
MODALITIES = ("T1w", "T2w")
"""The modalities of the paper: its numbers and statements are about these alone."""
TEST_SUBJECTS = {"NCANDA": 122, "ABCD": 2095}
"""Subjects of its test splits, by the paper."""


@lru_cache(maxsize=2)
def _table(name: str) -> pd.DataFrame:
    table = pd.read_csv(Path(__file__).parent / f"{name}.csv")
    return table.rename(columns={"setting": "model"}).set_index(["cohort", "model"])


def cells_of(table: str) -> pd.DataFrame:
    """Every published number of a table: cohort, model, modality, metric, published."""
    values = _table(table).drop(columns="compression", errors="ignore").reset_index()
    long = values.melt(["cohort", "model"], value_name="published")
    split = long.variable.str.split("_", expand=True)
    long = long.assign(modality=split[0].str.upper() + "w", metric=split[1])
    return long[["cohort", "model", "modality", "metric", "published"]]


def published(table: str, cohort: str, model: str, modality: str, metric: str) -> float:
    """A published cell: psnr in dB, ssim, accuracy and dice in percent; nan where the paper has none.

    Parameters
    ----------
    table : str
        "table1" or "table2".
    cohort, model : str
        As the paper names them.
    modality, metric : str
        As this program names them.
    """
    if modality not in MODALITIES:
        return float("nan")
    if table == "table2":
        model = FULL.get(model, model)
    column = f"{modality[:2].lower()}_{metric}"
    values = _table(table)
    if (cohort, model) not in values.index or column not in values:
        return float("nan")
    return float(values.loc[(cohort, model), column])
