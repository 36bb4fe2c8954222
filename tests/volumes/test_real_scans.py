"""A real skull-stripped pair from disk to volumes, and back."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from neuroquant.config.volume import Volume
from neuroquant.files import read_tsv, write_tsv
from neuroquant.volumes.preprocess import preprocess_shard
from neuroquant.volumes.restore import restore
from neuroquant.volumes.store import ArrayFile

ROOT = Path(os.environ.get("NEUROQUANT_TESTDATA", "")) / "bids_real"
pytestmark = pytest.mark.skipif(
    "NEUROQUANT_TESTDATA" not in os.environ or not ROOT.is_dir(),
    reason="set NEUROQUANT_TESTDATA to the folder that holds bids_real to test on real scans",
)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """(volumes, QC, excluded) of the first stripped pair of the real data, at the paper's size."""
    folder = tmp_path_factory.mktemp("real")
    stem = "sub-04/anat/sub-04"
    row = {"cohort": "real", "subject": "sub-04", "session": "", "family": "", "sex": "F", "age": "53"}
    row |= {"t1w": f"{stem}_T1w.nii.gz", "t2w": f"{stem}_T2w.nii.gz", "mask": "", "labels": "", "split": "test"}
    write_tsv(pd.DataFrame([row]), folder / "manifest.tsv")
    out = [folder / name for name in ("a.h5", "qc.tsv", "excluded.tsv")]
    preprocess_shard(folder / "manifest.tsv", ROOT, Volume(), *out)
    return ArrayFile(out[0]), read_tsv(out[1]), read_tsv(out[2])


def test_a_stripped_pair_fits_the_papers_volume(real):
    volumes, qc, excluded = real
    assert excluded.empty and volumes.view("image").shape == (2, 144, 192, 144)
    assert float(qc.lost_share[0]) < 0.02 and 900 < float(qc.brain_ml[0]) < 1700
    assert float(qc.t1w_low[0]) == float(qc.t2w_low[0]) == 0


def test_it_goes_back_onto_the_scan(real):
    volumes, _, _ = real
    for index, name in enumerate(("T1w", "T2w")):
        scan = nib.load(ROOT / f"sub-04/anat/sub-04_{name}.nii.gz")
        geometry = volumes.records[index].geometry
        image = restore(volumes.read("image", index), geometry, volumes.read("mask", index))
        np.testing.assert_allclose(image.affine, scan.affine)
        back, data = np.asarray(image.dataobj), scan.get_fdata(dtype=np.float32)
        low, high = geometry.intensity
        inside = (back > 0) & (data < high)
        assert inside.mean() > 0.1
        np.testing.assert_allclose(back[inside], data[inside], atol=(high - low) * 2.0**-11)
