"""Tables and folders may write a subject's number differently; what is ambiguous is nobody's, in words."""

import pytest

from neuroquant.cohorts.identifiers import by_folder, plain, whole, without_folder


@pytest.mark.parametrize(
    ("row", "folder"),
    [("sub-7", "sub-007"), ("sub-007", "sub-7"), ("sub-CTRL7", "sub-CTRL07"), ("2", "002"), ("sub-0", "sub-000")],
)
def test_a_number_is_the_same_with_and_without_zeros_in_front(row, folder):
    assert by_folder({row: "who", "sub-8": "other"}, [folder, "sub-08"], "t") == {folder: "who", "sub-08": "other"}
    assert without_folder([row, "sub-9"], [folder]) == ["sub-9"]


def test_the_very_name_goes_before_the_number():
    people = {"sub-7": "a", "sub-007": "b"}
    assert by_folder(people, ["sub-007", "sub-7"], "t") == {"sub-007": "b", "sub-7": "a"}
    alone = by_folder({"sub-7": "a"}, ["sub-7", "sub-07"], "t")
    assert alone["sub-7"] == "a" and alone["sub-07"].startswith("not in t: add a row")


def test_two_folders_or_two_rows_of_one_number_are_nobodys():
    folders = by_folder({"sub-7": "a"}, ["sub-07", "sub-007"], "t")
    assert all("row sub-7 could be sub-007 or sub-07" in reason for reason in folders.values())
    rows = by_folder({"sub-7": "a", "sub-07": "b"}, ["sub-007"], "t")
    assert "rows sub-07 and sub-7 could both be it" in rows["sub-007"]
    assert without_folder(["sub-7"], ["sub-07", "sub-007"]) == [], "they are out for it, not absent"


@pytest.mark.parametrize("names", [("sub-A1", "sub-B1"), ("sub-1a", "sub-01a"), ("sub-10", "sub-1"), ("sub-7", "7")])
def test_other_names_are_other_people(names):
    assert isinstance(by_folder({names[0]: 1}, [names[1]], "t")[names[1]], str)


def test_visits_and_numbers_are_compared_without_what_spreadsheets_add():
    assert whole("1.0") == whole("1,00") == "1" and whole("1.5") == "1.5" and whole("v1.0") == "v1.0"
    assert plain("ses-01") == plain("1.0") == "1" and plain("2_year_Y") == "2yeary"
