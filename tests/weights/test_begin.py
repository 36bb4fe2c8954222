"""A model that exists already: scored as it is or trained on, with further modalities, and where it comes from."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from neuroquant.config.model import ModelEntry, Phase, Training
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.model_card.facts import facts_of
from neuroquant.model_card.write import card_of
from neuroquant.model_config import CHAIN
from neuroquant.model_facts import weights_hash
from neuroquant.model_folder import load_model
from neuroquant.report.pages.origins import began_with
from neuroquant.store.arrays import ArrayFile
from neuroquant.training import run
from neuroquant.weights.begin import begin_from
from tests.training.helpers import PARAMETERS, SHAPE, job_of, make_entry, train, write_volumes

MORE = Training(phases=(Phase(steps=3, batch=2, lr=1e-3, lr_end=1e-3),), log_every=1, checkpoint_every=2)
CODEBOOK = "quantizer.embedding"


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """The folder of a small NeuroQuant, as training has left it, and the shard that it was trained on."""
    folder = tmp_path_factory.mktemp("theirs")
    shard = write_volumes(folder / "train.h5", subjects=4)
    train(folder, shard, (), make_entry(name="first"))
    facts = json.loads((folder / "model/provenance.json").read_text())
    (folder / "model/provenance.json").write_text(json.dumps(facts | {"voxel_mm": 1.0}))
    return folder / "model", shard


def entry_of(folder, training=None, modalities=("T1w", "T2w"), **weights):
    return ModelEntry(
        name="mine", architecture="neuroquant", parameters=PARAMETERS, modalities=modalities,
        training=training or Training(phases=()), weights={"model_folder": str(folder), **weights},
    )  # fmt: skip


def provenance_of(folder):
    return json.loads((folder / "provenance.json").read_text())


def test_a_model_is_taken_as_it_is_without_any_training_session(theirs, tmp_path):
    folder, _ = theirs
    entry = entry_of(folder)
    assert entry.group == "trained_elsewhere"
    run.train(job_of(entry, [], tmp_path))
    own, before = (load_file(each / "model.safetensors") for each in (tmp_path / "model", folder))
    assert own.keys() == before.keys() and all(torch.equal(own[name], before[name]) for name in own)
    _, saved, _ = load_model(tmp_path / "model")
    assert saved.group == "trained_elsewhere" and str(folder) not in (tmp_path / "model/config.json").read_text()
    facts = provenance_of(tmp_path / "model")
    assert facts["steps"] == 0 and facts["weights"] == "not trained here" and facts["voxel_mm"] == 1.0
    chain = facts[CHAIN]
    assert chain["weights_sha256"] == weights_hash(folder) and not chain["fine_tuned"]
    assert (chain["model"], chain["sessions"], chain["steps"]) == ("first", 4, provenance_of(folder)["steps"])


@pytest.mark.parametrize("codebook", ["keep", "adapt"])
def test_a_model_is_trained_on_with_a_codebook_that_stays_or_goes_on(theirs, tmp_path, codebook):
    folder, shard = theirs
    before = load_file(folder / "model.safetensors")
    found = train(tmp_path, shard, (), entry_of(folder, MORE, codebook=codebook))
    assert not torch.equal(found["encoder.blocks.0.conv.weight"], before["encoder.blocks.0.conv.weight"])
    assert torch.equal(found[CODEBOOK], before[CODEBOOK]) == (codebook == "keep")
    assert provenance_of(tmp_path / "model")[CHAIN]["codebook"] == codebook
    log = (tmp_path / "model/training.tsv").read_text()
    assert "usage" in log.splitlines()[0], "the codebook takes part from the first step on"


@pytest.mark.parametrize("codebook", ["keep", "adapt"])
@pytest.mark.parametrize("quantizer", [{"kind": "residual"}, {"kind": "fsq"}, {"kind": "simvq", "rotation": True}])
def test_codes_of_every_quantiser_stay_or_go_on(theirs, tmp_path, quantizer, codebook):
    _, shard = theirs
    parameters = {**PARAMETERS, "codebook_size": 16, "quantizer": quantizer}
    train(tmp_path / "first", shard, (), make_entry(name="first", parameters=parameters))
    entry = entry_of(tmp_path / "first/model", MORE, codebook=codebook).model_copy(update={"parameters": parameters})
    train(tmp_path / "mine", shard, (), entry)
    vectors = []
    for name in ("first", "mine"):
        model, _, _ = load_model(tmp_path / name / "model")
        every = torch.arange(model.quantizer.size)[:, None].expand(-1, model.quantizer.codebooks)
        with torch.no_grad():
            vectors.append(model.quantizer.vectors(every))
    assert torch.equal(*vectors) == (codebook == "keep")


def test_a_training_that_goes_on_repeats_itself_when_it_is_resumed(theirs, tmp_path, monkeypatch):
    folder, shard = theirs
    entry = entry_of(folder, MORE)
    whole = train(tmp_path / "whole", shard, (), entry)
    monkeypatch.setattr(run.checkpoint, "KEEP", 9)
    train(tmp_path / "killed", shard, (), entry)
    (tmp_path / "killed/checkpoints/step-00000003.safetensors").unlink()
    again = train(tmp_path / "killed", shard, (), entry)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_a_moved_folder_trains_nothing_again_and_other_weights_do(theirs, tmp_path):
    folder, _ = theirs
    (tmp_path / "copy").mkdir()
    for path in folder.iterdir():
        if path.is_file():
            (tmp_path / "copy" / path.name).write_bytes(path.read_bytes())
    one, two = (begin_from(entry_of(each, MORE), 1.0)[1] for each in (folder, tmp_path / "copy"))
    assert one == two and one.weights.model_folder == "first" and len(one.weights.sha256) == 64


def test_a_model_learns_a_further_modality_and_keeps_what_it_knew(theirs, tmp_path):
    folder, shard = theirs
    three = ("T1w", "T2w", "FLAIR")
    model, entry, _ = begin_from(entry_of(folder, MORE, three), 1.0)
    before, _, _ = load_model(folder)
    file = ArrayFile(shard)
    x = torch.from_numpy(np.array(file.view("image")[:2])).float()[:, None]
    with torch.no_grad():
        old, new = (each.eval()(x, torch.tensor([0, 1])).reconstruction for each in (before, model))
    assert torch.equal(old, new), "of the modalities that it was trained with"
    assert model.modalities == three and model.film_generator.embedding.weight.shape[0] == 3
    train(tmp_path, shard, (), entry_of(folder, MORE, three))
    _, saved, _ = load_model(tmp_path / "model")
    assert saved.suffixes == three and provenance_of(tmp_path / "model")[CHAIN]["modalities"] == ["T1w", "T2w"]
    assert entry.suffixes == three


def test_provenance_leads_back_to_the_first_model_and_so_do_the_card_and_the_report(theirs, tmp_path):
    folder, shard = theirs
    train(tmp_path / "one", shard, (), entry_of(folder, MORE))
    run.train(job_of(entry_of(tmp_path / "one/model"), [], tmp_path / "two"))
    facts = provenance_of(tmp_path / "two/model")
    first, second = weights_hash(folder), weights_hash(tmp_path / "one/model")
    assert facts[CHAIN]["weights_sha256"] == second and facts[CHAIN][CHAIN]["weights_sha256"] == first
    text = began_with(facts)
    assert f"mine (SHA-256 {second[:16]}; 4 sessions; 3 steps), as it is; which began with first" in text
    assert first[:16] in text and "trained on, codebook: adapt" in text
    card = card_of(facts_of(tmp_path / "two/model")).text
    assert f"`mine`, trained on 4 sessions in 3 steps (SHA-256 {second[:16]}...); these began with" in card
    tuned = card_of(facts_of(tmp_path / "one/model")).text
    assert "Then it was trained on:" in tuned and "| sessions | 4 |" in tuned
    assert "whose licence holds for it too" in tuned and str(tmp_path) not in card + tuned


@pytest.mark.parametrize(
    ("weights", "voxel_mm", "said"),
    [
        ({"sha256": "0" * 64}, 1.0, "weights.sha256"),
        ({}, 2.5, "trained on voxels of 1 mm"),
    ],
)
def test_other_weights_and_other_voxels_are_refused(theirs, weights, voxel_mm, said):
    with pytest.raises(InputError, match=said):
        begin_from(entry_of(theirs[0], **weights), voxel_mm)


def test_a_damaged_folder_is_refused_by_the_hash_that_it_states(theirs, tmp_path):
    folder, _ = theirs
    for path in folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"weights_sha256": "f" * 64}))
    with pytest.raises(InputError, match="model.safetensors"):
        begin_from(entry_of(tmp_path), 1.0)


def test_a_model_trained_elsewhere_keeps_the_sides_of_this_experiments_volumes(theirs, tmp_path):
    larger = Volume(shape=(32, 32, 32))
    job = job_of(entry_of(theirs[0]), [], tmp_path).model_copy(update={"volume": larger})
    run.train(job)
    assert load_model(tmp_path / "model")[2].shape == (32, 32, 32) != SHAPE


def test_volumes_of_other_voxels_are_resampled_for_a_model_that_says_so(theirs, tmp_path):
    """Trained at 1 mm, given volumes of 2 mm: it works on twice as many voxels a side; its weights are as they were."""
    entry, volume = entry_of(theirs[0], voxel_mm=1.0), Volume(shape=(16, 24, 16), voxel_mm=2.0)
    shard = write_volumes(tmp_path / "train.h5")
    run.train(job_of(entry, [shard], tmp_path).model_copy(update={"volume": volume}))
    model, saved, _ = load_model(tmp_path / "model")
    assert model.padded == (32, 48, 32) and saved.resampled_mm == 1.0
    facts = provenance_of(tmp_path / "model")
    assert facts["kbit_per_volume"] == model.bits(volume.shape) / 1000
    assert "volumes resampled to 1 mm for it" in began_with(facts)
    own = load_file(tmp_path / "model/model.safetensors")
    assert all(torch.equal(own[name], tensor) for name, tensor in load_file(theirs[0] / "model.safetensors").items())
    with pytest.raises(InputError, match="resampled for another experiment"):
        begin_from(entry_of(tmp_path / "model"), 1.0)
    with pytest.raises(InputError, match="trained on voxels of 1 mm"):
        begin_from(entry_of(theirs[0], voxel_mm=2.5), 2.0)
