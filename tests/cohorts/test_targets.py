"""Columns that only probes read: from the participants table to a value per session, or an error."""

import json

import pandas as pd
import pytest

from neuroquant.cohorts.phenotypes import read_participants
from neuroquant.cohorts.shards import write_manifests
from neuroquant.cohorts.targets import check_columns, kind_of, target_lines, values_of, write_target
from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment
from neuroquant.config.volume import Shards
from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_tsv
from neuroquant.tables import TARGET, TARGET_VALUES, modalities_of
from tests.cohorts.helpers import index, source_of

IQ = "WISC-V: IQ (full scale) / 100"


def experiment(*cohorts, **probe):
    return Experiment(cohorts=cohorts, models=[{"name": "mean", "architecture": "baselines.mean"}], probe=probe)


def indexed(bids, out, *targets, **change):
    return index(source_of(bids.cohort.model_copy(update=change), targets=targets), out)[0]


def values(*known):
    """A table of one value per subject."""
    rows = [("study", f"sub-{number:03d}", value) for number, value in enumerate(known)]
    return pd.DataFrame(rows, columns=["cohort", "subject", "value"])


def test_a_column_by_any_name_reaches_sessions_and_no_manifest(bids, tmp_path):
    header = f"participant_id\tsex\tage\tfamily_id\t{IQ.upper()}\tT1w_stamp"
    bids.people("sub-01\tF\t9\t\t1,05\tx", "sub-02\tM\t9\t\t0.98\ty", header=header)
    bids.pair("sub-01"), bids.pair("sub-02")
    sessions = indexed(bids, tmp_path / "out", IQ, "T1w_stamp")
    assert list(sessions[TARGET + IQ]) == ["1,05", "0.98"] and list(sessions[f"{TARGET}T1w_stamp"]) == ["x", "y"]
    assert modalities_of(sessions.columns) == ["T1w", "T2w"], "a column of that name makes no modality"
    splits = pd.DataFrame({"subject": ["sub-01", "sub-02"], "split": ["train", "test"]})
    write_tsv(splits, tmp_path / "splits.tsv")
    sizes = Shards(train=1, val=1, test=1)
    write_manifests(tmp_path / "out/sessions.tsv", tmp_path / "splits.tsv", sizes, tmp_path / "with")
    indexed(bids, tmp_path / "out")
    write_manifests(tmp_path / "out/sessions.tsv", tmp_path / "splits.tsv", sizes, tmp_path / "without")
    for path in (tmp_path / "with").iterdir():
        assert path.read_bytes() == (tmp_path / "without" / path.name).read_bytes(), "one more target redoes a volume"


def test_a_value_is_missing_where_the_table_or_the_cohorts_codes_say_so(bids, tmp_path):
    bids.people(
        "sub-01\tF\tn/a\tleft", "sub-02\tM\t-999.0\t0", "sub-03\tF\t101\tright", header="participant_id\tsex\tiq\thand"
    )
    for subject in ("sub-01", "sub-02", "sub-03"):
        bids.pair(subject)
    cohort = Cohort(name="study", root=str(bids.root), missing={"IQ": [-999], "hand": ["0"]})
    sessions = index(source_of(cohort, targets=("iq", "hand")), tmp_path / "out")[0]
    assert list(values_of("iq", sessions)["value"]) == ["101"] and list(sessions[TARGET + "iq"]) == ["", "", "101"]
    assert list(values_of("hand", sessions).subject) == ["sub-01", "sub-03"]
    assert target_lines(sessions, ("iq",)) == [
        "  target    iq: known of 1 of 3 sessions, 1 different values, 101 to 101"
    ]


def test_the_value_of_a_visit_goes_before_the_subjects_and_a_contradiction_is_unknown(bids, tmp_path):
    bids.people(
        "sub-01\tses-1\tF\t7", "sub-01\tses-2\tF\t9", "sub-02\t\tM\t3", "sub-02\t\tM\t4", "sub-03\t\tF\t5",
        header="participant_id\tsession_id\tsex\tscore",
    )  # fmt: skip
    for visit in (
        ("sub-01", "ses-1"),
        ("sub-01", "ses-2"),
        ("sub-02", "ses-1"),
        ("sub-03", "ses-1"),
        ("sub-03", "ses-2"),
    ):
        bids.pair(*visit)
    (bids.root / "sub-03/sub-03_sessions.tsv").write_text("session_id\tscore\nses-1\tn/a\nses-2\t6\n")
    sessions = indexed(bids, tmp_path / "out", "score")
    assert list(sessions[TARGET + "score"]) == ["7", "9", "", "5", "6"]


def test_who_the_subjects_are_stays_as_it_was_without_targets(bids):
    assert read_participants(source_of(bids.cohort))["sub-01"].others == {}


@pytest.mark.parametrize(
    ("known", "classes"),
    [
        ([str(n / 2) for n in range(40)], ()),
        (["10", "9", "9", "11"] * 5, ("9", "10", "11")),
        ([str(n) for n in range(8)], ()),
        (["left", "right"] * 3, ("left", "right")),
        (["a", "b", "c", "a", "b", "c", "a"], ("a", "b", "c")),
        (["1", "2", "unknown"] * 9, ("1", "2", "unknown")),
        (["0", "1"], ("0", "1")),
    ],
)
def test_numbers_of_many_values_are_numbers_and_all_else_are_classes(known, classes):
    assert kind_of("x", values(*known), most_classes=10).classes == classes


def test_the_sexes_are_in_the_order_of_every_probe():
    assert kind_of("sex", values("F", "M"), 10).classes == ("M", "F")


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ([], "no value that is known"),
        (["right"] * 12, "'right' alone, of 12 subjects"),
        (["1", "1.0", "1,0"], "alone"),
        ([f"came late, {n}" for n in range(30)], "free text"),
        ([str(n) for n in range(40)] + ["refused"], "missing"),
    ],
)
def test_a_target_of_which_nothing_can_be_learned_is_refused(known, said):
    with pytest.raises(InputError, match=r"(?s)probe\.targets: x") as caught:
        kind_of("x", values(*known), 10)
    assert said in str(caught.value)


def test_what_is_written_has_a_decimal_point_and_only_what_is_known(bids, tmp_path):
    people = [f"sub-{n:02d}\tF\t{n},5" for n in range(1, 15)]
    bids.people(*people, "sub-15\tM\t", header="participant_id\tsex\tiq")
    for number in range(1, 16):
        bids.pair(f"sub-{number:02d}")
    indexed(bids, tmp_path / "out", "iq")
    write_target("iq", 10, [tmp_path / "out/sessions.tsv"], tmp_path / "facts.tsv", tmp_path / "known.tsv")
    facts, known = read_tsv(tmp_path / "facts.tsv").iloc[0], read_tsv(tmp_path / "known.tsv")
    assert (facts.kind, json.loads(facts.classes), facts.subjects) == ("regression", [], "14")
    assert list(known.columns) == TARGET_VALUES and list(known["value"][:2]) == ["1.5", "2.5"] and len(known) == 14


def test_a_column_that_no_cohort_has_is_refused_before_any_scan_is_looked_for(bids):
    bids.people("sub-01\tF\t7", "sub-02\tM\t8", header="participant_id\tsex\thandedness")
    with pytest.raises(InputError, match=r"(?s)probe.targets: handednes\n.*handedness.*to do: +write handedness"):
        check_columns(experiment(bids.cohort, targets=["sex", "handednes"]))
    with pytest.raises(InputError, match=r"(?s)probe.targets: sexx\n.*to do: +write sex"):
        check_columns(experiment(Cohort(name="s", synthetic={}), targets=["sexx"]))
    with pytest.raises(InputError, match="all cohorts are synthetic"):
        check_columns(experiment(Cohort(name="s", synthetic={}), targets=["iq"]))


def test_one_cohort_with_the_column_is_enough_and_all_values_count_together(bids, tmp_path):
    bids.people("sub-01\tF\tleft", "sub-02\tM\tleft", header="participant_id\tsex\thand")
    other = tmp_path / "other"
    other.mkdir()
    (other / "participants.tsv").write_text("participant_id\tsex\nsub-01\tF\n")
    second = Cohort(name="other", root=str(other))
    with pytest.raises(InputError, match="'left' alone, of 2 subjects"):
        check_columns(experiment(bids.cohort, second, targets=["hand"]))
    (other / "participants.tsv").write_text("participant_id\tsex\tHand\nsub-01\tF\tright\n")
    check_columns(experiment(bids.cohort, second, targets=["hand"]))
    check_columns(experiment(bids.cohort, second))
