"""Scores of two models side by side."""

import numpy as np
import pandas as pd

from neuroquant.statistics.trainings import Source, averaged, seed_sources


def pairs(own: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Scores of the sessions that two models have in common: those of `own`, with `value_other` beside `value`.

    Of a model with several trainings the mean of these is compared. Thousands of small tables are paired, for which
    `DataFrame.merge` is slow.

    Examples
    --------
    >>> one = pd.DataFrame({"subject": ["s1", "s2"], "session": ["1", "1"], "value": [30.0, 28.0]})
    >>> other = pd.DataFrame({"subject": ["s2", "s3"], "session": ["1", "1"], "value": [27.0, 26.0]})
    >>> pairs(one, other).to_dict("records")
    [{'subject': 's2', 'session': '1', 'value': 28.0, 'value_other': 27.0}]
    """
    own, other = averaged(own), averaged(other)
    others = dict(zip(_sessions(other), other["value"], strict=True))
    sessions = _sessions(own)
    common = own[[session in others for session in sessions]].reset_index(drop=True)
    return common.assign(value_other=np.array([others[each] for each in sessions if each in others], float))


def _sessions(scores: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(scores["subject"], scores["session"], strict=True))


def seeds_of(own: pd.DataFrame, other: pd.DataFrame, both: pd.DataFrame) -> list[Source]:
    """What the seeds of two models add to the error of their difference, on the sessions of `pairs`."""
    common = set(_sessions(both))
    sides = [scores[[session in common for session in _sessions(scores)]] for scores in (own, other)]
    return seed_sources(*sides)
