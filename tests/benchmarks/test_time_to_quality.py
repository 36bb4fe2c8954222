"""Models that train equally long on other brains than they are scored on are ranked, or get no rank."""

import pandas as pd
import pytest
import torch

from neuroquant import models
from tests.benchmarks.scripts import printed

import ranking  # isort: skip
import requested  # isort: skip
import time_to_quality  # isort: skip

pytestmark = pytest.mark.slow


def test_quality_is_scored_at_even_times_of_training(capsys, monkeypatch):
    monkeypatch.delenv("NEUROQUANT_TESTDATA", raising=False)
    lines = printed(
        capsys, monkeypatch, time_to_quality, "neuroquant_base", "--demo-size", "--shape", "32", "32", "32",
        "--subjects", "2", "--seconds", "1", "--steps", "6", "--points", "2", "--seeds", "2", "--device", "cpu",
    )  # fmt: skip
    end = lines.index([""])
    table = pd.DataFrame(lines[1:end], columns=lines[0])
    assert list(table.model[table.budget == "fit"]) == ["mean", "pca"]
    trained = table[table.budget != "fit"]
    assert set(trained.model) == {"neuroquant_base"} and set(trained.scored_on) == {"held_out"}
    for _, runs in trained.groupby("budget"):
        assert list(runs.seed) == 4 * ["0"] + 4 * ["1"] and list(runs.weights) == 4 * ["plain", "average"]
        assert runs.quantised.iloc[-1] == "1" and runs.psnr[runs.weights == "plain"].nunique() == 4
    assert list(trained.steps[trained.budget == "6 steps"]) == ["3", "3", "6", "6"] * 2
    assert trained.seconds[trained.budget == "1 s"].astype(float).iloc[-1] >= 1
    assert table.psnr.astype(float).between(0, 60).all() and table.ssim.astype(float).between(-1, 1).all()
    assert trained.usage.astype(float).between(0, 1).all()
    ranked = pd.DataFrame(lines[end + 2 :], columns=lines[end + 1])
    assert list(ranked.budget) == 2 * ["1 s"] + 2 * ["6 steps"] and set(ranked.model) == {"pca", "neuroquant_base"}


def scored(budget: str, model: str, psnr: float, seed: int = 0, **others: object) -> dict[str, object]:
    """A line of scores on held-out volumes by the last step's weights."""
    line = {"budget": budget, "model": model, "seed": seed, "weights": "plain", "scored_on": "held_out", "psnr": psnr}
    return line | {"ssim": 0.5} | others


FITTED = (scored("fit", "mean", 17.0), scored("fit", "pca", 17.6))


def test_models_that_are_not_above_the_mean_image_get_no_rank():
    lines = [*FITTED, scored("9 s", "level", 17.0), scored("9 s", "good", 20.0), scored("9 s", "bad", 11.0)]
    ranks = {line["model"]: line["rank"] for line in ranking.ranking(lines)}
    assert ranks == {"good": 1, "pca": 2, "level": ranking.BELOW, "bad": ranking.BELOW}


def test_a_rank_is_of_the_last_plain_scores_on_held_out_volumes_over_seeds():
    lines = [
        *FITTED,
        scored("9 s", "a", 30.0), scored("9 s", "a", 20.0), scored("9 s", "a", 21.0, seed=1),
        scored("9 s", "b", 20.1), scored("9 s", "b", 40.0, weights="average"),
        scored("9 s", "b", 40.0, scored_on="real"), scored("8 steps", "b", 18.0),
    ]  # fmt: skip
    found = ranking.ranking(lines)
    assert [(line["budget"], line["model"]) for line in found] == [
        ("9 s", "a"), ("9 s", "b"), ("9 s", "pca"), ("8 steps", "b"), ("8 steps", "pca"),
    ]  # fmt: skip
    assert found[0]["psnr"] == 20.5 and found[0]["spread"] == 1.0 and found[0]["seeds"] == 2
    assert found[0]["above_mean"] == pytest.approx(3.5)


def test_a_run_that_was_stopped_is_ranked_from_its_lines(capsys, monkeypatch, tmp_path):
    pd.DataFrame([*FITTED, scored("9 s", "a", 16.0)]).to_csv(tmp_path / "raw.tsv", sep="\t", index=False)
    lines = printed(capsys, monkeypatch, ranking, str(tmp_path / "raw.tsv"))
    assert [line[1:3] for line in lines[1:]] == [["1", "pca"], ["below the mean image", "a"]]


def test_the_average_holds_the_codebook_and_leaves_the_model_as_it_was(small_entry):
    torch.manual_seed(0)
    model = models.build(small_entry.architecture, small_entry.parameters)
    average = time_to_quality.Average(model, 0.99)
    codes = []
    for value in (1.0, 3.0):
        model.quantizer.embedding.fill_(value)
        average.update()
        codes.append(value)
    with average.applied():
        # the first update has no older value to be averaged with
        expected = (0.99 * codes[0] + codes[1]) / 1.99
        torch.testing.assert_close(model.quantizer.embedding, torch.full_like(model.quantizer.embedding, expected))
    assert (model.quantizer.embedding == 3).all()


@pytest.mark.parametrize(
    "change", ["optimizer=sgd", "lr", "lr=fast", "lr=-1e-3", "depth=3", "whole=2", "crop=9", "quantizer=vq", "rotation"]
)
def test_a_change_of_training_that_is_none_is_refused(change):
    with pytest.raises(SystemExit, match="is none of"):
        requested.requested(f"neuroquant+{change}", True, 3)


def test_a_model_is_requested_with_changes_and_its_own_number_of_seeds():
    name, entry, seeds = requested.requested("neuroquant+optimizer=adamw+lr=4e-3+cross_images=all:1", True, 3)
    assert name == "neuroquant+optimizer=adamw+lr=4e-3+cross_images=all" and seeds == 1
    assert (entry.training.optimizer, entry.objective.cross_images) == ("adamw", "all")
    assert entry.training.phases[0].lr == 4e-3 and entry.training.phases[0].lr_end == pytest.approx(2e-4)


@pytest.mark.parametrize(("change", "crop", "share"), [("crop=none", None, 1.0), ("whole=0.25", (32, 32, 32), 0.75)])
def test_a_schedule_has_pieces_whole_volumes_or_the_one_behind_the_other(change, crop, share):
    _, entry, _ = requested.requested(f"neuroquant+{change}", True, 3)
    assert entry.training.phases[0].crop == crop
    assert requested.whole_from(entry) == pytest.approx(share, abs=0.01)


def test_a_quantiser_is_a_change_like_others_and_keeps_the_bits():
    for text, quantizer in (
        ("quantizer=fsq", {"kind": "fsq"}),
        ("quantizer=simvq+rotation=on", {"kind": "simvq", "rotation": True}),
        ("rotation=on", {"rotation": True}),
    ):
        name, entry, seeds = requested.requested(f"neuroquant+{text}:2", True, 3)
        assert (name, seeds, entry.parameters["quantizer"]) == (f"neuroquant+{text}", 2, quantizer)
        plain = requested.requested("neuroquant", True, 3)[1]
        bits = [models.bits("neuroquant", each.parameters, (32, 32, 32)) for each in (entry, plain)]
        assert bits[0] == bits[1]


def test_the_share_in_use_is_the_mean_of_the_codebooks_and_that_of_their_combinations():
    words = torch.tensor([[0, 0], [0, 1], [3, 1], [0, 1]])
    assert time_to_quality.shares_used(words, 4) == {"usage": (2 / 4 + 2 / 4) / 2, "joint": 3 / 16}
    assert time_to_quality.shares_used(words[:, :1], 4) == {"usage": 0.5, "joint": 0.5}
