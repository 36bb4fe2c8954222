"""Figure 3 shows a session in the middle of the field, with both modalities where there is one."""

import numpy as np
import pandas as pd
import pytest

from neuroquant.files import write_tsv
from neuroquant.report.figures.figure3 import choose_session, draw
from neuroquant.store.arrays import ArrayWriter, Record


def scores(path, **psnr):
    """PSNR by subject: a number for T1w alone, a pair for both."""
    rows = []
    for subject, values in psnr.items():
        for modality, value in zip(("T1w", "T2w"), values if isinstance(values, tuple) else (values,), strict=False):
            row = {"cohort": "c", "subject": subject, "session": "1", "modality": modality, "model": "m"}
            rows.append({**row, "family": "", "region": "whole", "metric": "psnr", "value": value})
    write_tsv(pd.DataFrame(rows), path)
    return path


def test_the_session_is_the_median_of_those_with_both_modalities(tmp_path):
    path = scores(tmp_path / "f.tsv", a=(20, 22), b=(30, 32), c=(25, 24), d=24.4, e=23.9)
    assert choose_session(path, "c", "m") == ("c", "1")
    assert choose_session(scores(tmp_path / "f.tsv", a=20, b=30, c=25), "c", "m") == ("c", "1")


@pytest.mark.parametrize("modalities", [("T1w", "T2w"), ("T2w",)])
def test_it_is_drawn_of_whatever_modalities_there_are(tmp_path, modalities):
    records = [Record("c", "a", "1", modality, "test", "", "F", 9.0) for modality in modalities]
    for name in ("volumes.h5", "row.h5"):
        with ArrayWriter(tmp_path / name, records) as writer:
            writer.create("image", (8, 10, 6), np.float16)
            for row in range(len(records)):
                writer.write("image", row, np.random.default_rng(row).uniform(-1, 1, (8, 10, 6)))
    fidelity = scores(tmp_path / "f.tsv", a=(20.0, 21.0)[: len(modalities)])
    for out in ("a.png", "b.png"):
        draw(fidelity, "c", {"m": "M"}, [tmp_path / "volumes.h5"], {"m": [tmp_path / "row.h5"]}, tmp_path / out)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
