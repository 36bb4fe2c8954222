"""Custom layouts and tables of paths, defined in a YAML file alone; IXI and HCP as they are distributed."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuroquant.cohorts.inventory import check_root
from neuroquant.cohorts.layouts import layout_of
from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.cohort import Cohort
from neuroquant.config.load import read_yaml
from neuroquant.errors import InputError
from tests.cohorts import helpers

COHORTS = Path(__file__).parents[2] / "config/cohorts"
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_]{0,8}", fullmatch=True)


def index(
    cohort: Cohort, out: Path, modalities: tuple[str, ...] = DEFAULT_MODALITIES
) -> tuple[pd.DataFrame, pd.DataFrame]:
    source = helpers.source_of(cohort, modalities)
    check_root(source)
    return helpers.index(source, out)


@given(subject=NAMES, session=NAMES)
def test_a_path_gives_back_the_subject_and_session_that_it_was_made_of(subject, session):
    files = {"T1w": "{subject}/{session}/{subject}_*.T1.nii.gz", "T2w": "T2/{subject}-*/x_{session}.nii"}
    layout = layout_of(Cohort(name="c", layout="custom", files=files), DEFAULT_MODALITIES)
    assert layout.match(f"{subject}/{session}/{subject}_a-b.T1.nii.gz") == ("T1w", subject, session)
    assert layout.match(f"{subject}/{session}/other_a.T1.nii.gz") is None or subject == "other"
    assert layout.match(f"T2/{subject}-77/x_{session}.nii") == ("T2w", subject, session)


def test_ixi_as_it_is_given_out(bids, tmp_path, monkeypatch):
    root = bids.root
    for name in ("IXI002-Guys-0828", "IXI012-HH-1211"):
        for kind in ("T1", "T2"):
            bids.scan(f"IXI-{kind}/{name}-{kind}.nii.gz")
    bids.scan("IXI-DTI/IXI002-Guys-0828-DTI-00.nii.gz")
    rows = ["2,2,164,35.8", "12,1,175,38.78", "12,1,175,", "13,2,,"]  # the table names some people twice
    (root / "IXI.csv").write_text("\n".join(['IXI_ID,"SEX_ID (1=m, 2=f)",HEIGHT,AGE', *rows]) + "\n")
    monkeypatch.setenv("IXI_ROOT", str(root))
    cohort = Cohort.model_validate(read_yaml(COHORTS / "ixi.yaml"))
    sessions, excluded = index(cohort, tmp_path / "out")
    assert excluded.empty and list(sessions.subject) == ["IXI002", "IXI012"] and list(sessions.sex) == ["F", "M"]
    assert sessions.T2w[0] == "IXI-T2/IXI002-Guys-0828-T2.nii.gz" and sessions.age[1] == "38.780000000000001"
    assert list(sessions.site) == ["Guys", "HH"]
    assert "DTI" not in (tmp_path / "out/inventory.tsv").read_text()


@pytest.fixture
def hcp(bids, monkeypatch):
    """The folder of HCP's young adults with its two tables, one line of each a subject."""
    open_, restricted = bids.root / "unrestricted.csv", bids.root / "restricted.csv"
    open_.write_text("Subject,Release,Gender,Age\n100206,S1200,M,26-30\n100307,S1200,F,36+\n")
    restricted.write_text("Subject,Age_in_Yrs,Family_ID\n100206,27,52259_82122\n100307,36,51488_81352\n")
    monkeypatch.setenv("HCP_ROOT", str(bids.root))
    for subject in ("100206", "100307"):
        for kind, raw in (("T1w", "T1w_MPR1"), ("T2w", "T2w_SPC1")):
            bids.scan(f"{subject}/T1w/{kind}_acpc_dc_restore_brain.nii.gz")
            bids.scan(f"{subject}/unprocessed/3T/{raw}/{subject}_3T_{raw}.nii.gz")
        bids.scan(f"{subject}/unprocessed/3T/T1w_MPR1/{subject}_3T_BIAS_32CH.nii.gz")
        bids.scan(f"{subject}/MNINonLinear/T1w_restore_brain.nii.gz")
    return bids.root


@pytest.mark.parametrize(
    ("file", "scan"),
    [
        ("hcp_ya.yaml", "100206/T1w/T1w_acpc_dc_restore_brain.nii.gz"),
        ("hcp_ya_unprocessed.yaml", "100206/unprocessed/3T/T1w_MPR1/100206_3T_T1w_MPR1.nii.gz"),
    ],
)
def test_hcp_as_it_is_given_out_takes_sex_from_one_table_and_families_from_the_other(hcp, tmp_path, file, scan):
    sessions, excluded = index(Cohort.model_validate(read_yaml(COHORTS / file)), tmp_path / "out")
    assert excluded.empty and list(sessions.sex) == ["M", "F"] and sessions.family[0] == "52259_82122"
    assert list(sessions.age) == ["27", "36"] and sessions.T1w[0] == scan


def test_hcp_without_the_restricted_table_has_ages_in_bands(hcp, tmp_path):
    cohort = Cohort.model_validate(read_yaml(COHORTS / "hcp_ya.yaml"))
    plain = {"participants": cohort.participants[:1], "columns": {"subject": "Subject", "sex": "Gender"}}
    sessions, excluded = index(cohort.model_copy(update=plain), tmp_path / "out")
    assert excluded.empty and list(sessions.age) == ["28", "36"] and set(sessions.family) == {""}


def test_subjects_with_spaces_in_their_names_are_found_by_patterns_of_ones_own(bids, tmp_path):
    for kind in ("t1", "t2"):
        bids.scan(f"scans of 2020/Case No. 1/{kind} brain.nii.gz")
    bids.people("Case No. 1\tF", header="subject\tsex")
    files = {name: "scans of 2020/{subject}/" + f"{kind} brain.nii.gz" for name, kind in (("T1w", "t1"), ("T2w", "t2"))}
    sessions, excluded = index(bids.cohort.model_copy(update={"layout": "custom", "files": files}), tmp_path / "out")
    assert excluded.empty and list(sessions.subject) == ["Case No. 1"]


@pytest.fixture
def listed(bids):
    """A cohort of a table of paths: two visits of one subject, one of another."""
    for name in ("a", "b", "c"):
        for kind in ("one", "two"):
            bids.scan(f"scans/{name} {kind}.nii.gz")
    rows = ["subject,session,t1w,t2w,sex,age,family"]
    rows += [
        f"{s},{v},scans/{n} one.nii.gz,scans/{n} two.nii.gz,F,9,f1" for s, v, n in ("1 1 a".split(), "1 2 b".split())
    ]
    rows += ["2,,scans/c one.nii.gz,scans/c two.nii.gz,M,10,"]
    table = bids.root / "paths.csv"
    table.write_text("\n".join(rows) + "\n")
    return Cohort(name="c", layout="table", root=str(bids.root), table=str(table))


def test_a_table_of_paths_is_enough(listed, tmp_path):
    sessions, excluded = index(listed, tmp_path / "out")
    assert excluded.empty and list(zip(sessions.subject, sessions.session, strict=True)) == [
        ("1", "1"),
        ("1", "2"),
        ("2", ""),
    ]
    assert list(sessions.family) == ["f1", "f1", ""] and sessions.T2w[2] == "scans/c two.nii.gz"


def test_a_missing_file_of_the_table_costs_its_session(listed, tmp_path):
    (Path(listed.root) / "scans/b two.nii.gz").unlink()
    sessions, excluded = index(listed, tmp_path / "out")
    assert len(sessions) == 2 and excluded.subject[0] == "1" and "can't be opened" in excluded.reason[0]


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ("1,1,scans/x.nii,scans/y.nii,F,9,f1", "1 1 for the second time"),
        ("3,,scans/c one.nii.gz,,M,9,", "c one.nii.gz"),
    ],
)
def test_a_session_or_a_file_in_two_rows_is_refused_with_its_line(listed, tmp_path, extra, told):
    table = Path(listed.table)
    table.write_text(table.read_text() + extra + "\n")
    with pytest.raises(InputError, match=f"(?s)line 5.*{told}"):
        index(listed, tmp_path / "out")


def test_a_subject_with_two_sexes_in_the_table_is_left_out_with_both(listed, tmp_path):
    table = Path(listed.table)
    table.write_text(
        table.read_text().replace("1,2,scans/b one.nii.gz,scans/b two.nii.gz,F", "1,2,scans/b one.nii.gz,,M")
    )
    sessions, excluded = index(listed, tmp_path / "out")
    assert list(sessions.subject) == ["2"] and "contradict each other about its sex (F and M)" in excluded.reason[0]


def test_patterns_that_find_nothing_are_told_before_the_first_job(bids):
    cohort = Cohort(name="c", layout="custom", root=str(bids.root), files={"T1w": "{subject}/t1.nii"}, require="any")
    with pytest.raises(InputError, match="no file at"):
        check_root(helpers.source_of(cohort))


def test_a_pattern_without_a_subject_is_refused():
    with pytest.raises(ValueError, match="subject"):
        Cohort(name="c", layout="custom", files={"T1w": "all/t1.nii"})
