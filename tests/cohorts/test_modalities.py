"""Any modalities: one, two or three; a session may lack some, and what isn't used is counted with its reason."""

from pathlib import Path

import pytest

from neuroquant.cohorts.census import take_census
from neuroquant.cohorts.inventory import check_root, take_inventory
from neuroquant.cohorts.layouts import layout_of
from neuroquant.cohorts.outlook import hint, index_of
from neuroquant.cohorts.validate import images_lines
from neuroquant.config.cohort import Cohort
from neuroquant.config.load import read_yaml
from neuroquant.errors import InputError
from tests.cohorts.helpers import index, source_of

THREE = ("T1w", "T2w", "FLAIR")


@pytest.fixture
def triple(bids):
    """sub-01 with three modalities, sub-02 without FLAIR."""
    for subject, names in (("sub-01", THREE), ("sub-02", THREE[:2])):
        for name in names:
            bids.scan(f"{subject}/anat/{subject}_{name}.nii.gz")
    return bids


def test_sessions_have_a_column_per_modality_in_the_order_of_the_experiment(triple, tmp_path):
    sessions, excluded = index(source_of(triple.cohort, ("FLAIR", "T1w")), tmp_path)
    assert list(sessions.columns)[8:16] == [
        "FLAIR", "T1w", "mask", "labels", "FLAIR_stamp", "T1w_stamp", "mask_stamp", "labels_stamp",
    ]  # fmt: skip
    assert sessions.FLAIR[0] == "sub-01/anat/sub-01_FLAIR.nii.gz" and sessions.FLAIR_stamp[0]
    assert list(excluded.subject) == ["sub-02"] and excluded.reason[0] == "no FLAIR scan"


def test_one_modality_alone_makes_a_cohort(triple, tmp_path):
    source = source_of(triple.cohort, ("FLAIR",))
    sessions, excluded = index(source, tmp_path)
    assert list(sessions.subject) == ["sub-01"] and list(excluded.subject) == ["sub-02"]
    assert excluded.reason[0] == "no FLAIR scan in its folder: `neuroquant validate` says what it holds"
    assert not any("_T1w" in path for path, _, _ in take_inventory(source))


def test_a_session_without_one_of_three_is_kept_where_any_is_enough(triple, tmp_path):
    cohort = triple.cohort.model_copy(update={"require": "any"})
    sessions, excluded = index(source_of(cohort, THREE), tmp_path)
    assert excluded.empty and list(sessions.FLAIR == "") == [False, True]


def test_what_sessions_lack_is_said_with_the_key_that_keeps_them(triple, tmp_path):
    source = source_of(triple.cohort, THREE)
    indexed = index_of(source, tmp_path)
    assert hint(indexed) == (
        "sessions that are out: 1 with T1w and T2w only; `require: any` in the cohort's file keeps them"
    )
    assert images_lines(indexed.kept, source)[0] == "  scans     1 with T1w and T2w and FLAIR"


def test_a_scan_of_a_modality_that_is_not_used_is_counted_with_that_reason(triple, tmp_path):
    triple.scan("sub-01/anat/sub-01_space-T1w_FLAIR.nii.gz")
    source = source_of(triple.cohort)
    sessions, excluded = index(source, tmp_path)
    assert excluded.empty and len(sessions) == 2
    unseen = take_census(source, tmp_path / "inventory.tsv", tmp_path).unseen
    assert list(unseen.path)[:2] == ["sub-01/anat/sub-01_FLAIR.nii.gz", "sub-01/anat/sub-01_space-T1w_FLAIR.nii.gz"]
    assert all("a modality that the experiment doesn't use (FLAIR)" in reason for reason in unseen.reason[:2])


def test_the_grid_that_counts_is_the_targets(triple, tmp_path):
    triple.scan("sub-01/anat/sub-01_FLAIR.nii.gz", shift=6.0)
    triple.scan("derivatives/x/sub-01/anat/sub-01_desc-brain_mask.nii.gz", shift=6.0)
    _, excluded = index(source_of(triple.cohort, THREE), tmp_path)
    assert "FLAIR on another grid than T1w" in excluded.reason[0]
    _, excluded = index(source_of(triple.cohort, THREE, registration=True), tmp_path)
    assert "mask on another grid than T1w" in excluded.reason[0]
    sessions, _ = index(source_of(triple.cohort, THREE, target="FLAIR", registration=True), tmp_path)
    assert list(sessions.subject) == ["sub-01"], "the mask lies on the target's grid"


def test_a_stray_name_is_told_of_the_modalities_that_are_used_alone(triple, tmp_path):
    triple.scan("sub-02/anat/sub-02_flair.nii.gz")
    _, excluded = index(source_of(triple.cohort, THREE), tmp_path)
    assert "sub-02_flair.nii.gz isn't named as the layout bids has it: rename it" in excluded.reason[0]
    assert index(source_of(triple.cohort), tmp_path)[1].empty


def test_ncanda_names_any_modality_in_lower_case_without_the_w(bids):
    layout = layout_of(Cohort(name="c", layout="ncanda"), ("T1w", "FLAIR"))
    assert layout.match("NCANDA_S1/base/t1_brain.nii.gz") == ("T1w", "NCANDA_S1", "base")
    assert layout.match("NCANDA_S1/base/flair_brain.nii") == ("FLAIR", "NCANDA_S1", "base")
    assert layout.match("NCANDA_S1/base/t2_brain.nii.gz") is None


LAYOUT = """
name: study
layout: custom
root: {root}
files:
  T1w: "{{subject}}/t1.nii.gz"
  FLAIR: "{{subject}}/dark fluid/*.nii.gz"
  t2w: "{{subject}}/t2.nii.gz"
"""


def test_a_layout_of_ones_own_is_one_yaml_with_any_modality(bids, tmp_path):
    for name in ("t1", "t2", "dark fluid/3"):
        bids.scan(f"anna/{name}.nii.gz")
    bids.people("anna\tF", header="subject\tsex")
    (tmp_path / "study.yaml").write_text(LAYOUT.format(root=bids.root))
    cohort = Cohort.model_validate(read_yaml(tmp_path / "study.yaml"))
    sessions, excluded = index(source_of(cohort, THREE), tmp_path)
    assert excluded.empty and sessions.FLAIR[0] == "anna/dark fluid/3.nii.gz" and sessions.T2w[0] == "anna/t2.nii.gz"
    source = source_of(cohort)
    index(source, tmp_path)
    census = take_census(source, tmp_path / "inventory.tsv", tmp_path)
    assert census.used == 2 and list(census.unseen.path) == ["anna/dark fluid"]
    assert "a modality that the experiment doesn't use (FLAIR)" in census.unseen.reason[0]


def test_a_layout_that_lacks_a_modality_is_refused_unless_any_is_enough(bids):
    bids.scan("anna/t1.nii.gz")
    bids.people("anna\tF", header="subject\tsex")
    cohort = Cohort(name="c", layout="custom", root=str(bids.root), files={"T1w": "{subject}/t1.nii.gz"})
    with pytest.raises(InputError, match="(?s)no T2w.*set `require: any`"):
        check_root(source_of(cohort))
    check_root(source_of(cohort.model_copy(update={"require": "any"})))
    with pytest.raises(InputError, match="(?s)keys T1w.*at least one modality of the experiment .FLAIR"):
        check_root(source_of(cohort, ("FLAIR",)))


def test_a_table_of_paths_has_a_column_per_modality_in_whatever_case(bids, tmp_path):
    for name in ("a", "b"):
        bids.scan(f"{name}.nii.gz")
    table = bids.root / "paths.csv"
    table.write_text("subject,flair,T2w,sex\n1,a.nii.gz,b.nii.gz,F\n")
    cohort = Cohort(name="c", layout="table", root=str(bids.root), table=str(table))
    sessions, _ = index(source_of(cohort, ("T2w", "FLAIR")), tmp_path)
    assert (sessions.FLAIR[0], sessions.T2w[0]) == ("a.nii.gz", "b.nii.gz")
    with pytest.raises(InputError, match="(?s)columns subject, flair, T2w, sex.*at least one of PDw"):
        check_root(source_of(cohort, ("PDw",)))


def test_the_key_of_before_is_refused_with_its_new_name():
    for old, new in (("paired", "all"), ("any", "any")):
        with pytest.raises(ValueError, match=f"write `require: {new}`"):
            Cohort(name="c", modalities=old)


def test_every_shipped_cohort_reads_three_modalities_or_says_which_it_lacks(monkeypatch):
    for name in ("ABCD_ROOT", "NCANDA_ROOT", "HCP_ROOT", "IXI_ROOT"):
        monkeypatch.setenv(name, "/nowhere")
    for path in (Path(__file__).parents[2] / "config/cohorts").glob("*.yaml"):
        layout = layout_of(Cohort.model_validate(read_yaml(path)), THREE)
        assert {"T1w", "T2w"} <= layout.files.keys() and set(layout.files) <= set(layout.kinds), path


def test_a_scan_of_another_modality_is_not_meant_as_one_that_is_lacking(triple, tmp_path):
    triple.scan("sub-02/anat/sub-02_space-T1w_FLAIR.nii.gz")
    (triple.root / "sub-02/anat/sub-02_T2w.nii.gz").unlink()
    _, excluded = index(source_of(triple.cohort), tmp_path)
    assert list(excluded.reason) == ["no T2w scan"]
