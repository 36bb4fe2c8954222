"""The description of a derivative data set."""

import json

import nibabel as nib
import numpy as np
import pytest

from neuroquant.datasets import is_ours
from neuroquant.derivatives.dataset import Dataset, Maker, container_of
from neuroquant.derivatives.names import name_of_scan
from tests.derivatives.validator import errors_of


@pytest.fixture
def dataset(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0", "DatasetDOI": "doi:10.1/x"}')
    return Dataset(tmp_path / "out", raw, Maker("neuroquant", "abc"))


def test_it_names_its_source_and_can_be_told_from_other_programs(dataset, tmp_path):
    assert not is_ours(dataset.folder)
    dataset.describe(("T1w",))
    described = json.loads((dataset.folder / "dataset_description.json").read_text())
    assert described["SourceDatasets"] == [{"URL": "../raw", "DOI": "doi:10.1/x"}]
    assert is_ours(dataset.folder) and not is_ours(dataset.raw)
    assert str(tmp_path) not in json.dumps(described), "no path of this machine"


def test_a_modality_that_bids_does_not_know_is_ignored_by_its_validator(dataset):
    for suffix in ("T1w", "T1ce"):
        name = name_of_scan(f"sub-01/anat/sub-01_{suffix}.nii.gz", suffix, "01", "").but(desc="recon")
        dataset.write(name, nib.Nifti1Image(np.ones((16, 16, 16), np.float32), np.eye(4)), {"SkullStripped": True})
    dataset.describe(("T1w", "T1ce"))
    assert "*_T1ce.*" in (dataset.folder / ".bidsignore").read_text().split()
    assert errors_of(dataset.folder) == []


def test_the_container_is_named_where_it_is_known():
    assert container_of({}) == {}
    assert container_of({"APPTAINER_CONTAINER": "/home/me/nq.sif"}) == {"Type": "apptainer", "Tag": "nq.sif"}
    assert container_of({"NEUROQUANT_IMAGE": "nq:1.0"}) == {"Type": "docker", "Tag": "nq:1.0"}
    both = {"SINGULARITY_CONTAINER": "/x/nq.sif", "NEUROQUANT_IMAGE": "nq:1.0"}
    assert container_of(both) == {"Type": "singularity", "Tag": "nq:1.0"}
