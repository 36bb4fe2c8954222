"""What finds the brain of a raw head: deepbet, or the configured segmentation engine."""

from collections.abc import Callable
from typing import Any

import numpy as np

Finder = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From voxels (D, H, W) and their affine (4, 4), to the brain (bool) or, by SynthSeg, to FreeSurfer labels."""


def finders(sources: tuple[str, ...], segmentation: dict[str, Any], device: str, threads: int) -> dict[str, Finder]:
    """The finders among the sources of `volume.brain_mask`; each is loaded when the first raw head needs it.

    Parameters
    ----------
    segmentation : settings of the segmentation engine, for the source `synthseg`.
    device : "auto", "cpu" or "cuda".
    """
    known = {"deepbet": lambda: _deepbet(device, threads), "synthseg": lambda: _synthseg(segmentation, device, threads)}
    return {source: _when_needed(known[source]) for source in sources if source in known}


def _when_needed(load: Callable[[], Finder]) -> Finder:
    loaded: list[Finder] = []

    def find(voxels: np.ndarray, affine: np.ndarray) -> np.ndarray:
        if not loaded:
            loaded.append(load())
        return loaded[0](voxels, affine)

    return find


def _deepbet(device: str, threads: int) -> Finder:
    from neuroquant.device import resolve_device, use_threads
    from neuroquant.segmentation.deepbet import BrainMasker

    use_threads(threads)
    return BrainMasker(resolve_device(device))


def _synthseg(segmentation: dict[str, Any], device: str, threads: int) -> Finder:
    from neuroquant.segmentation.engine import labels_with

    return labels_with(segmentation, device, threads)
