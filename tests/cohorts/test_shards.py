"""Shards: each session in one, whoever else there is; empty ones are there too."""

import hashlib

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroquant.cohorts.shards import UNUSED, bucket, write_manifests
from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.volume import Shards, shard_names
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv
from neuroquant.tables import sessions_columns

SESSIONS = sessions_columns(DEFAULT_MODALITIES)


def cohort(tmp_path, count, visits=2):
    rows = [
        {"cohort": "c", "subject": f"sub-{n:03d}", "session": f"ses-{v}", "sex": "F", "T1w_stamp": "12-34"}
        for n in reversed(range(count))
        for v in reversed(range(visits))
    ]
    write_tsv(pd.DataFrame(rows, columns=SESSIONS), tmp_path / "sessions.tsv")
    splits = [{"subject": f"sub-{n:03d}", "split": ("train", "val", "test")[n % 3]} for n in range(count)]
    write_tsv(pd.DataFrame(splits, columns=["subject", "split"]), tmp_path / "splits.tsv")


def manifests(tmp_path, shards, name="out"):
    write_manifests(tmp_path / "sessions.tsv", tmp_path / "splits.tsv", shards, tmp_path / name)
    return {path.stem: path for path in sorted((tmp_path / name).glob("*.tsv"))}


def digests(folder):
    return {path.stem: path.read_text() for path in folder.glob("*.sha256")}


def test_names_keep_their_digits_whatever_the_count():
    assert shard_names("train", 2) == ["train-000", "train-001"]
    assert shard_names("train", 2000)[::1000] == ["train-000", "train-1000"]


@given(subject=st.text(min_size=1, max_size=20), count=st.integers(1, 500))
def test_a_bucket_depends_on_the_subject_alone(subject, count):
    assert 0 <= bucket(subject, count) < count
    assert bucket(subject, 2 * count) // 2 == bucket(subject, count), "twice as many shards cut each of them in two"


def test_subjects_spread_over_the_buckets():
    sizes = pd.Series([bucket(f"sub-{n:05d}", 16) for n in range(8000)]).value_counts()
    assert len(sizes) == 16 and sizes.min() > 400 and sizes.max() < 600


def test_every_session_is_in_one_manifest_of_its_split_and_empty_ones_are_written(tmp_path):
    cohort(tmp_path, 12)
    files = manifests(tmp_path, Shards(train=9, val=2, test=1))
    assert list(files) == sorted([*shard_names("train", 9), *shard_names("val", 2), *shard_names("test", 1)])
    tables = {name: read_tsv(path) for name, path in files.items()}
    assert any(table.empty for table in tables.values())
    assert all(list(table.columns) == [*(c for c in SESSIONS if c not in UNUSED), "split"] for table in tables.values())
    assert all((table.split == name.split("-")[0]).all() for name, table in tables.items())
    whole = pd.concat(tables.values())
    assert len(whole) == 24 and not whole.duplicated(["subject", "session"]).any()
    assert all(table.equals(table.sort_values(["subject", "session"])) for table in tables.values())
    assert all(len(set(t.subject) & set(u.subject)) == 0 for n, t in tables.items() for m, u in tables.items() if n < m)


def test_a_new_subject_changes_one_manifest_and_no_byte_of_the_others(tmp_path):
    shards = Shards(train=4, val=2, test=2)
    cohort(tmp_path, 24)
    before = {name: path.read_bytes() for name, path in manifests(tmp_path, shards, "a").items()}
    cohort(tmp_path, 25)
    after = {name: path.read_bytes() for name, path in manifests(tmp_path, shards, "b").items()}
    assert [name for name in before if before[name] != after[name]] == [f"train-{bucket('sub-024', 4):03d}"]


def test_a_digest_changes_with_any_manifest_of_its_split_and_says_what_sha256sum_does(tmp_path):
    shards = Shards(train=4, val=2, test=2)
    cohort(tmp_path, 24)
    manifests(tmp_path, shards, "a")
    cohort(tmp_path, 25)  # the 25th is for training
    manifests(tmp_path, shards, "b")
    before, after = digests(tmp_path / "a"), digests(tmp_path / "b")
    assert {split for split in before if before[split] != after[split]} == {"train"}
    assert sorted(before) == ["test", "train", "val"]
    for split in before:
        lines = [line.split("  ") for line in after[split].splitlines()]
        assert [name for _, name in lines] == [f"{name}.tsv" for name in shard_names(split, getattr(shards, split))]
        for digest, name in lines:
            assert hashlib.sha256((tmp_path / "b" / name).read_bytes()).hexdigest() == digest


def test_a_subject_without_a_split_is_refused_not_lost(tmp_path):
    cohort(tmp_path, 3)
    write_tsv(read_tsv(tmp_path / "splits.tsv")[:2], tmp_path / "splits.tsv")
    with pytest.raises(InputError, match="sub-002"):
        manifests(tmp_path, Shards())
