"""Who the subjects are, however their table was exported."""

import math

import pytest
import yaml

from neuroquant.cohorts.phenotypes import Participant, _session_rows, read_participants, session_facts, years
from neuroquant.config.cohort import Cohort
from neuroquant.errors import InputError
from tests.cohorts.helpers import source_of


def people(bids, text, **change):
    (bids.root / "participants.tsv").write_text(text, encoding=change.pop("encoding", "utf-8"))
    return read_participants(source_of(bids.cohort.model_copy(update=change)))


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_separator_and_byte_order_mark_are_recognised(bids, separator, encoding):
    text = "participant_id,sex,age,family_id\nsub-01,F,14.5,n/a\nsub-02,male,n/a,fam-7\n".replace(",", separator)
    found = people(bids, text, encoding=encoding)
    assert found["sub-01"] == Participant("F", 14.5, "")
    assert found["sub-02"].sex == "M" and math.isnan(found["sub-02"].age) and found["sub-02"].family == "fam-7"


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
def test_the_separator_is_the_one_that_finds_the_subjects(bids, separator):
    header = ["participant_id", "sex", '"note (a,b,c,d; e;f;g)"' if separator != "\t" else "note (a,b,c,d; e;f;g)"]
    found = people(bids, "\n".join(separator.join(row) for row in (header, ["sub-01", "F", "x"])) + "\n")
    assert {name: person.sex for name, person in found.items()} == {"sub-01": "F"}
    named = people(bids, separator.join(("Code", *header[1:])) + f"\n01{separator}F\n", columns={"subject": "code"})
    assert {name: person.sex for name, person in named.items()} == {"sub-01": "F"}


def test_a_quotation_mark_takes_no_rows_with_it(bids):
    text = 'participant_id\tnote\tsex\nsub-01\t"3 T\tF\nsub-02\t5"\tM\n"sub-03"\t"said ""no"""\t"F"\n'
    assert {subject: person.sex for subject, person in people(bids, text).items()} == {
        "sub-01": "F", "sub-02": "M", "sub-03": "F",
    }  # fmt: skip
    lines = 'participant_id,note,sex\nsub-01,"two\nlines",F\nsub-02,x,M\n'
    assert list(people(bids, lines)) == ["sub-01", "sub-02"], "a cell of two lines is fine between commas"
    with pytest.raises(InputError, match="(?s)line 3.*quotation marks in pairs"):
        people(bids, 'participant_id,note,sex\nsub-01,"3 T,F\nsub-02,x,M\n')


def test_whole_numbers_are_the_same_with_and_without_the_decimals_of_a_spreadsheet(bids):
    text = "participant_id,session,sex,age,family\nsub-01,1,1.0,9,12\nsub-01,2.0,1,10,12.0\nsub-02,1,2.00,9,12.5\n"
    found = people(bids, text, sex_codes={"1": "M", "2.0": "F"})
    assert (found["sub-01"].conflict, found["sub-01"].sex, found["sub-01"].family) == ("", "M", "12")
    assert (found["sub-02"].sex, found["sub-02"].family) == ("F", "12.5")
    assert found["sub-01"].at("ses-2")["age"] == 10


def test_codes_for_sex_need_no_quotation_marks_in_yaml(bids):
    told = Cohort.model_validate({"name": "c", "root": "x", **yaml.safe_load("sex_codes: {1: M, 2.0: F, x: F}")})
    assert told.sex_codes == {"1": "M", "2.0": "F", "x": "F"}


@pytest.mark.parametrize(("written", "read"), [("F", "F"), ("female", "F"), ("MALE", "M"), ("m", "M"), ("n/a", "")])
def test_sexes_are_read_in_any_case(bids, written, read):
    assert people(bids, f"participant_id\tsex\nsub-01\t{written}\nsub-02\tF\n")["sub-01"].sex == read


def test_sexes_that_are_codes_are_refused_in_a_sentence(bids):
    with pytest.raises(InputError, match="sex_codes"):
        people(bids, "participant_id\tsex\nsub-01\t1\nsub-02\t2\n")


def test_rows_of_one_subject_complement_each_other(bids):
    rows = "sub-01\tF\t\tx\nsub-01\tfemale\t9\t\nsub-01\tF\t9\tx\n"
    assert people(bids, "participant_id\tsex\tage\tfamily\n" + rows) == {"sub-01": Participant("F", 9.0, "x")}


def test_rows_that_contradict_each_other_are_told_and_cost_that_subject(bids):
    found = people(bids, "participant_id,sex,age,family\nsub-01,F,9,x\nsub-01,M,10,y\nsub-02,F,,\n")
    assert found["sub-01"].conflict == "sex (F and M) and family (x and y)" and math.isnan(found["sub-01"].age)
    assert found["sub-02"].conflict == ""


def test_several_tables_are_joined_by_the_subject(bids, tmp_path):
    (tmp_path / "a.csv").write_text("subject,sex,site\nsub-01,F,X\nsub-02,M,Y\n")
    (tmp_path / "b.tsv").write_text("participant_id\tage\tfamily\nsub-01\t9\tf1\nsub-03\t8\t\n")
    tables = [str(tmp_path / name) for name in ("a.csv", "b.tsv")]
    found = people(bids, "", participants=tables)
    assert found["sub-01"] == Participant("F", 9.0, "f1", "X") and found["sub-02"].sex == "M"
    assert found["sub-03"].sex == "", "known, but not of what sex"
    with pytest.raises(InputError, match="no column for the sex"):
        people(bids, "", participants=tables[1:] * 2)


@pytest.mark.parametrize(
    ("layout", "text", "session", "age"),
    [
        ("ncanda", "subject,visit,sex,visit_age\nS1,baseline,F,15.5\nS1,followup_1y,F,16.6\n", "followup_1y", 16.6),
        ("abcd", "src_subject_id,eventname,sex,interview_age\nNDAR_1,baseline_year_1_arm_1,F,120\n"
         "NDAR_1,2_year_follow_up_y_arm_1,F,150\n", "ses-2YearFollowUpYArm1", 12.5),
        ("bids", "participant_id,session_id,sex,age\n01,ses-1,F,30\n01,ses-2,F,31\n", "ses-02", 31),
    ],
)  # fmt: skip
def test_a_table_with_a_row_a_visit_gives_the_age_at_each(bids, layout, text, session, age):
    (person,) = people(bids, text, layout=layout).values()
    assert person.at(session)["age"] == pytest.approx(age) and person.conflict == ""
    assert math.isnan(person.at("ses-99")["age"]), "the age at another visit is not this one's"


def test_the_site_of_the_visit_is_that_rows(bids):
    text = "subject,visit,site,sex\nS1,baseline,A,F\nS1,followup_1y,B,F\n"
    (person,) = people(bids, text, layout="ncanda").values()
    assert person.at("baseline")["site"] == "A" and person.at("followup_1y")["site"] == "B"
    assert person.at("followup_2y")["site"] == "", "two sites, and nothing to tell which"


@pytest.mark.parametrize(
    ("written", "read"), [("22-25", 23.5), ("36+", 36), ("26 to 30", 28), ("9", 9), ("old", math.nan)]
)
def test_ages_in_bands_are_their_middle(written, read):
    assert years(written) == pytest.approx(read, nan_ok=True)


def test_subjects_that_a_spreadsheet_made_numbers_of_are_whole_numbers(bids):
    text = "participant_id\tsex\n1.0\tF\n2,0\tM\nsub-3\tF\n"
    assert list(people(bids, text)) == ["sub-1", "sub-2", "sub-3"]


@pytest.mark.parametrize("shape", ["{:0>3}", "sub-{:0>3}"])
@pytest.mark.parametrize("written", ["7", "7.0", "sub-7", "007"])
def test_the_format_of_subjects_works_for_bids(bids, shape, written):
    assert list(people(bids, f"participant_id\tsex\n{written}\tF\n", subject_format=shape)) == ["sub-007"]


@pytest.mark.parametrize("written", ["-999", "999", "-9.0", "-3", "250"])
def test_codes_for_a_missing_age_are_no_age(bids, written):
    assert math.isnan(people(bids, f"participant_id\tsex\tage\nsub-01\tF\t{written}\n")["sub-01"].age)


@pytest.mark.parametrize("written", ["0", "-1", "-1.0", "-999", "n/a"])
def test_codes_for_a_missing_family_are_no_family(bids, written):
    assert people(bids, f"participant_id\tsex\tfamily\nsub-01\tF\t{written}\n")["sub-01"].family == ""


def test_codes_for_missing_values_can_be_named(bids):
    text = "participant_id\tsex\tage\tfamily\tsite\nsub-01\tF\t77\t0\tx\nsub-02\tM\t66\t1\ty\n"
    own = Cohort.model_validate({"name": "c", **yaml.safe_load("missing: {age: [77], family: [], site: [x]}")})
    found = people(bids, text, missing=own.missing)
    assert math.isnan(found["sub-01"].age) and found["sub-01"].family == "0" and found["sub-01"].site == ""
    assert (found["sub-02"].age, found["sub-02"].family, found["sub-02"].site) == (66, "1", "y")
    kept = Cohort.model_validate({"name": "c", "missing": {"age": [77]}}).missing
    assert kept["age"] == ["77"] and "0" in kept["family"], "kinds that aren't named keep their codes"


def test_codes_for_missing_values_count_in_sessions_tables_too(bids):
    table = bids.root / "sub-02_sessions.tsv"
    table.write_text("session_id\tage\tsite\nses-1\t-999\tA\nses-2\t16,5\tA\n")
    assert session_facts(table, bids.cohort) == {"1": {"site": "A"}, "2": {"age": 16.5, "site": "A"}}


@pytest.mark.parametrize(("written", "read"), [("14,5", 14.5), ("22,5-25,5", 24), ("14,0", 14)])
def test_decimal_commas_are_read_where_they_separate_nothing_else(bids, written, read):
    for separator in ("\t", ";"):
        text = separator.join(("participant_id", "sex", "age")) + "\n" + separator.join(("sub-01", "F", written)) + "\n"
        assert people(bids, text)["sub-01"].age == pytest.approx(read)
    assert people(bids, f'participant_id,sex,age\nsub-01,F,"{written}"\n')["sub-01"].age == pytest.approx(read)


def test_a_row_of_more_cells_than_columns_is_refused_with_its_line(bids):
    header = "participant_id,sex,age,family\n"
    with pytest.raises(InputError, match="(?s)line 3.*more cells than the 4 columns.*'f2'.*decimal comma"):
        people(bids, header + "sub-01,F,14,f1\nsub-02,M,14,5,f2\n")
    assert people(bids, header + "sub-01,F,14,f1,,\n")["sub-01"].family == "f1", "empty cells at the end are none"


def test_columns_are_found_in_any_case_and_gender_is_sex(bids):
    assert people(bids, "Participant_ID\tGender\tAGE\nsub-01\tF\t9\n") == {"sub-01": Participant("F", 9.0)}


def test_a_table_in_excels_unicode_is_read_and_a_spreadsheet_is_told_apart(bids, tmp_path):
    assert people(bids, "participant_id\tsex\nsub-01\tF\n", encoding="utf-16")["sub-01"].sex == "F"
    (tmp_path / "who.xls").write_bytes(b"\xd0\xcf\x11\xe0" * 99)
    with pytest.raises(InputError, match="save the spreadsheet as CSV"):
        people(bids, "", participants=str(tmp_path / "who.xls"))


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
    assert session_facts(table, bids.cohort) == {}
    table.write_text("")
    _session_rows.cache_clear()
    assert session_facts(table, bids.cohort) == {}
    table.write_text("session_id\tage\nses-1\t15.5\nses-2\tn/a\nses-3\tinf\n")
    _session_rows.cache_clear()
    assert session_facts(table, bids.cohort) == {"1": {"age": 15.5}, "2": {}, "3": {}}
