"""Scans on one grid: cubes, T2w onto T1w, brains that are too large, bias fields; each recorded, and undone."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.affines import voxel_sizes
from nibabel.eulerangles import euler2mat
from scipy import ndimage

from neuroquant.errors import InputError
from neuroquant.scans.grid import Grid
from neuroquant.volumes import align
from neuroquant.volumes.align import cubes, mutual_information, register, resampled, stretched
from neuroquant.volumes.restore import restore, restore_labels
from neuroquant.volumes.scan import Scan
from tests.volumes.heads import ball

SIDE = 2.0
SHAPE = (40, 48, 36)
HERE = np.eye(4)


def head(place=HERE, shape=SHAPE, side=SIDE, invert=False) -> Scan:
    """A head with inner structure whose tissue lies at `place` (mm), sampled on a grid of its own."""
    affine = np.diag([side, side, side, 1.0])
    affine[:3, 3] = -side * np.array(shape) / 2
    points = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) @ affine[:3, :3].T + affine[:3, 3]
    back = np.linalg.inv(place)
    x, y, z = np.moveaxis(points @ back[:3, :3].T + back[:3, 3], -1, 0)
    brain = (x / 30) ** 2 + (y / 38) ** 2 + (z / 27) ** 2 < 1
    inner = ((x - 9) / 8) ** 2 + ((y + 10) / 14) ** 2 + (z / 8) ** 2 < 1
    corner = ((x + 12) / 7) ** 2 + ((y - 14) / 6) ** 2 + ((z - 9) / 7) ** 2 < 1
    values = np.select([inner, corner, brain], [300.0, 900.0, 600.0], 0.0)
    if invert:
        values = np.where(brain | inner | corner, 1100 - values, 0)
    data = ndimage.gaussian_filter(values, 0.6).astype(np.float32)
    return Scan(data, affine, data.shape, affine)


def shifted(mm=(5.0, -3.0, 2.0), angle=0.06) -> np.ndarray:
    place = np.eye(4)
    place[:3, :3], place[:3, 3] = euler2mat(angle, 0.5 * angle, -angle), mm
    return place


@settings(max_examples=40, deadline=None)
@given(sides=st.tuples(*[st.floats(0.5, 3.5)] * 3), shape=st.tuples(*[st.integers(5, 60)] * 3), side=st.floats(0.5, 3))
def test_cubes_hold_the_whole_scan_from_the_same_corner(sides, shape, side):
    affine = np.diag([*sides, 1.0]) @ np.eye(4)
    affine[:3, 3] = (3.0, -20.0, 7.0)
    grid = Grid(shape, affine)
    new_shape, new = cubes(grid, side)
    if new is affine:
        return
    np.testing.assert_allclose(voxel_sizes(new), side, rtol=1e-6)
    corner = affine[:3, 3] - 0.5 * np.array(sides)
    np.testing.assert_allclose(new[:3, 3] - 0.5 * side, corner, atol=1e-6)
    extent = np.array(new_shape) * side
    assert (extent >= np.array(shape) * sides - 1e-2 * side).all()
    assert (extent < np.array(shape) * sides + side).all()


def test_a_grid_that_already_has_the_side_stays_as_it_is():
    grid = Grid(SHAPE, np.diag([1.02, 0.97, 1.0, 1.0]))
    assert cubes(grid, 1.0) is grid
    assert grid.same_as(grid) and not grid.same_as(stretched(grid, np.full(3, 1.1)))


def test_resampling_to_finer_cubes_and_back_keeps_the_image():
    scan = head()
    there = resampled(scan, cubes(scan.grid, 1.0), np.eye(4))
    back = resampled(there, scan.grid, np.eye(4))
    inside = scan.data > 100
    assert np.abs(back.data - scan.data)[inside].mean() < 0.02 * scan.data.max()
    assert there.data.min() >= 0 and there.data.max() <= scan.data.max(), "no overshoot at edges"


def test_registration_finds_a_known_shift_and_turn_across_contrasts():
    place = shifted()
    fixed, turned = head(), head(place, shape=(44, 44, 40), side=1.8, invert=True)
    found = register(fixed, turned)
    assert found.accepted and found.after > found.before
    corners = np.array([[x, y, z, 1] for x in (-25, 25) for y in (-30, 30) for z in (-20, 20)])
    assert np.linalg.norm((corners @ (found.transform - place).T)[:, :3], axis=1).max() < 1.0, "below half a voxel"
    assert found.shift_mm(np.zeros(3)) == pytest.approx(np.linalg.norm((5, -3, 2)), abs=0.7)
    assert found.turn_deg == pytest.approx(np.degrees(np.arccos((np.trace(place[:3, :3]) - 1) / 2)), abs=1)
    again = register(fixed, turned)
    np.testing.assert_array_equal(again.transform, found.transform)


def test_a_registration_that_makes_things_worse_is_refused(monkeypatch):
    fixed, other = head(), head(invert=True)
    monkeypatch.setattr(align, "rigid", lambda *scans: shifted((20.0, 0.0, 0.0)))
    found = register(fixed, other)
    assert not found.accepted and found.after < found.before
    np.testing.assert_array_equal(found.transform, np.eye(4))


def test_mutual_information_falls_as_images_move_apart():
    fixed, grid = head(), head().grid
    scores = [
        mutual_information(fixed.data, resampled(head(invert=True), grid, shifted((mm, 0, 0), 0.0), order=1).data)
        for mm in (0, 2, 5, 10)
    ]
    assert scores == sorted(scores, reverse=True) and scores[0] > 2 * scores[-1]


def test_n4_flattens_a_bias_field():
    scan = head()
    ramp = np.exp(0.6 * np.linspace(-1, 1, SHAPE[1]))[None, :, None]
    brain = scan.data > 100
    even = brain & (np.abs(scan.data - 600) < 20)
    biased = Scan((scan.data * ramp).astype(np.float32), scan.affine, scan.source_shape, scan.source_affine)
    flat, spread = align.unbiased(biased, brain)
    unevenness = [image.data[even].std() / image.data[even].mean() for image in (biased, flat)]
    assert unevenness[1] < 0.4 * unevenness[0] and 0.1 < spread < 1


def pair_on_two_grids(shard) -> dict:
    """A session whose T2w lies on another grid, 6 mm off."""
    row = shard.add("a")
    fixed, turned = head(), head(shifted((6.0, 0.0, 0.0), 0.0), shape=(44, 44, 40), side=1.8, invert=True)
    shard.write(row["T1w"], np.where(fixed.data > 20, fixed.data, 0), fixed.affine)
    shard.write(row["T2w"], np.where(turned.data > 20, turned.data, 0), turned.affine)
    return row


def test_a_pair_on_two_grids_is_brought_together_recorded_and_goes_back_onto_its_own(shard):
    row = pair_on_two_grids(shard)
    volumes, qc, excluded = shard.run(shape=(48, 48, 48), registration="grids", percentiles=(0.0, 100.0))
    assert excluded.empty and qc.T2w_registered[0] == "yes" and qc.resampled[0] == "T2w"
    assert float(qc.T2w_mi_after[0]) > float(qc.T2w_mi_before[0]) and float(qc.T2w_shift_mm[0]) == pytest.approx(
        6, abs=0.7
    )
    t1, t2 = (volumes.read("image", index).astype(float) for index in (0, 1))
    mask = ndimage.binary_erosion(volumes.read("mask", 0) > 0, iterations=2)
    assert np.corrcoef(t1[mask], t2[mask])[0, 1] < -0.6, "inverted contrasts lie on one another"
    for index, kind in ((0, "T1w"), (1, "T2w")):
        scan = nib.load(shard.root / row[kind])
        data = np.asarray(scan.dataobj)
        back = restore(volumes.read("image", index), volumes.records[index].geometry, volumes.read("mask", index))
        assert back.shape == scan.shape
        np.testing.assert_allclose(back.affine, scan.affine)
        inner = ndimage.binary_erosion(data > 20, iterations=3)
        error = np.abs(np.asarray(back.dataobj) - data)[inner].mean() / data.max()
        assert error < (1e-3 if kind == "T1w" else 0.03)


def test_without_registration_such_a_pair_is_left_out_with_what_to_set(shard):
    pair_on_two_grids(shard)
    _, _, excluded = shard.run(registration="off")
    assert "volume.registration is off" in excluded.reason[0]


def test_scans_are_resampled_to_cubes_and_labels_with_them(shard):
    row = shard.add("a", labels=np.where(ball(), 3, 0))
    for kind in ("T1w", "T2w", "labels"):
        shard.write(row[kind], np.asarray(nib.load(shard.root / row[kind]).dataobj), np.diag([1.0, 1.0, 3.0, 1.0]))
    volumes, qc, excluded = shard.run(shape=(32, 32, 48), voxel_mm=1.5)
    assert excluded.empty and qc.voxel_mm[0] == "1.5 x 1.5 x 1.5" and qc.resampled[0] == "T1w T2w"
    assert float(qc.brain_ml[0]) == pytest.approx(3 * ball().sum() / 1000, rel=0.05)
    labels = restore_labels(volumes.read("labels", 0), volumes.records[0].geometry)
    truth = np.asarray(nib.load(shard.root / row["labels"]).dataobj)
    assert labels.shape == truth.shape and set(np.unique(labels.dataobj)) <= {0, 3}
    overlap = 2 * ((np.asarray(labels.dataobj) == 3) & (truth == 3)).sum()
    assert overlap / ((np.asarray(labels.dataobj) == 3).sum() + (truth == 3).sum()) > 0.9


def test_a_brain_that_is_too_large_is_shrunk_to_fit_and_says_by_how_much(shard):
    shard.add("a")
    volumes, qc, excluded = shard.run(shape=(16, 16, 16), oversize="rescale")
    assert excluded.empty and qc.lost_voxels[0] == "0"
    assert float(qc.scale[0]) == pytest.approx(20 / 16, rel=0.05)
    assert float(qc.brain_ml[0]) == pytest.approx(8 * ball().sum() / 1000, rel=0.1), "millilitres stay"
    _, _, excluded = shard.run("other", shape=(16, 16, 16), oversize="exclude")
    assert "would lose" in excluded.reason[0]


def test_a_raw_scan_takes_its_mask_from_a_label_map_or_from_the_engine(shard):
    noise = np.random.default_rng(0).uniform(1, 900, ball().shape).astype(np.float32)
    shard.add("a", labels=np.where(ball(), 3, 0), T1w=noise, T2w=2 * noise)
    shard.add("b", T1w=noise, T2w=2 * noise)
    _, qc, excluded = shard.run()
    assert list(qc.subject) == ["a"] and qc.mask_from[0] == "label map"
    assert "add deepbet to volume.brain_mask" in excluded.reason[0]
    seen = []

    def engine(data, affine):
        seen.append((data.shape, voxel_sizes(affine).tolist()))
        return np.flip(ball(), (0, 1)) * 41

    _, qc, excluded = shard.run(
        "engine", brain_mask=("given", "stripped", "labels", "synthseg"), finders={"synthseg": engine}
    )
    assert excluded.empty and list(qc.mask_from) == ["label map", "SynthSeg"]
    assert seen == [(ball().shape, [2.0, 2.0, 2.0])], "the engine is asked for what nothing else answers"


def test_a_scan_that_the_engine_cannot_segment_costs_its_session_alone(shard):
    noise = np.random.default_rng(0).uniform(1, 900, ball().shape).astype(np.float32)
    row = shard.add("raw", T1w=noise, T2w=2 * noise)
    shard.add("good")

    def engine(data, affine):
        raise InputError("raw scan", "SynthSeg wrote no segmentation (exit status 1)", "a label map", "try it by hand")

    _, qc, excluded = shard.run(brain_mask=("given", "stripped", "synthseg"), finders={"synthseg": engine})
    assert list(qc.subject) == ["good"] and list(excluded.file) == [row["T1w"]]
    assert "can't segment it: SynthSeg wrote no segmentation (exit status 1); try it by hand" in excluded.reason[0]


def test_parcels_of_cortex_are_cortex(shard):
    labels = np.where(ball(), 1012, 0)
    labels[: ball().shape[0] // 2] = np.where(ball(), 12130, 0)[: ball().shape[0] // 2]
    noise = np.random.default_rng(0).uniform(1, 900, ball().shape).astype(np.float32)
    shard.add("a", labels=labels, T1w=noise, T2w=2 * noise)
    volumes, qc, _ = shard.run()
    assert qc.mask_from[0] == "label map" and set(np.unique(volumes.read("labels", 0))) == {0, 3, 42}


def test_the_corpus_callosum_is_white_matter_of_the_nearer_hemisphere_and_all_of_aseg_is_brain(shard):
    inside, right = ball(), np.arange(ball().shape[0])[:, None, None] < ball().shape[0] // 2  # the axes run to left
    labels = np.where(inside, np.where(right, 41, 2), 0)
    labels[13:17] = np.where(inside[13:17], 253, 0)
    labels[8, 15:18, 13:16] = 77
    labels[6, 15:18, 13:16], labels[22, 15:18, 13:16], labels[8, 10:13, 13:16] = 63, 31, 80
    noise = np.random.default_rng(0).uniform(1, 900, ball().shape).astype(np.float32)
    shard.add("a", labels=labels, T1w=noise, T2w=2 * noise)
    volumes, _, _ = shard.run()
    back = restore_labels(volumes.read("labels", 0), volumes.records[0].geometry)
    expected = np.where(inside, np.where(right, 41, 2), 0)
    expected[6, 15:18, 13:16], expected[22, 15:18, 13:16], expected[8, 10:13, 13:16] = 43, 4, 80
    np.testing.assert_array_equal(np.asarray(back.dataobj), expected)
    np.testing.assert_array_equal(volumes.read("mask", 0) > 0, volumes.read("labels", 0) > 0)


@pytest.mark.parametrize("missing", ["T1w", "T2w"])
def test_one_modality_is_enough(shard, missing):
    shard.add("a")[missing] = ""
    volumes, qc, excluded = shard.run()
    assert excluded.empty and len(volumes) == 1 and qc[f"{missing}_high"][0] == ""


def one_pair(shard, **change) -> dict:
    """A session of a head in both contrasts on one grid: T1w darkens outwards, T2w brightens."""
    row = shard.add("a")
    bright = head()
    depth = ndimage.distance_transform_edt(bright.data > 100)
    generator = np.random.default_rng(0)
    images = {"T1w": 300 + 30 * depth + 0.3 * bright.data, "T2w": 900 - 30 * depth - 0.3 * bright.data}
    for kind, data in images.items():
        data = np.where(bright.data > 100, np.maximum(data + generator.normal(0, 5, data.shape), 1), 0)
        shard.write(row[kind], change.get(kind, lambda image: image)(data.astype(np.float32)), bright.affine)
    return row


def test_a_pair_that_is_mirrored_or_swapped_is_left_out_with_what_to_do(shard):
    row = one_pair(shard)
    _, qc, excluded = shard.run("good", shape=(48, 48, 48))
    assert excluded.empty and float(qc.T2w_mirrored[0]) < 1
    assert float(qc.T1w_inward[0]) - float(qc.T2w_inward[0]) > 0.5
    one_pair(shard, T2w=lambda image: image[::-1])
    shard.rows = shard.rows[:1]
    _, _, excluded = shard.run("mirrored", shape=(48, 48, 48))
    assert "mirrored left to right" in excluded.reason[0] and "correct it" in excluded.reason[0]
    volumes, _, _ = shard.run("let pass", shape=(48, 48, 48), pair_check=False)
    assert len(volumes) == 2
    shard.rows = []
    row = one_pair(shard)
    row["T1w"], row["T2w"] = row["T2w"], row["T1w"]
    _, _, excluded = shard.run("swapped", shape=(48, 48, 48))
    assert "look swapped" in excluded.reason[0] and "correct the names" in excluded.reason[0]


def test_huge_intensities_and_names_with_spaces_pass(shard):
    generator = np.random.default_rng(0)
    huge = np.where(ball(), generator.uniform(1e6, 1e7, ball().shape), 0).astype(np.float32)
    shard.add("sub 1 (left)", T1w=huge)
    volumes, qc, excluded = shard.run()
    assert excluded.empty and float(qc.T1w_high[0]) > 9e6
    assert np.isfinite(volumes.read("image", 0)).all() and volumes.read("image", 0).max() == 1


def test_a_full_disk_leaves_nothing_half_written(shard, monkeypatch):
    shard.add("a")

    def full(self, name, row, array):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("neuroquant.store.arrays.ArrayWriter.write", full)
    with pytest.raises(InputError, match="(?s)No space left.*free some space"):
        shard.run()
    assert not list((shard.root / "out").iterdir())
