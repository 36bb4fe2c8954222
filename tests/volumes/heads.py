"""Small skull-stripped heads on disk and a manifest of them, to be spoilt by the tests."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.volume import Volume
from neuroquant.files import read_tsv, write_tsv
from neuroquant.store.arrays import ArrayFile
from neuroquant.volumes.preprocess import ShardFiles, preprocess_shard
from neuroquant.volumes.work import Preprocessing

FACTS = "cohort subject session family sex age mask labels split".split()
BALL_ML = 10.0
"""Less than the balls that stand for brains in tests."""
BALLS = {"shape": (32, 32, 32), "brain_ml_min": BALL_ML, "structure_min": 0, "match_min": 0}
"""Settings for balls of noise that stand for brains."""
LPS = np.diag([-2.0, -2.0, 2.0, 1.0])


def ball(shape=(30, 34, 28), radius=10.0) -> np.ndarray:
    """A round brain, a little off the middle, so that flips show."""
    centre = np.array(shape) / 2 - (1, 2, 0)
    apart = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) - centre
    return np.linalg.norm(apart, axis=-1) < radius


MASKS = ("given", "stripped", "labels")


class Shard:
    """Scans below a folder, a manifest of them, and what preprocessing makes of it."""

    def __init__(self, root: Path, modalities: tuple[str, ...] = DEFAULT_MODALITIES):
        self.root, self.modalities, self.rows = root, modalities, []

    def write(self, name: str, data: np.ndarray, affine=LPS) -> str:
        nib.save(nib.Nifti1Image(data, affine), self.root / name)
        return name

    def add(self, subject: str, mask: np.ndarray | None = None, labels: np.ndarray | None = None, **images) -> dict:
        """One session; images are arrays in place of the good ones, by their modality."""
        brain = ball()
        generator = np.random.default_rng(len(self.rows))
        row = {"cohort": "c", "subject": subject, "session": "ses-1", "family": "", "sex": "F", "age": 9.5}
        for name in self.modalities:
            good = np.where(brain, generator.uniform(100, 900, brain.shape), 0).astype(np.float32)
            row[name] = self.write(f"{subject}_{name}.nii.gz", images.get(name, good))
        row["mask"] = "" if mask is None else self.write(f"{subject}_mask.nii.gz", mask.astype(np.uint8))
        row["labels"] = "" if labels is None else self.write(f"{subject}_dseg.nii.gz", labels.astype(np.int16))
        self.rows.append({**row, "split": "test"})
        return self.rows[-1]

    def run(self, out: str = "out", finders=None, **settings) -> tuple[ArrayFile, pd.DataFrame, pd.DataFrame]:
        """(volumes, QC, excluded) of all sessions added so far."""
        write_tsv(pd.DataFrame(self.rows, columns=[*FACTS, *self.modalities]), self.root / "manifest.tsv")
        folder = self.root / out
        paths = [folder / f"test-000.{kind}" for kind in ("h5", "qc.tsv", "excluded.tsv")]
        volume = Volume(**{**BALLS, "brain_mask": MASKS, **settings})
        how = Preprocessing(self.root, volume, self.modalities, finders or {})
        preprocess_shard(self.root / "manifest.tsv", ShardFiles(*paths), how)
        assert sorted(os.listdir(folder)) == sorted(path.name for path in paths), "nothing else is left behind"
        return ArrayFile(paths[0]), read_tsv(paths[1]), read_tsv(paths[2])
