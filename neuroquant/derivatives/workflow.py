"""The test sessions of one cohort, as one model gives them back, as a BIDS derivative data set."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neuroquant.derivatives.dataset import Dataset, Maker
from neuroquant.derivatives.images import Appearance, SessionImages, desc_of, structures
from neuroquant.derivatives.shards import Origin, Sessions
from neuroquant.device import resolve_device, use_threads
from neuroquant.evaluation.synthesis import typical_appearances
from neuroquant.model_facts import weights_hash
from neuroquant.model_folder import load_model
from neuroquant.models.autoencoder import Autoencoder, Swaps
from neuroquant.store.arrays import ArrayFile
from neuroquant.tokenizer import Tokens
from neuroquant.tokenizer.decoding import volume_of
from neuroquant.tokenizer.tokens import CODES, MAIN

ATTRIBUTES = {"weights": "weights", "codes": CODES, "main": MAIN}
"""What tokens say of themselves, and the attribute of a shard of latents that holds it."""
UNKNOWN_RANGE = (0.0, 1.0)
"""Intensities of a synthetic image of a modality that the session lacks: nothing says what its scanner would give."""


@dataclass(frozen=True, slots=True)
class ShardPaths:
    """The files of one shard; `segmentations` is None where the experiment doesn't segment."""

    manifest: Path
    volumes: Path
    reconstructions: Path
    latents: Path
    segmentations: Path | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What derivatives are made of.

    Attributes
    ----------
    model : its folder
    raw : root of the cohort
    title : the cohort's name, as people read it
    shards : test shards
    training : latents of training subjects, which say how a modality looks for the most part
    """

    model: Path
    raw: Path
    title: str
    shards: tuple[ShardPaths, ...]
    training: tuple[Path, ...] = ()


@torch.inference_mode()
def write_derivatives(inputs: Inputs, out: Path, device: str, threads: int) -> None:
    """Write reconstructions, brain masks, tokens, segmentations and synthetic images of all test sessions.

    A model that can give an anatomy another appearance also makes each of its modalities of another scan of the
    session, with the typical appearance of the training images. The scan that is made is never looked at; only its
    range of intensities is taken over where the session has it.
    """
    use_threads(threads)
    device = resolve_device(device)
    model, entry, _ = load_model(inputs.model, device)
    dataset = Dataset(out, inputs.raw, Maker(entry.name, weights_hash(inputs.model)))
    sessions = Origin(inputs.raw, tuple(shard.manifest for shard in inputs.shards)).scans()
    typical = typical_appearances(model, list(inputs.training), device)
    for shard in inputs.shards:
        _Shard(shard, dataset, sessions).write(model, typical)
    dataset.describe(model.modalities, f"{inputs.title}: test sessions by {entry.name}")


class _Shard:
    """One shard on its way into the data set."""

    def __init__(self, files: ShardPaths, dataset: Dataset, sessions: Sessions):
        self.dataset, self.labels = dataset, sessions
        self.volumes, self.images = ArrayFile(files.volumes), ArrayFile(files.reconstructions)
        self.latents = ArrayFile(files.latents)
        self.segmentations = ArrayFile(files.segmentations) if files.segmentations else None

    def write(self, model: Autoencoder, typical: dict[int, Tensor]) -> None:
        """Write all sessions of the shard."""
        for key, rows in self.images.sessions.items():
            mask = self.volumes.read("mask", min(self.volumes.sessions[key].values()))
            out = SessionImages(self.dataset, self.labels.of(self.images, rows), mask)
            out.masks()
            for modality, row in rows.items():
                out.reconstruction(modality, self.images.read("image", row))
                name = out.tokens_name(modality)
                tokens = self._tokens(self.latents.sessions[key][modality], mask, name["sub"], name["ses"])
                tokens.save(self.dataset.folder / name.path(".h5"))
                self.dataset.write_sidecar(name, out.tokens_facts(modality))
                if self.segmentations is not None:
                    labels = self.segmentations.read("labels", self.segmentations.sessions[key][modality])
                    out.segmentation(modality, labels, self.segmentations.attributes)
            if isinstance(model, Swaps):
                self._synthesise(model, typical, out, self.latents.sessions[key])
        if self.segmentations is not None and len(self.segmentations):
            facts = self.segmentations.attributes
            self.dataset.write_labels(desc_of(facts), structures(facts["labels"]))

    def _tokens(self, row: int, mask: np.ndarray, subject: str, session: str) -> Tokens:
        """The tokens of one scan, under its labels in BIDS, and without what is known of the person."""
        record, facts = self.latents.records[row], self.latents.attributes
        latents = {name: self.latents.read(name, row) for name in self.latents.names}
        who = {"cohort": "", "subject": f"sub-{subject}", "session": f"ses-{session}" if session else ""}
        record = replace(record, **who, split="", family="", sex="", age=float("nan"))
        said = {name: str(facts.get(attribute, "")) for name, attribute in ATTRIBUTES.items()}
        return Tokens(str(facts["model"]), record, latents, mask, **said)

    def _synthesise(
        self, model: Autoencoder, typical: dict[int, Tensor], out: SessionImages, rows: dict[str, int]
    ) -> None:
        """Write each modality that another scan of the session can be made into."""
        for target, made_of in pairs(model.modalities, tuple(rows)):
            kind = model.modalities.index(target)
            if kind not in typical:
                continue
            appearance = typical[kind][None]
            arrays = {
                name: torch.from_numpy(self.latents.read(name, rows[made_of]))[None].to(appearance.device)
                for name in self.latents.names
            }
            floats = {name: array.float() if array.is_floating_point() else array for name, array in arrays.items()}
            image = model.translate(
                model.latents_class.of(floats), appearance, torch.tensor([kind], device=appearance.device)
            )
            volume = volume_of(image, self.volumes.view("image").shape[1:])
            known = out.scans[target].geometry.intensity if target in out.scans else UNKNOWN_RANGE
            out.synthesis(target, made_of, volume, Appearance(f"the {target} images of the training subjects", known))


def pairs(modalities: tuple[str, ...], there: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each modality of a model, and the first scan of a session (`there`) that it can be made of."""
    for target, group in itertools.groupby(itertools.product(modalities, there), key=lambda pair: pair[0]):
        made_of = next((other for _, other in group if other != target), None)
        if made_of is not None:
            yield target, made_of
