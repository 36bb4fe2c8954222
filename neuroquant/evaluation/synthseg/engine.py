"""One interface to whatever segments: images in, label maps and soft volumes out, and a name that can't be mistaken."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neuroquant.config.evaluation import Segmentation
from neuroquant.device import resolve_device, use_threads
from neuroquant.errors import InputError
from neuroquant.evaluation.synthseg.network import UNet
from neuroquant.evaluation.synthseg.recipe import segment
from neuroquant.evaluation.synthseg.weights import open_official, open_standin


class Segmenter(Protocol):
    """What every engine offers.

    Attributes
    ----------
    name : shown beside every number.
    stand_in : whether it only stands in for SynthSeg.
    labels : FreeSurfer label of each soft volume.
    provenance : version, weights, options.
    """

    name: str
    stand_in: bool
    labels: tuple[int, ...]
    provenance: dict[str, Any]

    def segment(self, volume: np.ndarray, voxel_mm: float) -> tuple[np.ndarray, np.ndarray]:
        """(D, H, W) with background 0, RAS+, to labels (D, H, W) int16 and volumes (labels,) in mm3."""


class TorchSegmenter:
    """A network of SynthSeg's layout in PyTorch, loaded once for any number of volumes."""

    def __init__(
        self, name: str, stand_in: bool, network: UNet, labels: tuple[int, ...], settings: Segmentation, device: str
    ):
        self.name, self.stand_in, self.labels = name, stand_in, labels
        self.network, self.settings, self.device = network.to(device).eval(), settings, device
        self.provenance = {
            "engine": name,
            "flip": settings.flip,
            "parameters": sum(p.numel() for p in network.parameters()),
        }

    def segment(self, volume: np.ndarray, voxel_mm: float) -> tuple[np.ndarray, np.ndarray]:
        """As the interface says."""
        settings = self.settings
        return segment(self.network, self.labels, volume, voxel_mm, settings.flip, settings.min_side, self.device)


def open_segmenter(settings: Segmentation, standin_file: Path | None, device: str, threads: int) -> Segmenter:
    """The configured engine, its network loaded.

    Raises
    ------
    InputError
        If the engine isn't one that can be run here, or its weights can't be found. There is no fallback.
    """
    use_threads(threads)
    device = resolve_device(device)
    if settings.engine == "standin":
        network, labels = open_standin(standin_file)
        return TorchSegmenter("stand-in segmenter", True, network, labels, settings, device)
    if settings.engine == "torch":
        network, labels = open_official(settings.version, settings.weights)
        return TorchSegmenter(f"SynthSeg {settings.version}", False, network, labels, settings, device)
    raise InputError(
        "segmentation.engine", settings.engine, "torch or standin: the others can't be run yet", "choose one of these"
    )
