"""The cards of all models of an experiment, once they are scored."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from neuroquant.config.experiment import Experiment
from neuroquant.files import write_text
from neuroquant.model_card.facts import TrainingCohort, facts_of, scores_of, training_data
from neuroquant.model_card.write import card_of
from neuroquant.statistics.computed import read_cells


@dataclass(frozen=True, slots=True)
class CardFiles:
    """What the cards of an experiment are made of, and where they go.

    Attributes
    ----------
    cells, against_mean : as `statistics.computed` writes them
    sessions, splits : cohort -> its table
    cards : model -> its card, in the model's folder
    """

    cells: Path
    against_mean: Path
    sessions: dict[str, Path]
    splits: dict[str, Path]
    cards: dict[str, Path]


def write_cards(experiment: Experiment, files: CardFiles) -> None:
    """Write the card of every model into its folder, beside the files that training wrote; these stay as they are."""
    cells, against_mean = read_cells(files.cells), pd.read_csv(files.against_mean)
    labels = {cohort.name: cohort.shown for cohort in experiment.cohorts}
    cohorts = [
        TrainingCohort(files.sessions[cohort.name], files.splits[cohort.name], cohort.stand_in)
        for cohort in experiment.cohorts
    ]
    for name, path in files.cards.items():
        model = experiment.model(name).replicate_of or name
        scores = scores_of(model, cells, against_mean, labels, experiment.statistics.confidence)
        scores = replace(scores, trainings=len(experiment.trainings(model)))
        facts = facts_of(path.parent, scores=scores)
        # also of models that exist already and were trained on here; not of those that were taken as they are
        trained = facts.entry.group != "authors_weights" and "sessions" in facts.provenance
        data = training_data(cohorts, facts.entry.suffixes) if trained else None
        shown = facts.entry.model_copy(update={"label": experiment.model(name).label})
        write_text(path, str(card_of(facts.of(shown, data))))
