"""NeuroQuant's loss (sections 3.3 and 3.4): reconstruction, L_VQ, L_cross between modalities, L_adv on the anatomy."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from neuroquant.config.model import Objective
from neuroquant.models.batch import Batch
from neuroquant.models.losses import reconstruction
from neuroquant.models.neuroquant.film import Film
from neuroquant.similarity import ssim3d

if TYPE_CHECKING:
    from neuroquant.models.neuroquant.model import NeuroQuant


def losses(model: "NeuroQuant", batch: Batch, weights: Objective) -> dict[str, Tensor]:
    """Named terms of the loss of a batch, each a weighted scalar; as `Autoencoder.losses`.

    L_cross is a mean over images that have a partner, every other term one over all images; each is scaled by the
    batch's share of those of its step.
    """
    terms = means(model, batch, weights)
    return {name: value * (batch.paired_share if name == "cross" else batch.share) for name, value in terms.items()}


def means(model: "NeuroQuant", batch: Batch, weights: Objective) -> dict[str, Tensor]:
    """L_rec + L_VQ + L_cross + L_adv on volumes (equations 7, 12, 14 and 15), by name and weighted.

    Slices are trained with the reconstruction loss alone (section 3.5). L_cross and L_adv need the modality stream.
    """
    encoded = model.encode_train(batch.x, batch.plane)
    film = model.film(encoded.z_mod, batch.modality)
    swaps = batch.plane is None and film is not None and bool(weights.cross)
    images = (batch.drawn if weights.cross_images == "half" else batch.paired) if swaps else batch.paired[:0]
    x_hat, swapped = decoded(model, encoded.z_q, film, batch, images)
    terms = reconstruction(x_hat, batch.x, weights, model.judges)
    if batch.plane is not None:
        return terms
    terms["vq"] = weights.regulariser * encoded.vq_loss
    if swaps:
        terms["cross"] = weights.cross * cross_modal(swapped, batch, images, weights)
    if film is not None and weights.adversary:
        terms["adversary"] = weights.adversary * adversarial(model, encoded.z_anat, batch.modality)
    return terms


def decoded(model: "NeuroQuant", z_q: Tensor, film: Film | None, batch: Batch, images: Tensor) -> tuple[Tensor, Tensor]:
    """Reconstructions of a batch, and some of its images from a partner's anatomy (equations 11 and 13).

    Both come of one pass of the decoder: on CPUs PyTorch takes a slow way through small convolutions of a single image.

    Parameters
    ----------
    z_q, film : (B, C, d, h, w), and gamma and beta (B, C) of every layer.
    images : (N,), rows that are decoded from the codes of their partner with their own appearance; may be empty.

    Returns
    -------
    (B, 1, D, H, W) and (N, 1, D, H, W)
    """
    if not len(images):
        x_hat = model.decode_with(z_q, film, batch.plane)
        return x_hat, x_hat[:0]
    both = [(torch.cat([gamma, gamma[images]]), torch.cat([beta, beta[images]])) for gamma, beta in film]
    made = model.decode_with(torch.cat([z_q, z_q[batch.partner[images]]]), both, batch.plane)
    return made[: len(z_q)], made[len(z_q) :]


def cross_modal(swapped: Tensor, batch: Batch, images: Tensor, weights: Objective) -> Tensor:
    """L_cross (equation 14): each image from a partner's anatomy and its own appearance (equation 13).

    The partner is one other image of the same session, so the cost doesn't grow with the number of modalities. Images
    of sessions with one modality take no part. Each image that has a partner may be drawn with probability 1/2; it
    then counts twice, so that the expectation is the same for half of the decoding.

    Parameters
    ----------
    swapped : (N, 1, D, H, W), `images` as `decoded` makes them.
    images : (N,), all that have a partner, or those that are drawn.
    """
    if not len(images):
        return swapped.sum()
    x = batch.x[images]
    loss = F.l1_loss(swapped.float(), x)
    if weights.cross_ssim:
        loss = loss + weights.cross_ssim * (1 - ssim3d(x, swapped, weights.ssim_window).mean())
    return loss * (2 * len(images) / len(batch.paired) if weights.cross_images == "half" else 1.0)


def adversarial(model: "NeuroQuant", z_anat: Tensor, modality: Tensor) -> Tensor:
    """L_adv (equation 15): D_m's cross-entropy for the modality (B,) from z_anat (B, C, d, h, w), over its views."""
    guesses = [
        F.cross_entropy(logits.float(), modality[:, None].expand(-1, logits.shape[2]))
        for logits in model.modality_logits(z_anat)
    ]
    return sum(guesses) / len(guesses)
