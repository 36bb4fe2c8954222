"""Models of one, two or three modalities, and trained ones that are given further modalities."""

import pytest
import torch

from neuroquant import models
from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.model_folder import load_model, save_model
from neuroquant.models.modalities import with_modalities
from tests.models.small import SMALL, small, started

THREE = (*DEFAULT_MODALITIES, "FLAIR")


@pytest.mark.parametrize("names", [("PDw",), DEFAULT_MODALITIES, THREE])
def test_the_parts_of_a_model_that_count_modalities_follow_its_own(names):
    model = models.build("neuroquant", SMALL, names)
    assert model.modalities == names
    rows = {model.get_parameter(name).shape[0] for name in model.modality_rows()}
    assert rows == {len(names)}
    mean = models.build("baselines.mean", {"shape": (2, 2, 2)}, names)
    assert mean.mean.shape == (len(names), 2, 2, 2) and mean.modality_rows() == ["mean"]


def test_a_folder_keeps_the_modalities_that_its_model_was_trained_with(tmp_path):
    entry = ModelEntry(name="model", architecture="neuroquant", parameters=SMALL, modalities=THREE[::-1])
    save_model(tmp_path, models.build("neuroquant", SMALL, entry.suffixes), entry, Volume(shape=(16, 16, 16)), {})
    model, back, _ = load_model(tmp_path)
    assert model.modalities == back.modalities == THREE[::-1]
    assert ModelEntry(name="old", architecture="neuroquant").suffixes == DEFAULT_MODALITIES


@pytest.mark.parametrize("new", [THREE, ("FLAIR", *DEFAULT_MODALITIES)])
def test_a_model_with_a_further_modality_does_with_the_old_ones_what_it_did(new):
    x = torch.rand(2, 1, 16, 16, 16)
    model = started(small(), x)
    wider = with_modalities(model, DEFAULT_MODALITIES, new)
    assert wider.modalities == new and model.modalities == DEFAULT_MODALITIES
    before, after = torch.tensor([0, 1]), torch.tensor([new.index(name) for name in DEFAULT_MODALITIES])
    with torch.no_grad():
        latents = model.encode(x, before)
        assert torch.equal(wider.decode(wider.encode(x, after), after), model.decode(latents, before))
        one, other = (each.modality_logits(latents.z_anat)[0] for each in (model, wider))
    assert torch.equal(other[:, after], one), "the classifier's old outputs are as they were"
    embedding = model.film_generator.embedding.weight
    new_row = wider.film_generator.embedding.weight[new.index("FLAIR")]
    torch.testing.assert_close(new_row, embedding.mean(0))
    fresh = models.build("neuroquant", {**SMALL, "head_channels": 4}, new)
    fresh.load_state_dict(wider.state_dict())
    assert wider.film_generator.embedding.num_embeddings == 3 and wider.modality_classifier.out.out_features == 3


def test_the_wider_models_new_rows_learn():
    model = with_modalities(small().train(), DEFAULT_MODALITIES, THREE)
    model(torch.rand(1, 1, 16, 16, 16), torch.tensor([2])).reconstruction.sum().backward()
    gradient = model.film_generator.embedding.weight.grad
    assert gradient[2].abs().sum() > 0 and not gradient[:2].any()


def test_mean_images_of_old_modalities_stay():
    model = models.build("baselines.mean", {"shape": (2, 2, 2)})
    model.mean.copy_(torch.randn(2, 2, 2, 2))
    wider = with_modalities(model, DEFAULT_MODALITIES, THREE)
    assert torch.equal(wider.mean[:2], model.mean) and wider.mean.shape[0] == 3
    assert "mean" in dict(wider.named_buffers())


def test_a_modality_cannot_be_taken_away():
    with pytest.raises(InputError, match="add T2w"):
        with_modalities(small(), DEFAULT_MODALITIES, ("T1w", "FLAIR"))
