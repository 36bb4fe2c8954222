"""The embedded cohort: invertible deformations, known effects, and the same bytes for the same seed."""

import hashlib
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from neuroquant.cohorts.synthetic import write_cohort
from neuroquant.cohorts.synthetic.deformation import GRID_MM, exponential, random_velocity
from neuroquant.cohorts.synthetic.subject import anatomy, draw_person
from neuroquant.cohorts.synthetic.template import LEFT, icbm
from neuroquant.config.cohort import Cohort, Synthetic
from neuroquant.errors import InputError
from neuroquant.files import read_tsv

COARSE = Synthetic(subjects=4, voxel_mm=5.0, seed=3)


def cohort(**changes) -> Cohort:
    return Cohort(name="e", synthetic=COARSE.model_copy(update=changes), embedded=True)


def millilitres(labels: np.ndarray, *numbers: int, voxel_mm: float = 1.0) -> float:
    return np.isin(labels, numbers).sum() * voxel_mm**3 / 1000


@pytest.mark.parametrize(
    ("pair", "low", "high"),
    [((11, 50), 2, 5), ((8, 47), 45, 85), ((4, 43), 4, 15), ((3, 42), 200, 500), ((2, 41), 150, 350), ((10, 49), 3, 9)],
)
def test_structures_of_the_template_have_the_size_of_an_adults(pair, low, high):
    # ICBM space is about a quarter larger than a typical adult brain
    for number in pair:
        assert low < millilitres(icbm().labels, number) < high


def test_left_is_left_in_the_template():
    labels, affine = icbm().labels, icbm().affine
    for left, right in LEFT.items():
        x_left, x_right = (np.argwhere(labels == n)[:, 0].mean() * affine[0, 0] + affine[0, 3] for n in (left, right))
        assert x_left < -2 and x_right > 2


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**31), amplitude=st.floats(0.5, 4))
def test_the_deformation_is_invertible(seed, amplitude):
    velocity = random_velocity(np.random.default_rng(seed), (18, 20, 17), amplitude)
    there, back = exponential(velocity), exponential(-velocity)
    gradient = np.stack([np.stack(np.gradient(part, GRID_MM)) for part in there]).transpose(2, 3, 4, 0, 1)
    assert np.linalg.det(np.eye(3) + gradient).min() > 0
    grid = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in velocity.shape[1:]), indexing="ij"))
    moved = grid + there / GRID_MM
    rest = there + np.stack([ndimage.map_coordinates(part, moved, order=1, mode="nearest") for part in back])
    inside = (slice(None), *(slice(4, -4),) * 3)
    assert np.abs(rest[inside]).max() < 0.05 * GRID_MM


def test_male_brains_are_larger_by_the_stated_effect():
    settings = COARSE.model_copy(update={"sex_effect": 0.1, "deformation_mm": 0.5})
    volumes = {"F": [], "M": []}
    for number in range(24):
        person = draw_person(settings, number)
        volumes[person.sex].append(millilitres(anatomy(settings, person, 0)[0] > 0, 1, voxel_mm=5))
    ratio = np.mean(volumes["M"]) / np.mean(volumes["F"])
    assert 1.04 < ratio < 1.17


def test_ventricles_grow_with_every_visit():
    settings = COARSE.model_copy(update={"voxel_mm": 2.0, "atrophy": 0.1})
    person = draw_person(settings, 0)
    volumes = [millilitres(anatomy(settings, person, visit)[0], 4, 43, voxel_mm=2) for visit in range(3)]
    assert volumes[0] < volumes[1] < volumes[2]
    assert 1.05 < volumes[2] / volumes[0] < 1.5


def test_a_cohort_is_bids_with_both_modalities_and_truth_at_every_session(tmp_path):
    write_cohort(cohort(), tmp_path / "bids")
    root = tmp_path / "bids"
    people = read_tsv(root / "participants.tsv")
    assert set(people.sex) == {"F", "M"} and "family_id" in people
    for scan in root.glob("sub-*/ses-*/anat/*_T1w.nii.gz"):
        stem = str(scan.relative_to(root)).removesuffix("_T1w.nii.gz")
        t1w, t2w = (nib.load(root / f"{stem}_{modality}.nii.gz") for modality in ("T1w", "T2w"))
        truth, mask = (
            nib.load(root / f"derivatives/ground_truth/{stem}_{kind}.nii.gz") for kind in ("dseg", "desc-brain_mask")
        )
        assert t1w.shape == t2w.shape == truth.shape and nib.aff2axcodes(t1w.affine) == ("R", "A", "S")
        inside = np.asarray(mask.dataobj) > 0
        assert (np.asarray(t1w.dataobj)[~inside] == 0).all() and (np.asarray(t1w.dataobj)[inside] > 0).all()
        assert set(np.unique(truth.dataobj)) >= {0, 2, 3, 41, 42, 16, 8, 47}


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.nii.gz"))
    }


def test_the_same_seed_gives_the_same_bytes_and_more_subjects_change_nobody(tmp_path):
    write_cohort(cohort(subjects=2), tmp_path / "two")
    write_cohort(cohort(subjects=3), tmp_path / "three")
    two, three = digest(tmp_path / "two"), digest(tmp_path / "three")
    assert two.items() < three.items()


def test_a_folder_of_somebody_elses_is_never_overwritten(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").write_text("x")
    with pytest.raises(InputError, match="wasn't made here"):
        write_cohort(cohort(), tmp_path / "data")
    assert (tmp_path / "data" / "precious").read_text() == "x"


@pytest.mark.skipif("NEUROQUANT_TESTDATA" not in os.environ, reason="NEUROQUANT_TESTDATA isn't set: no label maps")
def test_a_folder_of_label_maps_makes_a_pair_at_one_millimetre():
    folder = Path(os.environ["NEUROQUANT_TESTDATA"]) / "label_maps"
    settings = Synthetic(labels=str(folder), voxel_mm=1.0)
    labels, _, _ = anatomy(settings, draw_person(settings, 3), 0)
    assert labels.max() < 500 and {17, 53, 11, 50, 8, 47} <= set(np.unique(labels))
    box = np.ptp(np.argwhere(labels > 0), axis=0) + 1
    assert (box < (165, 215, 175)).all(), "brains at 1 mm have the size of brains"
