"""Terms of the loss that every model may use: how far a reconstruction is from its image."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.config.model import Objective
from neuroquant.similarity import ssim3d


def reconstruction(x_hat: Tensor, x: Tensor, weights: Objective, judges: nn.Module | None) -> dict[str, Tensor]:
    """L_rec (equation 12): L1 and 1 - SSIM3D, in float32, and what the judges say; each a weighted scalar.

    Parameters
    ----------
    x_hat, x : (B, 1, D, H, W)
    judges : networks that look at reconstructions while a model trains; None where there are none.
    """
    terms = {"l1": weights.l1 * F.l1_loss(x_hat.float(), x)}
    if weights.ssim:
        terms["ssim"] = weights.ssim * (1 - ssim3d(x, x_hat, weights.ssim_window).mean())
    return terms if judges is None else terms | judges(x_hat, x, weights)


def total(terms: dict[str, Tensor]) -> Tensor:
    """Their sum, which is what is minimised."""
    return torch.stack(list(terms.values())).sum()
