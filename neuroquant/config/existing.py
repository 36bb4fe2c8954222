"""A model that exists already: what an experiment needs to know of it stands in its folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroquant import models
from neuroquant.config.model import ModelEntry, ModelFolder
from neuroquant.config.named import merge
from neuroquant.config.plain import brief
from neuroquant.config.volume import FAR, Volume
from neuroquant.errors import InputError

if TYPE_CHECKING:
    from neuroquant.config.experiment import Experiment

OWN = ("name", "label", "full_label", "published_as", "ablation_of", "replicate_of", "curve", "curve_of", "weights")
"""What an entry doesn't take from the model that it begins with: by these the two are told apart."""
FIXED = ("architecture", "parameters")
"""What an entry can't change: the weights fit nothing else."""
DECIDES = ("percentiles", "n4")
"""Settings of volumes that decide how bright images are: other brightness is another kind of image."""
MOST = 4
"""By what factor voxels may be resampled for a model; beyond that hardly any detail is left."""


def is_existing(raw: dict[str, Any]) -> bool:
    """Whether an entry, as a file states it, names a model folder."""
    weights = raw.get("weights")
    return isinstance(weights, dict) and "model_folder" in weights


def of_folder(raw: dict[str, Any], modalities: Any, beside: Sequence[Path], where: str) -> dict[str, Any]:
    """An entry with what its model folder says where it says nothing itself; any other entry as it is.

    Nothing is trained unless the entry has phases. A model that is trained on takes the folder's modalities and, behind
    them, the experiment's others, or those that the entry names.

    Parameters
    ----------
    modalities : the experiment's, as its file states them.
    beside : folders from which a path counts where there is none from the working folder.
    where : the entry's origin, for errors.

    Raises
    ------
    InputError
        If there is no such folder, or the entry contradicts it.
    """
    if not is_existing(raw):
        return raw
    weights = raw["weights"]
    folder = find_folder(weights["model_folder"], str(weights.get("revision", "")), beside, where)
    theirs, _ = stated(folder)
    base = {key: value for key, value in theirs.model_dump(mode="json").items() if key not in OWN}
    base["parameters"] = models.parameters_class(theirs.architecture)(**theirs.parameters).model_dump(mode="json")
    base["training"] |= {"phases": []}
    if isinstance(raw.get("training"), dict) and raw["training"].get("seeds"):
        del base["training"]["seed"]  # the entry's seeds are meant in its place
    new = [one for one in modalities if one not in theirs.suffixes] if isinstance(modalities, list | tuple) else []
    base["modalities"] = [*theirs.suffixes, *(new if trains(raw) else [])]
    for key in FIXED:
        if key in raw and not agrees(raw[key], base[key]):
            raise InputError(
                f"{where}: {key}", brief(raw[key]), f"{brief(base[key])}, as the model in {folder} has it",
                f"remove `{key}`: it is the folder's",
            )  # fmt: skip
    entry = merge(base, {key: value for key, value in raw.items() if key not in FIXED})
    require_same_modalities(entry, theirs, where)
    source = weights["model_folder"] if is_on_hub(weights["model_folder"], beside) else str(folder)
    return entry | {"weights": weights | {"model_folder": source}}


def trains(entry: dict[str, Any]) -> bool:
    """Whether an entry has phases of training."""
    training = entry.get("training")
    return isinstance(training, dict) and bool(training.get("phases"))


def agrees(part: Any, whole: Any) -> bool:
    """Whether all that `part` says stands in `whole` too."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and agrees(value, whole[key]) for key, value in part.items())
    return part == whole


def find_folder(source: Any, revision: str, beside: Sequence[Path], where: str) -> Path:
    """The model folder that a path or an id of the hub means; nothing is fetched.

    Raises
    ------
    InputError
        If there is none on this machine.
    """
    key = f"{where}: weights.model_folder"
    if not isinstance(source, str) or not source:
        raise InputError(key, brief(source), "the path of a model folder, or owner/name on the hub", "write one")
    if "$" in (expanded := os.path.expandvars(source)):
        raise InputError(
            key, f"{brief(expanded)}, with a variable that isn't set", "a path", "set it, or write the path"
        )
    if is_on_hub(source, beside):
        return fetched(source, revision, key)
    for candidate in candidates(source, beside):
        if os.path.isfile(candidate / "config.json"):  # unlike Path.is_file it bears any name
            return candidate
    raise InputError(
        key, f"{brief(source)}: no model folder",
        "a folder with config.json and model.safetensors, as training writes it",
        "correct the path, e.g. results/demo/models/neuroquant",
    )  # fmt: skip


def candidates(source: str, beside: Sequence[Path]) -> list[Path]:
    """Where the folder of a path is looked for: from the working folder, then from those of the configuration."""
    path = os.path.expandvars(os.path.expanduser(source))
    return [Path(path), *(folder / path for folder in beside)]


def is_on_hub(source: str, beside: Sequence[Path] = ()) -> bool:
    """Whether it reads `owner/name`, and no folder has that name, nor one the owner's."""
    parts = Path(source).parts
    if len(parts) != 2 or parts[0] in (os.sep, ".", "..", "~") or "$" in source:
        return False
    return not any(os.path.lexists(path) or path.parent.is_dir() for path in candidates(source, beside))


def folder_of(entry: ModelEntry) -> Path:
    """The folder of the model that an entry of an experiment begins with."""
    weights = entry.weights
    assert isinstance(weights, ModelFolder)
    return find_folder(weights.model_folder, weights.revision, (), f"model {entry.name}")


def fetched(repo_id: str, revision: str, key: str) -> Path:
    """A model of the hub in the hub's own cache on this machine."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    at = ["--revision", revision] if revision else []
    try:
        return Path(snapshot_download(repo_id, revision=revision or None, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        command = " ".join(["hf", "download", repo_id, *at])
        raise InputError(
            key, f"{repo_id}: neither a folder nor a model in the hub's cache here", "a model that is on this machine",
            f"run `{command}` once where there is network, or correct the path",
        ) from None  # fmt: skip


def stated(folder: Path) -> tuple[ModelEntry, Volume]:
    """The model and the volumes of a model folder."""
    from neuroquant.model_config import CONFIG, read_config

    return read_config(folder / CONFIG)


def require_same_modalities(entry: dict[str, Any], theirs: ModelEntry, where: str) -> None:
    """Refuse modalities that the weights don't have, or have lost.

    Raises
    ------
    InputError
        If one of the model's is missing, or one is added and nothing is trained.
    """
    if not isinstance(entry["modalities"], list | tuple):
        return  # the entry is refused for that
    wanted, known = list(entry["modalities"]), list(theirs.suffixes)
    missing, added = [one for one in known if one not in wanted], [one for one in wanted if one not in known]
    if missing or (added and not trains(entry)):
        remedy = f"add {missing[0]}" if missing else f"remove {added[0]}, or give training.phases to learn it"
        raise InputError(
            f"{where}: modalities", ", ".join(wanted), f"{', '.join(known)}, as the model has them", remedy
        )


def require_same_volumes(experiment: "Experiment", where: str) -> None:
    """Refuse volumes that a model which exists already has never seen the like of.

    Their sides may be others: networks take any that they divide, which is checked of every model.

    Raises
    ------
    InputError
        If their brightness is defined otherwise, or their voxels have another size as far as both are configured, or
        the model was fitted to volumes of other sides.
    """
    for entry in experiment.models:
        if not isinstance(entry.weights, ModelFolder):
            continue
        folder, own = folder_of(entry), experiment.volume
        _, theirs = stated(folder)
        differing = [name for name in DECIDES if getattr(own, name) != getattr(theirs, name)]
        if entry.weights.voxel_mm:
            require_can_be_resampled(entry, own, where)
        elif own.voxel_mm and theirs.voxel_mm and not 1 / FAR <= own.voxel_mm / theirs.voxel_mm <= FAR:
            differing.append("voxel_mm")
        if entry.parameters.get("shape") and tuple(entry.parameters["shape"]) != own.shape:
            differing.append("shape")
        if differing:
            name = differing[0]
            value = brief(getattr(theirs, name))
            resample = f", set weights.voxel_mm: {value} to resample for it" if name == "voxel_mm" else ""
            raise InputError(
                f"{where}: volume.{name}", brief(getattr(own, name)),
                f"{value}, with which model {entry.name} ({folder}) was trained",
                f"set volume.{name} to that{resample}, or leave the model out",
            )  # fmt: skip


def require_can_be_resampled(entry: ModelEntry, volume: Volume, where: str) -> None:
    """Refuse a change of the voxel size that isn't known, is too large, or is for a model that it can't be made for.

    Raises
    ------
    InputError
        If volume.voxel_mm isn't set or differs by more than `MOST` times, the model is trained on, or it was fitted.
    """
    wanted = entry.weights.voxel_mm
    reasons = {
        "volume.voxel_mm: 0, so that the size to resample from isn't known": not volume.voxel_mm,
        f"volume.voxel_mm: {volume.voxel_mm:g}, too far from it": volume.voxel_mm
        and not 1 / MOST <= volume.voxel_mm / wanted <= MOST,
        "training.phases: volumes are resampled for models as they are": bool(entry.training.phases),
        "a model that was fitted to volumes of one size": bool(entry.parameters.get("shape")),
    }
    for reason, holds in reasons.items():
        if holds:
            raise InputError(
                f"{where}: model {entry.name}: weights.voxel_mm", f"{wanted:g}, and {reason}",
                f"a network as it is, and a set volume.voxel_mm within {MOST} times of it",
                "correct one of the two, or make an experiment with the model's own voxel size",
            )  # fmt: skip
