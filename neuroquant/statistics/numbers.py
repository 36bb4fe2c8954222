"""Reading gathered scores, whether or not there are any."""

import sys
from pathlib import Path

import pandas as pd

from neuroquant.errors import InputError
from neuroquant.files import read_tsv
from neuroquant.tables import GATHERED


def read_numbers(kind: str, path: Path, *numeric: str) -> pd.DataFrame:
    """The gathered table of a kind of numbers; where the file is missing or empty one without rows, and a word of it.

    Parameters
    ----------
    kind : str
        A key of `GATHERED`.
    numeric : str
        Columns that are numbers; every other cell is text. One that is missing is nan, with a word of it.

    Raises
    ------
    InputError
        If the table lacks a column that isn't a number.
    """
    if not path.exists() or not path.stat().st_size:
        print(f"{path}: missing or empty, so what is made of it stays empty", file=sys.stderr)
        return pd.DataFrame(columns=GATHERED[kind]).astype(dict.fromkeys(numeric, float))
    table = read_tsv(path)
    lacking = [name for name in GATHERED[kind] if name not in table]
    needed = [name for name in lacking if name not in numeric]
    if needed:
        expected = f"columns {', '.join(GATHERED[kind])}"
        anew = f"create it again: `snakemake {path} --force` with the options of the run"
        raise InputError(str(path), f"no column {', '.join(needed)}", expected, anew)
    for name in numeric:
        if name in lacking:
            print(f"{path}: no column {name}, so what is made of it stays empty", file=sys.stderr)
            table[name] = float("nan")
        table[name] = pd.to_numeric(table[name].replace("", None)).astype(float)
    return table
