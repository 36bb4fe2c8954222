"""The mean image and PCA: linear algebra that numpy can check, from volumes that come a few at a time."""

import weakref

import numpy as np
import pytest
import torch

from neuroquant import models
from neuroquant.models import fitting
from neuroquant.models.latents import Latents
from neuroquant.models.principal import principal_components
from neuroquant.similarity import psnr, ssim3d

torch.set_num_threads(1)
SHAPE = (6, 8, 5)


def volumes(number, seed=0, decay=0.5):
    """(number, 1, D, H, W), float16 in [-1, 1]: a common head, and persons whose variance falls with `decay`."""
    generator = np.random.default_rng(seed)
    directions = np.linalg.qr(generator.standard_normal((np.prod(SHAPE), min(number, np.prod(SHAPE)))))[0].T
    weights = generator.standard_normal((number, len(directions))) * np.arange(1, len(directions) + 1) ** -decay
    x = np.linspace(-0.7, 0.3, np.prod(SHAPE)) + 0.8 * weights @ directions
    return torch.from_numpy(x.clip(-1, 1)).half().view(number, 1, *SHAPE)


def passes_over(*parts, together=3):
    """All volumes of some modalities, `together` at a time; parts are (modality, volumes)."""
    x = torch.cat([images for _, images in parts])
    kinds = torch.cat([torch.full((len(images),), kind) for kind, images in parts])
    return lambda: zip(x.split(together), kinds.split(together), strict=True)


def fit(name, *parts, **parameters):
    model = models.build(f"baselines.{name}", parameters)
    return model, model.fit(passes_over(*parts))


def exact(x):
    """Mean, singular values and principal axes by numpy, in float64."""
    rows = x.double().flatten(1).numpy()
    _, values, axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    return rows.mean(0), values, axes


def test_with_fewer_volumes_than_components_they_are_numpys():
    t1w, t2w = volumes(12), volumes(7, seed=1)
    shape, found = principal_components(passes_over((0, t1w), (1, t2w)), 2, 64)
    assert shape == SHAPE
    for part, x in zip(found, (t1w, t2w), strict=True):
        mean, _, axes = exact(x)
        assert part.count == len(x) and part.vectors.shape == (len(x) - 1, np.prod(SHAPE))
        assert np.abs(part.mean.numpy() - mean).max() < 1e-6
        cosines = (part.vectors.double().numpy() * axes[:-1]).sum(1)
        assert np.abs(cosines).min() > 0.99999, "the same axes in the same order"


def test_of_many_volumes_they_explain_nearly_what_the_best_explain():
    x = volumes(150)
    _, (found, none) = principal_components(passes_over((0, x)), 2, 12)
    mean, values, axes = exact(x)
    vectors = found.vectors.double().numpy()
    assert np.abs(vectors @ vectors.T - np.eye(12)).max() < 1e-5
    explained = (((x.double().flatten(1).numpy() - mean) @ vectors.T) ** 2).sum()
    assert 0.995 * (values[:12] ** 2).sum() < explained <= (values[:12] ** 2).sum() * (1 + 1e-6)
    assert np.abs((vectors * axes[:12]).sum(1))[:3].min() > 0.999
    assert none.count == 0 and len(none.vectors) == 0


def test_no_chunk_is_kept_and_the_shards_are_read_as_often_as_is_planned():
    x, alive, begun = volumes(12), [], []

    def passes():
        begun.append(1)
        for part in x.split(3):
            part = part.clone()
            yield part, torch.zeros(len(part), dtype=torch.long)
            alive.append(weakref.ref(part))
            del part
            assert sum(each() is not None for each in alive) <= 1

    principal_components(passes, 2, 4)
    assert len(begun) == fitting.passes(4) == 5
    begun.clear()
    principal_components(passes, 2, 0)
    assert len(begun) == fitting.passes(0) == 1


def test_the_mean_is_that_of_each_modality_and_costs_no_bits():
    t1w, t2w = volumes(9), -volumes(5, seed=1)
    model, found = fit("mean", (0, t1w), (1, t2w))
    latents = model.encode(t2w[:2].float(), torch.tensor([1, 0]))
    assert latents.arrays() == {} and model.bits(SHAPE) == 0 and model.probe_latent == ""
    x_hat = model.decode(latents, torch.tensor([1, 0]))
    assert torch.allclose(x_hat[0, 0], t2w.float().mean((0, 1)), atol=1e-3)
    assert torch.allclose(x_hat[1, 0], t1w.float().mean((0, 1)), atol=1e-3)
    assert found.parameters == {"shape": list(SHAPE)} and not found.notes
    assert not list(model.parameters()) and model.mean.dtype == torch.float16


def test_as_many_components_as_the_volumes_have_reproduce_them_up_to_float16():
    t1w, t2w = volumes(10), volumes(10, seed=1)
    model, found = fit("pca", (0, t1w), (1, t2w), components=9)
    assert not found.notes and model.bits(SHAPE) == 9 * 16
    for kind, x in enumerate((t1w, t2w)):
        modality = torch.full((len(x),), kind)
        latents = model.encode(x.float(), modality)
        assert latents.z.shape == (10, 9, 1, 1, 1)
        assert torch.equal(latents.z, latents.z.half().float()), "a coefficient has the 16 bits that are counted"
        assert (model.decode(latents, modality) - x.float()).abs().max() < 4e-3
        other = model.decode(latents, 1 - modality)
        assert (other - x.float()).abs().mean() > 0.02, "the other modality has its own components"


def test_a_new_volume_is_nearer_with_components_than_without():
    x = volumes(60, decay=1.0)
    train, new, kind = x[:50], x[50:].float(), torch.zeros(10, dtype=torch.long)
    scores = []
    for name, parameters in (("mean", {}), ("pca", {"components": 2}), ("pca", {"components": 16})):
        model, _ = fit(name, (0, train), **parameters)
        x_hat = model.decode(model.encode(new, kind), kind)
        scores.append(float(psnr(new, x_hat).mean()))
        assert 0 < float(ssim3d(new, x_hat, window=5).mean()) < 1
    assert 15 < scores[0] < scores[1] - 1 and scores[1] < scores[2] < 60


def test_of_one_volume_pca_is_the_mean_and_says_so():
    x, kind = volumes(1), torch.zeros(1, dtype=torch.long)
    mean, _ = fit("mean", (0, x), (1, x))
    model, found = fit("pca", (0, x), (1, x), components=64)
    new = volumes(1, seed=3).float()
    assert torch.equal(model.decode(model.encode(new, kind), kind), mean.decode(Latents(), kind))
    assert found.notes[0].startswith("parameters.components: 64 are asked for, but 1 training volume of T1w has 0 ")
    assert found.parameters == {"shape": list(SHAPE), "components": 1}


def test_modalities_of_different_numbers_get_what_they_have():
    model, found = fit("pca", (0, volumes(6)), (1, volumes(3, seed=1)), components=8)
    assert found.parameters["components"] == 5 and len(found.notes) == 2
    assert "6 training volumes of T1w have 5 principal components" in found.notes[0]
    assert "3 training volumes of T2w have 2 principal components" in found.notes[1]
    assert model.vectors[1, :2].any() and not model.vectors[1, 2:].any()
    _, found = fit("mean", (0, volumes(6)))
    assert found.notes == ("there is no training volume of T2w, so its mean image is empty",)


def test_the_same_volumes_give_the_same_bytes():
    first, second = (fit("pca", (0, volumes(40)), (1, volumes(9)), components=6)[0].state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in ("mean", "vectors"))


def test_volumes_of_other_sides_are_refused_with_both():
    model = models.build("baselines.pca", {})
    with pytest.raises(ValueError, match="isn't fitted yet"):
        model.encode(volumes(1).float(), torch.tensor([0]))
    model.fit(passes_over((0, volumes(4))))
    with pytest.raises(ValueError, match="fitted to volumes of 6 x 8 x 5 voxels; these have 6 x 8 x 8"):
        model.encode(torch.zeros(1, 1, 6, 8, 8), torch.tensor([0]))
