"""The models beside NeuroQuant: each the real architecture, of its published size, and able to learn."""

import math

import numpy as np
import pytest
import torch

from neuroquant import models
from neuroquant.config.model import Objective
from neuroquant.models.batch import Batch
from neuroquant.models.codebook import kmeans, nearest, patches
from neuroquant.models.compvis import slabs
from neuroquant.models.compvis.network import CompVis, Sizes
from neuroquant.models.losses import total
from neuroquant.models.start import NARROW
from neuroquant.similarity import psnr

torch.set_num_threads(1)
PAPER = (144, 192, 144)
MAISI = {"network": "maisi", "channels": (64, 128, 256), "latent_channels": 4}
# architecture, parameters: how many parameters (millions), latent of a volume, kbit a volume; facts of their papers
PUBLISHED = {
    "vqgan": ("baselines.vqgan", {}, 64.72, (4, 144, 18, 24), 62_208 * math.log2(100_000) / 1000),
    "sd_vae": ("baselines.sd_vae", {}, 83.65, (4, 144, 18, 24), 7_962.6),
    "meditok": ("baselines.meditok", {}, 696.6, (64, 144, 9, 12), 1_493.0),
    "medvae": ("baselines.medvae", {}, 245.84, (1, 18, 24, 18), 248.8),
    "brlp": ("baselines.monai_kl", {}, 13.77, (3, 18, 24, 18), 746.5),
    "maisi": ("baselines.monai_kl", MAISI, 20.94, (4, 36, 48, 36), 7_962.6),
}
SMALL = {
    "vqgan": {"width": 8, "mults": (1, 1, 2, 2), "z_channels": 8, "groups": 4, "words": 64, "patch": 4, "blocks": 1},
    "sd_vae": {"block_out_channels": (8, 8, 16, 16), "layers_per_block": 1, "norm_num_groups": 4},
    "meditok": {"widths": (8, 16, 32), "depths": (1, 1), "blocks": 1, "heads": 2, "codebooks": 4, "words": 32,
                "latent_channels": 16, "align": 4, "side": 0},
    "medvae": {"width": 8, "mults": (1, 1, 2, 2), "groups": 4, "latent_channels": 4, "blocks": 1},
    "brlp": {"channels": (8, 8, 8, 16), "groups": 4, "blocks": 1, "latent_channels": 4},
    "maisi": {"network": "maisi", "channels": (8, 8, 16), "groups": 4, "blocks": 1, "latent_channels": 4},
}  # fmt: skip
BACKGROUND_ALONE = 12.5
"""PSNR in dB that an empty volume stays below against the head below."""
OVERFIT = 16.3
"""PSNR in dB, a mean over both modalities, that overfitting passes: 4 above an empty volume."""


def small(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return models.build(PUBLISHED[name][0], SMALL[name])


def head(sides=(16, 32, 16)) -> torch.Tensor:
    """A bright ellipsoid with a dark core, (2, 1, D, H, W): T1w and T2w of one person."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in sides), indexing="ij"))
    radius = np.sqrt((grid**2).sum(0))
    t1w = np.where(radius < 0.85, np.where(radius < 0.4, -0.3, 0.6), -1)
    return torch.from_numpy(np.stack([t1w, np.where(radius < 0.85, -t1w, -1)])).float()[:, None]


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_default_has_the_size_and_the_latent_that_its_authors_state(name):
    architecture, parameters, millions, latent, kbit = PUBLISHED[name]
    with torch.device("meta"):
        model = models.build(architecture, parameters)
        assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, rel=1e-3)
        assert model.bits(PAPER) / 1000 == pytest.approx(kbit, rel=1e-3)
        x, modality = torch.empty(1, 1, *PAPER), torch.zeros(1, dtype=torch.long)
        found = model.encode(x, modality)
        assert tuple(found.z.shape[1:]) == latent
        assert model.decode(found, modality).shape == x.shape


def test_medvae_has_its_authors_tensors_but_those_of_their_second_stage():
    """Their class counts 245,952,398; `channel_ds` and `channel_proj`, which it doesn't decode with, are 110,851."""
    with torch.device("meta"):
        model = models.build("baselines.medvae", {})
        second_stage = [
            torch.nn.Conv3d(1, 64, 1), torch.nn.Conv3d(64, 64, 3), torch.nn.Conv3d(64, 1, 1), torch.nn.Conv3d(1, 1, 1)
        ]  # fmt: skip
    left_out = sum(p.numel() for layer in second_stage for p in layer.parameters())
    assert left_out == 110_851
    assert sum(p.numel() for p in model.parameters()) == 245_952_398 - left_out
    assert len(model.state_dict()) == 248


@pytest.mark.parametrize("name", PUBLISHED)
def test_latents_decode_to_the_volume_and_encoding_is_deterministic(name):
    model, x, modality = small(name).eval(), head(), torch.tensor([0, 1])
    model.prepare(iter([x]))
    with torch.inference_mode():
        one, two = model.encode(x, modality), model.encode(x, modality)
        assert torch.equal(one.z, two.z) and model.decode(one, modality).shape == x.shape
        alone = model.encode(x[:1], modality[:1]).z
        torch.testing.assert_close(one.z[:1], alone, atol=1e-4, rtol=1e-4)
    assert model.bits((16, 32, 16)) > 0


@pytest.mark.parametrize("name", ["sd_vae", "medvae", "brlp", "maisi"])
def test_a_posterior_starts_narrow(name):
    """Noise as large as the latents would hide them until a training has learnt to make it small."""
    model = small(name).train()
    with torch.no_grad():
        draws = torch.stack([model(head(), torch.tensor([0, 1])).latents.z for _ in range(24)])
    assert draws.std(0).mean() == pytest.approx(math.exp(NARROW / 2), rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "steps", "lr"),
    [("vqgan", 140, 4e-3), ("sd_vae", 90, 4e-3), ("meditok", 220, 1e-3), ("medvae", 50, 4e-3), ("brlp", 60, 4e-3),
     ("maisi", 40, 4e-3)],
)  # fmt: skip
def test_a_model_overfits_one_volume(name, steps, lr):
    """Far above an empty volume: the network, its quantiser and the way back all carry the image."""
    model, x, modality = small(name).train(), head(), torch.tensor([0, 1])
    model.prepare(iter([x]))
    plane = model.plane_axis
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=lr)
    empty = psnr(x, torch.full_like(x, -1)).mean()
    assert empty < BACKGROUND_ALONE
    for step in range(steps):
        part = (
            x if plane is None else x[..., [step % 4 * 3 + 2, step % 4 * 3 + 3]].movedim(-1, 1).flatten(0, 1)[..., None]
        )
        who = modality if plane is None else modality.repeat_interleave(2)
        batch = Batch(part, who, torch.full((len(part),), -1), torch.zeros(0, dtype=torch.long), plane)
        loss = total(model.losses(batch, Objective(ssim=0.0, cross=0.0, adversary=0.0)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.inference_mode():
        found = model.decode(model.encode(x, modality), modality).clamp(-1, 1)
    assert psnr(x, found).mean() > OVERFIT > empty + 3.9, f"{psnr(x, found)} against {empty}"


def test_doing_nothing_is_exact_and_a_blur_is_not():
    x, modality = head(), torch.tensor([0, 1])
    for factor, exact in ((1, True), (4, False)):
        model = models.build("baselines.lowpass", {"factor": factor})
        found = model.decode(model.encode(x, modality), modality)
        assert found.shape == x.shape and torch.equal(found, x) == exact
        assert model.bits((16, 32, 16)) == 32 * 16 * 32 * 16 / factor**3
        assert not list(model.parameters())


@pytest.mark.parametrize("planes", [1, 4, 5, 100])
def test_slabs_give_what_whole_volumes_give(monkeypatch, planes):
    torch.manual_seed(0)
    network = CompVis(Sizes(3, 1, 8, (1, 2, 2), 2, True, 1, 4), 2).eval()
    x = torch.randn(2, 1, 20, 8, 12)
    with torch.inference_mode():
        moments = network.encoder(x)
        image = network.decoder(network.post_quant_conv(moments[:, :2]))
        monkeypatch.setattr(slabs, "LARGE", 1)
        monkeypatch.setattr(slabs, "PLANES", planes)
        torch.testing.assert_close(network.encoder(x), moments, atol=1e-4, rtol=1e-4)
        lean = network.decoder(network.post_quant_conv(moments[:, :2]))
    torch.testing.assert_close(lean, image, atol=1e-4, rtol=1e-4)
    with_gradients = network.decoder(network.post_quant_conv(moments[:, :2].clone()))
    torch.testing.assert_close(with_gradients, image)


@pytest.mark.parametrize("name", ["vqgan", "sd_vae", "meditok"])
def test_sides_that_the_factor_does_not_divide_are_padded_and_cut_back(name):
    """(D, H, W) = (19, 35, 3) axially: latents of 3 x 5 positions at f8, 2 x 3 at f16, and the volume's own shape."""
    model, x, modality = small(name).eval(), torch.full((1, 1, 19, 35, 3), -1.0), torch.tensor([0])
    model.prepare(iter([head()]))
    x[..., 4:12, 4:12, :] = 0.5
    grid = (-(-19 // model.factor), -(-35 // model.factor))
    even = torch.nn.functional.pad(x, (0, 0, 0, grid[1] * model.factor - 35, 0, grid[0] * model.factor - 19), value=-1)
    with torch.inference_mode():
        found = model.encode(x, modality)
        assert found.z.shape[2:] == (3, *grid)
        assert torch.equal(found.z, model.encode(even, modality).z), "padding is background, behind the volume"
        whole = model.decode(found, modality)
        assert torch.equal(model(x, modality).reconstruction, whole[:, :, :19, :35])
    assert model.bits((19, 35, 3)) == model.bits(tuple(even.shape[2:]))


def test_meditok_pads_to_squares_and_cuts_the_latent_back():
    model = models.build("baselines.meditok", {**SMALL["meditok"], "side": 48}).eval()
    assert model.margins(144 // 9, 192 // 6) == [0, 16, 16, 16]
    with torch.device("meta"):
        assert models.build("baselines.meditok", {"blocks": 1}).margins(144, 192) == [32, 32, 48, 64]
    slices = head((16, 32, 1))[..., 0].expand(-1, 3, -1, -1)
    found, _ = model.encode_slices(slices, False)
    assert found.shape == (2, 16, 1, 2) and model.decode_slices(found).shape == slices.shape


def test_a_frozen_codebook_is_made_of_training_patches_and_stays_as_it_is():
    model, x = small("vqgan"), head()
    model.prepare(iter([x]))
    before = model.codebook.clone()
    assert before.abs().sum() > 0 and len(before.unique(dim=0)) > 1
    assert "codebook" not in dict(model.named_parameters()) and "codebook" in model.state_dict()
    model(x, torch.tensor([0, 1])).losses["vq"].backward()
    assert model.projection.weight.grad.abs().sum() > 0 and torch.equal(model.codebook, before)


def test_kmeans_finds_clusters_and_the_nearest_code_is_the_nearest():
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    points = centres.repeat_interleave(50, 0) + 0.1 * torch.randn(150, 2, generator=generator)
    found = kmeans(points, 12, 10, torch.Generator().manual_seed(3))
    assert torch.cdist(centres, found).min(1).values.max() < 0.2
    assert torch.equal(nearest(points, found), torch.cdist(points, found).argmin(1))
    few = kmeans(points[:2], 5, 3, generator)
    assert few.shape == (5, 2) and len(few.unique(dim=0)) == 5
    cut = patches(iter([head((16, 16, 4)).movedim(4, 1).flatten(0, 1)]), 4, 1000, generator)
    assert cut.shape[1] == 16 and (cut > -1).any(1).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", ["vqgan", "sd_vae", "meditok"])
def test_slices_along_any_axis_can_be_taken(name, axis):
    architecture, shape = PUBLISHED[name][0], (16, 32, 48)
    parameters = models.parameters_class(architecture).model_validate({**SMALL[name], "axis": axis}).model_dump()
    model = models.build(architecture, parameters).eval()
    with torch.inference_mode():
        latents = model.encode(torch.zeros(1, 1, *shape), torch.zeros(1, dtype=torch.long))
        assert model.decode(latents, torch.zeros(1, dtype=torch.long)).shape == (1, 1, *shape)
    assert next(iter(latents.arrays().values())).shape[2] == shape[axis]
    assert model.bits(shape) == models.bits(architecture, parameters, shape)
