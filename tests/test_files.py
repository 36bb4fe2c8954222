"""Outputs appear whole or not at all."""

import os
import time

import pandas as pd
import pytest

from neuroquant.errors import InputError
from neuroquant.files import dated_in_future, put_dates_back, read_tsv, write_text, write_tsv, written_whole


def test_a_write_that_fails_leaves_the_old_file_and_no_scratch(tmp_path):
    path = tmp_path / "table.tsv"
    write_text(path, "old")
    with pytest.raises(RuntimeError), written_whole(path) as scratch:
        scratch.write_text("half")
        raise RuntimeError("killed")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["table.tsv"]


def test_identifiers_keep_their_zeros_and_floats_their_digits(tmp_path):
    path = tmp_path / "t.tsv"
    write_tsv(pd.DataFrame({"subject": ["007", "NA"], "value": [0.1, None]}), path)
    table = read_tsv(path, numeric=("value",))
    assert list(table.subject) == ["007", "NA"]
    assert table.value[0] == 0.1 and pd.isna(table.value[1])


@pytest.mark.parametrize("name", ["taken/x.tsv", "taken/below/x.tsv", "folder", "y" * 300, "a\0b"])
def test_a_place_that_is_taken_or_none_is_named_and_what_is_there_stays(tmp_path, name):
    (tmp_path / "taken").write_text("somebody's notes")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="can't be written"):
        write_text(tmp_path / name, "text")
    assert (tmp_path / "taken").read_text() == "somebody's notes" and not list((tmp_path / "folder").iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"taken", "folder"}


@pytest.fixture
def model_and_shard(tmp_path):
    """A shard that its job wrote at 1000, and a model that was trained on it at 2000."""
    for name, date in {"train-000.h5": 1000, "train-000.qc.tsv": 1000, "other.h5": 1500, "model": 2000}.items():
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (date, date))
    return tmp_path


def test_a_shard_dated_in_the_future_gets_the_date_of_its_job_and_the_model_stays_newer(model_and_shard):
    shard, model = model_and_shard / "train-000.h5", model_and_shard / "model"
    os.utime(shard, (time.time() + 9999,) * 2)
    assert dated_in_future(model_and_shard) == [shard]
    put_dates_back([shard, model])
    assert shard.stat().st_mtime == 1000 and model.stat().st_mtime == 2000 and not dated_in_future(model_and_shard)


def test_a_file_alone_that_is_dated_in_the_future_gets_the_date_of_its_last_change(model_and_shard):
    other = model_and_shard / "other.h5"
    os.utime(other, (time.time() + 9999,) * 2)
    put_dates_back([other])
    assert other.stat().st_mtime == pytest.approx(time.time(), abs=60)


def test_a_clock_that_is_a_little_ahead_is_no_future(model_and_shard):
    os.utime(model_and_shard / "other.h5", (time.time() + 20,) * 2)
    assert dated_in_future(model_and_shard) == []
