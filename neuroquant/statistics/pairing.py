"""Scores of two models side by side."""

import pandas as pd


def pairs(own: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Scores of the sessions that two models have in common: those of `own`, with `value_other` beside `value`."""
    keys = ["subject", "session"]
    return own.merge(other[[*keys, "value"]], on=keys, suffixes=("", "_other"))
