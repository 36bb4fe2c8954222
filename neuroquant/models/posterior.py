"""The Gaussian posterior of a variational autoencoder."""

import torch
from torch import Tensor


def drawn(moments: Tensor, sample: bool) -> tuple[Tensor, Tensor]:
    """The latent, and the KL divergence from the standard normal, a mean over its elements (scalar).

    Parameters
    ----------
    moments : (B, 2C, ...), mean and log variance
    sample : draw from the posterior; its mode otherwise.
    """
    mean, log_variance = moments.chunk(2, dim=1)
    log_variance = log_variance.clamp(-30, 20)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    return (mean + torch.randn_like(mean) * (0.5 * log_variance).exp() if sample else mean), kl
