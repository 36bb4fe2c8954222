"""Tokens are checked before a model decodes them, and what it makes of them before it is written."""

from collections.abc import Callable

import nibabel as nib
import numpy as np
import torch
from torch import Tensor

from neuroquant import models
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.model_facts import require_weights
from neuroquant.tokenizer.tokens import Tokens
from neuroquant.volumes.restore import restore


def check_tokens(tokens: Tokens, entry: ModelEntry, volume: Volume, weights: str) -> None:
    """Refuse tokens that a model didn't make.

    Parameters
    ----------
    weights : SHA-256 of those of the model.

    Raises
    ------
    InputError
        If another model or other weights made them, they aren't of its kind or don't say where they lie, or a value
        isn't a number.
    """
    where = f"tokens of {tokens.record.subject}"
    if tokens.model != entry.name:
        raise InputError(
            where,
            f"made by {tokens.model}",
            f"made by {entry.name}, the model that is to decode them",
            "load the model that made them",
        )
    require_weights(where, tokens.weights, weights)
    if tokens.record.geometry is None:
        raise InputError(where, "no geometry", "where the volume lies in its scan", "encode again")
    found = {name: array.shape for name, array in tokens.latents.items()}
    wanted = models.latent_shapes(entry.architecture, entry.parameters, volume.shape)
    if wanted is not None and found != wanted:
        raise InputError(where, f"latents {found}", f"{wanted}, as {entry.name} makes them", "encode again")
    if tokens.mask is not None and tokens.mask.shape != volume.shape:
        raise InputError(where, f"a mask of {tokens.mask.shape}", str(volume.shape), "encode again")
    if bad := not_finite(tokens.latents):
        raise InputError(where, f"NaN or infinite values in {bad}", "finite numbers", "encode the scan again")


def not_finite(latents: dict[str, np.ndarray]) -> str:
    """The first latent with a value that isn't a number; empty where there is none."""
    return next((name for name, array in latents.items() if not np.isfinite(array).all()), "")


def decoded(tokens: Tokens, entry: ModelEntry, decode: Callable[[], Tensor]) -> Tensor:
    """The volume that a model makes of tokens, (1, 1, D, H, W).

    Raises
    ------
    InputError
        If the network can't take them, or a voxel isn't a number.
    """
    where = f"tokens of {tokens.record.subject}"
    try:
        volume = decode()
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError, ValueError, LookupError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(where, f"not decodable ({said})", f"tokens of {entry.name}", "encode again") from None
    if not torch.isfinite(volume).all():
        raise InputError(
            where, "a decoded image with NaN or infinite voxels", "finite numbers",
            "the tokens are damaged, or too large for this model: encode the scan again",
        )  # fmt: skip
    return volume


def on_its_grid(volume: Tensor, tokens: Tokens, shape: tuple[int, int, int]) -> nib.Nifti1Image:
    """A decoded volume back on the grid and in the intensities of its scan."""
    return restore(volume_of(volume, shape), tokens.record.geometry, tokens.mask)


def volume_of(image: Tensor, shape: tuple[int, int, int]) -> np.ndarray:
    """The volume (D, H, W) in [-1, 1] of a decoded image (1, 1, ...), whose grid may reach beyond it."""
    depth, height, width = shape
    return image[0, 0, :depth, :height, :width].clamp(-1, 1).float().cpu().numpy()
