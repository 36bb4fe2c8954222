"""Reasons are counted by kind, without what they quote."""

import pytest

from neuroquant.errors import InputError, kind_of


@pytest.mark.parametrize(
    "cell", ["Anna Lind", "O'Neil", 'the "tall" one', "both ' and \"", "a (b): c; d", "x\ty", "\\"]
)
def test_what_stands_in_a_cell_is_no_part_of_a_kind(cell):
    reason = f"sex is {cell!r} in participants.tsv: F, M, female or male is expected"
    assert kind_of(reason) == "sex is something else in participants.tsv"


def test_words_with_apostrophes_are_no_quotations():
    reason = "T1w isn't skull-stripped and its mask doesn't cover 12.5 ml (see qc)"
    assert kind_of(reason) == "T1w isn't skull-stripped and its mask doesn't cover n ml"


def test_a_cell_of_any_length_leaves_a_message_that_can_be_read():
    said = str(InputError("participants.tsv", f"columns {'x' * 20_000}, family_id", "a subject", "add it"))
    assert len(said) < 2_000 and said.startswith("participants.tsv\n  found:    columns xxx")
    assert "characters more" in said and "xxx, family_id\n" in said
