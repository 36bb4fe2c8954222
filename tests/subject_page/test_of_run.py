"""Pages of a run's test subjects have what the shards and the tables say of each session."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.files import write_tsv
from neuroquant.store.arrays import ArrayWriter, Record
from neuroquant.subject_page.of_run import Run, numbers_of, subjects_of, write_pages
from neuroquant.tables import FIDELITY
from tests.subject_page.made import SHAPE, egg

SESSIONS = {"a.h5": [("s1", "1"), ("s1", "2"), ("s2", "1")], "b.h5": []}
PSNR = {("s1", "1"): 20.0, ("s1", "2"): 24.0, ("s2", "1"): 22.0}


def records(sessions):
    """Both modalities of each session; the last one has a T2w image alone."""
    return [
        Record("c", subject, session, modality, "test", "", "F", 9.0)
        for subject, session in sessions
        for modality in ("T1w", "T2w")
        if (subject, modality) != ("s2", "T1w")
    ]


@pytest.fixture
def run(tmp_path):
    """Two shards, the second without a session, as they are where a cohort is small."""
    for folder, gain in (("volumes", 1.0), ("copies", 0.5)):
        (tmp_path / folder).mkdir()
        for name, sessions in SESSIONS.items():
            with ArrayWriter(tmp_path / folder / name, records(sessions), {"voxel_mm": 1.0}) as writer:
                writer.create("image", SHAPE, np.float16)
                writer.create("mask", SHAPE, np.uint8, compress=True)
                for row in range(len(records(sessions))):
                    writer.write("image", row, 2 * gain * egg() - 1)
                    writer.write("mask", row, egg(hole=False) > 0)
    facts = {"cohort": "c", "family": "", "metric": "psnr"}
    scores = [
        {**facts, "subject": one.subject, "session": one.session, "modality": one.modality, "region": region}
        | {"model": model, "value": PSNR[one.subject, one.session] + (region == "brain") + 7 * (model != "m")}
        for one in records(SESSIONS["a.h5"])
        for region in ("whole", "brain")
        for model in ("another", "m")
    ]
    write_tsv(pd.DataFrame(scores, columns=FIDELITY), tmp_path / "a.tsv")
    write_tsv(pd.DataFrame(columns=FIDELITY), tmp_path / "b.tsv")
    keys = [*PSNR, ("train1", "1")]
    qc = {"cohort": "c", "subject": [k[0] for k in keys], "session": [k[1] for k in keys], "brain_ml": [1, 2, 3, 4]}
    write_tsv(pd.DataFrame(qc | {"T1w_high": ["5", "6", "", "7"], "T2w_mi_after": ""}), tmp_path / "qc.tsv")
    volumes, copies = ([tmp_path / folder / name for name in SESSIONS] for folder in ("volumes", "copies"))
    return Run(
        "m", volumes, copies, [tmp_path / "a.tsv", tmp_path / "b.tsv"], tmp_path / "qc.tsv", "brain", ("T1w", "T2w")
    )


def test_numbers_are_those_of_the_region_and_of_preprocessing_and_a_missing_one_is_none(run):
    numbers = numbers_of(run)
    assert set(numbers) == {"T1w PSNR (dB)", "T2w PSNR (dB)", "brain (ml)", "T1w upper percentile"}
    assert numbers.loc[("s1", "2")].to_dict() == {
        "T1w PSNR (dB)": 25.0, "T2w PSNR (dB)": 25.0, "brain (ml)": 2.0, "T1w upper percentile": 6.0,
    }  # fmt: skip
    assert numbers["T1w PSNR (dB)"].count() == 2 and numbers["brain (ml)"].count() == 4, "all sessions of the cohort"


def test_sessions_get_their_own_images_between_0_and_1(run):
    subjects = dict(subjects_of(run.volumes[0], run.reconstructions[0], numbers_of(run)))
    assert [one.session for one in subjects["s1"]] == ["1", "2"] and list(subjects["s2"][0].images) == ["T2w"]
    first = subjects["s1"][0]
    assert np.allclose(first.images["T1w"], egg(), atol=1e-3) and first.mask.dtype == bool
    assert np.allclose(first.reconstructions["T2w"], egg() / 2, atol=1e-3)
    assert "T1w PSNR (dB)" not in subjects["s2"][0].numbers and subjects["s2"][0].numbers["brain (ml)"] == 3.0


def test_each_test_subject_has_a_page_with_all_sessions(run, tmp_path):
    write_pages(run, "model on cohort", tmp_path / "pages")
    assert sorted(path.name for path in (tmp_path / "pages").iterdir()) == ["s1.html", "s2.html"]
    text = (tmp_path / "pages/s1.html").read_text()
    assert "<h1>s1: model on cohort</h1>" in text and text.count('<section id="s') == 2
    assert "percentile 25, n = 2" in text, "of T1w among the test sessions"
    assert "percentile 12, n = 4" in text, "of the brain's volume among all"
