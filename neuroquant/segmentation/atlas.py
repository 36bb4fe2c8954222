"""The stand-in segmenter: an atlas of the training subjects' label maps, and a mixture of Gaussians.

It needs no weights and no training, and takes any contrast. The atlas says how likely each structure is at each place;
expectation maximisation finds how bright each tissue is in this image and, with both, where each structure lies
(Ashburner and Friston 2005, Unified segmentation; Puonti et al. 2016, SAMSEG, without their deformation of the atlas).
Dark voxels where the atlas has background alone are background, and count for its Gaussian. The stand-in knows volumes
of the atlas's grid alone and is never reported as SynthSeg.

Without PyTorch, which takes longer to load than a small cohort to segment.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neuroquant.config.evaluation import Standin
from neuroquant.errors import InputError
from neuroquant.files import written_whole
from neuroquant.segmentation.labels import SIDES, both_sides, flipped
from neuroquant.segmentation.scans import Found, Scan, cube_side, normalised, upright
from neuroquant.store.arrays import ArrayFile
from neuroquant.store.trust import READING, own

FLOOR = 1e-4
"""Probability that a structure has everywhere, so that it can be found where no training subject has it."""
DARK = 0.05
"""Of images in [0, 1]: brighter voxels may be brain wherever they lie, darker ones where the atlas has some."""
OUTSIDE = 0.99999
"""Probability of background, relative to its largest one, from which a dark voxel counts as background unseen. The
largest is far below 1 where many structures have `FLOOR`."""
SKIP = 4
"""Voxels from one that the Gaussians are found on to the next."""
AT_ONCE = 8192
"""Voxels whose probabilities fit into a processor's cache."""
TINY = 1e-30
"""Added to sums that something is divided by."""
LEAST_VARIANCE = 1e-4
"""Of a tissue's brightness in [0, 1]: a tissue of one grey value is no point."""


def fit_standin(shards: list[Path], settings: Standin, out_h5: Path) -> None:
    """Write the atlas of the shards' label maps.

    Raises
    ------
    InputError
        If the shards carry no label map, maps of several shapes, or hold subjects that aren't for training.
    """
    labels, maps, voxel_mm = training_maps(shards)
    prior = probabilities(maps, labels, settings.spread_mm / voxel_mm)
    with written_whole(out_h5) as scratch, h5py.File(scratch, "w") as file:
        file.attrs["labels"] = np.asarray(labels, np.int32)
        file.attrs["maps"] = len(maps)
        # one row per structure is compressed in a piece; a share of 1e-4 has three digits in float16
        file.create_dataset("prior", data=prior.astype(np.float16), chunks=(1, *prior.shape[1:]), compression="gzip")


def training_maps(shards: list[Path]) -> tuple[tuple[int, ...], list[np.ndarray], float]:
    """Labels, sorted, each session's map as channel numbers (D, H, W), int64, and the side of a voxel in mm.

    A structure that occurs on one side alone is a label of both: the atlas is symmetric.
    """
    raw, sides = [], set()
    for path in sorted(shards):
        file = ArrayFile(path)
        for rows in file.sessions.values():
            index = min(rows.values())
            if file.records[index].split != "train":
                raise InputError(str(path), f"split {file.records[index].split}", "training subjects", "check the rule")
            if file.attributes["has_labels"][index]:
                raw.append(file.read("labels", index))
                sides.add(cube_side(np.array(file.records[index].geometry.affine)))
    if not raw:
        raise InputError(
            "segmentation.engine",
            "standin, but no training subject has a label map",
            "derivatives/*/..._dseg.nii.gz beside the scans",
            "use segmentation.engine: torch with SynthSeg's weights, or none",
        )
    labels = both_sides({0, *(int(label) for m in raw for label in np.unique(m))})
    return labels, [np.searchsorted(labels, m) for m in raw], max(sides)


def probabilities(maps: list[np.ndarray], labels: tuple[int, ...], sigma: float) -> np.ndarray:
    """Mean of label maps (D, H, W) and their mirror images as probabilities (C, D, H, W), blurred by sigma voxels."""
    total = np.zeros((len(labels), *maps[0].shape), np.float32)
    for channel, mirrored in enumerate(flipped(labels)):
        for one in maps:
            total[channel] += one == channel
            total[mirrored] += one[::-1] == channel
    shares = np.stack([blurred(share, sigma) for share in total / (2 * len(maps))]) + FLOOR
    return shares / shares.sum(0)


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of (D, H, W) by sigma voxels; beyond its border it goes on as it is there."""
    if sigma <= 0:
        return image
    reach = max(1, round(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in range(3):
        padded = np.pad(image, [(reach, reach) if a == axis else (0, 0) for a in range(3)], mode="edge")
        lines = np.moveaxis(padded, axis, 0)
        length = image.shape[axis]
        image = np.moveaxis(sum(weight * lines[k : k + length] for k, weight in enumerate(weights)), 0, axis)
    return image


def tissues(labels: tuple[int, ...]) -> np.ndarray:
    """Number of each label's tissue, (C,): a structure and its counterpart on the other side look alike."""
    left = {right: left for left, right in SIDES.items()}
    names = sorted({left.get(label, label) for label in labels})
    return np.array([names.index(left.get(label, label)) for label in labels])


def posteriors(
    image: np.ndarray, prior: np.ndarray, tissue: np.ndarray, rounds: int, background: np.ndarray | None = None
) -> np.ndarray:
    """Probabilities of the structures in each voxel (C, N), by expectation maximisation.

    Parameters
    ----------
    image : (N,), brightness in [0, 1].
    prior : (C, N), from the atlas.
    tissue : (C,), the Gaussian of each structure. They are found on every fourth voxel: a few numbers from thousands.
    background : brightness of further voxels, which are background for sure and count for its Gaussian.
    """
    some, sure = image[::SKIP], np.empty(0, image.dtype) if background is None else background[::SKIP]
    members = (tissue == np.arange(tissue.max() + 1)[:, None]).astype(image.dtype)
    likely = members @ prior[:, ::SKIP]
    weights, outside = likely, tissue[0]
    for _ in range(rounds):
        sizes, sums = weights.sum(1), weights @ some
        sizes[outside] += len(sure)
        sums[outside] += sure.sum()
        sizes = np.maximum(sizes, 1e-3)
        means = sums / sizes
        squares = np.einsum("tn,tn->t", weights, np.square(some - means[:, None]))
        squares[outside] += np.square(sure - means[outside]).sum()
        variances = squares / sizes + LEAST_VARIANCE
        weights = likely * updates(some, likely, means, variances)
    shares = np.empty_like(prior)
    for first in range(0, len(image), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        factors = updates(image[part], members @ prior[:, part], means, variances)
        np.multiply(factors[tissue], prior[:, part], out=shares[:, part])
    return shares


def updates(image: np.ndarray, prior: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """What a tissue's, and any of its structures', prior probability is to be multiplied by in each voxel, (T, N).

    Parameters
    ----------
    prior : (T, N), of the tissues, whose means and variances (T,) are given.
    """
    factors = np.square(image - means[:, None])
    factors *= (-0.5 / variances)[:, None]
    factors -= (0.5 * np.log(variances))[:, None]
    factors -= factors.max(0)
    np.exp(factors, out=factors)
    factors /= np.einsum("tn,tn->n", factors, prior) + TINY
    return factors


def likeliest(shares: np.ndarray) -> np.ndarray:
    """The channel (N,) in which each column of shares (C, N) is largest; several times as fast as `argmax`."""
    best, channel = shares[0].copy(), np.zeros(shares.shape[1], np.intp)
    for number, share in enumerate(shares[1:], start=1):
        channel[share > best] = number
        np.maximum(best, share, out=best)
    return channel


class AtlasSegmenter:
    """The stand-in engine, its atlas read once for any number of volumes.

    Raises
    ------
    InputError
        If the atlas can't be read.
    """

    name = "stand-in segmenter"
    stand_in = True

    def __init__(self, path: Path, settings: Standin):
        try:
            with h5py.File(path, "r") as file:
                self.labels = tuple(int(label) for label in file.attrs["labels"])
                prior = own(file, "prior")[()].astype(np.float32)
                maps = int(file.attrs["maps"])
        except READING as error:
            raise InputError(
                str(path), f"not readable ({error})", "the stand-in's atlas, as `fit_standin` writes it",
                "name such a file; the workflow makes its own with `snakemake PATH --force` and the options of the run",
            ) from None  # fmt: skip
        self.prior, self.tissue = prior / prior.sum(0), tissues(self.labels)
        self.settings = settings
        self.provenance: dict[str, Any] = {"engine": self.name, "label_maps": maps, "rounds": settings.rounds}

    def segment_all(self, scans: Iterable[Scan]) -> Iterator[Found]:
        """As the interface says; a scan has the atlas's grid."""
        for scan in scans:
            side_mm = upright(scan)
            if scan.volume.shape != self.prior.shape[1:]:
                raise InputError(
                    scan.name, f"{scan.volume.shape} voxels", f"{self.prior.shape[1:]}, as the atlas has",
                    "give volumes of the experiment that the stand-in was fitted for",
                )  # fmt: skip
            yield self._segmented(scan, side_mm)

    def may_be_brain(self, image: np.ndarray) -> np.ndarray:
        """Voxels (D, H, W) that aren't background for sure: bright ones, and those where the atlas has a structure."""
        return (image > DARK) | (self.prior[0] < OUTSIDE * self.prior[0].max())

    def _segmented(self, scan: Scan, side_mm: float) -> Found:
        image = normalised(scan.volume)
        here = np.flatnonzero(self.may_be_brain(image))
        sums = np.zeros(len(self.labels))
        sums[0] = image.size
        labels = np.zeros(image.size, np.int16)
        if image.any():
            prior = self.prior.reshape(len(self.prior), -1).take(here, axis=1)
            background = np.delete(image.ravel(), here)
            shares = posteriors(image.ravel()[here], prior, self.tissue, self.settings.rounds, background)
            labels[here] = np.array(self.labels, np.int16)[likeliest(shares)]
            sums = shares.sum(1, dtype=np.float64)
            sums[0] += image.size - len(here)
        return Found(labels.reshape(image.shape), sums * side_mm**3)
