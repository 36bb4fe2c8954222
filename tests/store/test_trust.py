"""Shards and tokens may come from anybody: no name leads out, no value lies elsewhere, no number lies."""

import dataclasses
import fcntl
import json

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroquant.errors import InputError
from neuroquant.files import NAME_BYTES, file_name
from neuroquant.store.arrays import ArrayFile, ArrayWriter
from neuroquant.store.trust import text_of
from neuroquant.volumes.restore import restore_shard
from tests.store.test_arrays import record, write

OUTWARDS = ["../../x", "/tmp/x", "..", ".", "a/b", "a\\b", "a\0b", "a\nb", ".hidden", "\ud800", "x" * 300]


def shard(path, **changes):
    """A shard of one small volume whose record is changed."""
    with ArrayWriter(path, [dataclasses.replace(record(), **changes)]) as writer:
        writer.create("image", (4, 4, 4), np.float16)
        writer.write("image", 0, np.zeros((4, 4, 4), np.float16))
    return path


@pytest.mark.parametrize("part", ["subject", "session", "modality"])
@pytest.mark.parametrize("name", OUTWARDS)
def test_an_image_is_never_written_where_its_record_leads(tmp_path, part, name):
    path = shard(tmp_path / "a.h5", **{part: name})
    with pytest.raises(InputError, match="name"):
        restore_shard(path, tmp_path / "one/two/out")
    assert [found.name for found in tmp_path.rglob("*")] == ["a.h5"], "nothing was written anywhere"


@given(st.lists(st.text(max_size=9), max_size=3))
def test_a_name_made_of_data_is_refused_or_stays_in_its_folder(tmp_path_factory, parts):
    folder = tmp_path_factory.getbasetemp()
    try:
        name = file_name("table.tsv", *parts)
    except InputError:
        return
    assert (folder / name).parent == folder and len(name.encode()) <= NAME_BYTES
    assert (folder / name).resolve().parent == folder.resolve() and "\0" not in name


def test_two_rows_that_would_be_one_file_are_refused(tmp_path):
    twins = [dataclasses.replace(record(), cohort=cohort) for cohort in "ab"]
    with ArrayWriter(tmp_path / "a.h5", twins) as writer:
        writer.create("image", (4, 4, 4), np.float16)
    with pytest.raises(InputError, match="names that differ"):
        restore_shard(tmp_path / "a.h5", tmp_path / "out")


def foreign(path, kind):
    """A shard whose image lies in another file, or behind a link."""
    write(path, np.ones((1, 4, 4, 4), np.float16))
    (path.parent / "secret.raw").write_bytes(bytes(128))
    with h5py.File(path.parent / "other.h5", "w") as other:
        other["image"] = np.ones((1, 4, 4, 4), np.float16)
    with h5py.File(path, "r+") as file:
        arrays = file["arrays"]
        del arrays["image"]
        if kind == "external storage":
            where = [(str(path.parent / "secret.raw"), 0, 128)]
            arrays.create_dataset("image", (1, 4, 4, 4), np.float16, external=where)
        elif kind == "virtual":
            layout = h5py.VirtualLayout((1, 4, 4, 4), np.float16)
            layout[:] = h5py.VirtualSource(path.parent / "other.h5", "image", (1, 4, 4, 4))
            arrays.create_virtual_dataset("image", layout)
        elif kind == "external link":
            arrays["image"] = h5py.ExternalLink(path.parent / "other.h5", "/image")
        else:
            file["elsewhere"] = np.ones((1, 4, 4, 4), np.float16)
            arrays["image"] = h5py.SoftLink("/elsewhere")


@pytest.mark.parametrize("kind", ["external storage", "virtual", "external link", "soft link"])
def test_values_that_lie_in_another_file_are_never_read(tmp_path, kind):
    foreign(tmp_path / "a.h5", kind)
    with pytest.raises(InputError, match="in another file|is a link"):
        ArrayFile(tmp_path / "a.h5")


def bytes_of(text):
    return np.frombuffer(text.encode(), np.uint8)


def spoilt(path, change):
    """A shard whose list of records, as plain JSON, was changed."""
    shard(path)
    with h5py.File(path, "r+") as file:
        text = change(json.loads(text_of(file, "records")))
        del file["records"]
        file["records"] = bytes_of(text if isinstance(text, str) else json.dumps(text))
    return path


def geometry(**changes):
    return lambda records: [{**records[0], "geometry": {**records[0]["geometry"], **changes}}]


FLAT = [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    "change",
    [
        lambda records: "{not json",
        lambda records: "[" * 100_000,
        lambda records: "9" * 5000,
        lambda records: {"a": 1},
        lambda records: [{**records[0], "age": "old"}],
        lambda records: [{**records[0], "subject": 7}],
        lambda records: [{**records[0], "geometry": 3}],
        lambda records: [],
        lambda records: records * 2,
        geometry(affine=[[1, 2], [3, 4]]),
        geometry(affine=FLAT),
        geometry(source_affine=[[1, 0, 0, 0], [1e30, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        geometry(source_affine=[[float("nan")] * 4] * 4),
        geometry(shape=[100_000, 100_000, 100_000]),
        geometry(shape=[0, 9, 9]),
        geometry(source_shape=[9, 9, 10]),
        geometry(start=[10**30, 0, 0]),
        geometry(intensity=[float("nan"), 1]),
        geometry(intensity=[5, 1]),
    ],
)
def test_records_that_cannot_be_are_refused_in_a_sentence(tmp_path, change):
    with pytest.raises(InputError, match="a.h5"):
        ArrayFile(spoilt(tmp_path / "a.h5", change))


@pytest.mark.parametrize("name", ["format", "attributes", "records"])
def test_strings_of_variable_length_are_not_read_for_a_damaged_one_can_hang_the_library(tmp_path, name):
    shard(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        text = text_of(file, name)
        del file[name]
        file[name] = text
    with pytest.raises(InputError, match=f"{name} isn't text in bytes"):
        ArrayFile(tmp_path / "a.h5")


@pytest.mark.parametrize("dtype", ["S4", h5py.string_dtype(), [("a", "f4")], np.complex64])
def test_arrays_of_anything_but_numbers_are_refused(tmp_path, dtype):
    shard(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["arrays"].create_dataset("more", (1, 2), dtype)
    with pytest.raises(InputError, match="isn't one of numbers"):
        ArrayFile(tmp_path / "a.h5")


def test_a_row_of_terabytes_is_refused_before_it_is_read(tmp_path):
    shard(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["arrays"].create_dataset("more", (1, 10**4, 10**4, 10**4), "f4", chunks=(1, 8, 8, 8), compression="gzip")
    with pytest.raises(InputError, match="GiB"):
        ArrayFile(tmp_path / "a.h5")


def test_a_held_lock_is_named_with_what_helps_and_nothing_is_to_be_deleted(tmp_path):
    path = shard(tmp_path / "a.h5")
    with open(path, "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InputError) as caught:
            ArrayFile(path)
    assert "locked" in caught.value.found and "HDF5_USE_FILE_LOCKING=FALSE" in caught.value.remedy
    assert len(ArrayFile(path)) == 1


def test_no_advice_deletes_a_file_that_somebody_named(tmp_path):
    (tmp_path / "scan.nii.gz").write_bytes(b"somebody's only copy")
    with pytest.raises(InputError) as caught:
        ArrayFile(tmp_path / "scan.nii.gz")
    assert not {"delete", "remove", "rerun"} & set(caught.value.remedy.replace(",", " ").split())
