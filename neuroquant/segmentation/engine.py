"""One interface to whatever segments: images in, label maps and soft volumes out, and a name that can't be mistaken."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neuroquant.config.evaluation import Segmentation
from neuroquant.errors import InputError
from neuroquant.segmentation.atlas import AtlasSegmenter
from neuroquant.segmentation.installed import OFFICIAL
from neuroquant.segmentation.scans import Found, Scan


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
        """Each scan's segmentation, in order; networks are loaded once.

        Raises
        ------
        InputError
            If a scan can't be segmented; names it.
        """


def open_segmenter(settings: Segmentation, standin_file: Path | None, device: str, threads: int) -> Segmenter:
    """The configured engine, its network loaded.

    Raises
    ------
    InputError
        If the engine isn't one that can be run here, or its weights can't be found. There is no fallback.
    """
    if settings.engine == "standin":
        return AtlasSegmenter(standin_file, settings.standin)
    # not above: the stand-in does without PyTorch, which takes longer to load than a small shard to segment
    from neuroquant.device import resolve_device, use_threads

    use_threads(threads)
    device = resolve_device(device)
    if settings.engine == "torch":
        from neuroquant.segmentation.synthseg import TorchSegmenter
        from neuroquant.segmentation.weights import open_official

        network, labels = open_official(settings.version, settings.weights)
        facts = {"weights_sha256": OFFICIAL[settings.version][2]}  # the file was checked to have it
        return TorchSegmenter(f"SynthSeg {settings.version}", network, labels, settings, device, facts)
    if settings.engine in ("upstream", "freesurfer"):
        from neuroquant.segmentation.outside import OutsideSegmenter

        return OutsideSegmenter(settings, device, threads)
    raise InputError("segmentation.engine", settings.engine, "an engine that segments", "choose torch")


def labels_with(settings: dict[str, Any], device: str, threads: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """From voxels (D, H, W) and their affine (4, 4) to labels on the same grid, by the configured engine.

    Raises
    ------
    InputError
        As `open_segmenter`; an experiment can't ask the stand-in, which knows the synthetic cohorts alone.
    """
    segmenter = open_segmenter(Segmentation.model_validate(settings), None, device, threads)
    return lambda volume, affine: next(iter(segmenter.segment_all([Scan("raw scan", volume, affine)]))).labels
