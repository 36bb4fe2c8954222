"""A small BIDS data set of synthetic brains, a model, and the derivatives that the command makes."""

import shutil
from pathlib import Path

import pytest

from neuroquant.cli import main
from neuroquant.config.cohort import Cohort
from neuroquant.synthetic.bids import write_cohort
from tests.derivatives.conftest import save_small_model


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A folder of a small untrained NeuroQuant for T1w and T2w."""
    return save_small_model(tmp_path_factory.mktemp("model") / "neuroquant")


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The data set; tests copy it."""
    root = tmp_path_factory.mktemp("made") / "bids"
    write_cohort(Cohort(name="mine", synthetic={"subjects": 2, "visits_max": 1, "voxel_mm": 7.0, "seed": 3}), root)
    return root


@pytest.fixture
def dataset(made, tmp_path):
    """Two subjects, of whom sub-0002 has no T2w scan."""
    root = Path(shutil.copytree(made, tmp_path / "bids"))
    next(root.glob("sub-0002/*/anat/*_T2w.nii.gz")).unlink()
    return root


@pytest.fixture(scope="session")
def finished(made, model, tmp_path_factory):
    """(data set, output folder) after both levels; tests only look at them."""
    root = Path(shutil.copytree(made, tmp_path_factory.mktemp("finished") / "bids"))
    output = root / "derivatives/neuroquant"
    call = ["bids", str(root), str(output)]
    assert main([*call, "participant", "--model", str(model), "--skip-bids-validation", "--device", "cpu"]) == 0
    assert main([*call, "group"]) == 0
    return root, output
