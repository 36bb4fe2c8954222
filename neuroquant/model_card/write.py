"""Write a model card: the hub's metadata block, and the text below it."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from neuroquant.config.model import ModelEntry, Weights
from neuroquant.errors import InputError
from neuroquant.files import write_text
from neuroquant.model_card.facts import Facts, Score, Scores, facts_of
from neuroquant.model_card.text import PAPER, text_of

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard

CARD = "README.md"
UNKNOWN = "unknown"
"""The hub's word for a licence that nobody has stated."""
LICENCES = ("apache-2.0", "mit", "bsd-3-clause", "bsd-2-clause", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-sa-4.0", "cc0-1.0")
"""Some of the hub's names of licences, to which authors' own words are compared."""
TASK = "image-feature-extraction"
"""The hub's task that an autoencoder is closest to."""


def write_card(folder: Path, licence: str = "") -> Path:
    """Give a model folder a card, unless it has one; returns the card.

    Parameters
    ----------
    licence : of the weights, as the hub calls it; by default what the card says, or the authors' own.

    Raises
    ------
    InputError
        If the folder's configuration or its card can't be read.
    """
    path = folder / CARD
    if not path.is_file():
        write_text(path, str(card_of(facts_of(folder), licence)))
    elif licence:
        card = read_card(path)
        card.data.license = licence
        write_text(path, str(card))
    return path


def read_card(path: Path) -> "ModelCard":
    """A card, its metadata checked as far as that goes without the hub.

    Raises
    ------
    InputError
        If it has no metadata, or some that the hub wouldn't take.
    """
    from huggingface_hub import ModelCard

    try:
        card = ModelCard(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            str(path), f"no model card ({error})", "a README.md with the hub's metadata", "correct it"
        ) from None
    if not card.data.to_dict():
        raise InputError(
            str(path), "no metadata", "a block between two lines of ---", "move the file away to get a new one"
        )
    return card


def card_of(facts: Facts, licence: str = "") -> "ModelCard":
    """The card of a model."""
    from huggingface_hub import ModelCard, ModelCardData

    entry = facts.entry
    data = ModelCardData(
        license=licence or licence_of(entry),
        library_name="neuroquant",
        pipeline_tag=TASK,
        tags=[
            "mri",
            "brain",
            "3d",
            "autoencoder",
            "medical",
            f"arxiv:{PAPER}",
            *(name.lower() for name in entry.suffixes),
        ],
        model_name=entry.shown,
        eval_results=results_of(facts.scores) or None,
        modalities=list(entry.suffixes),
        architecture=entry.architecture,
    )
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text_of(facts)}")


def licence_of(entry: ModelEntry) -> str:
    """The licence of authors' weights in the hub's words; `unknown` of weights that were trained here."""
    stated = entry.weights.licence.casefold() if isinstance(entry.weights, Weights) else ""
    return stated if stated in LICENCES else UNKNOWN


def results_of(scores: Scores) -> list["EvalResult"]:
    """The scores in the form of the hub's index of results; none where they are means over several trainings."""
    return [result(score) for score in scores.scores if math.isfinite(score.value) and scores.trainings == 1]


def result(score: Score) -> "EvalResult":
    """A score in the form of the hub's index of results."""
    from huggingface_hub import EvalResult

    interval = {"ci_low": score.low, "ci_high": score.high}
    known = {name: round(value, 4) for name, value in interval.items() if math.isfinite(value)}
    return EvalResult(
        task_type=TASK,
        dataset_type=score.cohort,
        dataset_name=f"{score.label}, {score.modality}",
        dataset_config=score.modality,
        dataset_split="test",
        metric_type=score.metric.name,
        metric_name=score.metric.titled,
        metric_value=round(score.value, 4),
        metric_args={**known, "subjects": score.subjects},
    )
