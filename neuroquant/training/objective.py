"""The losses of a step (sections 3.3 and 3.4): reconstruction, the model's own term, cross-modal, adversarial."""

import torch
import torch.nn.functional as F
from torch import Tensor

from neuroquant.config.model import Objective
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.similarity import ssim3d
from neuroquant.training.data import Batch


def losses(model: Autoencoder, batch: Batch, weights: Objective) -> dict[str, Tensor]:
    """Named terms of the loss, each a weighted scalar; their sum is what is minimised.

    Each is a mean, over images or (cross-modal) over those of pairs. A batch that is a piece of a step's sessions has
    its means scaled by its share of the step's images or pairs, so that the pieces' terms, and their gradients, add up
    to those of the whole.
    """
    terms = means(model, batch, weights)
    return {name: value * (batch.paired_share if name == "cross" else batch.share) for name, value in terms.items()}


def means(model: Autoencoder, batch: Batch, weights: Objective) -> dict[str, Tensor]:
    """The weighted terms of a batch by itself.

    Slices are trained with the reconstruction loss alone (section 3.5). Models with a modality stream get the
    cross-modal and the adversarial term on volumes, where these have a weight.
    """
    if batch.plane is not None and model.quantizer is not None:
        output = model(batch.x, batch.modality, plane=batch.plane)
        return reconstruction(output.reconstruction, batch.x, weights, model)
    if model.supports_swap:
        return disentangled(model, batch, weights)
    output = model(batch.x, batch.modality, plane=batch.plane)
    terms = reconstruction(output.reconstruction, batch.x, weights, model)
    for name, value in output.losses.items():
        terms[name] = weights.regulariser * value
    return terms


def reconstruction(x_hat: Tensor, x: Tensor, weights: Objective, model: Autoencoder) -> dict[str, Tensor]:
    """L_rec (equation 12): L1 and 1 - SSIM3D, in float32, and what its judges say. x_hat, x: (B, 1, D, H, W)."""
    terms = {"l1": weights.l1 * F.l1_loss(x_hat.float(), x)}
    if weights.ssim:
        terms["ssim"] = weights.ssim * (1 - ssim3d(x, x_hat, weights.ssim_window).mean())
    return terms if model.judges is None else terms | model.judges(x_hat, x, weights)


def disentangled(model: Autoencoder, batch: Batch, weights: Objective) -> dict[str, Tensor]:
    """L_rec + L_VQ + L_cross + L_adv on volumes (equations 7, 12, 14 and 15)."""
    encoded = model.encode_train(batch.x)
    film = model.film(encoded.z_mod, batch.modality)
    terms = reconstruction(model.decode_with(encoded.z_q, film), batch.x, weights, model)
    terms["vq"] = weights.regulariser * encoded.vq_loss
    if weights.cross:
        images = batch.drawn if weights.cross_images == "half" else batch.paired
        terms["cross"] = weights.cross * cross_modal(model, encoded.z_q, film, batch, images)
    if weights.adversary:
        guesses = [
            F.cross_entropy(logits.float(), batch.modality[:, None].expand(-1, logits.shape[2]))
            for logits in model.modality_logits(encoded.z_anat)
        ]
        terms["adversary"] = weights.adversary * sum(guesses) / len(guesses)
    return terms


def cross_modal(
    model: Autoencoder, z_q: Tensor, film: list[tuple[Tensor, Tensor]], batch: Batch, images: Tensor
) -> Tensor:
    """L_cross (equation 14): each image from the other modality's anatomy and its own appearance (equation 13).

    Only sessions with both modalities take part.

    Parameters
    ----------
    z_q, film : (B, C, d, h, w), and gamma and beta (B, C) of every layer.
    images : (P,), the rows that are made: all paired ones, or one drawn from each pair. The latter has the same
        expectation, since either image of a pair is drawn as often, for half the decoding.
    """
    if not len(images):
        return z_q.new_zeros(())
    own = [(gamma[images], beta[images]) for gamma, beta in film]
    swapped = model.decode_with(z_q[batch.partner[images]], own)
    return F.l1_loss(swapped.float(), batch.x[images])


def total(terms: dict[str, Tensor]) -> Tensor:
    """Their sum."""
    return torch.stack(list(terms.values())).sum()
