"""Small cohorts on disk, to be spoilt by the tests."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neuroquant.config.cohort import Cohort

SHAPE = (20, 22, 18)


class Folder:
    """A BIDS data set of small scans; `scan` adds a file, `cohort` describes the folder."""

    def __init__(self, root: Path):
        self.root = root
        self.cohort = Cohort(name="study", root=str(root))
        (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')

    def people(self, *rows: str, header: str = "participant_id\tsex\tage\tfamily_id") -> None:
        (self.root / "participants.tsv").write_text("\n".join([header, *rows]) + "\n")

    def scan(self, path: str, shape=SHAPE, shift: float = 0.0, voxel: float = 2.0) -> Path:
        affine = np.diag([voxel, voxel, voxel, 1.0])
        affine[0, 3] = shift
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(0)
        nib.save(nib.Nifti1Image(generator.integers(0, 500, shape).astype(np.int16), affine), file)
        return file

    def pair(self, subject: str, session: str = "", kind: str = ".nii.gz") -> dict[str, Path]:
        folder = f"{subject}/{session}/anat" if session else f"{subject}/anat"
        stem = f"{subject}_{session}" if session else subject
        return {name: self.scan(f"{folder}/{stem}_{name}{kind}") for name in ("T1w", "T2w")}


@pytest.fixture
def bids(tmp_path):
    """A folder with participants F sub-01, M sub-02, F sub-03 and no scan yet."""
    root = tmp_path / "bids"
    root.mkdir()
    folder = Folder(root)
    folder.people("sub-01\tF\t14.5\tn/a", "sub-02\tmale\t15\tfam-1", "sub-03\tFemale\tn/a\tfam-1")
    return folder
