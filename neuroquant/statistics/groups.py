"""Scores of groups of subjects: by site, scanner, sex and age."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import read_tsv
from neuroquant.statistics.trainings import interval_of
from neuroquant.tables import CELL_KEY, SESSION_KEY, SUBJECT_GROUPS

WAYS = ("sex", "age", "site", "scanner")
PERSON = [*SESSION_KEY, *WAYS]


def with_people(scores: pd.DataFrame, sessions: dict[str, Path]) -> pd.DataFrame:
    """Scores with sex, age (nan where unknown), site and scanner (empty where unknown) of the session.

    Parameters
    ----------
    scores : DataFrame
        As `scores.load_scores` gives them.
    sessions : dict of str to Path
        Cohort -> sessions.tsv.
    """
    people = [read_tsv(path).assign(cohort=name) for name, path in sessions.items()]
    known = pd.concat(people).reindex(columns=PERSON).fillna("") if people else pd.DataFrame(columns=PERSON)
    both = scores.merge(known, on=SESSION_KEY)
    return both.assign(age=pd.to_numeric(both["age"].replace("", None)))


def groups(experiment: Experiment, scores: pd.DataFrame) -> pd.DataFrame:
    """Mean of every metric with its interval in every group; a way of grouping by which all are alike is left out.

    Parameters
    ----------
    scores : DataFrame
        As `with_people` gives them.
    """
    rows = []
    scores = scores[np.isfinite(scores["value"])]
    for cohort, here in scores.groupby("cohort", sort=False):
        for way, group, part in parted(here):
            for (model, modality, metric), cell in part.groupby(["model", "modality", "metric"], sort=False):
                interval = interval_of(cell, experiment.statistics)
                facts = [cohort, model, modality, metric, way, group, cell.subject.nunique()]
                rows.append([*facts, interval.value, interval.low, interval.high, cell.engine.iloc[0]])
    table = pd.DataFrame(rows, columns=SUBJECT_GROUPS)
    return table.sort_values(CELL_KEY, kind="stable", ignore_index=True)


def parted(here: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Way, group and its scores; of one cohort. Groups of age are those up to and above the subjects' median."""
    for way in WAYS:
        if way == "age":
            middle = here.drop_duplicates(["subject", "session"]).age.median()
            below, above = here[here.age <= middle], here[here.age > middle]
            named = {f"up to {middle:.1f}": below, f"above {middle:.1f}": above} if len(above) else {}
        else:
            named = {str(name): here[here[way] == name] for name in sorted(set(here[way]) - {""})}
        if len(named) > 1:
            yield from ((way, name, part) for name, part in named.items())


def missing(scores: pd.DataFrame) -> list[str]:
    """Ways of grouping in which the subjects of one cohort are all alike, or unknown."""
    known = {way for way, _, _ in parted(scores)}
    return [way for way in WAYS if way not in known]
