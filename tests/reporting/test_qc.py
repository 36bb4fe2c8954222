"""QC names the sessions that stand out, and draws every cohort, an empty one too."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.files import read_tsv, write_tsv
from neuroquant.reporting import montage
from neuroquant.reporting.qc import draw, gather_qc
from neuroquant.volumes.preprocess import QC
from neuroquant.volumes.store import ArrayWriter, Record


def tables(folder, sessions=40, **changes):
    """Two QC tables of usual sessions, the last with `changes`."""
    generator = np.random.default_rng(0)
    rows = []
    for number in range(sessions):
        row = {"cohort": "c", "subject": f"sub-{number:02d}", "session": "1", "box": "130 x 170 x 125"}
        row |= {"brain_ml": generator.normal(1300, 80), "lost_share": 0.0, "t1w_high": generator.normal(900, 50)}
        rows.append({**row, "t2w_high": generator.normal(700, 50)})
    if rows:
        rows[-1] |= changes
    paths = [folder / "a.tsv", folder / "b.tsv"]
    for path, part in zip(paths, (rows[: sessions // 2], rows[sessions // 2 :]), strict=True):
        write_tsv(pd.DataFrame(part, columns=QC), path)
    return paths


def test_a_session_far_from_the_others_is_named_with_what_is_odd_about_it(tmp_path):
    found = gather_qc(tables(tmp_path, brain_ml=2100, t2w_high=90_000))
    odd = found[found.outlier != ""]
    assert list(odd.subject) == ["sub-39"] and odd.outlier.iloc[0] == "brain_ml t2w_high"
    assert (gather_qc(tables(tmp_path)).outlier == "").all(), "and none where nothing is odd"


@pytest.mark.parametrize("sessions", [0, 1, 40])
def test_the_picture_and_the_table_are_made_of_any_number_of_sessions(tmp_path, sessions):
    for name in "ab":
        draw(tables(tmp_path, sessions), "C", False, tmp_path / "qc.out", tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert len(read_tsv(tmp_path / "qc.out")) == sessions


@pytest.mark.parametrize("modalities", [("T1w", "T2w"), ("T2w",), ()])
def test_a_montage_shows_whatever_modalities_there_are(tmp_path, modalities):
    records = [Record("c", "s", "1", modality, "test", "", "F", 9.0) for modality in modalities]
    with ArrayWriter(tmp_path / "v.h5", records) as writer:
        writer.create("image", (16, 16, 16), np.float16)
        writer.create("mask", (16, 16, 16), np.uint8, compress=True)
        for row in range(len(records)):
            image = np.full((16, 16, 16), -1.0)
            image[4:12, 3:13, 5:11] = np.random.default_rng(row).uniform(-0.5, 1, (8, 10, 6))
            writer.write("image", row, image)
            writer.write("mask", row, image > -1)
    montage.draw([tmp_path / "v.h5"], "C", tmp_path / "m.png")
    assert (tmp_path / "m.png").stat().st_size > 500
    if records:
        mask = np.zeros((16, 16, 16))
        mask[4:12, 3:13, 5:11] = 1
        box = montage.box_of(mask, 0)
        assert (box.get_x(), box.get_y(), box.get_width(), box.get_height()) == (2.5, 4.5, 10, 6)
