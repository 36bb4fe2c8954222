"""The Gaussian posterior: its divergence in closed form, and draws of the spread that it states."""

import math

import pytest
import torch

from neuroquant.models.posterior import drawn


def moments(mean: float, variance: float, count: int = 1) -> torch.Tensor:
    values = torch.tensor([mean, math.log(variance)])
    return values[None, :, None].expand(1, 2, count)


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (2.0, 1.0), (0.0, 4.0), (-1.0, 0.25)])
def test_the_divergence_is_that_of_two_gaussians(mean, variance):
    latent, divergence = drawn(moments(mean, variance), sample=False)
    posterior, prior = torch.distributions.Normal(mean, variance**0.5), torch.distributions.Normal(0.0, 1.0)
    assert float(divergence) == pytest.approx(float(torch.distributions.kl_divergence(posterior, prior)), abs=1e-6)
    assert float(latent) == mean, "without sampling the latent is the mode"


def test_draws_have_the_mean_and_the_standard_deviation_of_the_posterior():
    torch.manual_seed(0)
    latent, _ = drawn(moments(1.0, 9.0, 100_000), sample=True)
    assert float(latent.mean()) == pytest.approx(1, abs=0.05) and float(latent.std()) == pytest.approx(3, rel=0.02)
