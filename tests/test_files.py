"""Outputs appear whole or not at all."""

import pandas as pd
import pytest

from neuroquant.errors import InputError
from neuroquant.files import read_tsv, write_text, write_tsv, written_whole


def test_a_write_that_fails_leaves_the_old_file_and_no_scratch(tmp_path):
    path = tmp_path / "table.tsv"
    write_text(path, "old")
    with pytest.raises(RuntimeError), written_whole(path) as scratch:
        scratch.write_text("half")
        raise RuntimeError("killed")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["table.tsv"]


def test_identifiers_keep_their_zeros_and_floats_their_digits(tmp_path):
    path = tmp_path / "t.tsv"
    write_tsv(pd.DataFrame({"subject": ["007", "NA"], "value": [0.1, None]}), path)
    table = read_tsv(path, numeric=("value",))
    assert list(table.subject) == ["007", "NA"]
    assert table.value[0] == 0.1 and pd.isna(table.value[1])


@pytest.mark.parametrize("name", ["taken/x.tsv", "taken/below/x.tsv", "folder", "y" * 300, "a\0b"])
def test_a_place_that_is_taken_or_none_is_named_and_what_is_there_stays(tmp_path, name):
    (tmp_path / "taken").write_text("somebody's notes")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="can't be written"):
        write_text(tmp_path / name, "text")
    assert (tmp_path / "taken").read_text() == "somebody's notes" and not list((tmp_path / "folder").iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"taken", "folder"}
