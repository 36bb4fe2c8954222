"""The final account: what preprocessing left out moves over, and nobody is counted twice or lost."""

import hashlib

import pandas as pd
import pytest

from neuroquant.cohorts.accounting import Preprocessed, Sessions, account, gather
from neuroquant.cohorts.proof import cohen_h
from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv
from neuroquant.tables import EXCLUDED, qc_columns, sessions_columns

SESSIONS, QC = sessions_columns(DEFAULT_MODALITIES), qc_columns(DEFAULT_MODALITIES)


def table(path, columns, *subjects, **facts):
    rows = [{"cohort": "c", "subject": subject, "session": "ses-1", **facts} for subject in subjects]
    write_tsv(pd.DataFrame(rows, columns=columns), path)
    return path


@pytest.fixture
def index(tmp_path):
    facts = {"sex": "F", "age": "9"}
    return Sessions(
        table(tmp_path / "index.tsv", SESSIONS, "a", "b", "c", **facts),
        table(tmp_path / "index_excluded.tsv", EXCLUDED, "d", reason="no T2w scan"),
    )


def subjects(path):
    return list(read_tsv(path).subject)


def test_what_preprocessing_left_out_moves_over_with_its_reason(tmp_path, index):
    late = [
        table(tmp_path / "0.tsv", EXCLUDED, "b", reason="all voxels are zero", file="b.nii"),
        table(tmp_path / "1.tsv", EXCLUDED),
    ]
    gather(index, late, Sessions(tmp_path / "in.tsv", tmp_path / "out.tsv"))
    assert subjects(tmp_path / "in.tsv") == ["a", "c"] and subjects(tmp_path / "out.tsv") == ["b", "d"]
    assert list(read_tsv(tmp_path / "out.tsv").reason) == ["all voxels are zero", "no T2w scan"]


@pytest.mark.parametrize("late", [[], [()], [(), ()]])
def test_without_late_exclusions_the_index_stands(tmp_path, index, late):
    late = [table(tmp_path / f"{n}.tsv", EXCLUDED) for n, _ in enumerate(late)]
    gather(index, late, Sessions(tmp_path / "in.tsv", tmp_path / "out.tsv"))
    assert (tmp_path / "in.tsv").read_bytes() == index.kept.read_bytes()
    assert (tmp_path / "out.tsv").read_bytes() == index.excluded.read_bytes()


@pytest.mark.parametrize(("again", "words"), [("d", "counted twice"), ("e", "not in the index")])
def test_a_session_that_does_not_add_up_is_refused(tmp_path, index, again, words):
    late = table(tmp_path / "0.tsv", EXCLUDED, again)
    with pytest.raises(InputError, match=words):
        gather(index, [late], Sessions(tmp_path / "in.tsv", tmp_path / "out.tsv"))
    assert not (tmp_path / "in.tsv").exists()


def test_the_same_session_left_out_by_two_shards_is_refused(tmp_path, index):
    late = [table(tmp_path / f"{n}.tsv", EXCLUDED, "b") for n in range(2)]
    with pytest.raises(InputError, match="counted twice"):
        gather(index, late, Sessions(tmp_path / "in.tsv", tmp_path / "out.tsv"))


def test_the_account_proves_the_split_on_who_remains(tmp_path, index):
    splits = pd.DataFrame({"subject": list("abc"), "family": "", "sex": "F", "split": ["train", "val", "test"]})
    write_tsv(splits, tmp_path / "splits.tsv")
    late = [table(tmp_path / "0.tsv", EXCLUDED, "b")]
    out = [tmp_path / name for name in ("in.tsv", "out.tsv", "proof.tsv")]
    cohort = Cohort(name="c", stands_for="NCANDA")
    qc = [table(tmp_path / "qc.tsv", QC, "a", T1w_hash="1", T2w_hash="2")]
    account(index, tmp_path / "splits.tsv", Preprocessed(late, qc), Sessions(*out[:2]), out[2], cohort)
    proof = read_tsv(out[2])
    assert list(proof.subjects) == ["1", "0", "1"] and (proof.images_shared == "0").all()
    assert list(proof.published_female_share.astype(float)) == [0.505, 0.525, 0.5164]
    assert list(proof.published_subjects) == ["606", "80", "122"] and list(proof.published_sessions)[0] == "3790"
    assert float(proof.published_sex_effect[1]) == pytest.approx(cohen_h(0.525, 0.505))
    manifest = hashlib.sha256((tmp_path / "splits.tsv").read_bytes()).hexdigest()
    assert (proof.splits_sha256 == manifest).all(), "what sha256sum says of splits.tsv"
    late = [table(tmp_path / "0.tsv", EXCLUDED, "a", "b", "c")]
    with pytest.raises(InputError, match="no usable session"):
        account(index, tmp_path / "splits.tsv", Preprocessed(late, qc), Sessions(*out[:2]), out[2], cohort)


def test_an_image_in_two_splits_stops_the_run_under_whatever_names(tmp_path, index):
    splits = pd.DataFrame({"subject": list("abc"), "family": "", "sex": "F", "split": ["train", "train", "test"]})
    write_tsv(splits, tmp_path / "splits.tsv")
    out = [tmp_path / name for name in ("in.tsv", "out.tsv", "proof.tsv")]
    cohort = Cohort(name="c")

    def run(**hashes):
        rows = [
            {"cohort": "c", "subject": s, "session": "ses-1", "T1w_hash": h, "T2w_hash": s} for s, h in hashes.items()
        ]
        write_tsv(pd.DataFrame(rows, columns=QC), tmp_path / "qc.tsv")
        shards = Preprocessed([], [tmp_path / "qc.tsv"])
        account(index, tmp_path / "splits.tsv", shards, Sessions(*out[:2]), out[2], cohort)
        return read_tsv(out[2])

    assert list(run(a="1", b="1", c="2").images_twice) == ["1", "0", "0"], "twice in one split is told, not refused"
    with pytest.raises(InputError, match="(?s)images in two splits.*a ses-1 T1w, c ses-1 T1w"):
        run(a="1", b="2", c="1")
    with pytest.raises(InputError, match="(?s)images in two splits.*c ses-1 T1w, a ses-1 T2w"):
        run(a="1", b="2", c="a")  # its T1w is a copy of a's T2w
    assert list(run(a="", b="", c="").images_twice) == ["0", "0", "0"], "a missing modality is no duplicate"
