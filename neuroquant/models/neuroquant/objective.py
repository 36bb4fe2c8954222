"""NeuroQuant's loss (sections 3.3 and 3.4): reconstruction, L_VQ, L_cross between modalities, L_adv on the anatomy."""

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor

from neuroquant.config.model import Objective
from neuroquant.models.batch import Batch
from neuroquant.models.losses import reconstruction
from neuroquant.models.neuroquant.film import Film

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
    x_hat = model.decode_with(encoded.z_q, film, batch.plane)
    terms = reconstruction(x_hat, batch.x, weights, model.judges)
    if batch.plane is not None:
        return terms
    terms["vq"] = weights.regulariser * encoded.vq_loss
    if film is not None and weights.cross:
        terms["cross"] = weights.cross * cross_modal(model, encoded.z_q, film, batch, weights.cross_images == "half")
    if film is not None and weights.adversary:
        terms["adversary"] = weights.adversary * adversarial(model, encoded.z_anat, batch.modality)
    return terms


def cross_modal(model: "NeuroQuant", z_q: Tensor, film: Film, batch: Batch, half: bool) -> Tensor:
    """L_cross (equation 14): each image from a partner's anatomy and its own appearance (equation 13).

    The partner is one other image of the same session, so the cost doesn't grow with the number of modalities. Images
    of sessions with one modality take no part.

    Parameters
    ----------
    z_q, film : (B, C, d, h, w), and gamma and beta (B, C) of every layer.
    half : decode only the drawn images. Each image that has a partner is drawn with probability 1/2 and then counts
        twice, so the expectation is the same for half of the decoding.
    """
    images = batch.drawn if half else batch.paired
    if not len(images):
        return z_q.new_zeros(())
    own = [(gamma[images], beta[images]) for gamma, beta in film]
    swapped = model.decode_with(z_q[batch.partner[images]], own)
    weight = 2 * len(images) / len(batch.paired) if half else 1.0
    return weight * F.l1_loss(swapped.float(), batch.x[images])


def adversarial(model: "NeuroQuant", z_anat: Tensor, modality: Tensor) -> Tensor:
    """L_adv (equation 15): D_m's cross-entropy for the modality (B,) from z_anat (B, C, d, h, w), over its views."""
    guesses = [
        F.cross_entropy(logits.float(), modality[:, None].expand(-1, logits.shape[2]))
        for logits in model.modality_logits(z_anat)
    ]
    return sum(guesses) / len(guesses)
