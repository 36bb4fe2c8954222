"""Recipes: any modality that has one can be made, and the scans of the others stay what they are."""

import hashlib

import nibabel as nib
import numpy as np
import pytest

from neuroquant.config.cohort import Cohort, Scanner, Synthetic
from neuroquant.errors import InputError
from neuroquant.synthetic.bids import write_cohort
from neuroquant.synthetic.recipes import RECIPES, check_recipes
from neuroquant.synthetic.structures import STRUCTURES

SCANNER = Scanner(noise=0.04, bias=0.35, blur=0.8, gain=420.0, contrast={"T1w": 1.25, "T2w": 0.85})
COHORT = Cohort(
    name="golden",
    stand_in=True,
    synthetic=Synthetic(subjects=2, visits_max=2, seed=7, voxel_mm=4.0, scanner=SCANNER),
)
BEFORE = {
    "sub-0001/ses-01/anat/sub-0001_ses-01_T1w.nii.gz": "672437c2c98a8009",
    "sub-0001/ses-01/anat/sub-0001_ses-01_T2w.nii.gz": "958d0ad706128962",
    "sub-0001/ses-02/anat/sub-0001_ses-02_T1w.nii.gz": "c050a7bb452186f6",
    "sub-0001/ses-02/anat/sub-0001_ses-02_T2w.nii.gz": "b079f247ad8d0b51",
    "sub-0002/ses-01/anat/sub-0002_ses-01_T1w.nii.gz": "1751b3abcd8e63f5",
    "sub-0002/ses-01/anat/sub-0002_ses-01_T2w.nii.gz": "75cb1b25c380caf1",
    "sub-0002/ses-02/anat/sub-0002_ses-02_T1w.nii.gz": "90777ef6d3208f48",
    "sub-0002/ses-02/anat/sub-0002_ses-02_T2w.nii.gz": "519dcfbed79f1e01",
}
"""The first 16 digits of the SHA-256 of each scan, as the cohort was before recipes were data."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Modalities -> the cohort with these."""
    folder = tmp_path_factory.mktemp("made")

    def make(*modalities):
        root = folder / "-".join(modalities)
        if not root.exists():
            write_cohort(COHORT, root, modalities)
        return root

    return make


def scans(root):
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in root.glob("sub-*/*/anat/*.nii.gz")
    }


def test_the_papers_modalities_are_what_they_were(made):
    assert scans(made("T1w", "T2w")) == BEFORE


@pytest.mark.parametrize("modalities", [("T2w",), ("FLAIR", "T1w"), ("T1w", "T2w", "FLAIR")])
def test_a_scan_does_not_depend_on_which_others_there_are(made, modalities):
    written = scans(made(*modalities))
    assert {path.rpartition("_")[2] for path in written} == {f"{name}.nii.gz" for name in modalities}
    assert {path: sha for path, sha in written.items() if path in BEFORE} == {
        path: sha for path, sha in BEFORE.items() if path.rpartition("_")[2].removesuffix(".nii.gz") in modalities
    }


def test_flair_has_dark_fluid_in_the_brain_of_the_other_scans(made):
    root = made("T1w", "T2w", "FLAIR")
    stem = "sub-0001/ses-01/anat/sub-0001_ses-01"
    labels = np.asarray(nib.load(root / f"derivatives/ground_truth/{stem}_dseg.nii.gz").dataobj)
    flair, t2w = (np.asarray(nib.load(root / f"{stem}_{name}.nii.gz").dataobj) for name in ("FLAIR", "T2w"))
    fluid, white = np.isin(labels, (4, 43)), np.isin(labels, (2, 41))
    assert flair[fluid].mean() < 0.7 * flair[white].mean() and t2w[fluid].mean() > 1.3 * t2w[white].mean()
    assert ((flair > 0) == (labels > 0)).all()


def test_every_recipe_knows_every_structure():
    names = {structure.name for structure in STRUCTURES}
    for modality, recipe in RECIPES.items():
        assert set(recipe.tissues) == names and max(recipe.tissues.values()) == 1, modality
        assert all(0 < value <= 1 for value in (*recipe.tissues.values(), recipe.other))


def test_a_modality_without_a_recipe_is_refused_with_those_that_have_one(tmp_path):
    with pytest.raises(InputError, match="(?s)cohort c.*modality bold.*T1w, T2w, FLAIR"):
        check_recipes(("T1w", "bold"), "cohort c")
    with pytest.raises(InputError, match="modality T1ce"):
        write_cohort(COHORT, tmp_path / "c", ("T1ce",))
    assert not (tmp_path / "c").exists()
