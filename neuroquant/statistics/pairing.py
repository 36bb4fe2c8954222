"""Scores of two models side by side."""

import numpy as np
import pandas as pd


def pairs(own: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Scores of the sessions that two models have in common: those of `own`, with `value_other` beside `value`.

    Both have one score per session. Thousands of small tables are paired, for which `DataFrame.merge` is slow.
    """
    others = dict(zip(_sessions(other), other["value"], strict=True))
    sessions = _sessions(own)
    common = own[[session in others for session in sessions]].reset_index(drop=True)
    return common.assign(value_other=np.array([others[each] for each in sessions if each in others], float))


def _sessions(scores: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(scores["subject"], scores["session"], strict=True))
