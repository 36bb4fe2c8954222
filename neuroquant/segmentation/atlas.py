"""The stand-in segmenter: an atlas of the training subjects' label maps, and a mixture of Gaussians.

It needs no weights and no training, and looks at every voxel of an image, whatever its contrast. The atlas says how
likely each structure is at each place; expectation maximisation finds how bright each tissue is in this image and, with
both, where each structure lies (Ashburner and Friston 2005, Unified segmentation; Puonti et al. 2016, SAMSEG, without
their deformation of the atlas). It knows volumes of the atlas's grid alone and is never reported as SynthSeg.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from neuroquant.config.evaluation import Standin
from neuroquant.errors import InputError
from neuroquant.files import written_whole
from neuroquant.segmentation.labels import SIDES, both_sides, flipped
from neuroquant.segmentation.recipe import normalised
from neuroquant.segmentation.scans import Found, Scan, cube_side, upright
from neuroquant.store.arrays import ArrayFile
from neuroquant.store.trust import READING, own

FLOOR = 1e-4
"""Probability that a structure has everywhere, so that it can be found where no training subject has it."""
DARK = 0.05
"""Of images in [0, 1]: brighter voxels may be brain wherever they lie, darker ones where the atlas has some."""
OUTSIDE = 0.999
"""Probability of background from which a dark voxel counts as background without being looked at."""
SKIP = 4
"""Voxels from one that the Gaussians are found on to the next."""
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
        file.create_dataset(
            "prior", data=prior.numpy().astype(np.float16), chunks=(1, *prior.shape[1:]), compression="gzip"
        )


def training_maps(shards: list[Path]) -> tuple[tuple[int, ...], list[Tensor], float]:
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
    return labels, [torch.from_numpy(np.searchsorted(labels, m).astype(np.int64)) for m in raw], max(sides)


def probabilities(maps: list[Tensor], labels: tuple[int, ...], sigma: float) -> Tensor:
    """Mean of label maps (D, H, W) and their mirror images as probabilities (C, D, H, W), blurred by sigma voxels."""
    total = torch.zeros(len(labels), *maps[0].shape)
    swap = torch.tensor(flipped(labels))
    for channels in maps:
        for one in (channels, swap[channels.flip(0)]):
            total.scatter_add_(0, one[None], torch.ones(1, *one.shape))
    shares = torch.stack([blurred(share, sigma) for share in total / (2 * len(maps))]) + FLOOR
    return shares / shares.sum(0)


def blurred(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (D, H, W) by sigma voxels; beyond its border it goes on as it is there."""
    if sigma <= 0:
        return image
    reach = max(1, round(3 * sigma))
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    weights = weights / weights.sum()
    for axis in range(3):
        lines = image.movedim(axis, 0)
        padded = torch.cat([lines[:1].expand(reach, -1, -1), lines, lines[-1:].expand(reach, -1, -1)])
        lines = sum(weight * padded[k : k + len(lines)] for k, weight in enumerate(weights))
        image = lines.movedim(0, axis)
    return image


def tissues(labels: tuple[int, ...]) -> Tensor:
    """Number of each label's tissue, (C,): a structure and its counterpart on the other side look alike."""
    left = {right: left for left, right in SIDES.items()}
    names = sorted({left.get(label, label) for label in labels})
    return torch.tensor([names.index(left.get(label, label)) for label in labels])


@torch.inference_mode()
def posteriors(image: Tensor, prior: Tensor, tissue: Tensor, rounds: int) -> Tensor:
    """Probabilities of the structures in each voxel (C, N), by expectation maximisation.

    Parameters
    ----------
    image : (N,), brightness in [0, 1].
    prior : (C, N), from the atlas.
    tissue : (C,), the Gaussian of each structure. They are found on every fourth voxel: a few numbers from thousands.
    """
    some, likely = image[::SKIP], prior[:, ::SKIP].contiguous()
    shares, count = likely, int(tissue.max()) + 1
    for _ in range(rounds):
        weights = torch.zeros(count, len(some), device=image.device).index_add_(0, tissue, shares)
        sizes = weights.sum(1).clamp_min(1e-3)
        means = (weights @ some) / sizes
        variances = (weights * (some - means[:, None]).square()).sum(1) / sizes + LEAST_VARIANCE
        shares = expected(some, likely, tissue, means, variances)
    return expected(image, prior, tissue, means, variances)


def expected(image: Tensor, prior: Tensor, tissue: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """Probabilities (C, N) of the structures, given the means and variances (T,) of the tissues."""
    likelihood = (image - means[:, None]).square_().div_(variances[:, None]).add_(variances.log()[:, None]).mul_(-0.5)
    likelihood = likelihood.sub_(likelihood.amax(0)).exp_()
    shares = likelihood[tissue].mul_(prior).add_(1e-30)
    return shares.div_(shares.sum(0))


class AtlasSegmenter:
    """The stand-in engine, its atlas read once for any number of volumes.

    Raises
    ------
    InputError
        If the atlas can't be read.
    """

    name = "stand-in segmenter"
    stand_in = True

    def __init__(self, path: Path, settings: Standin, device: str):
        try:
            with h5py.File(path, "r") as file:
                self.labels = tuple(int(label) for label in file.attrs["labels"])
                prior = torch.from_numpy(own(file, "prior")[()].astype(np.float32)).to(device)
                maps = int(file.attrs["maps"])
        except READING as error:
            raise InputError(
                str(path), f"not readable ({error})", "the stand-in's atlas, as `fit_standin` writes it",
                "name such a file; the workflow makes its own with `snakemake PATH --force` and the options of the run",
            ) from None  # fmt: skip
        self.prior, self.tissue = prior / prior.sum(0), tissues(self.labels).to(device)
        self.settings, self.device = settings, device
        self.provenance: dict[str, Any] = {"engine": self.name, "label_maps": maps, "rounds": settings.rounds}

    def segment_all(self, scans: Iterable[Scan]) -> Iterator[Found]:
        """As the interface says; a scan has the atlas's grid."""
        for scan in scans:
            side_mm = upright(scan)
            if scan.volume.shape != tuple(self.prior.shape[1:]):
                raise InputError(
                    scan.name, f"{scan.volume.shape} voxels", f"{tuple(self.prior.shape[1:])}, as the atlas has",
                    "give volumes of the experiment that the stand-in was fitted for",
                )  # fmt: skip
            yield self._segmented(scan, side_mm)

    def _segmented(self, scan: Scan, side_mm: float) -> Found:
        image = torch.from_numpy(normalised(scan.volume)).to(self.device)
        here = (image > DARK) | (self.prior[0] < OUTSIDE)
        sums = torch.zeros(len(self.labels), dtype=torch.float64)
        sums[0] = image.numel()
        channels = torch.zeros(image.shape, dtype=torch.long, device=self.device)
        if bool(image.any()):
            shares = posteriors(image[here], self.prior[:, here], self.tissue, self.settings.rounds)
            channels[here] = shares.argmax(0)
            sums = shares.sum(1, dtype=torch.float64).cpu()
            sums[0] += int((~here).sum())
        labels = torch.tensor(self.labels, dtype=torch.int16)[channels.cpu()]
        return Found(labels.numpy(), sums.numpy() * side_mm**3)
