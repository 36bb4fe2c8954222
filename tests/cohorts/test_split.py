"""The split: families stay together, newcomers move nobody, and small cohorts are told which seed works."""

from unittest import mock

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroquant.cohorts import split as splitting
from neuroquant.cohorts.proof import check_apart, compare_cohorts, split_proof
from neuroquant.cohorts.split import split_subjects, unit_hash
from neuroquant.config.volume import EXTERNAL, Split
from neuroquant.errors import InputError


def sessions(people, age="12"):
    rows = [{"subject": s, "family": f, "sex": x, "session": "1", "age": age} for s, f, x in people]
    return pd.DataFrame(rows, columns=["subject", "family", "sex", "session", "age"])


def cohort(count, families=0):
    return [(f"sub-{n:04d}", f"fam-{n % families}" if families else "", "FM"[n % 2]) for n in range(count)]


PEOPLE = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 30), st.sampled_from("FM")),
    min_size=1, max_size=40, unique_by=lambda person: person[0],
)  # fmt: skip


def split_or_none(table, split):
    """The split; None where it is refused, without the search of 1,000 seeds for one that would do."""
    with mock.patch.object(splitting, "SEEDS_TRIED", 1):
        try:
            return split_subjects(table, split, "study")
        except InputError:
            return None


@settings(max_examples=30, deadline=None)
@given(people=PEOPLE, seed=st.integers(0, 99))
def test_no_family_and_no_subject_is_ever_in_two_splits(people, seed):
    table = sessions([(f"sub-{s}", f"fam-{f}" if f else "", x) for s, f, x in people])
    splits = split_or_none(table, Split(train=0.4, val=0.3, test=0.3, seed=seed))
    if splits is None:
        return
    check_apart(splits)
    assert set(splits.subject) == set(table.subject)
    assert (split_proof(splits, table)[["subjects_shared", "families_shared"]] == 0).all(axis=None)


@settings(max_examples=30, deadline=None)
@given(newcomers=st.lists(st.integers(0, 10**9), max_size=30, unique=True), seed=st.integers(0, 20))
def test_a_new_subject_never_moves_another(newcomers, seed):
    split = Split(train=0.4, val=0.3, test=0.3, seed=seed)
    before = split_subjects(sessions(cohort(100)), split, "study").set_index("subject").split
    more = cohort(100) + [(f"new-{n}", "", "F") for n in newcomers]
    after = split_subjects(sessions(more), split, "study").set_index("subject").split
    assert after[before.index].equals(before)


def test_fractions_hold_for_each_sex_of_a_large_cohort():
    splits = split_subjects(sessions(cohort(4000)), Split(), "study")
    for _, people in splits.groupby("sex"):
        shares = people.split.value_counts(normalize=True)
        assert abs(shares.train - 0.75) < 0.03 and abs(shares.val - 0.1) < 0.02 and abs(shares.test - 0.15) < 0.03


def test_visits_of_a_subject_make_one_row_and_another_seed_another_split():
    table = pd.concat([sessions(cohort(60))] * 3)
    one, two = (split_subjects(table, Split(seed=seed), "study") for seed in (1, 2))
    assert len(one) == len(two) == 60 and (one.split != two.split).any()


def test_the_hash_stays_what_it_is():
    assert unit_hash(0, "study", "sub-01") == pytest.approx(0.7969338625394952, abs=1e-15)


def test_cohorts_that_number_their_subjects_alike_are_split_each_by_itself():
    one, other = (split_subjects(sessions(cohort(200)), Split(), name).split for name in ("study", "another"))
    assert (one != other).any()


def test_fewer_subjects_than_splits_are_refused():
    with pytest.raises(InputError) as error:
        split_subjects(sessions(cohort(2)), Split(), "study")
    assert error.value.found == "2 usable subjects" and "excluded.tsv" in error.value.remedy


def fitting_seed(people, split):
    with pytest.raises(InputError) as error:
        split_subjects(sessions(people), split, "study")
    return error.value.found, int(error.value.remedy.removeprefix("set split.seed: "))


@pytest.mark.parametrize("lack", ["empty", "without F", "without M"])
def test_a_split_without_subjects_or_a_sex_is_refused_with_a_seed_that_works(lack):
    people, split = cohort(8), Split(train=0.5, val=0.25, test=0.25)
    for seed in range(200):
        change = split.model_copy(update={"seed": seed})
        try:
            split_subjects(sessions(people), change, "study")
        except InputError as error:
            if lack in error.found:
                break
    found, works = fitting_seed(people, change)
    assert lack in found
    splits = split_subjects(sessions(people), split.model_copy(update={"seed": works}), "study")
    assert (splits.groupby("split").sex.nunique() == 2).all() and splits.split.nunique() == 3


def with_fitting_seed(people, split):
    """The split with its own seed, or with the one that the error names."""
    try:
        return split_subjects(sessions(people), split, "study")
    except InputError as error:
        works = int(error.remedy.removeprefix("set split.seed: "))
        return split_subjects(sessions(people), split.model_copy(update={"seed": works}), "study")


def test_a_cohort_of_one_sex_can_be_split_and_a_fraction_of_zero_wants_nobody():
    people = [("sub-04", "", "F"), ("sub-05", "", "F")]
    half = Split(train=0.5, val=0.0, test=0.5)
    splits = with_fitting_seed(people, half)
    assert sorted(splits.split) == ["test", "train"]


def test_a_sex_of_fewer_subjects_than_splits_is_not_asked_for_in_each():
    people = [(f"sub-{n:02d}", "", "FFFFM"[n]) for n in range(5)]
    half = Split(train=0.5, val=0.0, test=0.5)
    splits = with_fitting_seed(people, half)
    assert set(splits[splits.sex == "F"].split) == {"train", "test"}


def test_a_single_family_cannot_be_split_and_is_told_so():
    with pytest.raises(InputError, match="no seed below 1000"):
        split_subjects(sessions([(f"sub-{n}", "fam", "FM"[n % 2]) for n in range(6)]), Split(), "study")


def published(tmp_path, *rows, header="subject\tsplit"):
    (tmp_path / "split.tsv").write_text("\n".join([header, *rows]) + "\n")
    return Split(file=str(tmp_path / "split.tsv"))


def test_a_published_split_is_followed(tmp_path):
    split = published(tmp_path, "sub-0000\ttrain", "sub-0001\ttest", "sub-0999\tval")
    assert list(split_subjects(sessions(cohort(2)), split, "study").split) == ["train", "test"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["sub-0000\ttrain"], "sub-0001, sub-0002"),
        (["sub-0000\ttrain", "sub-0001\tdev", "sub-0002\ttest"], "'dev'"),
        (["sub-0000\ttrain", "sub-0000\ttest", "sub-0002\ttest"], "sub-0000 in two rows"),
        (["sub-0000\ttrain", "sub-0001\ttrain", "sub-0002\tval"], "in test"),
    ],
)
def test_a_published_split_that_does_not_fit_is_refused(tmp_path, rows, words):
    with pytest.raises(InputError, match=words):
        split_subjects(sessions(cohort(3)), published(tmp_path, *rows), "study")


def test_a_published_split_that_parts_a_family_is_refused(tmp_path):
    split = published(tmp_path, *(f"sub-{n:04d}\t{name}" for n, name in enumerate(["train", "val", "test", "test"])))
    splits = split_subjects(sessions(cohort(4, families=2)), split, "study")
    with pytest.raises(InputError, match="same family"):
        check_apart(splits)
    with pytest.raises(InputError, match="same family"):
        split_proof(splits, sessions(cohort(4, families=2)))


def test_the_proof_counts_who_is_there():
    people = [("a", "", "F"), ("b", "x", "M"), ("c", "x", "F"), ("d", "", "M"), ("gone", "", "F")]
    splits = pd.DataFrame(people, columns=["subject", "family", "sex"])
    splits["split"] = ["test", "train", "train", "val", "test"]
    visits = sessions([*people[:4], people[1]])
    visits["age"] = ["10", "12", "", "n", "14"]
    visits.loc[3, "age"] = ""
    proof = split_proof(splits, visits).set_index("split")
    assert proof.subjects.to_dict() == {"train": 2, "val": 1, "test": 1}
    assert proof.families.to_dict() == {"train": 1, "val": 1, "test": 1}
    assert proof.sessions.to_dict() == {"train": 3, "val": 1, "test": 1}
    assert proof.female_share.to_dict() == {"train": 0.5, "val": 0.0, "test": 1.0}
    assert proof.mean_age["train"] == 13 and pd.isna(proof.mean_age["val"]) and proof.mean_age["test"] == 10


@settings(max_examples=40, deadline=None)
@given(people=PEOPLE.filter(lambda people: len(people) > 4), seed=st.integers(0, 99))
def test_exact_shares_hold_to_one_subject_where_nobody_has_family(people, seed):
    table = sessions([(f"sub-{s}", "", x) for s, _, x in people])
    split = Split(train=0.5, val=0.2, test=0.3, seed=seed, method="exact")
    splits = split_or_none(table, split)
    if splits is None:
        return
    for sex, ours in splits.groupby("sex"):
        for name in ("train", "val", "test"):
            assert abs((ours.split == name).sum() - getattr(split, name) * len(ours)) < 2, sex
    for name in ("train", "val", "test"):
        assert abs((splits.split == name).sum() - getattr(split, name) * len(splits)) < 1


def test_the_papers_counts_come_out_with_families_whole_and_sexes_alike():
    people = [(f"sub-{n:04d}", f"fam-{n // 2}" if n < 200 else "", "FM"[n % 2]) for n in range(808)]
    splits = split_subjects(sessions(people), Split(counts={"ncanda": (606, 80, 122)}), "ncanda")
    assert splits.split.value_counts().to_dict() == {"train": 606, "val": 80, "test": 122}
    check_apart(splits)
    assert (splits.groupby("split").sex.apply(lambda sex: (sex == "F").mean()) - 0.5).abs().max() < 0.02
    again = split_subjects(sessions(people[::-1]), Split(counts={"ncanda": (606, 80, 122)}), "ncanda")
    assert again.equals(splits)


def test_counts_that_do_not_add_up_are_refused_with_counts_that_do():
    with pytest.raises(InputError) as error:
        split_subjects(sessions(cohort(100)), Split(counts={"study": (606, 80, 122)}), "study")
    assert "[75, 10, 15]" in error.value.remedy and "808" in error.value.found
    with pytest.raises(InputError, match="fits no split whole"):
        split_subjects(sessions(cohort(6, families=2)), Split(counts={"study": (2, 2, 2)}), "study")


def test_newcomers_of_a_published_split_follow_their_family_or_their_hash(tmp_path):
    split = published(tmp_path, "sub-0000\ttest", "sub-0001\ttrain").model_copy(update={"newcomers": "hash"})
    people = [("sub-0000", "fam", "F"), ("sub-0001", "", "M"), ("sub-0002", "fam", "F"), ("sub-0003", "", "M")]
    splits = split_subjects(sessions(people), split, "study").set_index("subject").split
    alone = split_subjects(sessions(cohort(200)), Split(), "study").set_index("subject").split
    assert list(splits[["sub-0000", "sub-0001", "sub-0002"]]) == ["test", "train", "test"]
    assert splits["sub-0003"] == alone["sub-0003"]


def hashes(**people):
    rows = [{"subject": name, "session": "1", "T1w_hash": code, "T2w_hash": ""} for name, code in people.items()]
    return pd.DataFrame(rows)


def test_an_image_that_two_cohorts_share_is_noticed_in_any_modality():
    splits = {name: pd.DataFrame({"subject": ["a"], "split": ["train"]}) for name in ("one", "two")}
    one, two = hashes(a="1").assign(T2w_hash="9"), hashes(a="2").assign(T2w_hash="9")
    assert compare_cohorts({"one": one, "two": two}, splits).images_shared.tolist() == [1]


def test_an_image_that_trains_in_one_cohort_and_tests_in_another_stops_the_run():
    splits = {
        "one": pd.DataFrame({"subject": ["a", "b"], "split": ["train", "test"]}),
        "two": pd.DataFrame({"subject": ["a", "c"], "split": ["train", "test"]}),
    }
    apart = compare_cohorts({"one": hashes(a="1", b="2"), "two": hashes(a="3", c="4")}, splits)
    assert apart.images_shared.tolist() == [0] and apart.splits_crossed.tolist() == [0]
    shared = compare_cohorts({"one": hashes(a="1", b="2"), "two": hashes(a="1", c="2")}, splits)
    assert shared.images_shared.tolist() == [2] and shared.splits_crossed.tolist() == [0]
    with pytest.raises(InputError, match=r"(?s)one b 1 .test. and two a 1 .train."):
        compare_cohorts({"one": hashes(a="1", b="2"), "two": hashes(a="2", c="4")}, splits)


def test_an_external_cohort_is_all_test_and_its_proof_says_so():
    table = sessions([("a", "f1", "F"), ("b", "f1", "F"), ("c", "", "F")])
    splits = split_subjects(table, EXTERNAL, "elsewhere")
    assert set(splits.split) == {"test"}
    proof = split_proof(splits, table, hashes(a="1", b="2", c="3"))
    assert proof.set_index("split").subjects.to_dict() == {"train": 0, "val": 0, "test": 3}
    assert split_subjects(table.head(1), EXTERNAL, "elsewhere").split.tolist() == ["test"], "one subject is enough"


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_an_external_cohort_with_an_image_of_a_training_cohort_stops_the_run(split):
    """Of its test subjects too: whoever was scanned for both isn't external."""
    splits = {
        "own": pd.DataFrame({"subject": ["a", "b"], "split": ["train", split]}),
        "elsewhere": pd.DataFrame({"subject": ["x", "y"], "split": ["test", "test"]}),
    }
    apart = compare_cohorts({"own": hashes(a="1", b="2"), "elsewhere": hashes(x="3", y="4")}, splits, ["elsewhere"])
    assert apart.images_shared.tolist() == [0]
    shared = {"elsewhere": hashes(x="3", y="2"), "own": hashes(a="1", b="2")}
    said = rf"(?s)cohort elsewhere: role: external.*1 images .*elsewhere y 1 and own b 1 .{split}."
    for tables in (shared, dict(reversed(shared.items()))):
        with pytest.raises(InputError, match=said):
            compare_cohorts(tables, splits, ["elsewhere"])


def test_two_external_cohorts_may_overlap():
    splits = {name: pd.DataFrame({"subject": ["a"], "split": ["test"]}) for name in ("one", "two")}
    apart = compare_cohorts({"one": hashes(a="1"), "two": hashes(a="1")}, splits, ["one", "two"])
    assert apart.images_shared.tolist() == [1]


@pytest.mark.parametrize("raw", [b"", b"\xf3\xff", b"subject\tsplit\n", b"\0\0\0", "subject\tsplit\n".encode("utf-32")])
def test_a_published_split_that_is_no_table_is_refused_in_a_sentence(tmp_path, raw):
    (tmp_path / "split.tsv").write_bytes(raw)
    with pytest.raises(InputError, match="split.tsv"):
        split_subjects(sessions(cohort(3)), Split(file=str(tmp_path / "split.tsv")), "study")


@pytest.mark.parametrize(("encoding", "separator"), [("utf-8-sig", "\t"), ("utf-16", "\t"), ("utf-8", ",")])
def test_a_published_split_may_come_from_a_spreadsheet(tmp_path, encoding, separator):
    rows = ["subject\tsplit", "sub-0000\ttrain", "sub-0001\tval", "sub-0002\ttest"]
    (tmp_path / "split.csv").write_text("\n".join(rows).replace("\t", separator), encoding=encoding)
    splits = split_subjects(sessions(cohort(3)), Split(file=str(tmp_path / "split.csv")), "study")
    assert list(splits.split) == ["train", "val", "test"]
