"""A trained model for whoever wants its tokens: a scan in, tokens out, and back onto the scan's own grid.

    import neuroquant

    model = neuroquant.load("results/demo/models/neuroquant")
    tokens = model.encode("sub-01_T1w.nii.gz")
    again = model.decode(tokens)  # a nibabel image

Scans are prepared as the model's training images were: RAS+, brain box, padding, intensities (docs/cohorts.md).
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from torch import Tensor

from neuroquant import models
from neuroquant.config.volume import Volume
from neuroquant.device import resolve_device
from neuroquant.errors import InputError
from neuroquant.files import written_whole
from neuroquant.model_facts import require_voxel_size, require_weights, trained_voxel_mm, weights_hash
from neuroquant.model_folder import load_model
from neuroquant.models.autoencoder import Swaps
from neuroquant.models.latents import Latents
from neuroquant.scans.unusable import Unusable
from neuroquant.segmentation.finders import finders
from neuroquant.store.arrays import ArrayFile, ArrayWriter, Record
from neuroquant.volumes.manifest import SessionRow
from neuroquant.volumes.preprocess import prepare
from neuroquant.volumes.restore import NIFTI, restore
from neuroquant.volumes.work import Preprocessing

MASK = "mask"
"""The array beside the latents: the brain, outside of which a decoded image is 0."""


@dataclass(frozen=True)
class Tokens:
    """One encoded scan.

    Attributes
    ----------
    model : name of the model that encoded it
    record : whose scan it is, its modality, and where the volume lies in it
    latents : name -> (C, d, h, w), float32 or whole numbers
    mask : the brain (D, H, W), uint8; None where it isn't known
    weights : SHA-256 of the weights that encoded it; empty where the file of tokens is older than that
    """

    model: str
    record: Record
    latents: dict[str, np.ndarray]
    mask: np.ndarray | None = None
    weights: str = ""

    @property
    def parts(self) -> list[str]:
        """Subject, session and modality: what files made of it are called after, by `files.file_name`."""
        parts = [self.record.subject, self.record.session, self.record.modality]
        if self.record.subject.endswith(self.record.modality):  # a scan's own name
            parts.pop()
        return parts

    def save(self, path: Path | str) -> None:
        """Write a shard of one row (HDF5), as the workflow's latents are; floats become float16."""
        made_by = {"model": self.model, "weights": self.weights}
        with written_whole(Path(path)) as scratch, ArrayWriter(scratch, [self.record], made_by) as writer:
            for name, latent in self.latents.items():
                kept = np.float16 if np.issubdtype(latent.dtype, np.floating) else np.int32
                writer.create(name, latent.shape, kept)
                writer.write(name, 0, latent.astype(kept))
            if self.mask is not None:
                writer.create(MASK, self.mask.shape, np.uint8, compress=True)
                writer.write(MASK, 0, self.mask)


def read_tokens(path: Path | str) -> list[Tokens]:
    """All rows of a file of tokens, or of a shard of the workflow's latents.

    Raises
    ------
    InputError
        If it isn't such a file.
    """
    file = ArrayFile(path)
    names = [name for name in file.names if name != MASK]
    made_by = file.attributes.get("model")
    if not isinstance(made_by, str) or {"image", "labels"} & set(names):
        raise InputError(
            str(path), f"arrays {', '.join(file.names) or 'none'}", "latents", "name a file of tokens or latents"
        )
    found = []
    for row, record in enumerate(file.records):
        latents = {name: _widened(file.read(name, row)) for name in names}
        found.append(Tokens(made_by, record, latents, file.read(MASK, row) if MASK in file.names else None))
    made_with = file.attributes.get("weights", "")
    return [replace(tokens, weights=made_with if isinstance(made_with, str) else "") for tokens in found]


def _widened(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if np.issubdtype(array.dtype, np.floating) else array


class Tokenizer:
    """A trained model, frozen.

    Parameters
    ----------
    folder : `results/*/models/<model>`, or a copy of it.
    device : "auto", "cpu" or "cuda".

    Raises
    ------
    InputError
        If the folder isn't a whole model, or there is no such device.
    """

    def __init__(self, folder: Path | str, device: str = "auto"):
        self.device = resolve_device(device)
        self.model, self.entry, volume = load_model(folder, self.device)
        sources = tuple(source for source in volume.brain_mask if source != "synthseg")
        self.volume: Volume = volume.model_copy(update={"brain_mask": sources or ("stripped",)})
        self.finders = finders(self.volume.brain_mask, {}, self.device, torch.get_num_threads())
        self.weights = weights_hash(folder)
        self.voxel_mm = None if volume.voxel_mm else trained_voxel_mm(folder)  # scans are resampled where it is set

    @torch.inference_mode()
    def encode(self, scan: Path | str, modality: str | None = None, mask: Path | str | None = None) -> Tokens:
        """Tokens of a scan.

        Parameters
        ----------
        scan : NIfTI, a raw head or skull-stripped.
        modality : one of the model's; by default the one with which the file's name ends, as in BIDS.
        mask : NIfTI on the scan's grid, the brain; by default found by the sources of the model's `brain_mask`.

        Raises
        ------
        InputError
            If the scan can't be used, saying why, its voxels are far larger or smaller than those of the training
            images, or its modality isn't known or none of the model's.
        """
        modality = modality or modality_of(scan, self.model.modalities)
        kind = self._modality(str(scan), modality)
        path = Path(scan).absolute()
        if not os.path.isfile(path):  # unlike Path.is_file, this bears any name
            raise InputError(str(scan), "no such file", "a NIfTI", "look at its name")
        require_voxel_size(path, self.voxel_mm, f"model {self.entry.name}", self.volume.uneven_mm)
        row = SessionRow({modality: str(path)}, mask=str(Path(mask).absolute()) if mask else "")
        try:
            session = prepare(row, Preprocessing(Path(path.anchor), self.volume, (modality,), self.finders))
        except Unusable as error:
            raise InputError(
                error.file, error.reason, "a scan as docs/cohorts.md describes it", "mend the file, or give a mask"
            ) from None
        image = torch.from_numpy(session.images[modality])[None, None].to(self.device).float()
        latents = self.model.encode(image, kind)
        record = Record("", stem_of(path), "", modality, "", "", "", float("nan"), session.geometry[modality])
        arrays = {name: latent[0].cpu().numpy() for name, latent in latents.arrays().items()}
        if bad := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
            raise InputError(
                str(scan), f"latents with NaN or infinite values ({bad[0]})", "numbers", "try another model"
            )
        return Tokens(self.entry.name, record, arrays, session.mask.astype(np.uint8), self.weights)

    @torch.inference_mode()
    def decode(self, tokens: Tokens) -> nib.Nifti1Image:
        """The scan again, on its own grid and in its own intensities, float32.

        Raises
        ------
        InputError
            If another model or other weights made the tokens, they aren't of its kind or don't say where they lie, or a
            latent or a voxel isn't a number.
        """
        arrays, modality = self._arrays(tokens), self._modality(*_described(tokens))
        return self._placed(self._made(tokens, lambda: self.model.decode(self._latents(arrays), modality)), tokens)

    @torch.inference_mode()
    def translate(self, tokens: Tokens, like: Tokens) -> nib.Nifti1Image:
        """The anatomy of one scan with the appearance of another, mostly of another modality (equation 13).

        Parameters
        ----------
        tokens : whose anatomy and grid it is.
        like : whose modality, appearance and range of intensities it gets; any subject's.

        Raises
        ------
        InputError
            If the model doesn't tell anatomy from appearance, or as `decode`.
        """
        model = self.model
        if not isinstance(model, Swaps):
            raise InputError(
                f"model {self.entry.name}",
                "a network that doesn't tell anatomy from appearance",
                "one that does",
                "take a model that does, e.g. neuroquant",
            )
        arrays, others = self._arrays(tokens), self._arrays(like)
        modality = self._modality(*_described(like))
        made = self._made(
            tokens,
            lambda: model.translate(self._latents(arrays), model.appearance(self._latents(others)), modality),
        )
        geometry = replace(tokens.record.geometry, intensity=like.record.geometry.intensity)
        return self._placed(made, replace(tokens, record=replace(tokens.record, geometry=geometry)))

    def _modality(self, where: str, name: str) -> Tensor:
        """Index of a modality (1,), refused where the model doesn't take it."""
        known = self.model.modalities
        if name not in known:
            raise InputError(
                where,
                f"modality {name!r}",
                f"one of {', '.join(known)}, with which model {self.entry.name} was trained",
                "take a scan of one of these, or a model that was trained with this modality",
            )
        return torch.tensor([known.index(name)], device=self.device)

    def _latents(self, arrays: dict[str, Tensor]) -> Latents:
        return self.model.latents_class.of(arrays)

    def _arrays(self, tokens: Tokens) -> dict[str, Tensor]:
        """The latents of tokens as tensors (1, C, d, h, w), refused where another model encoded them."""
        where = f"tokens of {tokens.record.subject}"
        if tokens.model != self.entry.name:
            raise InputError(
                where,
                f"made by {tokens.model}",
                f"made by {self.entry.name}, the model that is to decode them",
                "load the model that made them",
            )
        require_weights(f"tokens of {tokens.record.subject}", tokens.weights, self.weights)
        if tokens.record.geometry is None:
            raise InputError(where, "no geometry", "where the volume lies in its scan", "encode again")
        self._check_kind(where, tokens)
        return {name: torch.from_numpy(array)[None].to(self.device) for name, array in tokens.latents.items()}

    def _check_kind(self, where: str, tokens: Tokens) -> None:
        """Refuse latents that a model of this kind doesn't make, and such as aren't numbers."""
        found = {name: array.shape for name, array in tokens.latents.items()}
        wanted = models.latent_shapes(self.entry.architecture, self.entry.parameters, self.volume.shape)
        if wanted is not None and found != wanted:
            raise InputError(where, f"latents {found}", f"{wanted}, as {self.entry.name} makes them", "encode again")
        if tokens.mask is not None and tokens.mask.shape != self.volume.shape:
            raise InputError(where, f"a mask of {tokens.mask.shape}", str(self.volume.shape), "encode again")
        bad = [name for name, array in tokens.latents.items() if not np.isfinite(array).all()]
        if bad:
            raise InputError(where, f"NaN or infinite values in {bad[0]}", "finite numbers", "encode the scan again")

    def _made(self, tokens: Tokens, make: Callable[[], Tensor]) -> Tensor:
        """The volume that a model makes of tokens, refused where it isn't one of numbers."""
        where = f"tokens of {tokens.record.subject}"
        try:
            made = make()
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, TypeError, ValueError, LookupError) as error:
            said = " ".join(str(error).split())[:200]
            raise InputError(where, f"not decodable ({said})", f"tokens of {self.entry.name}", "encode again") from None
        if not torch.isfinite(made).all():
            raise InputError(
                where, "a decoded image with NaN or infinite voxels", "finite numbers",
                "the tokens are damaged, or too large for this model: encode the scan again",
            )  # fmt: skip
        return made

    def _placed(self, made: Tensor, tokens: Tokens) -> nib.Nifti1Image:
        depth, height, width = self.volume.shape  # a latent's grid may reach beyond the volume
        volume = made[0, 0, :depth, :height, :width].clamp(-1, 1).float().cpu().numpy()
        return restore(volume, tokens.record.geometry, tokens.mask)


def stem_of(path: Path | str) -> str:
    """A file's name without .nii or .nii.gz."""
    return re.sub(NIFTI, "", Path(path).name)


def _described(tokens: Tokens) -> tuple[str, str]:
    """Whose tokens they are, for errors, and their modality."""
    return f"tokens of {tokens.record.subject}", tokens.record.modality


def modality_of(path: Path | str, modalities: tuple[str, ...]) -> str:
    """The modality with which a file's name ends; of several, the longest.

    Raises
    ------
    InputError
        If it ends with none of them.
    """
    named = [name for name in modalities if stem_of(path).endswith(name)]
    if not named:
        raise InputError(
            str(path),
            f"a name that ends with none of {', '.join(modalities)}, the model's modalities",
            "its modality",
            "say which of these it is",
        )
    return max(named, key=len)
