"""SynthSeg's network as an engine: images in, label maps and soft volumes out."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
import torch

from neuroquant.config.evaluation import Segmentation
from neuroquant.segmentation.network import UNet, ready_on
from neuroquant.segmentation.recipe import Use, segment
from neuroquant.segmentation.scans import Found, Scan, cube_side, on_grid, ready


class TorchSegmenter:
    """A network of SynthSeg's layout in PyTorch, loaded once for any number of volumes.

    They get 1 mm voxels in RAS+ orientation, resampled where needed as SynthSeg does.
    """

    stand_in = False

    def __init__(
        self,
        name: str,
        network: UNet,
        labels: tuple[int, ...],
        settings: Segmentation,
        device: str,
        facts: dict[str, Any],
    ):
        self.name, self.labels = name, labels
        self.network, self.settings, self.device = ready_on(network, device), settings, device
        if device.startswith("cuda"):
            torch.backends.cudnn.allow_tf32 = False  # its 10 bits are too few to agree with Keras to 1e-4
        self.provenance = {
            "engine": name,
            "flip": settings.flip,
            "parameters": sum(p.numel() for p in network.parameters()),
            **facts,
        }

    def segment_all(self, scans: Iterable[Scan]) -> Iterator[Found]:
        """As the interface says; on a GPU consecutive scans of one shape pass the network together."""
        together = self.settings.batch if self.device.startswith("cuda") else 1
        waiting: list[Prepared] = []
        for prepared in map(self._prepared, scans):
            if waiting and (len(waiting) == together or not prepared.like(waiting[0])):
                yield from self._run(waiting)
                waiting = []
            waiting.append(prepared)
        if waiting:
            yield from self._run(waiting)

    def _prepared(self, scan: Scan) -> "Prepared":
        image = ready(scan)
        return Prepared(scan, image.get_fdata(dtype=np.float32), image.affine, cube_side(image.affine))

    def _run(self, prepared: list["Prepared"]) -> Iterator[Found]:
        use = Use(self.labels, self.settings.flip, self.settings.min_side, self.device)
        results = segment(self.network, use, [one.volume for one in prepared], prepared[0].side_mm)
        for one, (labels, volumes) in zip(prepared, results, strict=True):
            yield Found(on_grid(nib.Nifti1Image(labels, one.affine), one.scan), volumes)


class Prepared(NamedTuple):
    """A scan and what the network is given of it: (D, H, W), its affine, and the side of its voxels in mm."""

    scan: Scan
    volume: np.ndarray
    affine: np.ndarray
    side_mm: float

    def like(self, other: "Prepared") -> bool:
        """Whether both may pass the network together."""
        return self.volume.shape == other.volume.shape and self.side_mm == other.side_mm
