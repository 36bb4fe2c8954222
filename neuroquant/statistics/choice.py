"""Which sessions and images the report shows, chosen by what was scored."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.against_mean import ARCHITECTURE as MEAN_IMAGE
from neuroquant.statistics.metrics import metric, shown_in
from neuroquant.statistics.numbers import read_numbers
from neuroquant.tables import SESSION_KEY

WORST = 10
"""Images that the list of the worst has."""
KEY = [*SESSION_KEY, "modality"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A test session that the report shows.

    Attributes
    ----------
    subject, session : str
    number : int
        The subject's number among the test subjects of the cohort, from 1: it stands where no name may.
    rank : str
        "median", "lowest" or "highest" of the sessions' mean PSNR.
    psnr : float
        Mean over the session's images, dB.
    """

    subject: str
    session: str
    number: int
    rank: str
    psnr: float


def median_session(fidelity: Path, cohort: str, model: str) -> tuple[str, str] | None:
    """Subject and session whose mean PSNR under a model is the median of the cohort.

    Sessions with the most modalities go before the others.

    Parameters
    ----------
    fidelity : Path
        The gathered fidelity.tsv.

    Returns
    -------
    (subject, session), or None where no session was scored.
    """
    scores = _psnr(fidelity, cohort)
    sessions = scores[scores.model == model].groupby(["subject", "session"])["value"]
    means = sessions.mean()[sessions.count() == sessions.count().max()].sort_values(kind="stable")
    return tuple(means.index[len(means) // 2]) if len(means) else None


def sessions_to_view(fidelity: Path, cohort: str, model: str) -> list[Chosen]:
    """The sessions with the median, the lowest and the highest mean PSNR under a model, each once.

    Parameters
    ----------
    fidelity : Path
        The gathered fidelity.tsv.
    """
    scores = _psnr(fidelity, cohort)
    numbers = {name: number for number, name in enumerate(sorted(set(scores.subject)), start=1)}
    means = scores[scores.model == model].groupby(["subject", "session"])["value"].mean().sort_values(kind="stable")
    if not len(means):
        return []
    chosen: dict[int, Chosen] = {}
    for rank, position in {"median": len(means) // 2, "lowest": 0, "highest": len(means) - 1}.items():
        subject, session = means.index[position]
        one = Chosen(subject, session, numbers[subject], rank, float(means.iloc[position]))
        chosen.setdefault(position, one)
    return list(chosen.values())


def _psnr(fidelity: Path, cohort: str) -> pd.DataFrame:
    """PSNR of whole images of one cohort."""
    scores = read_numbers("fidelity", fidelity, "value").dropna(subset="value")
    return scores[(scores.cohort == cohort) & (scores.metric == "psnr") & (scores.region == "whole")]


def worst_images(scores: pd.DataFrame, model: str) -> pd.DataFrame:
    """The images whose reconstructions by a model, in the training of its first seed, have the worst PSNR, worst first.

    Parameters
    ----------
    scores : DataFrame
        As `groups.with_people` gives them.

    Returns
    -------
    Columns cohort, subject, session, modality, number, sex, age (years), and the metrics of the list of the worst.
    """
    own = scores[(scores.model == model) & (scores.training == model)]
    first, *others = (metric.name for metric in shown_in("worst"))
    ascending = [metric(first).higher_is_better, *([True] * len(KEY))]
    low = own[own.metric == first].sort_values(["value", *KEY], ascending=ascending).head(WORST)
    numbers = {
        (cohort, name): number
        for cohort, here in scores.groupby("cohort")
        for number, name in enumerate(sorted(set(here.subject)), start=1)
    }
    table = low.assign(number=[numbers[key] for key in zip(low.cohort, low.subject, strict=True)])
    table[first] = low["value"]
    for name in others:
        other = own[own.metric == name].set_index(KEY)["value"]
        table[name] = [other.get(tuple(key), float("nan")) for key in low[KEY].itertuples(index=False)]
    return table[[*KEY, "number", "sex", "age", first, *others]].reset_index(drop=True)


def leading_model(experiment: Experiment) -> str:
    """The model whose worst images are listed: the first NeuroQuant of Table 1, or else its first model."""
    models = experiment.table1.models
    return next((model for model in models if experiment.model(model).architecture == "neuroquant"), models[0])


def first_of_shard(sessions: list[tuple[str, str, str]], odd: set[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Sessions (cohort, subject, session) in the order in which a montage shows them: those that stand out first."""
    return sorted(sessions, key=lambda key: key not in odd)


def full_model(experiment: Experiment) -> str:
    """The model that the front page is about: the full one, the first of Figure 4, where Table 1 has it."""
    first = experiment.figure4.models[0] if experiment.figure4.models else ""
    return first if first in experiment.table1.models else leading_model(experiment)


def best_baseline(experiment: Experiment, cells: pd.DataFrame, cohort: str) -> str | None:
    """The model of another architecture than the full model's whose PSNR is highest, averaged over modalities.

    Models of the full model's group go before the others. The mean image and exact copies, whose PSNR is infinite, are
    no baselines.

    Parameters
    ----------
    cells : DataFrame
        The tidy Table 1.

    Returns
    -------
    str, or None where no other model has a PSNR on the cohort.
    """
    full = experiment.model(full_model(experiment))
    others = [
        entry
        for entry in map(experiment.model, experiment.table1.models)
        if entry.architecture not in (full.architecture, MEAN_IMAGE)
    ]
    scores = cells[(cells.cohort == cohort) & (cells.metric == "psnr")].groupby("model")["value"].mean()
    scores = scores[np.isfinite(scores)]
    ranked = sorted(
        (entry for entry in others if entry.name in scores.index),
        key=lambda entry: (entry.group != full.group, -scores[entry.name]),
    )
    return ranked[0].name if ranked else None


def ranked(cells: pd.DataFrame, modality: str, measure: str) -> list[tuple[str, float]]:
    """Models and their values of a metric on a modality, best first; exact copies are left out.

    Parameters
    ----------
    cells : DataFrame
        As `cells.cells` gives them, of one cohort.
    """
    here = cells[(cells.modality == modality) & (cells.metric == measure)]
    here = here[np.isfinite(here["value"].astype(float))]
    best_first = here.sort_values("value", ascending=not metric(measure).higher_is_better, kind="stable")
    return list(zip(best_first.model, best_first["value"], strict=True))
