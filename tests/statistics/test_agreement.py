"""Surfaces agree with MONAI's, and the ceiling is the engine against itself on the moved head."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_surface_dice
from scipy import ndimage

from neuroquant.evaluation.anatomy import ceiling
from neuroquant.evaluation.anatomy.dice import score_dice
from neuroquant.evaluation.anatomy.regions import write_regions
from neuroquant.evaluation.anatomy.segment import segment_shard
from neuroquant.evaluation.anatomy.surface import normalised_surface_distances, surfaces
from neuroquant.files import read_tsv
from neuroquant.segmentation.scans import Found
from neuroquant.store.arrays import ArrayFile
from tests.training.helpers import SHAPE, write_volumes


def blobs(seed, shape=(14, 12, 16), kinds=4):
    generator = np.random.default_rng(seed)
    fields = [ndimage.gaussian_filter(generator.normal(size=shape), 1.5) for _ in range(kinds)]
    return np.argmax(fields, axis=0).astype(np.int16)


def nsd(a, b, structures, sides=(1.0, 1.0, 1.0), tolerance=1.0):
    found = normalised_surface_distances(surfaces(a), surfaces(b), sides, tolerance)
    return [found.get(label, np.nan) for label in structures]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.0, 1.0, 1.5, 2.0]), st.sampled_from([(1, 1, 1), (0.8, 1.0, 2.5)]))
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_normalised_surface_distance_is_monais(seed, tolerance, sides):
    a, b = blobs(seed), blobs(seed + 1)
    b = np.where(np.arange(16) < 9, a, b)
    one_hot = [torch.from_numpy(np.stack([x == k for k in range(4)]))[None] for x in (b, a)]
    expected = compute_surface_dice(*one_hot, [tolerance] * 3, include_background=False, spacing=list(sides))
    np.testing.assert_allclose(nsd(a, b, (1, 2, 3), sides, tolerance), expected[0], atol=1e-6)


def test_a_cube_that_is_moved_is_off_by_as_much_as_it_moved():
    a = np.zeros((12, 12, 12), np.int16)
    b = a.copy()
    a[2:8, 2:8, 2:8] = b[2:8, 2:8, 4:10] = 7
    assert nsd(a, a, (7,)) == [1] and nsd(a, b, (7,), tolerance=2) == [1]
    # of 152 voxels of each surface those of the four sides along the move that the other cube has too, at most 1 away
    assert nsd(a, b, (7,), tolerance=1)[0] < 0.8 and nsd(a, b, (7,), (1, 1, 0.5), tolerance=1) == [1]


def test_a_structure_that_one_of_the_two_lacks_agrees_in_nothing():
    a = np.zeros((6, 6, 6), np.int16)
    b = a.copy()
    b[2:4, 2:4, 2:4] = 3
    assert nsd(a, b, (3,)) == [0] and np.isnan(nsd(a, a, (3,))[0])


def test_the_move_is_rigid_half_a_voxel_and_nearest_to_itself():
    grid = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in (8, 9, 10)), indexing="ij"))
    for axis in range(3):
        inside = (ceiling.moved(grid[axis]) - grid[axis])[:-1, :-1, :-1]
        np.testing.assert_allclose(inside, 0.5 / np.sqrt(3), atol=1e-5)
    assert ceiling.moved(np.full((4, 5, 6), 3.0)) == pytest.approx(3)
    assert ceiling.STEP < 0.5 and 3 * ceiling.STEP**2 == pytest.approx(0.25)


def by_threshold(scans):
    """An engine that is as good as its threshold."""
    for scan in scans:
        labels = np.where(scan.volume > 1.0, 11, np.where(scan.volume > 0.3, 2, 0)).astype(np.int16)
        yield Found(labels, np.array([(labels == label).sum() for label in (0, 2, 11)], float))


def test_originals_are_segmented_twice_where_a_ceiling_is_asked_for(tmp_path):
    shard = write_volumes(tmp_path / "v.h5", "test", 2)
    engine = SimpleNamespace(name="x", stand_in=True, labels=(0, 2, 11), provenance={}, segment_all=by_threshold)
    segment_shard(shard, tmp_path / "plain.h5", engine)
    segment_shard(shard, tmp_path / "reference.h5", engine, with_ceiling=True)
    plain, reference = ArrayFile(tmp_path / "plain.h5"), ArrayFile(tmp_path / "reference.h5")
    assert set(plain.names) == {"labels", "volumes"} and set(reference.names) > set(plain.names)
    for row in range(len(plain)):
        np.testing.assert_array_equal(plain.read("labels", row), reference.read("labels", row))
    image = ArrayFile(shard).read("image", 1).astype(np.float32) + 1
    moved = next(by_threshold([SimpleNamespace(volume=ceiling.moved(image))])).labels
    np.testing.assert_array_equal(reference.read("labels_moved", 1), moved)

    segmentations = {"m": tmp_path / "plain.h5"}
    score_dice(tmp_path / "reference.h5", segmentations, (), 1.0, tmp_path / "dice.tsv")
    table = read_tsv(tmp_path / "dice.tsv", ("dice", "nsd")).set_index(["model", "structure"])
    assert (table.loc["m"][["dice", "nsd"]] == 1).all(axis=None)
    assert table.loc[("ceiling", "mean")].dice.between(0.5, 0.999).all() and set(table.stand_in) == {"x"}
    write_regions({"reference": tmp_path / "reference.h5", **segmentations}, tmp_path / "regions.tsv")
    regions = read_tsv(tmp_path / "regions.tsv", ("mm3",))
    assert set(regions.model) == {"reference", "m", "ceiling"}
    assert regions.groupby("model").size().nunique() == 1 and SHAPE == moved.shape
