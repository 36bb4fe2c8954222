"""Names that no table can hold (tab, newline, bytes that aren't UTF-8) cost their own session, never the cohort."""

import os

import pytest

from neuroquant.cohorts.census import take_census
from neuroquant.cohorts.inventory import refresh_inventory
from neuroquant.config.cohort import Cohort
from neuroquant.files import printable
from tests.cohorts.helpers import index, source_of

ODD = {"tab": "a\tb", "newline": "a\nb", "return": "a\rb", "bytes": os.fsdecode(b"a\xffb")}


def account(cohort, out):
    source = source_of(cohort)
    tables = index(source, out)
    assert not refresh_inventory(source, out / "inventory.tsv"), "the same text again"
    return *tables, take_census(source, out / "inventory.tsv", out)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_scan_is_out_with_its_name_in_escapes(bids, tmp_path, odd):
    bids.pair("sub-01"), bids.pair("sub-02")["T2w"].rename(bids.root / f"sub-02/anat/sub-02_{odd}_T2w.nii.gz")
    sessions, excluded, census = account(bids.cohort, tmp_path / "out")
    assert list(sessions.subject) == ["sub-01"] and list(excluded.subject) == ["sub-02"]
    assert printable(odd) in excluded.reason[0] and "rename it" in excluded.reason[0]
    assert (census.used, census.excluded) == (2, 2)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_mask_in_such_a_folder_costs_its_session_and_says_so(bids, tmp_path, odd):
    bids.pair("sub-01"), bids.pair("sub-02")
    bids.scan(f"derivatives/{odd}/sub-02/anat/sub-02_desc-brain_mask.nii.gz")
    sessions, excluded, census = account(bids.cohort, tmp_path / "out")
    assert list(sessions.subject) == ["sub-01"] and "no table can hold" in excluded.reason[0]
    assert excluded.file[0].startswith(f"derivatives/{printable(odd)}/")
    assert census.total == 5


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_subject_or_a_session_of_such_a_name_is_out(bids, tmp_path, odd):
    bids.pair("sub-01"), bids.pair("sub-02"), bids.pair("sub-03", "ses-1")
    (bids.root / "sub-02").rename(bids.root / f"sub-02{odd}")
    (bids.root / "sub-03/ses-1").rename(bids.root / f"sub-03/ses-{odd}")
    sessions, excluded, census = account(bids.cohort, tmp_path / "out")
    assert list(sessions.subject) == ["sub-01"]
    assert sorted(excluded.subject) == [f"sub-02{printable(odd)}", "sub-03"] and census.total == 6


def test_a_better_named_scan_is_taken_in_place_of_it(bids, tmp_path):
    bids.pair("sub-01"), bids.scan("sub-01/anat/sub-01_\t_T1w.nii.gz")
    sessions, excluded, _ = account(bids.cohort, tmp_path / "out")
    assert len(sessions) == 1 and excluded.empty


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_layouts_of_ones_own_exclude_it_too(bids, tmp_path, odd):
    for name in ("a", "b"):
        bids.scan(f"{name}/x {odd if name == 'b' else ''}.T1.nii"), bids.scan(f"{name}/x.T2.nii")
    bids.people("a\tF", "b\tM", header="subject\tsex")
    files = {"T1w": "{subject}/*.T1.nii", "T2w": "{subject}/*.T2.nii"}
    sessions, excluded, _ = account(
        Cohort(name="c", root=str(bids.root), layout="custom", files=files), tmp_path / "out"
    )
    assert list(sessions.subject) == ["a"] and list(excluded.subject) == ["b"]
    assert "no table can hold" in excluded.reason[0]


def test_a_table_of_paths_excludes_it_too(bids, tmp_path):
    bids.scan("a.nii"), bids.scan("b.nii"), bids.scan("c\nd.nii"), bids.scan("d.nii")
    table = tmp_path / "paths.csv"
    table.write_text('subject,t1w,t2w,sex\n1,a.nii,b.nii,F\n2,"c\nd.nii",d.nii,M\n3,\0,e.nii,M\n')
    cohort = Cohort(name="c", root=str(bids.root), layout="table", table=str(table))
    sessions, excluded, census = account(cohort, tmp_path / "out")
    assert list(sessions.subject) == ["1"] and list(excluded.subject) == ["2", "3"]
    assert ["no table can hold" in reason for reason in excluded.reason] == [True, True], list(excluded.reason)
    assert census.total == 4


def test_a_table_of_paths_may_not_name_a_subject_so(bids, tmp_path):
    for name in "abcd":
        bids.scan(f"{name}.nii")
    table = tmp_path / "paths.csv"
    table.write_text('subject,t1w,t2w,sex\n1,a.nii,b.nii,F\n"2\n3",c.nii,d.nii,M\n')
    cohort = Cohort(name="c", root=str(bids.root), layout="table", table=str(table))
    sessions, excluded, census = account(cohort, tmp_path / "out")
    assert list(sessions.subject) == ["1"] and list(excluded.subject) == ["2\\n3"]
    assert "no table can hold" in excluded.reason[0] and (census.used, census.excluded) == (2, 2)


def test_names_without_such_characters_are_left_as_they_are():
    for name in ("sub-01", 'é "x"', "a\\tb", "naïve – 脳", "zero\u200bwidth"):
        assert printable(name) == name
    assert [printable(odd) for odd in ODD.values()] == ["a\\tb", "a\\nb", "a\\rb", "a\\xffb"]
