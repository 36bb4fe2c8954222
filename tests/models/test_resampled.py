"""A model of other voxels: volumes are resampled for it, and its images come back on the grid of the volumes."""

import pytest
import torch

from neuroquant import models
from neuroquant.models.autoencoder import Swaps
from neuroquant.models.resampled import resampled, resize
from tests.training.helpers import PARAMETERS

SHAPE = (20, 24, 18)


def smooth(shape):
    """A blob in the middle of a volume, background around it."""
    axes = [torch.linspace(-1, 1, side) for side in shape]
    radius = sum(axis**2 for axis in torch.meshgrid(*axes, indexing="ij")).sqrt()
    return (1 - 2 * radius).clamp(-1, 1)[None, None]


class Still(torch.nn.Module):
    """Gives back what it is given, and remembers its shape."""

    modalities, latents_class, factor, probe_latent, codebook_size = ("T1w",), None, 1, "", 0

    def encode(self, x, modality):
        self.seen = x
        return x

    def decode(self, latents, modality):
        return latents


@pytest.mark.parametrize("ratio", [2.5, 1.4, 0.8])
def test_a_volume_comes_back_where_it_was(ratio):
    inner, x, kind = Still(), smooth(SHAPE), torch.tensor([0])
    model = resampled(inner, SHAPE, ratio, 16)
    back = model.decode(model.encode(x, kind), kind)
    assert inner.seen.shape[2:] == model.padded and all(side % 16 == 0 for side in model.padded)
    assert model.own == tuple(round(side * ratio) for side in SHAPE)
    assert inner.seen[..., 0, 0, 0] == -1, "what is added is background"
    assert back.shape == x.shape and (back - x).abs().mean() < (0.02 if ratio > 1 else 0.06)
    off = [(back.flip(axis) - back).abs().mean() for axis in (2, 3, 4)]
    assert max(off) < 0.01, "nothing is shifted to one side"


def test_a_finer_grid_is_averaged_back_not_picked_from():
    x = torch.tensor([-1.0, 1.0]).repeat(8)[:, None, None].expand(16, 16, 16)[None, None]
    assert resize(x, (8, 8, 8)).abs().max() < 1e-6


def test_a_model_behind_it_is_the_model_with_all_that_it_can():
    torch.manual_seed(0)
    inner = models.build("neuroquant", {**PARAMETERS, "start_after": 0}).eval()
    model = resampled(inner, SHAPE, 1.5, inner.factor).eval()
    x, kind = smooth(SHAPE).expand(2, *(-1,) * 4), torch.tensor([0, 1])
    with torch.inference_mode():
        latents = model.encode(x, kind)
        assert model.decode(latents, kind).shape == x.shape
        assert model.translate(latents, model.appearance(latents), kind).shape == x.shape
    assert isinstance(model, Swaps) and model.bits(SHAPE) == inner.bits((32, 48, 32))
    assert latents.arrays()["indices"].shape[2:] == (2, 3, 2)
    still = resampled(models.build("neuroquant", {**PARAMETERS, "film": False}), SHAPE, 1.5, 16)
    assert not isinstance(still, Swaps)


def test_bytes_of_a_codec_behind_it_are_counted():
    model = resampled(models.build("baselines.jpeg2000", {"kbit": 4}), SHAPE, 1.5, 1)
    latents = model.encode(smooth(SHAPE), torch.tensor([0]))
    assert 0 < model.coded_bits(latents).item() == model.inner.coded_bits(latents).item() <= 4000
