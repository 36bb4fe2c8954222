"""The brain that is deformed: anatomy of the carved ICBM brain, and what a label map has to be."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from neuroquant.errors import InputError
from neuroquant.synthetic.carving import PAIRS
from neuroquant.synthetic.structures import STRUCTURES, intensities, names
from neuroquant.synthetic.subject import ICBM_SCALE
from neuroquant.synthetic.template import by_template, icbm, load_template


def centre(number: int) -> np.ndarray:
    """Centre of a structure of the ICBM brain in MNI mm."""
    template = icbm()
    return np.argwhere(template.labels == number).mean(0) * template.voxel_mm + template.affine[:3, 3]


@pytest.mark.parametrize(
    ("pair", "low", "high"),
    [((11, 50), 2.5, 5), ((8, 47), 35, 65), ((4, 43), 4, 15), ((3, 42), 200, 400), ((2, 41), 150, 280),
     ((10, 49), 3, 9), ((7, 46), 5, 18), ((12, 51), 2, 6), ((16,), 15, 30)],
)  # fmt: skip
def test_structures_have_the_size_of_an_adults(pair, low, high):
    for number in pair:  # millilitres, at the size in which subjects get the brain
        assert low < (icbm().labels == number).sum() / 1000 * ICBM_SCALE**3 < high


def test_left_is_left():
    for left, right in PAIRS.items():
        assert centre(left)[0] < -2 and centre(right)[0] > 2


def test_both_sides_are_about_equal():
    for left, right in PAIRS.items():
        assert 0.9 < (icbm().labels == left).sum() / (icbm().labels == right).sum() < 1.1


@pytest.mark.parametrize("left", [4, 11, 16])
def test_caudate_ventricle_and_stem_are_one_piece_each(left):
    pieces, count = ndimage.label(icbm().labels == left)
    assert np.bincount(pieces.ravel())[1:].max() > 0.93 * (pieces > 0).sum(), count


def test_nuclei_lie_where_anatomy_puts_them():
    assert centre(11)[1] > centre(12)[1] > centre(10)[1], "caudate before putamen before thalamus"
    assert abs(centre(12)[0]) > abs(centre(11)[0]) > abs(centre(4)[0]) - 3, "putamen is lateral of the caudate"
    assert centre(16)[2] < centre(10)[2] and centre(8)[2] < -20 and centre(8)[1] < centre(16)[1]
    assert (np.abs(centre(11) - (-13, 10, 10)) < 6).all()


def test_texture_is_what_remains_around_the_mean_of_each_structure():
    template = icbm()
    for number in (2, 3, 4, 8, 11, 16):
        assert np.abs(template.texture[template.labels == number].mean()) < 0.3
    assert not template.texture[template.labels == 0].any()


def test_the_caudate_borders_on_the_ventricle():
    near = ndimage.binary_dilation(icbm().labels == 4, iterations=3)
    assert near[icbm().labels == 11].mean() > 0.2


def test_tissue_contrast_is_t1w_and_t2w():
    t1w, kinds = intensities("T1w")
    t2w, _ = intensities("T2w")
    assert t1w[2] > t1w[10] > t1w[11] > t1w[3] > t1w[4] and t2w[4] > t2w[3] > t2w[11] > t2w[2]
    assert t1w[0] == t1w[24] and kinds[2] == kinds[41] != kinds[3]
    assert len(names()) == sum(1 + bool(structure.right) for structure in STRUCTURES)


def save(path: Path, labels: np.ndarray, affine: np.ndarray | None = None) -> Path:
    path.parent.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(labels.astype(np.int16), np.eye(4) if affine is None else affine), path)
    return path.parent


def head() -> np.ndarray:
    """A ball of white matter with a hole, fluid around it, scalp around that, and fluid far away."""
    x, y, z = np.meshgrid(*(np.arange(40),) * 3, indexing="ij")
    radius = np.sqrt((x - 20) ** 2 + (y - 20) ** 2 + (z - 20) ** 2)
    labels = np.select([radius < 2, radius < 10, radius < 12, radius < 14], [30, 25, 24, 506], 0)
    labels[0:3, 0:3, 0:3] = 24
    return labels


def test_a_label_map_loses_what_is_outside_the_brain_and_keeps_no_holes(tmp_path):
    template = load_template(str(save(tmp_path / "maps" / "a_dseg.nii.gz", head())), 0)
    assert set(np.unique(template.labels)) == {0, 2, 24}
    assert template.labels.shape == (21, 21, 21) and template.labels[10, 10, 10] == 24
    np.testing.assert_allclose(template.affine[:3, 3], 10)
    assert 0.3 < template.texture.std() < 1


def test_maps_are_taken_in_turn(tmp_path):
    for name, number in (("a", 2), ("b", 3)):
        folder = save(tmp_path / "maps" / f"{name}_dseg.nii.gz", np.where(head() == 25, number, 0))
    assert [load_template(str(folder), n).labels.max() for n in range(4)] == [24, 24, 24, 24]
    assert [load_template(str(folder), n).labels[10, 10, 3] for n in range(4)] == [2, 3, 2, 3]


@pytest.mark.parametrize(
    ("labels", "affine", "message"),
    [
        (np.zeros((5, 5, 5)), None, "no brain in it"),
        (np.ones((5, 5, 5, 2)), None, "3D"),
        (np.ones((5, 5, 5)), np.array([[1, 0.3, 0, 0], [-0.3, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "resample it"),
    ],
)
def test_a_map_that_cannot_be_used_is_named_with_the_remedy(tmp_path, labels, affine, message):
    with pytest.raises(InputError, match=message):
        load_template(str(save(tmp_path / "maps" / "a_dseg.nii.gz", labels, affine)), 0)


def test_a_truncated_map_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="no \\*_dseg"):
        load_template(str(tmp_path), 0)
    folder = save(tmp_path / "maps" / "a_dseg.nii.gz", head())
    path = folder / "a_dseg.nii.gz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="not readable"):
        load_template(str(folder), 0)


def test_subjects_of_one_map_are_made_one_after_another(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}_dseg.nii.gz").touch()
    assert by_template(str(tmp_path), 7) == [0, 3, 6, 1, 4, 2, 5]
    assert by_template("", 3) == [0, 1, 2], "the ICBM brain is one template"
