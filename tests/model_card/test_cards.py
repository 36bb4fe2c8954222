"""A model card has the hub's metadata, numbers with intervals, and no name of a person or a file."""

import pandas as pd
import pytest
import yaml

from neuroquant import models
from neuroquant.config.model import ModelEntry, Weights
from neuroquant.config.parts import part_of, read_part
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.files import write_tsv
from neuroquant.model_card.cards import CardFiles, write_cards
from neuroquant.model_card.facts import Data, Facts, Score, Scores, TrainingCohort, facts_of, training_data
from neuroquant.model_card.write import card_of, read_card, write_card
from neuroquant.model_folder import save_model
from neuroquant.statistics.cells import write_csv
from neuroquant.statistics.metrics import metric
from neuroquant.tables import AGAINST_MEAN, CELLS, sessions_columns
from tests.made_up import CONFIG, experiment  # noqa: F401
from tests.training.helpers import PARAMETERS

PROVENANCE = {"parameters": 57395, "factor": 16, "kbit_per_volume": 0.16, "steps": 500, "sessions": 3, "voxel_mm": 2.5}


@pytest.fixture
def folder(tmp_path):
    """The folder of a small model, as training leaves it."""
    entry = ModelEntry(name="neuroquant", architecture="neuroquant", parameters=PARAMETERS)
    model, volume = models.build("neuroquant", PARAMETERS), Volume(shape=(32, 32, 32))
    save_model(tmp_path / "neuroquant", model, entry, volume, PROVENANCE)
    return tmp_path / "neuroquant"


def test_a_folder_without_scores_gets_a_card_whose_metadata_the_hub_takes(folder):
    text = write_card(folder).read_text()
    metadata = yaml.safe_load(text.split("---\n")[1])
    assert metadata["license"] == "unknown" and metadata["library_name"] == "neuroquant"
    assert "arxiv:2604.05171" in metadata["tags"] and metadata["modalities"] == ["T1w", "T2w"]
    for title in ("How to use", "Architecture", "Training data", "Measured scores", "Limits", "Licence", "Citation"):
        assert f"\n## {title}\n" in text, title
    assert "| parameters | 57,395 |" in text and "| sessions | 3 |" in text and "| voxels | 2.5 mm |" in text
    assert read_card(folder / "README.md").data.to_dict()["pipeline_tag"] == "image-feature-extraction"


def test_a_card_that_is_there_stays_but_for_the_licence(folder):
    path = write_card(folder)
    path.write_text(path.read_text() + "\nOur words.\n")
    assert "Our words." in write_card(folder, "mit").read_text() and read_card(path).data.license == "mit"


@pytest.mark.parametrize("text", ["no metadata", "---\n[1, 2]\n---\nx", "---\nmodel-index: 3\n---\nx"])
def test_what_is_no_card_is_refused_in_a_sentence(folder, text):
    (folder / "README.md").write_text(text)
    with pytest.raises(InputError, match="README.md"):
        write_card(folder, "mit")


def test_authors_weights_have_their_licence(folder):
    weights = Weights(filename="x", licence="MIT")
    entry = ModelEntry(name="m", architecture="neuroquant", weights=weights)
    card = card_of(Facts(entry, Volume(), {}))
    assert card.data.license == "mit" and "The authors' weights that it began with: MIT." in card.text
    other = entry.model_copy(update={"weights": Weights(filename="x", licence="none stated in the repository")})
    assert card_of(Facts(other, Volume(), {})).data.license == "unknown"


def test_a_model_of_synthetic_brains_says_so_among_its_limits():
    entry = ModelEntry(name="m", architecture="neuroquant")
    text = card_of(Facts(entry, Volume(), {}, Data(1, 2, 3, {"T1w": 3}, True))).text
    assert "no person was scanned" in text and "only seen synthetic brains" in text
    assert "synthetic" not in card_of(Facts(entry, Volume(), {}, Data(1, 2, 3, {"T1w": 3}, False))).text


def test_a_cohort_that_is_only_tested_on_is_no_training_data(tmp_path):
    cohorts = []
    for name, split, synthetic in (("own", "train", True), ("external", "test", False)):
        table = pd.DataFrame("", index=range(1), columns=sessions_columns(("T1w",)))
        table["subject"], table["T1w"] = "a", "a.nii.gz"
        cohort = TrainingCohort(tmp_path / f"{name}.sessions.tsv", tmp_path / f"{name}.splits.tsv", synthetic)
        write_tsv(table, cohort.sessions)
        write_tsv(pd.DataFrame({"subject": ["a"], "split": [split]}), cohort.splits)
        cohorts.append(cohort)
    assert training_data(cohorts, ("T1w",)) == Data(1, 1, 1, {"T1w": 1}, True)
    assert not training_data(cohorts[1:], ("T1w",)).synthetic


def test_the_workflows_cards_have_scores_with_intervals_and_no_names(folder, tmp_path, experiment):  # noqa: F811
    scores = [
        ["synthetic_a", "neuroquant", "T1w", "psnr", 23.94, 23.1, 24.8, 5, "", 5, "x"],
        ["synthetic_a", "neuroquant", "T2w", "dice", 81.2, float("nan"), float("nan"), 1, "stand-in segmenter", 1, "x"],
        ["synthetic_b", "vqgan", "T1w", "psnr", 1.0, 1.0, 1.0, 5, "", 5, "x"],
    ]
    write_csv(pd.DataFrame(scores, columns=CELLS), tmp_path / "cells.csv")
    beside = [["synthetic_a", "T1w", "neuroquant", -0.5, -1.0, 0.0, 5, "below the mean image"]]
    write_csv(pd.DataFrame(beside, columns=AGAINST_MEAN), tmp_path / "mean.csv")
    people = pd.DataFrame({"subject": ["secret1", "secret2", "secret3"], "split": ["train", "train", "test"]})
    table = pd.DataFrame("", index=range(4), columns=sessions_columns(("T1w", "T2w")))
    table["subject"] = ["secret1", "secret1", "secret2", "secret3"]
    table["session"] = ["1", "2", "1", "1"]
    table["T1w"], table["T2w"] = "path/a.nii.gz", ["path/b.nii.gz", "", "path/c.nii.gz", "path/d.nii.gz"]
    for name in ("synthetic_a", "synthetic_b"):
        write_tsv(people, tmp_path / f"{name}.splits.tsv")
        write_tsv(table, tmp_path / f"{name}.sessions.tsv")
    names = ("synthetic_a", "synthetic_b")
    places = {kind: {name: tmp_path / f"{name}.{kind}.tsv" for name in names} for kind in ("sessions", "splits")}
    weights = (folder / "model.safetensors").stat().st_mtime_ns
    write_cards(
        read_part(part_of(experiment, "models", "cohorts", "statistics.confidence")),
        CardFiles(tmp_path / "cells.csv", tmp_path / "mean.csv", **places, cards={"neuroquant": folder / "README.md"}),
    )
    text = (folder / "README.md").read_text()
    assert "# NeuroQuant\n" in text and "| PSNR (dB) | 23.94 [23.10, 24.80] | 5 |" in text
    assert "| Dice (%) | 81.20 [no interval] | 1 | stand-in segmenter |" in text
    assert "| cohorts | 2 |" in text and "| subjects | 4 |" in text and "| sessions | 6 |" in text
    assert "| T1w images | 6 |" in text and "| T2w images | 4 |" in text
    assert "Synthetic A, T1w: PSNR below the mean image" in text and "learned nothing of use" in text
    assert "secret" not in text and "path/" not in text and str(tmp_path) not in text and "vqgan" not in text
    (first, second) = read_card(folder / "README.md").data.eval_results
    assert (first.metric_type, first.metric_value, first.metric_args["ci_low"]) == ("psnr", 23.94, 23.1)
    assert second.metric_args == {"subjects": 1}
    assert (folder / "model.safetensors").stat().st_mtime_ns == weights, "nothing that training wrote is touched"


def test_the_scores_of_several_trainings_are_no_result_of_one_of_them(folder):
    score = Score("a", "A", "T1w", metric("psnr"), 23.94, 23.1, 24.8, 5, "")
    once, twice = (card_of(facts_of(folder, scores=Scores((score,), trainings=count))) for count in (1, 2))
    assert len(once.data.eval_results) == 1 and "means over" not in str(once)
    assert twice.data.eval_results is None and "means over 2 trainings with a seed each" in str(twice)
