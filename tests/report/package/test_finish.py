"""The finished report names nobody, opens at its summary and keeps what Snakemake put in."""

import base64
import html
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from neuroquant.errors import InputError
from neuroquant.files import write_tsv
from neuroquant.report.package import finish as finishing
from neuroquant.report.package.finish import embedded, finish, named, private_words


def report(folder, text="nothing", params="root=/data/secret", caption="words"):
    """A page as Snakemake writes it, with one embedded page of `text`."""
    data = "data:text/html;charset=utf8;filename=a.html;base64," + base64.b64encode(text.encode()).decode()
    job = {"rule": "r", "wildcards": "", "params": params}
    results = {"results/x/report/summary.html": {"caption": caption, "job_properties": job, "data_uri": data}}
    path = folder / "report.html"
    path.write_text(
        "<html><head><title>Snakemake Report</title></head><body><script>var library = 'sub-77';</script>"
        f'<script id="results">\n    var results = {json.dumps(results)};\n    </script>'
        '<script id="rules">\n    var rules = {};\n    </script></body></html>'
    )
    return path


def test_parameters_go_and_the_rest_stays(tmp_path):
    page = report(tmp_path)
    finish(page, "Mine", "results/x/", ["/data/secret", "sub-77"])
    text = page.read_text()
    assert "/data/secret" not in text and "<title>Mine</title>" in text and '"rule": "r"' in text
    assert 'results/x/"' in text and "report/summary.html" in text
    assert embedded(text) == ["nothing"]


def test_a_title_is_text_wherever_it_stands(tmp_path):
    title = "</title></script><script>alert('x')</script><!-- \"&"
    path = report(tmp_path)
    finish(path, title, "results/x/", [])
    text = path.read_text()
    assert "<script>alert" not in text and text.count("</script>") == 4 and "<!--" not in text
    assert f"<title>{html.escape(title)}</title>" in text
    told = re.search(r"document.title = (.*);", text)[1]
    assert json.loads(told) == title


def test_a_report_that_is_too_large_is_kept_and_its_largest_part_is_named(tmp_path, capsys, monkeypatch):
    finish(report(tmp_path), "Mine", "results/x/", [])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(finishing, "LIMIT", 150_000)
    finish(report(tmp_path, text="a" * 150_000), "Mine", "results/x/", [])
    told = capsys.readouterr().err
    assert "0.2 MB" in told and "report/summary.html 0.2 MB" in told and "report.figure3_models" in told
    assert embedded((tmp_path / "report.html").read_text()) == ["a" * 150_000]


def test_folders_of_this_machine_are_cut_off_the_paths_of_rules(tmp_path):
    page = report(tmp_path)
    page.write_text(
        page.read_text().replace("rules = {}", 'rules = {"a": {"input": ["/home/me/code/envs/lock.yaml"]}}')
    )
    finish(page, "Mine", "results/x/", ["/home/me"], [Path("/home/me/code"), Path("/")])
    assert '"input": ["envs/lock.yaml"]' in page.read_text()


@pytest.mark.parametrize(
    "place, word",
    [
        ({"text": "<p>scan of sub-042</p>"}, "042"),
        ({"text": "NDAR_INV4711 was seen"}, "NDAR_INV4711"),
        ({"caption": "from /data/secret/scans"}, "/data/secret"),
        ({"text": "at /data/secret/scans"}, "/data/secret"),
    ],
)
def test_a_name_or_folder_anywhere_stops_the_report(tmp_path, place, word):
    page = report(tmp_path, **place)
    with pytest.raises(InputError, match="identifi"):
        finish(page, "Mine", "results/x/", [word])
    finish(report(tmp_path, **place), "Mine", "results/x/", [])


def test_a_bare_number_is_a_name_only_behind_sub(tmp_path):
    page = report(tmp_path, text="<td>0042</td> of 12.0042 dB").read_text()
    assert named(page, ["0042"]) == []
    assert named(report(tmp_path, text="sub-0042").read_text(), ["0042"]) == ["0042"]


def test_a_name_of_letters_is_found_behind_sub_and_where_it_stands_alone(tmp_path):
    def found(text, *names):
        return named(report(tmp_path, text=text).read_text(), names)

    assert found("scan of sub-anna, sub-bo_ses-1 and sub-zoë", "anna", "bo", "zoë", "eva") == ["anna", "bo", "zoë"]
    for text in ("<tr><td> anna</td></tr>", "subject,psnr\nanna,25.1\n", '{"who": "anna"}', "<!-- anna -->"):
        assert found(text, "anna", "sub-anna") == ["anna", "sub-anna"], text
    assert found("the control group; Annabel of savanna", "control", "anna") == [], "language holds such words"
    assert found("<td>bo</td><td>all of it</td>", "bo", "it") == [], "words this short are looked for behind sub- only"


def test_letters_of_an_embedded_picture_are_no_name_and_words_on_data_are_read(tmp_path):
    page = report(tmp_path, text='<img src="data:image/png;base64,iVBO/INV4711+Rw0="> by hand').read_text()
    assert named(page, ["INV4711"]) == []
    assert named(report(tmp_path, caption="our data: INV4711").read_text(), ["INV4711"]) == ["INV4711"]


def test_a_name_with_other_signs_is_found_however_it_is_written(tmp_path):
    page = report(tmp_path, text="by O&#x27;Neil, Anna Lind and z.1, 3.14", caption="Zoë B").read_text()
    assert named(page, ["O'Neil", "Anna Lind", "Zoë B", "z.1", "3.14"]) == ["Anna Lind", "O'Neil", "Zoë B"]


def test_a_subject_in_the_name_of_a_file_is_named(tmp_path):
    page = report(tmp_path, text="sub-NDAR123_ses-1_T1w.nii.gz and NCANDA_S00033_baseline").read_text()
    assert named(page, ["sub-NDAR123", "NCANDA_S00033", "NCANDA_S0003"]) == ["NCANDA_S00033", "sub-NDAR123"]


def test_private_are_subjects_and_folders_unless_the_report_may_name_them(tmp_path, experiment):
    write_tsv(pd.DataFrame({"subject": ["a1", "b2"]}), tmp_path / "s.tsv")
    own = experiment.cohorts[0].model_copy(update={"root": "/data/own", "participants": ["/data/own/p.tsv", "q.csv"]})
    experiment = experiment.model_copy(update={"cohorts": (own,)})
    words = private_words(experiment, [tmp_path / "s.tsv"], [tmp_path])
    assert {"a1", "b2", "/data/own", "/data/own/p.tsv", str(tmp_path)} == set(words)
    told = experiment.report.model_copy(update={"identifiable": True})
    assert private_words(experiment.model_copy(update={"report": told}), [tmp_path / "s.tsv"], [tmp_path]) == []
