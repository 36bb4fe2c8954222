"""Many small tables of scores into one."""

from pathlib import Path

import pandas as pd

from neuroquant.files import read_tsv, write_tsv

KEY = ["cohort", "subject", "session", "family", "modality", "model"]
COLUMNS = {
    "fidelity": [*KEY, "region", "metric", "value"],
    "dice": [*KEY, "structure", "name", "dice", "nsd", "stand_in"],
    "dice_truth": [*KEY, "structure", "name", "dice", "nsd", "stand_in"],
    "regions": [*KEY, "region", "mm3", "stand_in"],
    "spread": ["cohort", "model", "modality", "subjects", "sd_original", "sd_reconstruction", "spread"],
    "disentanglement": [
        "cohort", "model", "measure", "of", "by", "value", "ci_low", "ci_high", "sessions", "families",
    ],
    "predictions": [*KEY, "probe", "array", "seed", "sex", "probability", "predicted"],
}  # fmt: skip
"""Columns that a gathered table has even where nothing was scored."""


def gather(numbers: str, shards: list[Path], out: Path) -> None:
    """Concatenate the score tables of `shards` into `out`, cell by cell as they are, sorted by model and key."""
    tables = [table for path in shards if len(table := read_tsv(path))]
    if tables:
        whole = pd.concat(tables, ignore_index=True).fillna("")
        whole = whole.sort_values([c for c in KEY if c in whole], kind="stable", ignore_index=True)
    else:
        whole = pd.DataFrame(columns=COLUMNS[numbers])
    write_tsv(whole, out)
