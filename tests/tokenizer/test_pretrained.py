"""The models that come along: they load by name, take any brain, and their card is about their weights."""

import json
import re

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import neuroquant
from neuroquant.config.cohort import Cohort
from neuroquant.files import sha256
from neuroquant.model_card.write import read_card
from neuroquant.shipped import shipped_models
from neuroquant.synthetic.bids import write_cohort

SHIPPED = shipped_models()
LARGEST = 1_100_000
each = pytest.mark.parametrize("folder", SHIPPED.values(), ids=SHIPPED)


def test_synth_coarse_comes_along():
    assert "synth-coarse" in SHIPPED


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """T1w, T2w and FLAIR of one person at 3 mm, of a cohort that wasn't trained on."""
    folder = tmp_path_factory.mktemp("brains") / "bids"
    recipe = {"subjects": 1, "visits_max": 1, "seed": 7, "voxel_mm": 3.0}
    write_cohort(Cohort(name="other", synthetic=recipe), folder, ("T1w", "T2w", "FLAIR"))
    return {path.stem.split("_")[-1].removesuffix(".nii"): path for path in folder.glob("sub-*/**/anat/*.nii.gz")}


@each
def test_a_brain_comes_back_on_its_own_grid_and_resembles_itself(folder, scans):
    model = neuroquant.load(folder.name, "cpu")
    assert set(scans) <= set(model.entry.suffixes)
    for name, path in scans.items():
        scan, tokens = nib.load(path), model.encode(path)
        again = model.decode(tokens)
        assert again.shape == scan.shape and np.allclose(again.affine, scan.affine)
        assert 0 <= int(tokens.indices.min()) and int(tokens.indices.max()) < model.model.codebook_size
        brain = scan.get_fdata() > 0
        assert np.corrcoef(scan.get_fdata()[brain], again.get_fdata()[brain])[0, 1] > 0.5, name


@each
def test_it_is_small_and_says_no_path_of_the_machine_that_trained_it(folder):
    assert sum(path.stat().st_size for path in folder.iterdir()) < LARGEST
    for name in ("config.json", "provenance.json", "README.md", "scores.tsv", "training.tsv"):
        assert not re.search(
            r"/(work|home|tmp|root|data)/", (folder / name).read_text().replace("/data/label_maps", "")
        )


@each
def test_the_cards_numbers_belong_to_its_weights_and_are_above_the_mean_image(folder):
    weights, text = sha256(folder / "model.safetensors"), (folder / "README.md").read_text()
    assert json.loads((folder / "config.json").read_text())["weights_sha256"] == weights
    assert f"`{weights}`" in text and read_card(folder / "README.md").data.license == "apache-2.0"
    table = pd.read_csv(folder / "scores.tsv", sep="\t")
    means = table.groupby(["modality", "model"]).psnr.mean()
    for (modality, model), psnr in means.items():
        assert re.search(rf"^\| {modality} \| {model} \| [\d.,]+ \| {psnr:.2f} \|", text, re.MULTILINE)
        assert model != folder.name or psnr > means[modality, "mean"]
