"""SD-VAE: the real architecture, run slice by slice."""

import pytest
import torch

from neuroquant import models

torch.set_num_threads(1)
SMALL = {"block_out_channels": (8, 8, 8, 8), "layers_per_block": 1, "norm_num_groups": 4}


def test_the_default_is_stable_diffusions_own_size():
    with torch.device("meta"):
        model = models.build("baselines.sd_vae", {})
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(83.65e6, rel=1e-3)
    assert model.bits((144, 192, 144)) == pytest.approx(7_963e3, rel=1e-2)


def test_latents_stack_slices_first_and_decode_to_the_volume():
    torch.manual_seed(0)
    model = models.build("baselines.sd_vae", SMALL).eval()
    x = torch.rand(2, 1, 16, 24, 5) * 2 - 1
    latents = model.encode(x, torch.tensor([0, 1]))
    assert latents.z.shape == (2, 4, 5, 2, 3)
    assert model.decode(latents, torch.tensor([0, 1])).shape == x.shape


def test_each_slice_is_on_its_own():
    torch.manual_seed(0)
    model = models.build("baselines.sd_vae", SMALL).eval()
    x = torch.rand(1, 1, 16, 16, 4) * 2 - 1
    y = x.clone()
    y[..., 2] = 0
    a, b = (model.encode(v, torch.tensor([0])).z for v in (x, y))
    torch.testing.assert_close(a[:, :, [0, 1, 3]], b[:, :, [0, 1, 3]])
    assert not torch.allclose(a[:, :, 2], b[:, :, 2])


def test_encoding_takes_the_mode_and_training_samples():
    torch.manual_seed(0)
    model = models.build("baselines.sd_vae", SMALL)
    x = torch.rand(1, 1, 16, 16, 1) * 2 - 1
    model.eval()
    torch.testing.assert_close(model.encode(x, torch.tensor([0])).z, model.encode(x, torch.tensor([0])).z)
    model.train()
    one, two = (model(x, torch.tensor([0]), plane=2).latents.z for _ in range(2))
    assert not torch.equal(one, two)
