"""What follows from a cohort's role: who of it trains, and whether an experiment has anything to train on."""

from neuroquant import models
from neuroquant.config.experiment import Experiment
from neuroquant.config.model import ModelEntry
from neuroquant.errors import InputError


def with_roles(experiment: Experiment, where: str) -> Experiment:
    """The experiment, its external cohorts without published values: the paper's models had trained on theirs.

    Parameters
    ----------
    where : names the experiment's file in errors.

    Raises
    ------
    InputError
        If `split.counts` divides an external cohort, or no cohort is there for what must be trained.
    """
    counted = [name for name in experiment.split.counts if name not in experiment.training_cohorts]
    if any(cohort.name in counted for cohort in experiment.cohorts):
        raise InputError(
            f"{where}: split.counts.{counted[0]}", "counts of a cohort with `role: external`",
            "cohorts that are divided: all subjects of an external one are test subjects", f"remove {counted[0]}",
        )  # fmt: skip
    if not experiment.training_cohorts:
        require_no_training(experiment, where)
    cohorts = tuple(
        cohort.model_copy(update={"stands_for": ""}) if cohort.external else cohort for cohort in experiment.cohorts
    )
    return experiment.model_copy(update={"cohorts": cohorts})


def require_no_training(experiment: Experiment, where: str) -> None:
    """Refuse an experiment on external cohorts alone that must train something.

    Raises
    ------
    InputError
        With the first model that is trained or fitted, or the stand-in segmenter.
    """
    needy = [f"model {entry.name}" for entry in experiment.models if needs_training(entry, experiment)]
    if experiment.segmentation.engine == "standin":
        needy.append("segmentation.engine: standin")
    if needy:
        raise InputError(
            f"{where}: cohorts", f"external ones alone, and {needy[0]}, which needs training subjects",
            "a cohort with `role: all`, or nothing that is trained or fitted",
            "add a cohort to train on, or keep models that exist already (docs/external-cohorts.md)",
        )  # fmt: skip


def needs_training(entry: ModelEntry, experiment: Experiment) -> bool:
    """Whether a model is trained, or fitted to training volumes."""
    shape, kinds = experiment.volume.shape, len(entry.suffixes)
    fitted = not entry.weights and models.fit_bytes(entry.architecture, entry.parameters, shape, kinds) is not None
    return bool(entry.training.phases) or fitted
