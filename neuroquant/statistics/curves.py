"""Training curves of all models: logs, cut at their phases and thinned to what a panel can show."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.files import read_tsv

CODEBOOK = ("usage", "perplexity")
"""Columns that are 0 only as long as there is no codebook, in logs that don't leave them empty then."""
PIECES = 150
"""Pieces of a long curve of which the lowest and the highest value are kept: more can't be told apart in a panel."""


def read_logs(paths: dict[str, Path], adversary: dict[str, float]) -> dict[str, pd.DataFrame]:
    """Logs of training with their terms as numbers; nan where a step has none.

    The adversary's term is divided by its weight, so that it is a cross-entropy (nats). Use and perplexity of a
    codebook that hasn't started are nan.

    Parameters
    ----------
    paths : dict of str to Path
        Label of a model -> training.tsv.
    adversary : dict of str to float
        Label -> weight of the adversary.
    """
    logs = {}
    for label, path in paths.items():
        table = read_tsv(path)
        for name in set(table) - {"mode"}:
            table[name] = pd.to_numeric(table[name].replace("", None)).astype(float)
        if "adversary" in table:
            table["adversary"] = table.adversary / (adversary.get(label) or np.nan)
        for name in set(CODEBOOK) & set(table):
            table[name] = table[name].where(table[name] > 0)
        logs[label] = table
    return logs


def chance(classes: int) -> float:
    """Cross-entropy (nats) of a classifier that knows nothing of its classes."""
    return float(np.log(classes))


def curves(table: pd.DataFrame, column: str) -> list[pd.Series]:
    """Values of a term by step, cut wherever a whole phase without any lies between them; each piece thinned.

    Parameters
    ----------
    table : DataFrame
        As `read_logs` gives it.

    Returns
    -------
    Series with steps as their index; none where the log lacks the term, or it is 0 throughout.
    """
    if column not in table:
        return []
    values = table[column][np.isfinite(table[column])]
    if not len(values) or (values == 0).all():
        return []
    pieces = [values]
    if "phase" in table:
        order = {name: number for number, name in enumerate(dict.fromkeys(table["phase"]))}
        number = table["phase"][values.index].map(order)
        pieces = [part for _, part in values.groupby((number.diff() > 1).cumsum())]
    return [thinned(part).rename(index=table.step) for part in pieces]


def thinned(values: pd.Series) -> pd.Series:
    """The lowest and the highest of each of `PIECES` pieces of a curve, in order; a short curve as it is."""
    if len(values) <= 2 * PIECES:
        return values
    parts = values.groupby(np.arange(len(values)) * PIECES // len(values))
    return values[sorted({*parts.idxmin(), *parts.idxmax()})]


def phases(table: pd.DataFrame) -> pd.DataFrame:
    """A row per phase, with its mode and the last step before it; none where the log doesn't name phases."""
    if not {"phase", "mode"} <= set(table) or not len(table):
        return pd.DataFrame(columns=["mode", "begin"])
    bounds = table.groupby("phase").agg(mode=("mode", "first"), end=("step", "max"))
    return bounds.assign(begin=bounds.end.shift(fill_value=0))[["mode", "begin"]]


def later_phases(tables: Iterable[pd.DataFrame]) -> list[tuple[float, str]]:
    """Step and mode of every begin of a phase in some logs but the first, each once and in order."""
    return sorted(
        {(float(phase.begin), phase.mode) for table in tables for phase in phases(table).iloc[1:].itertuples()}
    )


def last(logs: dict[str, pd.DataFrame], names: dict[str, str]) -> pd.DataFrame:
    """The last value of some terms of every log that has steps: columns model, step and those of `names`.

    Parameters
    ----------
    logs : dict of str to DataFrame
        Label of a model -> its log, as `read_logs` gives it.
    names : dict of str to str
        Column of the logs -> what the table calls it; nan where a log lacks it.
    """
    rows = []
    for label, table in logs.items():
        if len(table):
            known = {name: table[column].dropna() for column, name in names.items() if column in table}
            ends = {name: values.iloc[-1] for name, values in known.items() if len(values)}
            rows.append({"model": label, "step": int(table.step.iloc[-1])} | ends)
    return pd.DataFrame(rows, columns=["model", "step", *names.values()])
