"""What tables and figures show where an experiment doesn't say it: it follows from its models and cohorts."""

from neuroquant.config.experiment import Experiment
from neuroquant.config.model import ModelEntry


def with_shown(experiment: Experiment) -> Experiment:
    """The experiment with the models and cohorts of `table1`, `table2` and `figure4`.

    Where no model is an ablation of another, `table2.models` stays empty. Ablations of a second model are compared like
    any other: Table 2 has one full model. Points of a model's curve are in no table.
    """
    models = tuple(entry for entry in experiment.shown_models if not entry.curve_of)
    full, ablations = full_model(models), ablations_among(models)
    own = [entry.name for entry in ablations if entry.ablation_of == full.name]
    compared = [entry.name for entry in models if entry.name not in own]
    cohorts = [cohort.name for cohort in experiment.cohorts]
    first = (*experiment.training_cohorts, *cohorts)[0]
    table1, table2, figure4 = experiment.table1, experiment.table2, experiment.figure4
    return experiment.model_copy(
        update={
            "table1": table1.model_copy(
                update={"models": table1.models or tuple(compared), "cohorts": table1.cohorts or tuple(cohorts)}
            ),
            "table2": table2.model_copy(
                update={
                    "models": table2.models or ((*own, full.name) if own else ()),
                    "cohorts": table2.cohorts or (first,),
                }
            ),
            "figure4": figure4.model_copy(
                update={
                    "models": figure4.models or (full.name, *reversed(own)),
                    "cohort": figure4.cohort or first,
                }
            ),
        }
    )


def ablations_among(models: tuple[ModelEntry, ...]) -> list[ModelEntry]:
    """Models of which the full one is there too."""
    names = {entry.name for entry in models}
    return [entry for entry in models if entry.ablation_of in names - {entry.name}]


def full_model(models: tuple[ModelEntry, ...]) -> ModelEntry:
    """The model that the others are compared with.

    The first that has ablations; without any, the first trained one that isn't a baseline, the first trained one, the
    first.
    """
    with_ablations = {entry.ablation_of for entry in ablations_among(models)}
    trained = [entry for entry in models if entry.group == "trained_here"]
    preferred = [
        *(entry for entry in models if entry.name in with_ablations),
        *(entry for entry in trained if not entry.architecture.startswith("baselines.")),
        *trained,
    ]
    return (preferred or list(models))[0]
