"""Tokens of one scan, in memory and on disk."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neuroquant.errors import InputError
from neuroquant.files import written_whole
from neuroquant.store.arrays import ArrayFile, ArrayWriter, Record

MASK = "mask"
"""The array beside the latents: the brain, outside of which a decoded image is 0."""
CODES, MAIN = "codes", "probe_latent"
"""Attributes of files of latents: which of them holds indices of codes, and which stands for the image."""


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
    codes : the latent that holds indices into the model's codebooks; empty where it has none
    main : the latent that stands for the image, which a probe reads; empty where there are no latents
    """

    model: str
    record: Record
    latents: dict[str, np.ndarray]
    mask: np.ndarray | None = None
    weights: str = ""
    codes: str = ""
    main: str = ""

    @property
    def parts(self) -> list[str]:
        """Subject, session and modality: what files made of it are called after, by `files.file_name`."""
        parts = [self.record.subject, self.record.session, self.record.modality]
        if self.record.subject.endswith(self.record.modality):  # a scan's own name
            parts.pop()
        return parts

    @property
    def indices(self) -> Tensor | None:
        """Indices into the codebook on the grid of tokens, int64; None where the model has no codebook.

        (d, h, w) of one codebook, (C, d, h, w) of C codebooks.
        """
        if self.codes not in self.latents:
            return None
        grid = torch.from_numpy(self.latents[self.codes].astype(np.int64))
        return grid[0] if len(grid) == 1 else grid

    def to_tensor(self, name: str = "", device: str | torch.device = "cpu") -> Tensor:
        """One latent as a tensor (C, d, h, w), for another network.

        Parameters
        ----------
        name : one of `latents`; by default the one that stands for the image.

        Raises
        ------
        InputError
            If there is no latent of that name, or none stands for the image.
        """
        wanted = name or self.main
        if wanted not in self.latents:
            found = f"no latent {wanted!r}" if wanted else "no latent that stands for the image"
            known = ", ".join(self.latents)
            expected = f"one of {known}" if known else "a model with latents: this one has none"
            raise InputError(f"tokens of {self.record.subject}", found, expected, "name one of tokens.latents")
        return torch.from_numpy(self.latents[wanted]).to(device)

    def save(self, path: Path | str) -> None:
        """Write a shard of one row (HDF5), as the workflow's latents are; floats become float16."""
        made_by = {"model": self.model, "weights": self.weights, CODES: self.codes, MAIN: self.main}
        with written_whole(Path(path)) as scratch, ArrayWriter(scratch, [self.record], made_by) as writer:
            for name, latent in self.latents.items():
                kept = np.float16 if np.issubdtype(latent.dtype, np.floating) else np.int32
                writer.create(name, latent.shape, kept)
                writer.write(name, 0, latent.astype(kept))
            if self.mask is not None:
                writer.create(MASK, self.mask.shape, np.uint8, compress=True)
                writer.write(MASK, 0, self.mask)

    @classmethod
    def load(cls, path: Path | str) -> "Tokens":
        """The tokens of a file that `save` wrote.

        Raises
        ------
        InputError
            If it isn't such a file, or holds those of several scans, which `read_tokens` reads.
        """
        found = read_tokens(path)
        if len(found) != 1:
            raise InputError(
                str(path), f"tokens of {len(found)} scans", "those of one", "read all of them with read_tokens"
            )
        return found[0]


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
    facts = {name: _text(file.attributes.get(name)) for name in ("weights", CODES, MAIN)}
    return [
        Tokens(
            made_by, record, {name: _widened(file.read(name, row)) for name in names},
            file.read(MASK, row) if MASK in file.names else None, facts["weights"], facts[CODES], facts[MAIN],
        )
        for row, record in enumerate(file.records)
    ]  # fmt: skip


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _widened(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if np.issubdtype(array.dtype, np.floating) else array
