"""PSNR, SSIM and Dice of reconstructions of spoiled test scans."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from neuroquant.config.robustness import Robustness
from neuroquant.device import resolve_device
from neuroquant.evaluation.anatomy.dice import dice
from neuroquant.evaluation.batches import TOGETHER
from neuroquant.evaluation.fidelity import ssim
from neuroquant.evaluation.reconstruct import decoded
from neuroquant.evaluation.robustness.faults import spoiled
from neuroquant.files import write_tsv
from neuroquant.model_folder import load_model
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.segmentation.engine import Segmenter
from neuroquant.segmentation.scans import Scan
from neuroquant.similarity import psnr
from neuroquant.store.arrays import ArrayFile, Record
from neuroquant.tables import IMAGE_KEY, ROBUSTNESS


@dataclass(frozen=True, slots=True)
class Rulers:
    """What reconstructions are compared by.

    Attributes
    ----------
    window : side of SSIM's Gaussian window in voxels.
    segmenter : None: no Dice.
    structures : labels that count in the mean Dice; empty: all of the segmenter's but background.
    """

    window: int
    segmenter: Segmenter | None = None
    structures: tuple[int, ...] = ()

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels that count."""
        return self.structures or tuple(label for label in self.segmenter.labels if label)


@dataclass(frozen=True, slots=True)
class Case:
    """A scan with a fault.

    Attributes
    ----------
    record : whose it is.
    fault, severity : which fault, and its step; 0: the scan as it is.
    image : (D, H, W) in [-1, 1].
    """

    record: Record
    fault: str
    severity: int
    image: Tensor


def score_robustness(
    volumes_h5: Path, models: dict[str, Path], settings: Robustness, rulers: Rulers, out_tsv: Path, device: str
) -> None:
    """Write a row per model, session, modality, fault, severity and metric: columns `ROBUSTNESS`.

    A reconstruction is compared with the scan that the model was given, fault and all: a codec has to return what it
    gets. Dice is that of the two segmentations, so that what the segmenter makes of the fault is in both.

    Parameters
    ----------
    volumes_h5 : a shard of test volumes.
    models : model -> its folder.
    device : "auto", "cpu" or "cuda".
    """
    device = resolve_device(device)
    volumes = ArrayFile(volumes_h5)
    loaded = {name: load_model(folder, device)[0] for name, folder in models.items()}
    rows: list[dict[str, object]] = []
    for group in grouped(cases(volumes, settings)):
        given = _segmented([case.image for case in group], group, rulers)
        for name, model in loaded.items():
            taken = [number for number, case in enumerate(group) if case.record.modality in model.modalities]
            if not taken:
                continue
            chosen = [group[number] for number in taken]
            copies = reconstructed(model, chosen, device)
            theirs = _segmented(copies, chosen, rulers)
            for place, (number, copy) in enumerate(zip(taken, copies, strict=True)):
                labels = (given[number], theirs[place]) if rulers.segmenter else None
                rows += [row | {"model": name} for row in _rows(group[number], copy, labels, rulers)]
    write_tsv(pd.DataFrame(rows, columns=ROBUSTNESS), out_tsv)


def cases(volumes: ArrayFile, settings: Robustness) -> Iterator[Case]:
    """Every scan of the first sessions of a shard, as it is and with each fault at each severity."""
    sessions = list(dict.fromkeys((record.subject, record.session) for record in volumes.records))
    chosen = set(sessions[: settings.sessions])
    images = volumes.view("image")
    for row, record in enumerate(volumes.records):
        if (record.subject, record.session) not in chosen:
            continue
        image = torch.from_numpy(np.array(images[row])).float()
        yield Case(record, "", 0, image)
        for fault in settings.faults:
            # modalities of a session have faults of their own, as scans have
            seed = zlib.crc32(f"{settings.seed} {fault} {' '.join(record.key)}".encode())
            for severity in range(1, settings.severities + 1):
                yield Case(record, fault, severity, spoiled(image, fault, severity / settings.severities, seed))


def grouped(every: Iterator[Case]) -> Iterator[list[Case]]:
    """A few cases at a time, so that few volumes are in memory."""
    group: list[Case] = []
    for case in every:
        group.append(case)
        if len(group) == TOGETHER:
            yield group
            group = []
    if group:
        yield group


@torch.inference_mode()
def reconstructed(model: Autoencoder, group: list[Case], device: str) -> list[Tensor]:
    """What a model makes of some cases, each (D, H, W) on the CPU."""
    x = torch.stack([case.image for case in group])[:, None].to(device)
    modality = torch.tensor([model.modalities.index(case.record.modality) for case in group], device=device)
    return list(decoded(model, model.encode(x, modality), modality, tuple(x.shape[2:]))[:, 0].float().cpu())


def _segmented(images: list[Tensor], group: list[Case], rulers: Rulers) -> list[np.ndarray]:
    """Label maps of images; empty without a segmenter. An image without contrast is background."""
    if rulers.segmenter is None:
        return []
    labels = [np.zeros(tuple(image.shape), np.int16) for image in images]
    full = [number for number, image in enumerate(images) if image.min() != image.max()]
    scans = (
        Scan(
            f"{' '.join(group[number].record.key)} {group[number].fault}",
            images[number].numpy() + 1,
            np.array(group[number].record.geometry.affine),
        )
        for number in full
    )
    for number, found in zip(full, rulers.segmenter.segment_all(scans), strict=True):
        labels[number] = found.labels
    return labels


def _rows(
    case: Case, copy: Tensor, labels: tuple[np.ndarray, np.ndarray] | None, rulers: Rulers
) -> Iterator[dict[str, object]]:
    x, y = case.image[None, None], copy[None, None]
    values = {"psnr": float(psnr(x, y, None)), "ssim": float(ssim(x, y, None, rulers.window))}
    if labels is not None:
        found = dice(*labels, rulers.labels)
        values |= {"dice": float(np.mean(list(found.values())))} if found else {}
    facts = {name: getattr(case.record, name) for name in IMAGE_KEY}
    facts |= {"fault": case.fault, "severity": case.severity}
    for metric, value in values.items():
        yield facts | {"metric": metric, "value": value}
