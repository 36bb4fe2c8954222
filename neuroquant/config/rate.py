"""Models that may spend no more bits than the full model, or as many."""

from neuroquant import models
from neuroquant.config.experiment import Experiment
from neuroquant.errors import InputError
from neuroquant.models.rates import LEAST, MATCH, MOST


def with_rates(experiment: Experiment, where: str) -> Experiment:
    """The experiment, its reference models with the rate of the full model, the first of figure4.models.

    Points of a curve keep what they state.

    Parameters
    ----------
    where : names the experiment's file in errors.

    Raises
    ------
    InputError
        If a codec's rate is to be that of the full model, and this has none.
    """
    full, shape = experiment.model(experiment.figure4.models[0]), experiment.volume.shape
    limit = models.bits(full.architecture, full.parameters, shape)
    entries = []
    for entry in experiment.models:
        if limit is not None and not entry.curve_of:
            parameters = models.within(entry.architecture, entry.parameters, limit)
            entry = entry.model_copy(update={"parameters": parameters})
        if entry.parameters.get("kbit") == MATCH:
            stated = "which states no bits" if limit is None else f"which takes {limit / 1000:,.4g} kbit"
            raise InputError(
                f"{where}: model {entry.name}: parameters.kbit",
                f"{MATCH}, with {full.name} first in figure4.models, {stated}",
                f"a full model of {LEAST:g} to {MOST:,.0f} kbit per volume, or a number of kbit",
                "state a number, or put another model first in figure4.models",
            )  # fmt: skip
        entries.append(entry)
    return experiment.model_copy(update={"models": tuple(entries)})
