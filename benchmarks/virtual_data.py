"""Small data for benchmarks: a virtual cohort, apart by anatomy, and two real pairs, as shards."""

import shutil
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.processing import resample_to_output
from scipy import ndimage

from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.cohort import Cohort, Synthetic
from neuroquant.config.volume import Volume
from neuroquant.files import write_tsv
from neuroquant.synthetic.bids import write_cohort
from neuroquant.training.data import Sessions
from neuroquant.volumes.preprocess import ShardFiles, preprocess_shard
from neuroquant.volumes.work import Preprocessing

REAL = ("sub-04", "sub-05")
"""The stripped pairs of bids_real that lie on one grid."""
HELD_OUT = 0.25
WIDEST_MM = 168.0
"""Left to right, room for nearly every brain: a coarse volume's voxels are this by its side, a fine one's 1 mm."""


@dataclass
class Data:
    """Sessions to train on, and shards to score, by name."""

    train: Sessions
    scored: dict[str, Sessions]


def make_data(folder: Path, shape: tuple[int, int, int], subjects: int, carried: Path | None) -> Data:
    """The virtual cohort and the real pairs as shards in `folder`."""
    voxel_mm = max(1.0, WIDEST_MM / shape[0])
    maps = sorted((carried / "label_maps").glob("*_dseg.nii.gz")) if carried else []
    held_out = max(1, round(HELD_OUT * subjects))
    if len(maps) > 1:
        apart = max(1, round(HELD_OUT * len(maps)))
        train = virtual(folder / "train", subjects, 1, voxel_mm, link(maps[:-apart], folder / "train_maps"))
        test = virtual(folder / "test", held_out, 2, voxel_mm, link(maps[-apart:], folder / "test_maps"))
    else:
        train = virtual(folder / "train", subjects, 1, voxel_mm)
        test = virtual(folder / "test", held_out, 2, voxel_mm)
    volume = Volume(shape=shape)
    scored = {"held_out": Sessions([shard(test, volume)])}
    if carried and all((carried / "bids_real" / subject).is_dir() for subject in REAL):
        scored["real"] = Sessions([shard(coarse(carried / "bids_real", folder / "real", voxel_mm), volume)])
    return Data(Sessions([shard(train, volume)]), scored)


def link(maps: list[Path], folder: Path) -> str:
    """A folder with just these label maps."""
    folder.mkdir()
    for path in maps:
        (folder / path.name).symlink_to(path.resolve())
    return str(folder)


def virtual(folder: Path, subjects: int, seed: int, voxel_mm: float, labels: str = "") -> Path:
    """A cohort with one visit a subject."""
    recipe = Synthetic(subjects=subjects, visits_max=1, seed=seed, labels=labels, voxel_mm=voxel_mm)
    write_cohort(Cohort(name=folder.name, stand_in=True, synthetic=recipe), folder)
    return folder


def coarse(source: Path, folder: Path, voxel_mm: float) -> Path:
    """The real pairs on cubes of `voxel_mm`, smoothed first where that is coarser than the scan."""
    for subject in REAL:
        (folder / subject / "anat").mkdir(parents=True)
        for modality in ("T1w", "T2w"):
            name = Path(subject) / "anat" / f"{subject}_{modality}.nii.gz"
            scan = nib.load(source / name)
            ratio = voxel_mm / np.array(scan.header.get_zooms()[:3])
            if np.allclose(ratio, 1, atol=0.01):
                shutil.copy(source / name, folder / name)
                continue
            data, width = np.asarray(scan.dataobj, dtype=np.float32), np.sqrt(np.maximum(ratio**2 - 1, 0) / 12)
            image, brain = (
                resample_to_output(
                    nib.Nifti1Image(ndimage.gaussian_filter(part, width), scan.affine), [voxel_mm] * 3, order=1
                )
                for part in (data, (data > 0).astype(np.float32))
            )
            stripped = np.where(brain.get_fdata() > 0.5, image.get_fdata(), 0).astype(np.float32)
            nib.save(nib.Nifti1Image(stripped, image.affine), folder / name)
    return folder


def shard(root: Path, volume: Volume) -> Path:
    """Preprocess every pair below `root`; sessions that can't be used are named on standard error and left out."""
    scans = sorted(root.glob("sub-*/**/anat/*_T1w.nii.gz"))
    rows = [
        {
            "cohort": root.name, "subject": path.relative_to(root).parts[0], "session": "1", "split": "train",
            "family": "", "sex": "F", "age": "20", "T1w": str(path.relative_to(root)), "mask": "", "labels": "",
            "T2w": str(path.relative_to(root)).replace("_T1w", "_T2w"),
        }
        for path in scans
    ]  # fmt: skip
    names = {kind: root.parent / f"{root.name}.{kind}" for kind in ("manifest.tsv", "h5", "qc.tsv", "excluded.tsv")}
    write_tsv(pd.DataFrame(rows), names["manifest.tsv"])
    with redirect_stdout(sys.stderr):
        out = ShardFiles(names["h5"], names["qc.tsv"], names["excluded.tsv"])
        preprocess_shard(names["manifest.tsv"], out, Preprocessing(root, volume, DEFAULT_MODALITIES))
    return names["h5"]
