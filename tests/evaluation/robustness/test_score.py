"""Reconstructions of spoiled scans: every model gets the same ones, and is compared with what it was given."""

import numpy as np
import pytest
import torch

from neuroquant import models
from neuroquant.config.model import ModelEntry
from neuroquant.config.robustness import Robustness
from neuroquant.config.volume import Volume
from neuroquant.evaluation.robustness.score import Rulers, score_robustness
from neuroquant.files import read_tsv
from neuroquant.model_folder import save_model
from neuroquant.segmentation.scans import Found
from neuroquant.store.arrays import ArrayFile
from neuroquant.tables import ROBUSTNESS
from tests.training.helpers import SHAPE, write_volumes


class Threshold:
    """A segmenter that tells bright from dark."""

    name, stand_in, labels, provenance = "threshold", "threshold", (0, 1, 2), {}

    def segment_all(self, scans):
        for scan in scans:
            volume = np.asarray(scan.volume)
            labels = 1 + (volume > np.median(volume)).astype(np.int16)
            yield Found(labels, np.zeros(3))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for name, factor in (("identity", 1), ("lowpass", 4)):
        model = models.build("baselines.lowpass", {"factor": factor})
        entry = ModelEntry(name=name, architecture="baselines.lowpass", parameters={"factor": factor})
        save_model(folder / name, model, entry, Volume(shape=SHAPE), {})
        found[name] = folder / name
    return found


def test_each_fault_and_severity_is_scored_for_each_model(folders, tmp_path):
    volumes = write_volumes(tmp_path / "v.h5", "test", 3)
    settings = Robustness(faults=("noise", "missing_slices"), severities=2, sessions=2)
    score_robustness(volumes, folders, settings, Rulers(5, Threshold()), tmp_path / "r.tsv", "cpu")
    table = read_tsv(tmp_path / "r.tsv").astype({"value": float, "severity": int})
    assert list(table.columns) == ROBUSTNESS
    images = 2 * len({record.modality for record in ArrayFile(volumes).records})
    assert len(table) == 2 * images * (1 + 2 * 2) * 3, "models, images, scans, metrics"
    copies = table[table.model == "identity"]
    assert (copies[copies.metric == "ssim"].value > 0.999).all() and (copies[copies.metric == "dice"].value == 1).all()
    blurred = table[(table.model == "lowpass") & (table.metric == "psnr")].groupby(["fault", "severity"]).value.mean()
    assert blurred[("noise", 2)] < blurred[("noise", 1)] < blurred[("", 0)], "noise isn't smooth"


def test_without_a_segmenter_there_is_no_dice_and_scans_are_the_same_for_all(folders, tmp_path):
    volumes = write_volumes(tmp_path / "v.h5", "test", 1)
    settings = Robustness(faults=("noise",), severities=1)
    for name in ("a", "b"):
        score_robustness(volumes, folders, settings, Rulers(5), tmp_path / name, "cpu")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert set(read_tsv(tmp_path / "a").metric) == {"psnr", "ssim"}


def test_other_seeds_give_other_faults(folders, tmp_path):
    volumes = write_volumes(tmp_path / "v.h5", "test", 1)
    values = []
    for seed in (0, 1):
        settings = Robustness(faults=("noise",), severities=1, seed=seed)
        one = {"lowpass": folders["lowpass"]}
        score_robustness(volumes, one, settings, Rulers(5), tmp_path / "r.tsv", "cpu")
        values.append(read_tsv(tmp_path / "r.tsv").value.astype(float))
    assert not np.allclose(*values, rtol=0, atol=1e-6) and torch.isfinite(torch.tensor(values[0].to_numpy())).all()
