"""Who the subjects are, however their table was exported."""

import math

import pytest

from neuroquant.cohorts.phenotypes import Participant, read_participants, session_facts
from neuroquant.errors import InputError


def people(bids, text, **change):
    (bids.root / "participants.tsv").write_text(text, encoding=change.pop("encoding", "utf-8"))
    return read_participants(bids.cohort.model_copy(update=change), bids.root)


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_separator_and_byte_order_mark_are_recognised(bids, separator, encoding):
    text = "participant_id,sex,age,family_id\nsub-01,F,14.5,n/a\nsub-02,male,n/a,fam-7\n".replace(",", separator)
    found = people(bids, text, encoding=encoding)
    assert found["sub-01"] == Participant("F", 14.5, "")
    assert found["sub-02"].sex == "M" and math.isnan(found["sub-02"].age) and found["sub-02"].family == "fam-7"


@pytest.mark.parametrize(("written", "read"), [("F", "F"), ("female", "F"), ("MALE", "M"), ("m", "M"), ("n/a", "")])
def test_sexes_are_read_in_any_case(bids, written, read):
    assert people(bids, f"participant_id\tsex\nsub-01\t{written}\nsub-02\tF\n")["sub-01"].sex == read


def test_sexes_that_are_codes_are_refused_in_a_sentence(bids):
    with pytest.raises(InputError, match="sex_codes"):
        people(bids, "participant_id\tsex\nsub-01\t1\nsub-02\t2\n")


def test_a_subject_in_two_rows_is_refused(bids):
    with pytest.raises(InputError, match="sub-01 in two rows"):
        people(bids, "participant_id\tsex\nsub-01\tF\nsub-01\tF\n")


def test_abcd_tables_give_subjects_without_prefix_and_ages_in_months(bids):
    text = "src_subject_id,sex,interview_age,rel_family_id\nNDAR_INV01,F,120,88\n"
    assert people(bids, text, layout="abcd") == {"sub-NDARINV01": Participant("F", 10.0, "88")}
    plain = "subject,sex,age,family\nsub-NDARINV01,F,10,88\n"
    assert people(bids, plain, layout="abcd") == {"sub-NDARINV01": Participant("F", 10.0, "88")}


@pytest.mark.parametrize(
    ("layout", "header"),
    [("bids", "participant_id,sex,site,scanner"), ("ncanda", "subject,sex,site,scanner"),
     ("abcd", "src_subject_id,sex,site_id_l,mri_info_deviceserialnumber")],
)  # fmt: skip
def test_site_and_scanner_have_the_names_that_cohorts_are_released_with(bids, layout, header):
    found = people(bids, f"{header}\nsub-01,F,site16,HASH-1\nsub-02,M,n/a,\n", layout=layout)
    assert (found["sub-01"].site, found["sub-01"].scanner) == ("site16", "HASH-1")
    assert (found["sub-02"].site, found["sub-02"].scanner) == ("", "")


def test_site_and_scanner_may_be_called_anything_and_may_be_missing(bids):
    text = "participant_id,sex,centre,serial\nsub-01,F,Guys,41\n"
    assert people(bids, text)["sub-01"].site == ""
    found = people(bids, text, columns={"site": "centre", "scanner": "serial"})["sub-01"]
    assert (found.site, found.scanner) == ("Guys", "41")


def test_a_table_elsewhere_is_read_where_it_is_named(bids, tmp_path):
    (tmp_path / "who.csv").write_text("subject,sex\nsub-09,F\n")
    assert list(people(bids, "", participants=str(tmp_path / "who.csv"))) == ["sub-09"]


def test_a_broken_sessions_table_costs_ages_only(bids):
    table = bids.root / "sub-01_sessions.tsv"
    assert session_facts(table) == {}
    table.write_text("")
    session_facts.cache_clear()
    assert session_facts(table) == {}
    table.write_text("session_id\tage\nses-1\t15.5\nses-2\tn/a\nses-3\tinf\n")
    session_facts.cache_clear()
    assert session_facts(table) == {"ses-1": {"age": 15.5}, "ses-2": {}, "ses-3": {}}
