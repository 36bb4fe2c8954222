"""One interface to whatever segments: images in, label maps and soft volumes out, and a name that can't be mistaken."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import nibabel as nib
import numpy as np

from neuroquant.config.evaluation import Segmentation
from neuroquant.device import resolve_device, use_threads
from neuroquant.errors import InputError
from neuroquant.evaluation.synthseg.installed import find_official
from neuroquant.evaluation.synthseg.network import UNet
from neuroquant.evaluation.synthseg.outside import OutsideSegmenter
from neuroquant.evaluation.synthseg.recipe import segment
from neuroquant.evaluation.synthseg.scans import SIDE_MM, Found, Scan, on_grid, ready
from neuroquant.evaluation.synthseg.weights import open_official, open_standin
from neuroquant.files import sha256


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

    def segment_all(self, scans: Iterable[Scan]) -> Iterator[Found]:
        """Each scan's segmentation, in order; what is dear to load is loaded once for all.

        Raises
        ------
        InputError
            If a scan can't be segmented; names it.
        """


class TorchSegmenter:
    """A network of SynthSeg's layout in PyTorch, loaded once for any number of volumes.

    The official networks get 1 mm voxels in RAS+ orientation, resampled where needed as SynthSeg does; the stand-in
    works at the voxel size that it was trained at, on the volumes of the workflow, which are RAS+ and isotropic.
    """

    def __init__(
        self,
        name: str,
        stand_in: bool,
        network: UNet,
        labels: tuple[int, ...],
        settings: Segmentation,
        device: str,
        facts: dict[str, Any],
        coarsen: int = 1,
    ):
        self.name, self.stand_in, self.labels = name, stand_in, labels
        self.network, self.settings, self.device = network.to(device).eval(), settings, device
        self.coarsen = coarsen
        self.provenance = {
            "engine": name,
            "flip": settings.flip,
            "parameters": sum(p.numel() for p in network.parameters()),
            **facts,
        }

    def segment_all(self, scans: Iterable[Scan]) -> Iterator[Found]:
        """As the interface says."""
        for scan in scans:
            yield self._segment_as_is(scan) if self.stand_in else self._segment_ready(scan)

    def _segment_as_is(self, scan: Scan) -> Found:
        side = float(abs(np.linalg.det(scan.affine[:3, :3])) ** (1 / 3))
        return Found(*self._run(scan.volume, side))

    def _segment_ready(self, scan: Scan) -> Found:
        made = ready(scan)
        labels, volumes = self._run(made.get_fdata(dtype=np.float32), SIDE_MM)
        return Found(on_grid(nib.Nifti1Image(labels, made.affine), scan), volumes)

    def _run(self, volume: np.ndarray, voxel_mm: float) -> tuple[np.ndarray, np.ndarray]:
        how = (self.settings.flip, self.settings.min_side, self.device, self.coarsen)
        return segment(self.network, self.labels, volume, voxel_mm, *how)


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
        network, labels, coarsen = open_standin(standin_file)
        facts = {"coarsen": coarsen}
        return TorchSegmenter("stand-in segmenter", True, network, labels, settings, device, facts, coarsen)
    if settings.engine == "torch":
        network, labels = open_official(settings.version, settings.weights)
        path = find_official(settings.version, settings.weights)
        facts = {"weights_sha256": sha256(path)}
        return TorchSegmenter(f"SynthSeg {settings.version}", False, network, labels, settings, device, facts)
    if settings.engine in ("upstream", "freesurfer"):
        return OutsideSegmenter(settings, device, threads)
    raise InputError("segmentation.engine", settings.engine, "an engine that segments", "choose torch")


def labels_with(settings: dict[str, Any], device: str, threads: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """From voxels (D, H, W) and their affine (4, 4) to labels on the same grid, by the configured engine.

    Raises
    ------
    InputError
        If the engine is none that segments real scans: the stand-in knows the embedded cohorts alone.
    """
    chosen = Segmentation.model_validate(settings)
    if chosen.engine in ("none", "standin"):
        raise InputError(
            "volume.synthseg_mask",
            f"segmentation.engine: {chosen.engine}",
            "torch, upstream or freesurfer",
            "choose one of these, or set volume.synthseg_mask: false",
        )
    segmenter = open_segmenter(chosen, None, device, threads)
    return lambda volume, affine: next(iter(segmenter.segment_all([Scan("raw scan", volume, affine)]))).labels
