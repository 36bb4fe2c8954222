"""A model that exists already, as it is or ready to be trained on, and where it comes from."""

from typing import Any

from neuroquant.config.existing import folder_of
from neuroquant.config.model import ModelEntry, ModelFolder
from neuroquant.config.plain import read_json
from neuroquant.errors import InputError
from neuroquant.model_config import CHAIN, PROVENANCE
from neuroquant.model_facts import SHOWN, require_same_voxels, trained_voxel_mm, weights_hash
from neuroquant.model_folder import load_model
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.modalities import with_modalities
from neuroquant.models.resampled import Resampled

HANDED_DOWN = (
    "neuroquant", "sessions", "steps", "voxels_seen", "voxel_mm", "training_data", "code", "published_weights", CHAIN,
)  # fmt: skip
"""Facts of a model that the provenance of the next one repeats."""


def begin_from(entry: ModelEntry, voxel_mm: float | None) -> tuple[Autoencoder, ModelEntry, dict[str, Any]]:
    """The model of an entry's folder, with the entry's modalities.

    Parameters
    ----------
    voxel_mm : side of the voxels of this experiment's training images; None: there are none, or it isn't known.

    Returns
    -------
    The model; the entry with the hash and the name of the weights in place of their folder, so that neither a path goes
    to others nor a folder that moves trains anything again; and what provenance.json says of where it began.

    Raises
    ------
    InputError
        If the folder's weights are damaged or others than those that are pinned, or its voxels are of another size.
    """
    weights, folder = entry.weights, folder_of(entry)
    assert isinstance(weights, ModelFolder)
    model, theirs, _ = load_model(folder)
    digest = weights_hash(folder)
    if weights.sha256 and weights.sha256 != digest:
        raise InputError(
            f"model {entry.name}: weights.sha256: {folder}", f"weights whose SHA-256 begins with {digest[:SHOWN]}",
            f"{weights.sha256[:SHOWN]}", "get the model again, or correct the hash",
        )  # fmt: skip
    trained = trained_voxel_mm(folder)
    where = f"model {entry.name}: weights.model_folder: {folder}"
    require_same_voxels(where, trained, weights.voxel_mm or voxel_mm)
    if isinstance(model, Resampled):
        raise InputError(where, "a model that was resampled for another experiment", "the folder of the model itself",
                         "name the folder that it began with")  # fmt: skip
    if entry.suffixes != theirs.suffixes:
        model = with_modalities(model, theirs.suffixes, entry.suffixes)
    if entry.training.phases:
        model.go_on(weights.codebook)
    facts = {"model": theirs.name, "modalities": list(theirs.suffixes), "weights_sha256": digest}
    facts |= {"fine_tuned": bool(entry.training.phases), "codebook": weights.codebook if entry.training.phases else ""}
    known = read_json(folder / PROVENANCE) if (folder / PROVENANCE).is_file() else {}
    facts |= {name: known[name] for name in HANDED_DOWN if name in known}
    began: dict[str, Any] = {CHAIN: facts}
    if weights.voxel_mm:
        facts["resampled_to_mm"] = weights.voxel_mm
    elif not entry.training.phases:
        began["voxel_mm"] = trained
    named = weights.model_copy(update={"model_folder": theirs.name, "sha256": digest})
    return model, entry.model_copy(update={"weights": named}), began
