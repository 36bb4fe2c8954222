"""One shard of scans becomes volumes; a scan that is broken costs its session alone, with the reason in words."""

import time

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from neuroquant.scans.grid import to_ras
from tests.volumes.heads import LPS, ball


def test_a_pair_becomes_two_rows_in_ras_with_its_brain_in_the_middle(shard):
    row = shard.add("a")
    volumes, qc, excluded = shard.run()
    assert excluded.empty and [record.modality for record in volumes.records] == ["T1w", "T2w"]
    assert volumes.attributes["shape"] == [32, 32, 32] and volumes.attributes["range"] == [-1, 1]
    assert volumes.attributes["voxel_mm"] == pytest.approx(2) and volumes.attributes["has_labels"] == [False, False]
    assert (volumes.view("image").dtype, volumes.view("image").shape) == (np.float16, (2, 32, 32, 32))
    record, mask = volumes.records[0], volumes.read("mask", 0)
    assert (record.sex, record.age, record.split) == ("F", 9.5, "test")
    inside = np.argwhere(mask)
    assert (np.abs(inside.min(0) + inside.max(0) - 31) <= 1).all()
    scan = to_ras(np.asarray(nib.load(shard.root / row["T1w"]).dataobj), LPS)
    low, high = record.geometry.intensity
    start = np.array(record.geometry.start)
    place = inside[1234]
    expected = np.clip((scan[tuple(place + start)] - low) / (high - low) * 2 - 1, -1, 1)
    assert volumes.view("image")[0][tuple(place)] == pytest.approx(expected, abs=1e-3)
    assert qc.box[0] == "19 x 19 x 19" and qc.voxel_mm[0] == "2 x 2 x 2" and qc.lost_voxels[0] == "0"
    assert float(qc.brain_ml[0]) == pytest.approx(ball().sum() * 8 / 1000)


def test_values_fill_the_range_and_the_background_is_minus_one(shard):
    shard.add("a")
    volumes, _, _ = shard.run()
    for row in range(2):
        image, mask = volumes.read("image", row), volumes.read("mask", row).astype(bool)
        assert (image[~mask] == -1).all() and image.max() == 1 and np.isclose(image[mask].min(), -1)


def test_percentiles_set_the_range(shard):
    shard.add("a")
    narrow, _, _ = shard.run(percentiles=(10.0, 90.0))
    image, mask = narrow.read("image", 0), narrow.read("mask", 0).astype(bool)
    assert 0.09 < (image[mask] == 1).mean() < 0.11 and 0.09 < (image[mask] == -1).mean() < 0.11


def test_small_negative_ripples_become_background(shard):
    rippled = np.where(ball(), 500.0, 0).astype(np.float32)
    rippled[ball()] += np.random.default_rng(0).uniform(-50, 50, ball().sum())
    rippled[2:4, 2:4, 2:4] = -20
    rippled[15, 15, 14] = -30
    shard.add("a", T1w=rippled)
    volumes, qc, excluded = shard.run()
    assert excluded.empty and float(qc.T1w_low[0]) == 0
    assert volumes.read("image", 0).min() == -1


def test_slope_and_intercept_of_the_header_are_applied(shard):
    row = shard.add("a")
    data = np.where(ball(), np.random.default_rng(0).uniform(0.2, 0.9, ball().shape), 0)
    image = nib.Nifti1Image(data, LPS)
    image.set_data_dtype(np.int16)
    nib.save(image, shard.root / row["T1w"])
    _, qc, _ = shard.run(percentiles=(0.0, 100.0))
    assert float(qc.T1w_high[0]) == pytest.approx(data.max(), abs=1e-4)


def test_given_masks_and_label_maps_are_carried_along(shard):
    given = ball(radius=8)
    labels = np.where(ball(radius=6), 17, 0)
    noise = np.random.default_rng(0).uniform(1, 900, ball().shape).astype(np.float32)
    shard.add("a", mask=given, labels=labels, T1w=noise, T2w=2 * noise)
    shard.add("b")
    volumes, qc, excluded = shard.run()
    assert excluded.empty and list(qc.mask_from) == ["given mask", "skull-stripped scans"]
    assert volumes.attributes["has_labels"] == [True, True, False, False]
    assert volumes.read("mask", 0).sum() == given.sum()
    assert set(np.unique(volumes.read("labels", 1))) == {0, 17}
    inner = ndimage.binary_erosion(volumes.read("mask", 0), iterations=2)
    assert (volumes.read("labels", 0)[inner] == 17).mean() > 0.9, "labels lie where the brain does"
    assert (volumes.read("labels", 0) > 0).sum() == (labels > 0).sum() and not volumes.read("labels", 2).any()


def test_stray_voxels_are_dropped_and_holes_are_filled(shard):
    data = np.where(ball(), 500.0, 0).astype(np.float32)
    data[ball()] += np.random.default_rng(0).uniform(0, 50, ball().sum())
    data[14:17, 15:18, 13:16] = 0
    data[1, 1, 1] = 700
    shard.add("a", T1w=data, T2w=2 * data)
    volumes, _, _ = shard.run()
    assert volumes.read("mask", 0).sum() == ball().sum()


def broken() -> dict[str, tuple[np.ndarray, str]]:
    good = np.where(ball(), 500.0 + np.random.default_rng(0).uniform(0, 99, ball().shape), 0).astype(np.float32)
    holed, endless, four, standard = good.copy(), good.copy(), np.stack([good, good], -1), good.copy()
    holed[3, 3, 3], endless[5, 5, 5] = np.nan, np.inf
    standard[ball()] = np.random.default_rng(0).standard_normal(ball().sum())
    return {
        "nan": (holed, "1 voxels are NaN or infinite"),
        "inf": (endless, "1 voxels are NaN or infinite"),
        "zero": (np.zeros_like(good), "all voxels are zero"),
        "constant": (np.full_like(good, 7), "all voxels are 7"),
        "four": (four, "4D"),
        "zscored": (standard, "is negative"),
        "skull": (good + 300, "not skull-stripped and no mask"),
        "smaller": (good[:-1], "on another grid than T1w"),
    }


@pytest.mark.parametrize("spoil", broken())
@pytest.mark.parametrize("modality", ["T1w", "T2w"])
def test_a_broken_scan_costs_its_session_alone(shard, spoil, modality):
    data, reason = broken()[spoil]
    shard.add("good")
    row = shard.add("bad", **{modality: data})
    volumes, qc, excluded = shard.run(registration="off")
    assert {record.subject for record in volumes.records} == {"good"} and list(qc.subject) == ["good"]
    assert list(excluded.subject) == ["bad"] and reason in excluded.reason[0]
    if spoil != "smaller":
        assert excluded.file[0] == row[modality]


@pytest.mark.parametrize("spoil", ["empty", "truncated", "cut short", "flipped", "text", "gone"])
@pytest.mark.parametrize("kind", ["T1w", "T2w", "mask", "labels"])
def test_a_damaged_file_costs_its_session_alone(shard, spoil, kind):
    shard.add("good")
    row = shard.add("bad", mask=ball(), labels=ball())
    path = shard.root / row[kind]
    whole = path.read_bytes()
    if spoil == "gone":
        path.unlink()
    else:
        middle = len(whole) // 2
        damaged = {"empty": b"", "truncated": whole[:middle], "cut short": whole[:-3], "text": b"hello " * 99}
        damaged["flipped"] = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        path.write_bytes(damaged[spoil])
    volumes, _, excluded = shard.run()
    assert {record.subject for record in volumes.records} == {"good"}
    assert list(excluded.file) == [row[kind]] and excluded.reason[0]


def test_a_raw_head_in_zeroed_air_is_not_taken_for_a_brain(shard):
    head, noise = ball(radius=11.5), np.random.default_rng(0).uniform(100, 900, ball().shape)
    row = shard.add("head")
    for kind, slope in (("T1w", 1), ("T2w", 2)):
        shard.write(row[kind], np.where(head, slope * noise, 0).astype(np.float32), np.diag([8.0, 8.0, 8.0, 1.0]))
    _, _, excluded = shard.run()
    assert "more than any brain" in excluded.reason[0] and "desc-brain_mask" in excluded.reason[0]


def test_labels_that_are_no_labels_and_empty_masks_are_refused(shard):
    shard.add("a", mask=np.zeros(ball().shape))
    shard.add("b", labels=np.where(ball(), -5, 0))
    _, _, excluded = shard.run()
    assert excluded.reason[0] == "the brain mask is empty" and "labels from -5" in excluded.reason[1]


def test_a_brain_larger_than_the_volume_is_cropped_or_excluded_and_what_is_lost_is_counted(shard):
    shard.add("a")
    cropped, qc, excluded = shard.run(shape=(16, 32, 32), crop_limit=0.5)
    lost = int(qc.lost_voxels[0])
    assert excluded.empty and lost == ball().sum() - cropped.read("mask", 0).sum() > 0
    assert float(qc.lost_share[0]) == pytest.approx(lost / ball().sum())
    for settings in ({"crop_limit": 0.0}, {"oversize": "exclude", "crop_limit": 0.5}):
        volumes, qc, excluded = shard.run(shape=(16, 32, 32), **settings)
        assert len(volumes) == 0 and qc.empty and "19 x 19 x 19 voxels" in excluded.reason[0]


def test_an_empty_manifest_gives_valid_empty_files(shard):
    volumes, qc, excluded = shard.run()
    assert len(volumes) == 0 and qc.empty and excluded.empty
    assert volumes.view("image").shape == (0, 32, 32, 32) and volumes.attributes["has_labels"] == []
    assert "brain_ml" in qc.columns and list(excluded.columns) == ["cohort", "subject", "session", "reason", "file"]


def test_the_same_scans_give_the_same_bytes(shard):
    shard.add("a", labels=ball())
    shard.add("b", T2w=np.zeros(ball().shape, np.float32))
    shard.run("one")
    time.sleep(1.1)  # HDF5 would note the second in which a file was made
    shard.run("two")
    for name in ("test-000.h5", "test-000.qc.tsv", "test-000.excluded.tsv"):
        assert (shard.root / "one" / name).read_bytes() == (shard.root / "two" / name).read_bytes()
