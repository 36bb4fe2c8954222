"""Many small tables of scores into one."""

from pathlib import Path

import pandas as pd

from neuroquant.files import read_tsv, write_tsv
from neuroquant.tables import GATHERED, SCORE_KEY


def gather(kind: str, shards: list[Path], out: Path) -> None:
    """Concatenate the score tables of `shards` into `out`, cell by cell as they are, sorted by model and image.

    Parameters
    ----------
    kind : str
        A key of `GATHERED`, whose columns the table has even where nothing was scored.
    """
    tables = [table for path in shards if len(table := read_tsv(path))]
    if tables:
        whole = pd.concat(tables, ignore_index=True).fillna("")
        keys = [name for name in SCORE_KEY if name in whole]
        whole = whole.sort_values(keys, kind="stable", ignore_index=True)
    else:
        whole = pd.DataFrame(columns=GATHERED[kind])
    write_tsv(whole, out)
