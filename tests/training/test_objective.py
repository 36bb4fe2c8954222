"""The right losses on the right batches."""

import itertools

import pytest
import torch

from neuroquant import models
from neuroquant.config.model import Objective, Phase
from neuroquant.models.batch import Batch
from neuroquant.models.losses import total
from neuroquant.similarity import ssim3d
from neuroquant.training.data import Loader, Sessions
from tests.training.helpers import PARAMETERS, SD_VAE, awake, batches, write_volumes

CLOSE = {"rtol": 1e-3, "atol": 1e-8}
"""Of small losses and gradients, beside which PyTorch's own absolute tolerance is large."""


def neuroquant(**changes):
    torch.manual_seed(0)
    return models.build("neuroquant", {**PARAMETERS, **changes}).train()


def test_slices_train_by_reconstruction_alone(shards):
    model = neuroquant()
    volumes, slices = batches(shards[0], "3d")[0].to("cpu"), batches(shards[0], "2d")[0].to("cpu")
    assert set(model.losses(volumes, Objective())) == {"l1", "ssim", "vq", "cross", "adversary"}
    assert set(model.losses(slices, Objective())) == {"l1", "ssim"}


def test_a_model_with_a_kl_term_keeps_it_on_slices(shards):
    model = models.build("baselines.sd_vae", SD_VAE).train()
    batch = batches(shards[0], "2d", plane_axis=model.plane_axis)[0].to("cpu")
    assert set(model.losses(batch, Objective())) == {"l1", "ssim", "kl"}


def test_the_base_model_has_no_term_that_needs_two_streams(shards):
    batch = batches(shards[0], "3d")[0].to("cpu")
    assert set(neuroquant(film=False).losses(batch, Objective())) == {"l1", "ssim", "vq"}


def test_a_weight_of_zero_switches_a_term_off(shards):
    batch = batches(shards[0], "3d")[0].to("cpu")
    assert set(neuroquant().losses(batch, Objective(ssim=0, cross=0, adversary=0))) == {"l1", "vq"}


def test_the_sum_is_equation_12_with_its_weights(shards):
    model, batch = neuroquant(film=False).eval(), batches(shards[0], "3d")[0].to("cpu")
    weights = Objective(l1=2.0, ssim=0.25, regulariser=0.0)
    x_hat = model(batch.x, batch.modality).reconstruction
    expected = 2 * (x_hat - batch.x).abs().mean() + 0.25 * (1 - ssim3d(batch.x, x_hat, 11).mean())
    assert total(model.losses(batch, weights)).item() == pytest.approx(expected.item(), rel=1e-5)


def test_sessions_with_one_modality_train_without_a_cross_term(tmp_path):
    shard = write_volumes(tmp_path / "single.h5", subjects=2, only_t1=2)
    batch = batches(shard, "3d")[0].to("cpu")
    assert (batch.partner == -1).all()
    terms = neuroquant().losses(batch, Objective())
    assert terms["cross"] == 0 and terms["l1"].isfinite()


def test_in_a_mixed_batch_only_pairs_enter_the_cross_term(tmp_path):
    shard = write_volumes(tmp_path / "mixed.h5", subjects=3, only_t1=1)
    model, batch = awake(start_after=9).eval(), batches(shard, "3d")[0].to("cpu")
    terms = model.losses(batch, Objective(cross=1.0))
    single = int((batch.partner < 0).nonzero())
    batch.x[single] = 0.9
    assert model.losses(batch, Objective(cross=1.0))["cross"].item() == pytest.approx(terms["cross"].item(), abs=1e-6)
    assert model.losses(batch, Objective())["l1"] != terms["l1"]


def unlike():
    """Three sessions whose six images have nothing in common: what is one modality's can't pass for the other's."""
    coarse = 1.5 * torch.randn(6, 1, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    x = torch.nn.functional.interpolate(coarse, (32, 16, 16), mode="trilinear").clamp(-1, 1)
    partner = torch.tensor([1, 0, 3, 2, 5, 4])
    return Batch(x, torch.tensor([0, 1] * 3), partner, torch.arange(6), None, (2, 2, 2))


def at_work(x):
    """A model whose codebook began with the tokens of these volumes and learns nothing further."""
    model = awake()
    with torch.no_grad():
        model.encode_train(x)
    return model.eval()


def by_hand(model, batch, image, anatomy, appearance):
    """Error of an image made of the codes of one image and the FiLM of another, each encoded by itself."""
    codes, look = (model.encode_train(batch.x[row : row + 1]) for row in (anatomy, appearance))
    s_m = model.film_generator.embedding.weight[batch.modality[appearance]]
    u = torch.cat([look.z_mod.mean((2, 3, 4)), s_m[None]], dim=1)
    halves = [mlp(u).chunk(2, dim=1) for mlp in model.film_generator.mlps]
    made = model.decode_with(codes.z_q, [(1 + gamma, beta) for gamma, beta in halves])
    return (made - batch.x[image : image + 1]).abs().mean()


def pull(value, model):
    """The gradient into the modality's embedding and into the codes' last layer: what a mean error alone may hide."""
    weights = (model.film_generator.embedding.weight, model.head_anat.conv.weight)
    return torch.cat([part.flatten() for part in torch.autograd.grad(value, weights)])


def of_all(model, batch, partners_image, partners_codes, partners_film):
    """Mean over all images; each of the three is the image's own or its partner's."""
    swaps, values = (partners_image, partners_codes, partners_film), []
    for row, partner in enumerate(batch.partner.tolist()):
        values.append(by_hand(model, batch, *(partner if swap else row for swap in swaps)))
    return torch.stack(values).mean()


@pytest.mark.parametrize(("term", "swaps"), [("l1", (False, False, False)), ("cross", (False, True, False))])
def test_which_images_codes_film_and_voxels_meet(term, swaps):
    """L_rec: all an image's own (equation 12). L_cross: its partner's codes, its own FiLM and voxels (13 and 14)."""
    batch = unlike()
    model = at_work(batch.x)
    found, expected = model.losses(batch, Objective(cross=1.0))[term], of_all(model, batch, *swaps)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    right = pull(expected, model)
    assert (pull(found, model) - right).norm() < 1e-3 * right.norm()
    for wrong in itertools.product((False, True), repeat=3):
        if wrong not in (swaps, tuple(not swap for swap in swaps)):  # the sum over both images is the same
            other = pull(of_all(model, batch, *wrong), model)
            assert (other - right).norm() > 1e-2 * right.norm(), f"image, codes, FiLM of the partner: {wrong}"


def test_l_cross_can_hold_the_ssim_of_the_swapped_images():
    batch = unlike()
    model = at_work(batch.x)
    plain, more = (model.losses(batch, Objective(cross=1.0, cross_ssim=weight))["cross"] for weight in (0.0, 0.25))
    encoded = model.encode_train(batch.x)
    swapped = model.decode_with(encoded.z_q[batch.partner], model.film(encoded.z_mod, batch.modality))
    expected = 0.25 * (1 - ssim3d(batch.x, swapped, 11).mean())
    assert (more - plain).item() == pytest.approx(expected.item(), rel=1e-3) and expected > 0.01


def test_l_vq_is_the_quantisers_loss_with_its_weight_and_moves_the_encoder():
    batch = unlike()
    model = at_work(batch.x)
    encoded = model.encode_train(batch.x)
    codes = model.quantizer.embedding[encoded.indices[:, 0]].movedim(-1, 1)
    expected = 0.25 * (encoded.z_anat - codes).square().mean()
    assert expected > 1e-5
    vq = model.losses(batch, Objective(regulariser=3.0))["vq"]
    torch.testing.assert_close(vq, 3 * expected, **CLOSE)
    weight = model.head_anat.conv.weight
    found, by_equation = (torch.autograd.grad(value, weight, retain_graph=True)[0] for value in (vq, 3 * expected))
    torch.testing.assert_close(found, by_equation, **CLOSE)


def test_l_adv_reads_z_anat_before_its_codes_and_pushes_the_encoder_the_other_way():
    """Equation 15: the cross-entropy of D_m on z_anat; D_m goes down it, the encoder up."""
    batch = unlike()
    model = at_work(batch.x)
    found = model.losses(batch, Objective(adversary=0.5))["adversary"]
    z_anat = model.encode_train(batch.x).z_anat
    judge, encoder = model.modality_classifier, model.head_anat.conv.weight
    logits = judge.out(judge.local(z_anat).mean((2, 3, 4)))
    expected = 0.5 * torch.nn.functional.cross_entropy(logits, batch.modality)
    torch.testing.assert_close(found, expected, **CLOSE)
    (own, push), (own_expected, along) = (
        torch.autograd.grad(value, (judge.out.weight, encoder)) for value in (found, expected)
    )
    torch.testing.assert_close(own, own_expected, **CLOSE)
    torch.testing.assert_close(push, -along, **CLOSE)
    assert push.abs().max() > 1e-5


def test_half_of_the_images_give_the_cross_term_and_its_gradient_in_the_mean(shards):
    """Over the two images that can be drawn of each pair, the mean is what all images give."""
    model, batch = awake(start_after=9), batches(shards[0], "3d", size=1)[0].to("cpu")

    def cross(images, drawn=None):
        if drawn is not None:
            batch.drawn = batch.paired[drawn]
        model.zero_grad()
        value = model.losses(batch, Objective(cross=1.0, cross_images=images))["cross"]
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
