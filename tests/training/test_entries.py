"""Models of which nothing is trained, models that begin with weights, and training on pieces of volumes."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from neuroquant import models
from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.model import ModelEntry, Phase, Training
from neuroquant.errors import InputError
from neuroquant.files import sha256
from neuroquant.model_folder import load_model
from neuroquant.models.batch import Batch
from neuroquant.models.latents import Latents
from neuroquant.store.arrays import ArrayFile
from neuroquant.training import loop, run, watch
from neuroquant.training.data import Loader, Sessions
from tests.training.helpers import SD_VAE, SHAPE, job_of, make_entry, train, write_volumes

MEDVAE = {"width": 4, "mults": (1, 1, 2, 2), "groups": 2, "blocks": 1}
PIECES = Training(phases=(Phase(steps=4, batch=2, crop=(8, 8, 16), lr=1e-3),), log_every=2, checkpoint_every=2)


def test_a_model_without_parameters_needs_no_schedule(tmp_path, shards):
    entry = ModelEntry(name="lowpass", architecture="baselines.lowpass", training=Training(phases=()))
    assert entry.group == "reference"
    train(tmp_path, shards[0], (shards[1],), entry)
    model, _, _ = load_model(tmp_path / "model")
    facts = json.loads((tmp_path / "model/provenance.json").read_text())
    assert model.factor == 8 and facts["parameters"] == 0 and facts["weights"] == "not trained here"
    assert facts["kbit_per_volume"] == 32 * 8 / 1000 and (tmp_path / "model/training.tsv").read_text() == "step\n"


def test_the_mean_image_is_of_all_training_sessions_of_all_shards(tmp_path):
    """More of them than a model may look at before its first step, and some without their T2w."""
    paths = [write_volumes(tmp_path / "a.h5", subjects=50, seed=3), write_volumes(tmp_path / "b.h5", "x", 30, 4, 20)]
    entry = ModelEntry(name="mean", architecture="baselines.mean", training=Training(phases=()))
    run.train(job_of(entry, paths, tmp_path))
    model, entry, _ = load_model(tmp_path / "model")
    images = {name: [] for name in DEFAULT_MODALITIES}
    for path in paths:
        file = ArrayFile(path)
        for record, image in zip(file.records, file.view("image"), strict=True):
            images[record.modality].append(np.asarray(image, np.float64))
    assert {name: len(found) for name, found in images.items()} == {"T1w": 80, "T2w": 60}
    for kind, found in enumerate(images.values()):
        assert np.abs(model.decode(Latents(), torch.tensor([kind]))[0, 0].numpy() - np.mean(found, 0)).max() < 1e-3
    facts = json.loads((tmp_path / "model/provenance.json").read_text())
    assert (facts["sessions"], facts["passes"], facts["kbit_per_volume"]) == (80, 1, 0)
    assert entry.group == "reference" and "without gradients" in facts["weights"] and facts["notes"] == []


def test_too_few_volumes_for_pca_are_told_in_the_log_and_in_the_provenance(tmp_path, shards, capsys):
    entry = ModelEntry(name="pca", architecture="baselines.pca", training=Training(phases=()))
    for folder in ("a", "b"):
        train(tmp_path / folder, shards[0], (), entry)
    told = "parameters.components: 64 are asked for, but 4 training volumes of T2w have 3 principal components"
    assert f"model pca: {told}" in capsys.readouterr().err
    facts = json.loads((tmp_path / "a/model/provenance.json").read_text())
    assert told in facts["notes"][1] and facts["kbit_per_volume"] == 3 * 16 / 1000 and facts["passes"] == 5
    model, entry, _ = load_model(tmp_path / "a/model")
    assert entry.parameters == {"components": 3, "shape": list(SHAPE)}
    batch = Sessions([shards[0]]).volumes([0, 1, 2, 3])
    with torch.inference_mode():
        x_hat = model.decode(model.encode(batch.x.float(), batch.modality), batch.modality)
    assert (x_hat - batch.x.float()).abs().max() < 4e-3, "of four volumes three components leave nothing out"
    first, second = ((tmp_path / name / "model/model.safetensors").read_bytes() for name in "ab")
    assert first == second


def test_a_network_that_nobody_trains_is_refused(tmp_path, shards):
    entry = ModelEntry(name="x", architecture="baselines.medvae", parameters=MEDVAE, training=Training(phases=()))
    with pytest.raises(InputError, match="training.phases"):
        train(tmp_path, shards[0], (), entry)


@pytest.mark.parametrize("phases", [(), PIECES.phases])
def test_weights_are_taken_as_they_are_or_tuned(tmp_path, shards, phases):
    torch.manual_seed(3)
    theirs = models.build("baselines.medvae", MEDVAE).state_dict()
    torch.save({"state_dict": {k.removeprefix("network."): v for k, v in theirs.items()}}, tmp_path / "w.ckpt")
    facts = {"filename": "w.ckpt", "folder": str(tmp_path), "sha256": sha256(tmp_path / "w.ckpt"), "licence": "MIT"}
    entry = ModelEntry(
        name="x", architecture="baselines.medvae", parameters=MEDVAE, weights=facts,
        training=PIECES.model_copy(update={"phases": phases}),
    )  # fmt: skip
    assert entry.group == "authors_weights"
    found = train(tmp_path, shards[0], (shards[1],), entry)
    same = all(torch.equal(found[name], tensor) for name, tensor in theirs.items())
    told = json.loads((tmp_path / "model/provenance.json").read_text())["published_weights"]
    assert same == (not phases) and told["fine_tuned"] == bool(phases)


def test_pieces_lie_at_the_same_place_in_both_modalities_and_move(shards):
    sessions, phase = Sessions([shards[0]]), PIECES.phases[0]
    with Loader(sessions, phase, 0, 0, None) as loader:
        batches = [loader.batch(step) for step in range(4)]
    with Loader(sessions, phase, 0, 0, None) as loader:
        again = [loader.batch(step) for step in range(4)]
    assert all(torch.equal(one.x, two.x) for one, two in zip(batches, again, strict=True))
    places = set()
    for batch in batches:
        assert batch.x.shape == (4, 1, 8, 8, 16) and batch.plane is None
        for row in (0, 2):
            t1w, t2w = batch.x[row].float(), batch.x[row + 1].float()
            inside = (t1w > -0.9) & (t2w > -0.9) & (t1w < 0.95) & (t2w < 0.95)
            assert torch.allclose(t1w[inside], -t2w[inside], atol=2e-3), "helpers' T2w is the inverted T1w"
            places.add(np.asarray(t1w).tobytes())
    assert len(places) > 4


@pytest.mark.parametrize(
    "entry",
    [
        ModelEntry(name="medvae", architecture="baselines.medvae", parameters=MEDVAE, training=PIECES),
        ModelEntry(
            name="vqgan", architecture="baselines.vqgan",
            parameters={"width": 4, "mults": (1, 1, 1, 2), "z_channels": 4, "groups": 2, "words": 8, "patch": 4},
            training=Training(phases=(Phase(mode="2d", steps=4, batch=2, lr=1e-3),), log_every=2, checkpoint_every=2),
        ),
        make_entry(architecture="baselines.sd_vae", parameters=SD_VAE, training=Training(
            phases=(Phase(mode="2d", steps=4, batch=2, lr=1e-3),), log_every=2, checkpoint_every=2)),
    ],
    ids=["medvae", "vqgan", "sd_vae"],
)  # fmt: skip
def test_every_kind_of_model_trains_and_comes_back_from_its_folder(tmp_path, shards, entry):
    found = train(tmp_path, shards[0], (shards[1],), entry)
    model, _, _ = load_model(tmp_path / "model")
    assert all(torch.equal(found[name], tensor) for name, tensor in model.state_dict().items())
    x = torch.rand(2, 1, 16, 16, 16) * 2 - 1
    with torch.inference_mode():
        assert model.decode(model.encode(x, torch.tensor([0, 1])), torch.tensor([0, 1])).shape == x.shape
    if entry.name == "vqgan":
        assert found["codebook"].abs().sum() > 0


def test_pieces_that_the_network_cannot_halve_are_refused_by_their_key(tmp_path, shards):
    phases = (*PIECES.phases, Phase(steps=2, batch=1, crop=(8, 8, 12)))
    schedule = PIECES.model_copy(update={"phases": phases})
    entry = ModelEntry(name="x", architecture="baselines.medvae", parameters=MEDVAE, training=schedule)
    with pytest.raises(InputError, match=r"(?s)training.phases\[1\].crop.*\[8, 8, 12\].*multiples of 8"):
        train(tmp_path, shards[0], (), entry)


def test_the_weights_handed_out_are_those_that_trained_codebook_and_all(tmp_path, shards):
    """No average of the weights is kept, whose codebook could have stayed behind."""
    found = train(tmp_path, shards[0])
    last = load_file(sorted((tmp_path / "checkpoints").glob("*.safetensors"))[-1])
    assert found.keys() == {name.removeprefix("model.") for name in last if name.startswith("model.")}
    assert all(torch.equal(found[name], last[f"model.{name}"]) for name in found)
    assert found["quantizer.started"] and found["quantizer.embedding"].any() and found["quantizer.count"].any()


def test_sides_that_a_slicewise_model_pads_are_watched_without_the_padding():
    """12 x 12 slices, which a model of factor 8 pads to 16 x 16."""

    class Watched:
        def __len__(self):
            return 1

        def volumes(self, chosen):
            return Batch(
                torch.zeros(1, 1, 12, 12, 2), torch.tensor([0]), torch.tensor([-1]), torch.zeros(0).long(), None
            )

    model = models.build("baselines.sd_vae", SD_VAE)
    assert 0 < loop.validate(model, Watched(), 1, "cpu")["val_psnr"] < 100
    drawn = watch.reconstructions(model, Watched().volumes([0]))
    assert {volume.shape for volume in drawn.values()} == {(12, 12, 2)}
