"""Scores of two rows side by side."""

import pandas as pd


def pairs(mine: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Scores of the sessions that two rows have in common: those of `mine`, with `value_other` beside `value`."""
    keys = ["subject", "session"]
    return mine.merge(other[[*keys, "value"]], on=keys, suffixes=("", "_other"))
