"""What each model's training saw and took, side by side: unequal budgets are part of a comparison."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.statistics.runtime import gpu_of
from neuroquant.tables import BUDGETS

ALIKE = 1.1
"""Voxels seen that differ by no larger factor count as equal."""


def budgets(experiment: Experiment, table: str, provenance: dict[str, Path]) -> pd.DataFrame:
    """A row per model of a table that is trained here; no times, so equal runs give equal bytes.

    `phases` are the modes of its phases in order, `voxels_seen` those of all images of all steps, and `share` the same
    as a multiple of the full model's, the first of figure4.models; empty where a model folder doesn't say.

    Parameters
    ----------
    provenance : dict of str to Path
        Model -> provenance.json of its model folder.
    """
    wanted = experiment.table1 if table == "table1" else experiment.table2
    full = seen(provenance, experiment.figure4.models[0])
    rows = []
    for name in wanted.models:
        phases = experiment.model(name).training.phases
        if phases and name in provenance:
            own = seen(provenance, name)
            share = own / full if own is not None and full else None
            modes = ", ".join(phase.mode for phase in phases)
            rows.append([name, modes, sum(phase.steps for phase in phases), own, share])
    return pd.DataFrame(rows, columns=BUDGETS).astype({"voxels_seen": "Int64", "share": float})


def seen(provenance: dict[str, Path], name: str) -> int | None:
    """Voxels that a model's training saw; None where its model folder doesn't say."""
    return facts_of(provenance[name]).get("voxels_seen") if name in provenance else None


def facts_of(path: Path) -> dict[str, Any]:
    """A model folder's provenance.json."""
    return json.loads(path.read_text(encoding="utf-8"))


def hours(facts: dict[str, Any]) -> tuple[float | None, float | None]:
    """Processor-hours and GPU-hours of a training's steps, all its processes together; one of the two is None.

    Processor-hours are hours times the threads that computed; scoring and saving aren't counted.

    Parameters
    ----------
    facts : dict
        A model folder's provenance.json.
    """
    if not facts.get("steps"):
        return None, None
    spent = facts.get("seconds", 0.0) * facts.get("processes", 1) / 3600
    return (None, spent) if gpu_of(facts) else (spent * facts.get("threads", 1), None)


def unequal(table: pd.DataFrame) -> pd.DataFrame:
    """The models whose budgets differ from the full model's by more than a tenth.

    Parameters
    ----------
    table : DataFrame
        As `budgets` gives it.
    """
    known = table.dropna(subset="share")
    return known[(known.share > ALIKE) | (known.share < 1 / ALIKE)]
