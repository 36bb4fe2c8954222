"""One session through a model: prepared, encoded, decoded, and what that gave in numbers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neuroquant.bids_app.sessions import SessionFiles
from neuroquant.derivatives.workflow import pairs
from neuroquant.errors import InputError
from neuroquant.model_facts import require_voxel_size
from neuroquant.models.autoencoder import Swaps
from neuroquant.models.latents import Latents
from neuroquant.scans.unusable import Unusable
from neuroquant.similarity import psnr, ssim3d
from neuroquant.tokenizer import Tokenizer, Tokens
from neuroquant.tokenizer.decoding import volume_of
from neuroquant.volumes.brain import brain_ml
from neuroquant.volumes.manifest import SessionRow
from neuroquant.volumes.preprocess import prepare
from neuroquant.volumes.work import Preprocessing, Work


@dataclass(frozen=True, slots=True)
class Synthetic:
    """An image of a modality that was made of another scan.

    Attributes
    ----------
    made_of : the modality of that scan
    volume : (D, H, W) in [-1, 1]
    intensity : scan intensities of -1 and 1
    like : the session's own scan whose appearance it has, a path below the root; empty: one given with --like
    """

    made_of: str
    volume: np.ndarray
    intensity: tuple[float, float]
    like: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """What became of a session.

    Attributes
    ----------
    work : the session after preprocessing
    tokens : modality -> tokens
    reconstructions : modality -> volume (D, H, W) in [-1, 1]
    synthetic : modality -> image made of another scan
    numbers : name -> value, e.g. T1w_psnr
    """

    work: Work
    tokens: dict[str, Tokens]
    reconstructions: dict[str, np.ndarray]
    synthetic: dict[str, Synthetic]
    numbers: dict[str, float]


class Encoder:
    """A model, and scans whose appearance lacking modalities get.

    Parameters
    ----------
    model : its folder.
    device : "auto", "cpu" or "cuda".
    like : scans, a modality each.

    Raises
    ------
    InputError
        If the model or one of the scans can't be used.
    """

    def __init__(self, model: Path, device: str, like: tuple[Path, ...] = ()):
        self.tokenizer = Tokenizer(model, device)
        if like and not isinstance(self.tokenizer.model, Swaps):
            raise InputError(
                "--like", f"model {self.tokenizer.entry.name}, which doesn't separate anatomy from appearance",
                "a model that does, e.g. neuroquant", "leave --like out, or choose such a model",
            )  # fmt: skip
        self.like: dict[str, Tokens] = {}
        for path, tokens in zip(like, map(self.tokenizer.encode, like), strict=True):
            if self.like.setdefault(tokens.record.modality, tokens) is not tokens:
                raise InputError(
                    f"--like {path}", f"a second {tokens.record.modality} scan", "one scan per modality",
                    "name the one whose appearance images are to have",
                )  # fmt: skip

    @torch.inference_mode()
    def encode(self, root: Path, files: SessionFiles) -> Encoded:
        """All that is made of a session, which is prepared as one: its scans on one grid, with one brain mask.

        Raises
        ------
        InputError
            If it can't be used, saying why.
        """
        tokenizer = self.tokenizer
        for path in files.scans.values():
            require_voxel_size(
                root / path, tokenizer.voxel_mm, f"model {tokenizer.entry.name}", tokenizer.volume.uneven_mm
            )
        session = f"ses-{files.session}" if files.session else ""
        row = SessionRow(files.scans, mask=files.mask, subject=f"sub-{files.subject}", session=session)
        modalities = tokenizer.model.modalities
        try:
            work = prepare(row, Preprocessing(root, tokenizer.volume, modalities, tokenizer.finders))
        except Unusable as error:
            raise InputError(
                error.file, error.reason, "a scan as docs/cohorts.md describes it", "correct the file"
            ) from None
        latents = {name: self._latents(work.images[name], name) for name in modalities if name in work.images}
        tokens = {name: self._tokens(work, name, one) for name, one in latents.items()}
        decoded = {name: self._volume(tokenizer.model.decode(one, self._kind(name))) for name, one in latents.items()}
        numbers = {"brain_ml": brain_ml(work.brain.mask, work.session.grid.affine)}
        for name, volume in decoded.items():
            numbers |= scores(name, work.images[name], volume, work.mask)
        return Encoded(work, tokens, decoded, self._synthesise(work, latents), numbers)

    def _kind(self, modality: str) -> Tensor:
        return torch.tensor([self.tokenizer.model.modalities.index(modality)], device=self.tokenizer.device)

    def _latents(self, image: np.ndarray, modality: str) -> Latents:
        x = torch.from_numpy(image)[None, None].to(self.tokenizer.device).float()
        return self.tokenizer.model.encode(x, self._kind(modality))

    def _tokens(self, work: Work, modality: str, latents: Latents) -> Tokens:
        """The tokens of one scan, without what is known of the person."""
        record = work.row.record(modality, work.geometry[modality])
        arrays = {name: latent[0].cpu().numpy() for name, latent in latents.arrays().items()}
        codes, main = self.tokenizer.parts_of(latents)
        mask = work.mask.astype(np.uint8)
        return Tokens(self.tokenizer.entry.name, record, arrays, mask, self.tokenizer.weights, codes, main)

    def _volume(self, image: Tensor) -> np.ndarray:
        """The volume (D, H, W) in [-1, 1] of what a model made.

        Raises
        ------
        InputError
            If a voxel isn't a number.
        """
        if not torch.isfinite(image).all():
            raise InputError(
                f"model {self.tokenizer.entry.name}", "an image with NaN or infinite voxels", "finite numbers",
                "look at the model's training, or try another model",
            )  # fmt: skip
        return volume_of(image, self.tokenizer.volume.shape)

    def _synthesise(self, work: Work, latents: dict[str, Latents]) -> dict[str, Synthetic]:
        """Each modality made of another scan, where the session or --like has a scan whose appearance it can have."""
        model = self.tokenizer.model
        if not isinstance(model, Swaps):
            return {}
        images = {}
        for target, made_of in pairs(model.modalities, tuple(latents)):
            own = target in latents
            if not own and target not in self.like:
                continue
            other = latents[target] if own else self._given(target)
            geometry = work.geometry[target] if own else self.like[target].record.geometry
            image = model.translate(latents[made_of], model.appearance(other), self._kind(target))
            like = work.files[target] if own else ""
            images[target] = Synthetic(made_of, self._volume(image), geometry.intensity, like)
        return images

    def _given(self, modality: str) -> Latents:
        """The latents of the scan that was given with --like."""
        device = self.tokenizer.device
        arrays = {name: torch.from_numpy(one)[None].to(device) for name, one in self.like[modality].latents.items()}
        return self.tokenizer.model.latents_class.of(arrays)


def scores(modality: str, image: np.ndarray, reconstruction: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """PSNR (dB) and SSIM of a reconstruction in the whole volume and in the brain; (D, H, W) in [-1, 1]."""
    x, y = (torch.from_numpy(np.asarray(one, np.float32))[None, None] for one in (image, reconstruction))
    brain = torch.from_numpy(mask)[None, None]
    return {
        f"{modality}_psnr": float(psnr(x, y)),
        f"{modality}_psnr_brain": float(psnr(x, y, brain)),
        f"{modality}_ssim": float(ssim3d(x, y)),
        f"{modality}_ssim_brain": float(ssim3d(x, y, mask=brain)),
    }
