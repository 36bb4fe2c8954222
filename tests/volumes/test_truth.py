"""Label maps: FreeSurfer's numbers are ground truth, other numberings are set aside, broken maps are refused."""

import nibabel as nib
import numpy as np
import pytest

from tests.volumes.heads import LPS, ball

NUMBERS = (2, 3, 4, 10, 11, 12, 17, 41, 42, 43, 49, 50, 51, 53)


def labelled(numbers=NUMBERS) -> np.ndarray:
    """A ball whose planes are numbered in turn."""
    planes = np.arange(ball().shape[1]) % len(numbers)
    return np.where(ball(), np.asarray(numbers)[planes][None, :, None], 0)


def save(shard, row, data, kind=np.int16, **fields) -> None:
    """Write a label map, some fields of its header not as its voxels are."""
    path = shard.root / row["labels"]
    image = nib.Nifti1Image(data.astype(kind), LPS)
    nib.save(image, path.with_suffix(""))
    raw = bytearray(path.with_suffix("").read_bytes())
    head = np.ndarray((), image.header.template_dtype, raw)
    for name, value in fields.items():
        head[name] = value
    path.with_suffix("").write_bytes(raw)
    row["labels"] = path.with_suffix("").name


def test_freesurfers_numbers_are_ground_truth(shard):
    shard.add("a", labels=labelled())
    volumes, qc, excluded = shard.run()
    assert excluded.empty and volumes.attributes["has_labels"] == [True, True] and qc.ground_truth[0] == "yes"
    assert set(np.unique(volumes.read("labels", 0))) == {0, *NUMBERS}


@pytest.mark.parametrize(
    "numbers",
    [
        (1, 2, 3),
        (1, 2, 2, 2, 3, 3, 3),
        (1,),
        (1, 2, 3, 4, 5, 6, 7, 8, 9),
        (2001, 2101, 5401, 6301, 9170),
        (10, 150, 250),
    ],
    ids=["tissues", "tissues with little CSF", "mask", "dHCP", "AAL", "grey values"],
)
def test_numbers_of_tissues_or_another_atlas_are_set_aside_and_the_session_stays(shard, numbers):
    shard.add("a", labels=labelled(numbers))
    volumes, qc, excluded = shard.run()
    assert excluded.empty and volumes.attributes["has_labels"] == [False, False]
    assert not volumes.read("labels", 0).any()
    assert "aren't FreeSurfer's" in qc.ground_truth[0] and f"({numbers[0]}" in qc.ground_truth[0]


def test_the_head_around_a_brain_may_be_labelled_too(shard):
    head = np.where(ball(radius=11), 258, 0)
    shard.add("a", labels=np.where(ball(), labelled(), head))
    assert shard.run()[1].ground_truth[0] == "yes"


def test_a_raw_scan_is_not_masked_by_a_tissue_segmentation(shard):
    noise = np.random.default_rng(0).uniform(1, 900, ball().shape).astype(np.float32)
    shard.add("a", labels=labelled((1, 2, 3)), T1w=noise, T2w=2 * noise)
    _, _, excluded = shard.run()
    assert "not skull-stripped and no mask" in excluded.reason[0]


BROKEN = {
    "zeros": (labelled((0, 0)), np.int16, {}, "all labels are zero"),
    "the other byte order": (labelled().astype(np.int16).byteswap(), np.int16, {}, "in the wrong byte order"),
    "whole numbers read as floating point": (labelled(), np.int32, {"datatype": 16}, "all labels are zero"),
    "interpolated": (labelled() * 0.7, np.float32, {}, "no whole numbers"),
    "half an intercept": (labelled(), np.int16, {"scl_slope": 1, "scl_inter": 0.5}, "(scl_slope, scl_inter)"),
    "an intercept": (labelled(), np.int16, {"scl_slope": 1, "scl_inter": 2}, "no label is 0, the smallest is 2"),
    "negative": (-labelled(), np.int16, {}, "labels from -53"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_label_map_costs_its_session_and_is_named(shard, kind):
    data, datatype, fields, said = BROKEN[kind]
    shard.add("good", labels=labelled())
    row = shard.add("bad", labels=labelled())
    save(shard, row, data, datatype, **fields)
    volumes, _, excluded = shard.run()
    assert {record.subject for record in volumes.records} == {"good"}
    assert list(excluded.file) == [row["labels"]] and said in excluded.reason[0]
