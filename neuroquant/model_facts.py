"""What ties scans and tokens to one model: the hash of its weights, the size of the voxels that it was trained on."""

import json
import warnings
from pathlib import Path

from neuroquant.config.volume import FAR
from neuroquant.errors import InputError
from neuroquant.files import sha256
from neuroquant.model_config import PROVENANCE, WEIGHTS
from neuroquant.scans.headers import read_grid
from neuroquant.scans.unusable import Unusable

SHOWN = 12
"""Digits of a hash that a message shows."""


class UnknownWeights(UserWarning):
    """Tokens of a file that doesn't say which weights made them."""


def weights_hash(folder: Path | str) -> str:
    """SHA-256 of a model folder's weights."""
    return sha256(Path(folder) / WEIGHTS)


def trained_voxel_mm(folder: Path | str) -> float | None:
    """Side in mm of the voxels that a model was trained on; None where its folder doesn't say."""
    try:
        size = json.loads((Path(folder) / PROVENANCE).read_text(encoding="utf-8"))["voxel_mm"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return size if isinstance(size, float) and 0 < size < float("inf") else None


def require_voxel_size(scan: Path, trained: float | None, model: str, uneven_mm: float) -> None:
    """Refuse a scan that shows a brain far larger or smaller, in voxels, than a model has ever seen.

    Parameters
    ----------
    trained : side in mm of the voxels that the model was trained on; None: not known, and nothing is refused.
    model : its name.
    uneven_mm : side in mm of the cubes to which preprocessing resamples a scan whose voxels aren't cubes.

    Raises
    ------
    InputError
        Also where the scan's header speaks against it.
    """
    try:
        grid = read_grid(scan)
    except Unusable as error:
        raise InputError(
            str(scan), error.reason, "a scan as docs/cohorts.md describes it", "correct the file"
        ) from None
    side = uneven_mm if grid.uneven else grid.cube_mm
    if trained is not None and not 1 / FAR <= side / trained <= FAR:
        raise InputError(
            str(scan),
            f"voxels of {side:.3g} mm",
            f"voxels of {trained:.3g} mm, on which {model} was trained, to within {FAR - 1:.0%}",
            "resample the scan to that size, or take a model trained with volume.voxel_mm, which does so for you",
        )


def require_same_voxels(where: str, trained: float | None, here: float | None) -> None:
    """Refuse volumes whose voxels are far larger or smaller than those that a model trained elsewhere has seen.

    Parameters
    ----------
    where : names the model.
    trained, here : sides in mm; None: not known, and nothing is refused.

    Raises
    ------
    InputError
        If they differ by more than `FAR`.
    """
    if trained and here and not 1 / FAR <= here / trained <= FAR:
        raise InputError(
            where, f"trained on voxels of {trained:.3g} mm",
            f"voxels of {here:.3g} mm, as this experiment's volumes have, to within {FAR - 1:.0%}",
            f"set volume.voxel_mm: {trained:.3g} in the experiment, or weights.voxel_mm: {trained:.3g} in the model, "
            "for which volumes are then resampled, or leave the model out",
        )  # fmt: skip


def require_weights(where: str, made_with: str, own: str) -> None:
    """Refuse tokens that other weights made; warn of tokens that don't say which did.

    Parameters
    ----------
    where : whose tokens they are.
    made_with : SHA-256 of the weights that made them; empty where their file doesn't say.
    own : SHA-256 of the weights that are to decode them.

    Raises
    ------
    InputError
        If they differ.
    """
    if not made_with:
        warnings.warn(
            "a file of tokens doesn't say which weights made them, since it is older than that: it is decoded because "
            "the model has the same name, and the images are right only if the model wasn't trained again since",
            UnknownWeights,
            stacklevel=2,
        )
    elif made_with != own:
        raise InputError(
            where,
            f"made with weights whose SHA-256 begins with {made_with[:SHOWN]}",
            f"{own[:SHOWN]}, as the weights of the model that is to decode them",
            "decode them with the model folder that made them, or encode the scan again",
        )
