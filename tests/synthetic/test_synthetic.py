"""The synthetic cohort: invertible deformations, known effects, and the same bytes for the same seed."""

import dataclasses
import hashlib
import os
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neuroquant.config.cohort import Cohort, Synthetic
from neuroquant.errors import InputError
from neuroquant.files import read_tsv
from neuroquant.synthetic import bids
from neuroquant.synthetic.bids import write_cohort
from neuroquant.synthetic.subject import anatomy, draw_person

COARSE = Synthetic(subjects=4, voxel_mm=5.0, seed=3)


def cohort(**changes) -> Cohort:
    return Cohort(name="e", synthetic=COARSE.model_copy(update=changes), stand_in=True)


def millilitres(labels: np.ndarray, *numbers: int, voxel_mm: float = 1.0) -> float:
    return np.isin(labels, numbers).sum() * voxel_mm**3 / 1000


def test_male_brains_are_larger_by_the_stated_effect():
    settings = COARSE.model_copy(update={"sex_effect": 0.1, "deformation_mm": 0.5, "voxel_mm": 6.0})
    volumes = {"F": [], "M": []}
    for number in range(20):
        person = draw_person(settings, number)
        volumes[person.sex].append(millilitres(anatomy(settings, person, 0).labels > 0, 1, voxel_mm=6))
    ratio = np.mean(volumes["M"]) / np.mean(volumes["F"])
    assert 1.04 < ratio < 1.17
    assert all(np.std(of_one_sex) > 10 for of_one_sex in volumes.values()), "people differ within a sex"


def test_without_a_sex_effect_the_same_person_has_the_same_brain():
    settings = COARSE.model_copy(update={"sex_effect": 0.0})
    person = draw_person(settings, 1)
    other = dataclasses.replace(person, sex="F" if person.sex == "M" else "M")
    assert (anatomy(settings, person, 0).labels == anatomy(settings, other, 0).labels).all()


@pytest.mark.parametrize("number", [0, 5])
def test_ventricles_grow_by_the_stated_share_every_visit_and_the_brain_loses_a_tenth_of_it(number):
    settings = COARSE.model_copy(update={"voxel_mm": 2.0, "atrophy": 0.1})
    person = draw_person(settings, number)
    visits = [anatomy(settings, person, visit).labels for visit in range(3)]
    ventricles = [millilitres(labels, 4, 43, voxel_mm=2) for labels in visits]
    assert 1.14 < ventricles[2] / ventricles[0] < 1.30 and ventricles[0] < ventricles[1] < ventricles[2]
    brain = [millilitres(labels > 0, 1, voxel_mm=2) for labels in visits]
    assert 0.97 < brain[2] / brain[0] < 0.99
    for nucleus in (3, 42), (11, 50), (8, 47):
        assert 0.93 < millilitres(visits[2], *nucleus, voxel_mm=2) / millilitres(visits[0], *nucleus, voxel_mm=2) < 1.01


def test_visits_share_their_anatomy_and_subjects_do_not():
    people = [draw_person(COARSE, number) for number in (0, 2)]
    first, second, other = (
        anatomy(COARSE, person, visit).labels for person, visit in ((people[0], 0), (people[0], 1), (people[1], 0))
    )
    assert first.shape == second.shape == other.shape, "the protocol decides the field of view, not the brain"
    brain = first > 0
    assert (first == second)[brain].mean() > 0.95 > 0.8 > (first == other)[brain].mean()


def test_no_brain_touches_the_edge_of_the_field_of_view():
    settings = COARSE.model_copy(update={"sex_effect": 0.15})
    for number in range(16):
        inside = anatomy(settings, draw_person(settings, number), 0).labels > 0
        assert not any(inside.take(index, axis).any() for axis in range(3) for index in (0, -1))


def test_brains_at_five_millimetres_fit_the_volume_of_the_demo():
    settings = COARSE.model_copy(update={"voxel_mm": 5.0})
    for number in range(10):
        labels = anatomy(settings, draw_person(settings, number), 0).labels
        assert (np.ptp(np.argwhere(labels > 0), axis=0) + 1 <= (32, 48, 32)).all()


@pytest.mark.parametrize("voxel_mm", [1.0, 2.0, 5.0])
def test_volumes_of_a_subject_are_an_adults_at_every_voxel_size(voxel_mm):
    settings = COARSE.model_copy(update={"voxel_mm": voxel_mm})
    labels = anatomy(settings, draw_person(settings, 1), 0).labels
    for left, right, low, high in ((11, 50, 2.2, 5), (8, 47, 35, 68), (4, 43, 3.5, 15), (2, 41, 150, 280)):
        for number in left, right:
            assert low < millilitres(labels, number, voxel_mm=voxel_mm) < high, number


def test_a_brain_lies_at_the_same_place_at_every_voxel_size():
    centres = []
    for voxel_mm in (2.0, 3.5):
        settings = COARSE.model_copy(update={"voxel_mm": voxel_mm})
        brain = anatomy(settings, draw_person(settings, 0), 0)
        where = [np.argwhere(np.isin(brain.labels, numbers)).mean(0) for numbers in ((2, 3), (41, 42))]
        centres.append([place * voxel_mm + brain.view.affine[:3, 3] for place in where])
    assert np.ptp(centres, axis=0).max() < 0.3, "mm"


def test_a_deformation_that_folds_is_refused():
    settings = COARSE.model_copy(update={"deformation_mm": 60.0})
    with pytest.raises(InputError, match="folds over"):
        anatomy(settings, draw_person(settings, 0), 0)


def test_families_of_two_siblings_and_singles_stand_in_a_cohort_and_sexes_balance():
    people = [draw_person(COARSE, number) for number in range(48)]
    assert [person.sex for person in people].count("F") == 24
    families = [person.family for person in people if person.family]
    assert len(families) == 6 and all(families.count(family) == 2 for family in families)
    assert {len(person.ages) for person in people} == {1, 2, 3}
    sites = Counter((person.site, person.sex) for person in people)
    assert len(sites) == 4 and set(sites.values()) == {12}, "two sites with as many of either sex"
    assert len({(person.family, person.site) for person in people if person.family}) == 3, "siblings share a site"
    assert all(list(person.ages) == sorted(set(person.ages)) for person in people)


def test_a_cohort_is_bids_with_both_modalities_and_truth_at_every_session(tmp_path):
    write_cohort(cohort(), tmp_path / "bids")
    root = tmp_path / "bids"
    people = read_tsv(root / "participants.tsv")
    named = set(read_tsv(root / "derivatives/ground_truth/dseg.tsv")["index"].astype(int))
    assert set(people.sex) == {"F", "M"} and "family_id" in people
    assert people.site.nunique() == people.scanner.nunique() == 2
    for scan in root.glob("sub-*/ses-*/anat/*_T1w.nii.gz"):
        stem = str(scan.relative_to(root)).removesuffix("_T1w.nii.gz")
        t1w, t2w = (nib.load(root / f"{stem}_{modality}.nii.gz") for modality in ("T1w", "T2w"))
        truth, mask = (
            nib.load(root / f"derivatives/ground_truth/{stem}_{kind}.nii.gz") for kind in ("dseg", "desc-brain_mask")
        )
        assert t1w.get_data_dtype() == np.int16 and t1w.header["sform_code"] == t1w.header["qform_code"] == 1
        assert t1w.shape == t2w.shape == truth.shape and nib.aff2axcodes(t1w.affine) == ("R", "A", "S")
        assert scan.read_bytes()[4:8] == bytes(4), "no time of writing in the gzip header"
        inside = np.asarray(mask.dataobj) > 0
        assert (np.asarray(t1w.dataobj)[~inside] == 0).all() and (np.asarray(t1w.dataobj)[inside] > 0).all()
        assert {2, 3, 41, 42, 16, 8, 47} <= set(np.unique(truth.dataobj)) - {0} <= named


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


def test_a_cohort_made_here_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path):
    write_cohort(cohort(subjects=3, visits_max=1), tmp_path / "bids")
    write_cohort(cohort(subjects=1, visits_max=1), tmp_path / "bids")
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["bids"]
    assert [path.name for path in sorted((tmp_path / "bids").glob("sub-*"))] == ["sub-0001"]


def test_a_cohort_that_fails_half_way_leaves_the_old_one_as_it_was(tmp_path, monkeypatch):
    write_cohort(cohort(subjects=1), tmp_path / "bids")
    before = digest(tmp_path / "bids")
    saved = bids.save_nifti

    def full_disk(array, affine, path):
        if "sub-0002" in path.name:
            raise OSError("no space left on device")
        saved(array, affine, path)

    monkeypatch.setattr(bids, "save_nifti", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_cohort(cohort(subjects=3), tmp_path / "bids")
    assert digest(tmp_path / "bids") == before and len(list(tmp_path.iterdir())) == 1


def test_a_cohort_without_a_recipe_is_refused(tmp_path):
    with pytest.raises(InputError, match="a recipe"):
        write_cohort(Cohort(name="e"), tmp_path / "bids")
    assert not (tmp_path / "bids").exists()


def test_a_cohort_that_cannot_be_put_in_place_leaves_the_old_one_as_it_was(tmp_path, monkeypatch):
    write_cohort(cohort(subjects=1), tmp_path / "bids")
    before, replace = digest(tmp_path / "bids"), os.replace

    def refused(source, target):
        if Path(source).name == "new":
            raise PermissionError("read-only")
        replace(source, target)

    monkeypatch.setattr(bids.os, "replace", refused)
    with pytest.raises(PermissionError):
        write_cohort(cohort(subjects=2), tmp_path / "bids")
    assert digest(tmp_path / "bids") == before and len(list(tmp_path.iterdir())) == 1


def test_a_folder_of_somebody_elses_is_never_overwritten(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").write_text("x")
    with pytest.raises(InputError, match="wasn't made here"):
        write_cohort(cohort(), tmp_path / "data")
    assert (tmp_path / "data" / "precious").read_text() == "x"


@pytest.mark.slow
@pytest.mark.skipif("NEUROQUANT_TESTDATA" not in os.environ, reason="NEUROQUANT_TESTDATA isn't set: no label maps")
def test_a_folder_of_label_maps_makes_a_pair_at_one_millimetre():
    folder = Path(os.environ["NEUROQUANT_TESTDATA"]) / "label_maps"
    settings = Synthetic(labels=str(folder), voxel_mm=1.0)
    labels = anatomy(settings, draw_person(settings, 3), 0).labels
    assert labels.max() < 500 and {17, 53, 11, 50, 8, 47} <= set(np.unique(labels))
    box = np.ptp(np.argwhere(labels > 0), axis=0) + 1
    assert (box < (165, 215, 175)).all(), "brains at 1 mm have the size of brains"
