"""The right losses on the right batches."""

import pytest
import torch
from helpers import PARAMETERS, SD_VAE, batches, write_volumes

from neuroquant import models
from neuroquant.config.model import Objective, Phase
from neuroquant.similarity import ssim3d
from neuroquant.training.data import Loader, Sessions
from neuroquant.training.objective import losses, total


def neuroquant(**changes):
    torch.manual_seed(0)
    return models.build("neuroquant", {**PARAMETERS, **changes}).train()


def test_slices_train_by_reconstruction_alone(shards):
    model = neuroquant()
    volumes, slices = batches(shards[0], "3d")[0].to("cpu"), batches(shards[0], "2d")[0].to("cpu")
    assert set(losses(model, volumes, Objective())) == {"l1", "ssim", "vq", "cross", "adversary"}
    assert set(losses(model, slices, Objective())) == {"l1", "ssim"}


def test_a_model_with_a_kl_term_keeps_it_on_slices(shards):
    model = models.build("baselines.sd_vae", SD_VAE).train()
    batch = batches(shards[0], "2d", plane_axis=model.plane_axis)[0].to("cpu")
    assert set(losses(model, batch, Objective())) == {"l1", "ssim", "kl"}


def test_the_base_model_has_no_term_that_needs_two_streams(shards):
    batch = batches(shards[0], "3d")[0].to("cpu")
    assert set(losses(neuroquant(film=False), batch, Objective())) == {"l1", "ssim", "vq"}


def test_a_weight_of_zero_switches_a_term_off(shards):
    batch = batches(shards[0], "3d")[0].to("cpu")
    assert set(losses(neuroquant(), batch, Objective(ssim=0, cross=0, adversary=0))) == {"l1", "vq"}


def test_the_sum_is_equation_12_with_its_weights(shards):
    model, batch = neuroquant(film=False).eval(), batches(shards[0], "3d")[0].to("cpu")
    weights = Objective(l1=2.0, ssim=0.25, regulariser=0.0)
    x_hat = model(batch.x, batch.modality).reconstruction
    expected = 2 * (x_hat - batch.x).abs().mean() + 0.25 * (1 - ssim3d(batch.x, x_hat, 11).mean())
    assert total(losses(model, batch, weights)).item() == pytest.approx(expected.item(), rel=1e-5)


def test_sessions_with_one_modality_train_without_a_cross_term(tmp_path):
    shard = write_volumes(tmp_path / "single.h5", subjects=2, only_t1=2)
    batch = batches(shard, "3d")[0].to("cpu")
    assert (batch.partner == -1).all()
    terms = losses(neuroquant(), batch, Objective())
    assert terms["cross"] == 0 and terms["l1"].isfinite()


def test_in_a_mixed_batch_only_pairs_enter_the_cross_term(tmp_path):
    shard = write_volumes(tmp_path / "mixed.h5", subjects=3, only_t1=1)
    model, batch = neuroquant(start_after=9).eval(), batches(shard, "3d")[0].to("cpu")
    terms = losses(model, batch, Objective(cross=1.0))
    single = int((batch.partner < 0).nonzero())
    batch.x[single] = 0.9
    assert losses(model, batch, Objective(cross=1.0))["cross"].item() == pytest.approx(terms["cross"].item(), abs=1e-6)
    assert losses(model, batch, Objective())["l1"] != terms["l1"]


def test_the_cross_term_compares_with_the_other_modality(shards):
    model = neuroquant(start_after=9)
    batch = batches(shards[0], "3d")[0].to("cpu")
    encoded = model.encode_train(batch.x)
    swapped = model.decode_with(encoded.z_q[batch.partner], model.film(encoded.z_mod, batch.modality))
    terms = losses(model, batch, Objective(cross=1.0))
    torch.testing.assert_close(terms["cross"], (swapped - batch.x).abs().mean())


def test_half_of_the_images_give_the_cross_term_and_its_gradient_in_the_mean(shards):
    """Over the two images that can be drawn of each pair, the mean is what all images give."""
    model, batch = neuroquant(start_after=9), batches(shards[0], "3d", size=1)[0].to("cpu")

    def cross(images, drawn=None):
        if drawn is not None:
            batch.drawn = batch.paired[drawn]
        model.zero_grad()
        value = losses(model, batch, Objective(cross=1.0, cross_images=images))["cross"]
        value.backward()
        return value.item(), model.encoder.blocks[0].down.weight.grad.clone()

    whole, halves = cross("all"), [cross("half", [row]) for row in (0, 1)]
    assert halves[0][0] != pytest.approx(halves[1][0], rel=1e-3)
    assert sum(value for value, _ in halves) / 2 == pytest.approx(whole[0], rel=1e-5)
    torch.testing.assert_close((halves[0][1] + halves[1][1]) / 2, whole[1], rtol=1e-3, atol=1e-6)


def test_either_image_of_a_pair_is_drawn_as_often_and_only_paired_ones(tmp_path):
    shard = write_volumes(tmp_path / "mixed.h5", subjects=4, only_t1=1)
    with Loader(Sessions([shard]), Phase(steps=200, batch=4), 0, 0, None) as loader:
        drawn = [loader._draw(step) for step in range(200)]
    assert all(len(batch.drawn) == 3 and set(batch.drawn.tolist()) <= set(batch.paired.tolist()) for batch in drawn)
    second = [(batch.modality[batch.drawn] == 1).float().mean().item() for batch in drawn]
    assert sum(second) / 200 == pytest.approx(0.5, abs=0.06)
    whole = torch.cat([piece.x[piece.drawn] for piece in drawn[0].split(2)])
    assert torch.equal(whole, drawn[0].x[drawn[0].drawn]), "pieces of a step draw what the whole step does"


def test_the_adversary_pulls_the_encoder_away_from_what_its_classifier_learns(shards):
    model, batch = neuroquant(), batches(shards[0], "3d")[0].to("cpu")
    encoded = model.encode_train(batch.x)
    encoded.z_anat.retain_grad()
    cross_entropy = torch.nn.functional.cross_entropy
    cross_entropy(model.modality_logits(encoded.z_anat)[0][..., 0], batch.modality).backward()
    away = encoded.z_anat.detach() - 1e-2 * encoded.z_anat.grad / encoded.z_anat.grad.norm()
    with torch.no_grad():  # a step down the reversed gradient raises the classifier's loss
        before = cross_entropy(model.modality_logits(encoded.z_anat)[0][..., 0], batch.modality)
        assert cross_entropy(model.modality_logits(away)[0][..., 0], batch.modality) > before
