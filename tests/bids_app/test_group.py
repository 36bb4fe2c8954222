"""The group level of the BIDS-App: a table and a page of all sessions."""

import json
import shutil

import pandas as pd

from neuroquant.bids_app.group import table_of
from neuroquant.bids_app.group_page import page_of_group
from neuroquant.bids_app.record import Record
from neuroquant.cli import main
from neuroquant.statistics.quality import FEWEST
from tests.bids_app.test_participant import run

KEY = ("key", "neuroquant", "weights")


def records(count=FEWEST, odd=None):
    numbers = [20 + 0.1 * (place % 5) for place in range(count)]
    if odd is not None:
        numbers[-1] = odd
    facts = {"mask_from": "deepbet"}
    return [Record(f"{place:02d}", "", *KEY, {"T1w_psnr": value}, facts) for place, value in enumerate(numbers)]


def test_the_table_has_a_row_per_session_and_says_what_its_columns_are(finished):
    table = pd.read_csv(finished[1] / "group_qc.tsv", sep="\t", na_values="n/a")
    assert list(table.participant_id) == ["sub-0001", "sub-0002"] and (table.session_id == "ses-01").all()
    assert table.T1w_psnr.notna().all() and table.brain_ml.between(900, 1700).all()
    said = json.loads((finished[1] / "group_qc.json").read_text())
    assert set(said) == set(table.columns[2:]) and said["T1w_psnr"]["Units"] == "dB"


def test_a_session_far_from_the_others_stands_out_where_there_are_enough_of_them():
    table, names = table_of(records(odd=9.0))
    assert names == ["T1w_psnr"] and list(table.outlier)[-1] == "T1w_psnr" and set(table.outlier[:-1]) == {""}
    assert set(table_of(records())[0].outlier) == {""}
    assert set(table_of(records(FEWEST - 1, odd=9.0))[0].outlier) == {""}


def test_the_page_marks_what_stands_out_links_to_each_subject_and_names_failures():
    table, names = table_of(records(odd=9.0))
    shown = page_of_group(table, names, "neuroquant", {"sub-77": "no <T1w> scan"})
    assert shown.count("<td class=bad>9</td>") == 1 and 'href="sub-09.html"' in shown
    assert shown.count("<circle") == FEWEST and shown.count('fill="#b42318"') == 1
    assert "sub-77" in shown and "no &lt;T1w&gt; scan" in shown and "<script src" not in shown


def test_a_number_that_a_session_lacks_is_a_dash():
    some = records()
    some[0] = Record("00", "01", *KEY, {"T2w_ssim": 0.5}, {"mask_from": "deepbet"})
    table, names = table_of(some)
    assert names == ["T2w_ssim", "T1w_psnr"] and "<td>–</td>" in page_of_group(table, names, "m", {})


def test_sessions_of_two_models_are_not_put_together(dataset, tmp_path, capsys):
    for place, one in enumerate(records(2)):
        Record(one.subject, "", "key", "m", str(place), one.numbers, one.facts).save(tmp_path / "out")
    assert main(["bids", str(dataset), str(tmp_path / "out"), "group"]) == 2
    assert "2 different models" in capsys.readouterr().err


def test_one_session_that_is_asked_for_has_the_table_alone_and_every_page_keeps_all_sessions(dataset, model, tmp_path):
    second = dataset / "sub-0001/ses-02/anat"
    shutil.copytree(dataset / "sub-0001/ses-01/anat", second)
    for path in list(second.iterdir()):
        path.rename(path.with_name(path.name.replace("ses-01", "ses-02")))
    output = tmp_path / "out"
    assert run(dataset, output, model, "--participant-label", "0001") == 0
    page = (output / "sub-0001.html").read_text()
    (output / "logs").mkdir(exist_ok=True)
    (output / "logs/sub-0002_ses-01.log").write_text("no scan\n")
    assert main(["bids", str(dataset), str(output), "group", "--session-label", "02"]) == 0
    assert (output / "sub-0001.html").read_text() == page and "ses-01" in page
    shown = (output / "group.html").read_text()
    assert "1 sessions of 1 subjects" in shown and "Sessions that failed" not in shown
    assert main(["bids", str(dataset), str(output), "group"]) == 0
    assert "Sessions that failed" in (output / "group.html").read_text()
