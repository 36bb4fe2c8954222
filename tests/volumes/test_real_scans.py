"""A real skull-stripped pair from disk to volumes, and back."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.cohort import Cohort
from neuroquant.config.volume import Volume
from neuroquant.files import read_tsv, write_tsv
from neuroquant.store.arrays import ArrayFile
from neuroquant.volumes.plausible import Looks, mirrored, swapped
from neuroquant.volumes.preprocess import ShardFiles, preprocess_shard
from neuroquant.volumes.restore import restore
from neuroquant.volumes.scan import load_scan
from neuroquant.volumes.work import Preprocessing
from tests.cohorts.helpers import index, source_of

MODALITIES = ("T1w", "T2w", "FLAIR")
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
    row |= {"T1w": f"{stem}_T1w.nii.gz", "T2w": f"{stem}_T2w.nii.gz", "mask": "", "labels": "", "split": "test"}
    write_tsv(pd.DataFrame([row]), folder / "manifest.tsv")
    out = [folder / name for name in ("a.h5", "qc.tsv", "excluded.tsv")]
    preprocess_shard(folder / "manifest.tsv", ShardFiles(*out), Preprocessing(ROOT, Volume(), DEFAULT_MODALITIES))
    return ArrayFile(out[0]), read_tsv(out[1]), read_tsv(out[2])


def test_a_stripped_pair_fits_the_papers_volume(real):
    volumes, qc, excluded = real
    assert excluded.empty and volumes.view("image").shape == (2, 144, 192, 144)
    assert float(qc.lost_share[0]) < 0.02 and 900 < float(qc.brain_ml[0]) < 1700
    assert float(qc.T1w_low[0]) == float(qc.T2w_low[0]) == 0


@pytest.mark.parametrize("subject", ["sub-04", "sub-05"])
def test_a_swapped_or_a_mirrored_real_pair_is_told_from_a_good_one(subject):
    files = {kind: f"{subject}/anat/{subject}_{kind}.nii.gz" for kind in MODALITIES}
    images = {kind: load_scan(ROOT, file).data for kind, file in files.items()}
    brain = np.logical_and.reduce([image > 0 for image in images.values()])
    looks = Looks.of(images, brain, 1.0)
    assert swapped(looks, "T1w", "T2w") == "" and "look swapped" in swapped(looks, "T2w", "T1w")
    for other in ("T2w", "FLAIR"):
        assert mirrored(looks, "T1w", other)[1] == ""
        turned = Looks.of(images | {other: images[other][::-1]}, brain, 1.0)
        assert f"{other} fits T1w" in mirrored(turned, "T1w", other)[1]


def test_it_goes_back_onto_the_scan(real):
    volumes, _, _ = real
    for number, name in enumerate(("T1w", "T2w")):
        scan = nib.load(ROOT / f"sub-04/anat/sub-04_{name}.nii.gz")
        geometry = volumes.records[number].geometry
        image = restore(volumes.read("image", number), geometry, volumes.read("mask", number))
        np.testing.assert_allclose(image.affine, scan.affine)
        back, data = np.asarray(image.dataobj), scan.get_fdata(dtype=np.float32)
        low, high = geometry.intensity
        inside = (back > 0) & (data < high)
        assert inside.mean() > 0.1
        np.testing.assert_allclose(back[inside], data[inside], atol=(high - low) * 2.0**-11)


def manifest(folder: Path, *subjects: str, modalities=DEFAULT_MODALITIES) -> list[dict]:
    """A manifest of real sessions, such as sub-01/ses-02 or sub-06, and its rows."""
    rows = []
    for name in subjects:
        subject, _, session = name.partition("/")
        stem = f"{name}/anat/{name.replace('/', '_')}"
        scans = {kind: f"{stem}_{kind}.nii.gz" for kind in modalities}
        scans = {kind: path if (ROOT / path).exists() else "" for kind, path in scans.items()}
        key = {"cohort": "real", "subject": subject, "session": session, "family": "", "sex": "F", "age": ""}
        rows.append({**key, **scans, "mask": "", "labels": "", "split": "test"})
    write_tsv(pd.DataFrame(rows), folder / "manifest.tsv")
    return rows


@pytest.mark.slow
def test_real_t1w_alone_is_in_and_raw_visits_are_out_each_by_itself(tmp_path):
    manifest(tmp_path, "sub-01/ses-01", "sub-01/ses-02", "sub-07", "sub-08", "sub-09")
    out = [tmp_path / name for name in ("a.h5", "qc.tsv", "excluded.tsv")]
    how = Preprocessing(ROOT, Volume(registration="grids", voxel_mm=1.0), DEFAULT_MODALITIES)
    preprocess_shard(tmp_path / "manifest.tsv", ShardFiles(*out), how)
    qc, excluded = read_tsv(out[1]), read_tsv(out[2])
    assert list(qc.subject) == ["sub-07", "sub-08", "sub-09"] and set(qc.mask_from) == {"skull-stripped scans"}
    assert qc.brain_ml.astype(float).between(1200, 1500).all() and (qc.lost_share.astype(float) < 0.02).all()
    assert list(excluded.session) == ["ses-01", "ses-02"]
    assert excluded.reason.str.contains("more than any brain").all()
    assert excluded.reason.str.contains("supply one as derivatives").all()


@pytest.mark.slow
def test_real_pairs_and_t1w_alone_are_in_or_out_for_the_right_reason_with_all_steps_on(tmp_path):
    """sub-02's T2w, 6 mm off and on another grid, comes onto its T1w; raw heads need a mask; T1w alone is enough."""
    rows = manifest(tmp_path, "sub-02", "sub-03", "sub-05", "sub-06")
    scan = nib.load(ROOT / rows[0]["T1w"])
    head = ndimage.gaussian_filter(scan.get_fdata(dtype=np.float32), 2) > 60
    middle = np.zeros(scan.shape, bool)
    middle[70:190, 60:200, 18:42] = True  # about the brain: no mask comes with this scan
    nib.save(nib.Nifti1Image((head & middle).astype(np.uint8), scan.affine), tmp_path / "mask.nii.gz")
    rows[0]["mask"] = str(tmp_path / "mask.nii.gz")
    write_tsv(pd.DataFrame(rows), tmp_path / "manifest.tsv")
    out = [tmp_path / name for name in ("a.h5", "qc.tsv", "excluded.tsv")]
    volume = Volume(registration="grids", voxel_mm=1.0, oversize="rescale")
    preprocess_shard(tmp_path / "manifest.tsv", ShardFiles(*out), Preprocessing(ROOT, volume, DEFAULT_MODALITIES))
    volumes, qc, excluded = ArrayFile(out[0]), read_tsv(out[1]).set_index("subject"), read_tsv(out[2])
    assert list(excluded.subject) == ["sub-03"] and "supply one as derivatives" in excluded.reason[0]
    assert [(r.subject, r.modality) for r in volumes.records] == [
        ("sub-02", "T1w"), ("sub-02", "T2w"), ("sub-05", "T1w"), ("sub-05", "T2w"), ("sub-06", "T1w"),
    ]  # fmt: skip
    assert qc.T2w_registered["sub-02"] == "yes"
    assert float(qc.T2w_mi_after["sub-02"]) > 1.5 * float(qc.T2w_mi_before["sub-02"])
    assert 3 < float(qc.T2w_shift_mm["sub-02"]) < 9 and qc.voxel_mm["sub-02"].startswith("1")
    assert qc.T2w_registered["sub-05"] == "no" and qc.lost_voxels["sub-06"] == "0"
    back = restore(volumes.read("image", 1), volumes.records[1].geometry, volumes.read("mask", 1))
    source = nib.load(ROOT / rows[0]["T2w"])
    assert back.shape == source.shape
    np.testing.assert_allclose(back.affine, source.affine)
    inside = ndimage.binary_erosion(np.asarray(back.dataobj) > 0, iterations=4)
    data = source.get_fdata(dtype=np.float32)
    assert np.corrcoef(np.asarray(back.dataobj)[inside], data[inside])[0, 1] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("modalities", [MODALITIES, ("FLAIR",)])
def test_real_flair_scans_are_indexed_and_preprocessed_with_others_and_alone(tmp_path, modalities):
    cohort = Cohort(name="real", root=str(ROOT))
    sessions, _ = index(source_of(cohort, modalities), tmp_path)
    assert list(sessions.subject) == ["sub-04", "sub-05"]
    write_tsv(sessions.assign(split="test"), tmp_path / "manifest.tsv")
    out = [tmp_path / name for name in ("a.h5", "qc.tsv", "excluded.tsv")]
    preprocess_shard(tmp_path / "manifest.tsv", ShardFiles(*out), Preprocessing(ROOT, Volume(), modalities))
    volumes, qc, excluded = ArrayFile(out[0]), read_tsv(out[1]), read_tsv(out[2])
    assert excluded.empty and [record.modality for record in volumes.records] == [*modalities, *modalities]
    assert set(qc.target) == {modalities[0]} and qc.brain_ml.astype(float).between(900, 1700).all()
    for row, record in enumerate(volumes.records):
        image, mask = volumes.read("image", row), volumes.read("mask", row) > 0
        assert image[~mask].max() == -1 and -0.8 < image[mask].mean() < 0.8, record.modality
    if len(modalities) > 1:
        assert (qc.FLAIR_mirrored.astype(float) < 1).all()
