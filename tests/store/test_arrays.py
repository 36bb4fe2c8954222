"""The shard store: whole rows, single slices, and the same bytes for the same content."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neuroquant.errors import InputError
from neuroquant.store.arrays import ArrayFile, ArrayWriter, Geometry, Record

EYE = tuple(map(tuple, np.eye(4).tolist()))
GEOMETRY = Geometry(EYE, (9, 9, 9), EYE, (9, 9, 9), (-1, 0, 2), (0.0, 412.5))


def record(modality: str = "T1w", session: str = "01") -> Record:
    return Record("c", "007", session, modality, "test", "", "F", 12.5, GEOMETRY)


def write(path, arrays, compress=False):
    records = [record(session=str(row)) for row in range(len(arrays))]
    with ArrayWriter(path, records, {"range": [-1, 1]}) as writer:
        writer.create("image", arrays[0].shape, np.float16, compress)
        for row, array in enumerate(arrays):
            writer.write("image", row, array)


@settings(max_examples=25, deadline=None)
@given(arrays=hnp.arrays(np.float16, (3, 4, 5, 6), elements=st.floats(-1, 1, width=16)), compress=st.booleans())
def test_what_is_written_is_read_row_by_row(tmp_path_factory, arrays, compress):
    path = tmp_path_factory.mktemp("store") / "a.h5"
    write(path, arrays, compress)
    file = ArrayFile(path)
    assert len(file) == 3 and file.attributes == {"range": [-1, 1]}
    for row in range(3):
        np.testing.assert_array_equal(file.read("image", row), arrays[row])


def test_a_slice_of_any_plane_is_read_through_the_memory_map(tmp_path):
    arrays = np.random.default_rng(0).uniform(-1, 1, (2, 4, 5, 6)).astype(np.float16)
    write(tmp_path / "a.h5", arrays)
    view = ArrayFile(tmp_path / "a.h5").view("image")
    assert isinstance(view, np.memmap)
    np.testing.assert_array_equal(view[1, 2], arrays[1, 2])
    np.testing.assert_array_equal(view[1, :, 2], arrays[1, :, 2])
    np.testing.assert_array_equal(view[1, :, :, 2], arrays[1, :, :, 2])


def test_records_come_back_with_their_geometry(tmp_path):
    with ArrayWriter(tmp_path / "a.h5", [record("T1w"), record("T2w")]) as writer:
        writer.create("image", (2, 2, 2), np.float16)
    file = ArrayFile(tmp_path / "a.h5")
    assert file.records == (record("T1w"), record("T2w"))
    assert file.sessions == {("c", "007", "01"): {"T1w": 0, "T2w": 1}}


def test_the_same_content_gives_the_same_bytes(tmp_path):
    arrays = np.ones((2, 4, 4, 4), np.float16)
    write(tmp_path / "a.h5", arrays)
    time.sleep(1.1)  # HDF5 would note the second in which a file was made
    write(tmp_path / "b.h5", arrays)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_an_empty_shard_is_a_valid_file(tmp_path):
    with ArrayWriter(tmp_path / "a.h5", []) as writer:
        writer.create("image", (4, 4, 4), np.float16)
        writer.create("mask", (4, 4, 4), np.uint8, compress=True)
    file = ArrayFile(tmp_path / "a.h5")
    assert len(file) == 0 and file.view("image").shape == (0, 4, 4, 4)


def test_a_truncated_file_is_named(tmp_path):
    write(tmp_path / "a.h5", np.ones((2, 16, 16, 16), np.float16))
    whole = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="a.h5"):
        ArrayFile(tmp_path / "a.h5")
