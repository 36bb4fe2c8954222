"""A trained model, frozen: `encode`, `decode` and `translate`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Unpack, overload

import nibabel as nib
import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from neuroquant.config.volume import Volume
from neuroquant.device import resolve_device
from neuroquant.errors import InputError
from neuroquant.model_facts import trained_voxel_mm, weights_hash
from neuroquant.model_folder import load_model
from neuroquant.models.autoencoder import Swaps
from neuroquant.models.latents import Latents
from neuroquant.segmentation.finders import finders
from neuroquant.tokenizer.decoding import check_tokens, decoded, not_finite, on_its_grid
from neuroquant.tokenizer.encoding import Preparation, Prepared, modality_index
from neuroquant.tokenizer.given import Voxels, in_list, one_scan
from neuroquant.tokenizer.hub import HubOptions, copy_model, find_folder, push_model
from neuroquant.tokenizer.tokens import Tokens

BATCH = {"cuda": 4, "cpu": 1}
"""Device -> scans that are encoded together unless told otherwise: a CPU would gain nothing by more."""
Errors = Literal["raise", "collect"]


class Tokenizer:
    """A trained model, frozen.

    Parameters
    ----------
    folder : `results/*/models/<model>`, or a copy of it.
    device : "auto", "cpu" or "cuda".
    batch : scans of a list that are encoded together, by default 4 on a GPU and 1 on a CPU; the values are the same up
        to rounding.

    Raises
    ------
    InputError
        If the folder isn't a whole model, or there is no such device.

    Examples
    --------
    >>> model = neuroquant.load("results/demo/models/neuroquant")  # doctest: +SKIP
    >>> tokens = model.encode("sub-01_T1w.nii.gz")  # doctest: +SKIP
    """

    def __init__(self, folder: Path | str, device: str = "auto", batch: int | None = None):
        self.folder = Path(folder)
        self.device = resolve_device(device)
        self.batch = batch or BATCH[self.device]
        self.model, self.entry, volume = load_model(self.folder, self.device)
        sources = tuple(source for source in volume.brain_mask if source != "synthseg")
        self.volume: Volume = volume.model_copy(update={"brain_mask": sources or ("stripped",)})
        self.finders = finders(self.volume.brain_mask, {}, self.device, torch.get_num_threads())
        self.weights = weights_hash(self.folder)
        # scans are resampled where the settings name a size
        self.voxel_mm = None if volume.voxel_mm else trained_voxel_mm(self.folder)

    @overload
    def encode(self, scan: list[Any], *beside: Any, **options: Any) -> list[Tokens | InputError]: ...

    @overload
    def encode(self, scan: Voxels | tuple[Any, Any], *beside: Any, **options: Any) -> Tokens: ...

    def encode(
        self,
        scan: Any,
        modality: Any = None,
        mask: Any = None,
        *,
        affine: Any = None,
        errors: Errors = "raise",
        progress: bool | None = None,
    ) -> Any:
        """Tokens of a scan, or of a list of scans in its order.

        Parameters
        ----------
        scan : a NIfTI's path, a nibabel image, or an array (I, J, K) with `affine`, also as a pair (array, affine). Raw
            heads or skull-stripped. A list of any of these is encoded in batches.
        modality : one of the model's; by default the one with which the file's name ends, as in BIDS. For a list: one
            for all, or a list.
        mask : the brain on the scan's grid, a path, image or array; by default found by the sources of the model's
            `brain_mask`. For a list: a list with one (or None) for each, or one for all.
        affine : (4, 4), voxel to world in mm and RAS+; of arrays. For a list: one for all, or a list.
        errors : of a list. "raise": the first scan that can't be used ends it. "collect": the others are encoded, and
            in its place stands its `InputError`.
        progress : whether a list shows a progress bar; None: where the terminal can show one.

        Returns
        -------
        Tokens, or a list of them.

        Raises
        ------
        InputError
            If a scan can't be used, with its name and the reason: also where its voxels are far larger or smaller than
            those of the training images, or its modality isn't known or none of the model's.
        """
        if not isinstance(scan, list):
            return next(self._each([(scan, modality, mask, affine)], "raise"))
        options = {"affine": affine, "errors": errors, "progress": progress}
        return list(self.encode_each(scan, modality, mask, **options))

    def encode_each(
        self,
        scans: list[Any],
        modality: Any = None,
        mask: Any = None,
        *,
        affine: Any = None,
        errors: Errors = "raise",
        progress: bool | None = None,
    ) -> Iterator[Tokens | InputError]:
        """As `encode` of a list, one after the other: for more scans than memory holds tokens of."""
        if errors not in ("raise", "collect"):
            raise InputError("encode: errors", repr(errors), '"raise" or "collect"', "correct the word")
        given = in_list(scans, modality, mask, affine)
        hidden = None if progress is None else not progress  # None: where standard error is a terminal
        return iter(tqdm(self._each(given, errors), "encoding", len(given), unit="scan", disable=hidden))

    def _each(self, given: list[tuple[Any, ...]], errors: Errors) -> Iterator[Tokens | InputError]:
        """Tokens of scans, given by the arguments of `one_scan`, in their order, a batch at a time."""
        preparation = Preparation(self.entry, self.volume, self.finders, self.voxel_mm)
        waiting: list[Prepared | InputError] = []
        for scan in given:
            try:
                waiting.append(preparation.prepared(one_scan(*scan)))
            except InputError as error:
                if errors == "raise":
                    raise
                waiting.append(error)
            if sum(isinstance(each, Prepared) for each in waiting) >= self.batch:
                yield from self._encoded(waiting, errors)
                waiting = []
        yield from self._encoded(waiting, errors)

    def _encoded(self, waiting: list[Prepared | InputError], errors: Errors) -> list[Tokens | InputError]:
        """Tokens of some scans, encoded together; what isn't one stays."""
        fresh = iter(self._batch([each for each in waiting if isinstance(each, Prepared)]))
        found = [next(fresh) if isinstance(each, Prepared) else each for each in waiting]
        if errors == "raise" and (bad := next((each for each in found if isinstance(each, InputError)), None)):
            raise bad
        return found

    @torch.inference_mode()
    def _batch(self, scans: list[Prepared]) -> list[Tokens | InputError]:
        if not scans:
            return []
        images = torch.from_numpy(np.stack([scan.image for scan in scans]))[:, None].to(self.device).float()
        modality = torch.tensor([scan.modality for scan in scans], device=self.device)
        try:
            latents = self.model.encode(images, modality)
            codes, main = self.parts_of(latents)
        except torch.OutOfMemoryError:
            raise InputError(
                f"{len(scans)} scans encoded together", f"no memory for so many on {self.device}", "a batch that fits",
                "set the tokenizer's `batch` lower, or load the model with device='cpu'",
            ) from None  # fmt: skip
        arrays = {name: tensor.cpu().numpy() for name, tensor in latents.arrays().items()}
        found: list[Tokens | InputError] = []
        for place, scan in enumerate(scans):
            own = {name: array[place] for name, array in arrays.items()}
            if bad := not_finite(own):
                said = f"latents with NaN or infinite values ({bad})"
                found.append(InputError(scan.name, said, "numbers", "try another model"))
            else:
                found.append(Tokens(self.entry.name, scan.record, own, scan.mask, self.weights, codes, main))
        return found

    def parts_of(self, latents: Latents) -> tuple[str, str]:
        """Names of the latent that holds codes, and of the one that stands for the image; empty where there is none."""
        codes = latents.CODES if self.model.codes(latents) is not None else ""
        return codes, self.entry.latent or self.model.probe_latent

    @torch.inference_mode()
    def decode(self, tokens: Tokens) -> nib.Nifti1Image:
        """The scan again, on its own grid and in its own intensities, float32.

        Raises
        ------
        InputError
            If another model or other weights made the tokens, they aren't of its kind or don't say where they lie, or a
            latent or a voxel isn't a number.
        """
        arrays, modality = self._arrays(tokens), self._modality(tokens)
        volume = decoded(tokens, self.entry, lambda: self.model.decode(self._latents(arrays), modality))
        return on_its_grid(volume, tokens, self.volume.shape)

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
                "a network that doesn't separate anatomy from appearance",
                "one that does",
                "use a model that does, e.g. neuroquant",
            )
        arrays, others, modality = self._arrays(tokens), self._arrays(like), self._modality(like)
        volume = decoded(
            tokens,
            self.entry,
            lambda: model.translate(self._latents(arrays), model.appearance(self._latents(others)), modality),
        )
        geometry = replace(tokens.record.geometry, intensity=like.record.geometry.intensity)
        placed = replace(tokens, record=replace(tokens.record, geometry=geometry))
        return on_its_grid(volume, placed, self.volume.shape)

    @classmethod
    def from_pretrained(
        cls,
        source: Path | str,
        *,
        revision: str | None = None,
        device: str = "auto",
        batch: int | None = None,
        **hub: Unpack[HubOptions],
    ) -> "Tokenizer":
        """A model from its folder, or from the Hugging Face Hub by its id (`owner/name`).

        Parameters
        ----------
        source : a folder, the name of a model that comes along, or the id of a model on the hub; a folder of that name
            comes first.
        revision : of a model on the hub: a branch, a tag or a commit.
        hub : `cache_dir`, `token`, `local_files_only` and `force_download`, as huggingface_hub has them.

        Raises
        ------
        InputError
            If there is no such model, it can't be fetched, or its folder isn't whole.
        """
        return cls(find_folder(source, revision, hub), device, batch)

    def save_pretrained(self, save_directory: Path | str, *, licence: str = "") -> Path:
        """Copy the model folder, its weights byte for byte, with a model card; returns the copy.

        Parameters
        ----------
        licence : of the weights, as the hub calls it (apache-2.0, cc-by-4.0, ...); by default what the card says.

        Raises
        ------
        InputError
            If something else lies there, or it can't be written.
        """
        return copy_model(self.folder, Path(save_directory), licence)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool = True,
        revision: str | None = None,
        token: str | None = None,
        licence: str = "",
        commit_message: str = "Upload a NeuroQuant model",
    ) -> str:
        """Upload what `save_pretrained` writes to the Hugging Face Hub; returns the address of the commit.

        Parameters
        ----------
        repo_id : `owner/name`; made where it doesn't exist.
        private : whether a new repository is private.
        revision : the branch; by default main.
        token : by default that of `hf auth login`.

        Raises
        ------
        InputError
            If the hub can't be reached, or doesn't let you write there.
        """
        with TemporaryDirectory(prefix="neuroquant-") as folder:
            saved = self.save_pretrained(Path(folder) / "model", licence=licence)
            upload = {"revision": revision, "commit_message": commit_message}
            return push_model(saved, repo_id, private, token, upload)

    def _arrays(self, tokens: Tokens) -> dict[str, Tensor]:
        """The latents of tokens as tensors (1, C, d, h, w), refused where another model encoded them."""
        check_tokens(tokens, self.entry, self.volume, self.weights)
        return {name: torch.from_numpy(array)[None].to(self.device) for name, array in tokens.latents.items()}

    def _latents(self, arrays: dict[str, Tensor]) -> Latents:
        return self.model.latents_class.of(arrays)

    def _modality(self, tokens: Tokens) -> Tensor:
        """Index of the modality of tokens (1,), refused where the model doesn't take it."""
        index = modality_index(f"tokens of {tokens.record.subject}", tokens.record.modality, self.entry)
        return torch.tensor([index], device=self.device)
