"""Reconstruction, fidelity, latents and probes, from a model folder and shards to tables."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from neuroquant import models
from neuroquant.config.evaluation import Fidelity
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.evaluation.fidelity import OF_SYNTHESIS, Scoring, score_fidelity
from neuroquant.evaluation.latents import export_latents
from neuroquant.evaluation.reconstruct import Inputs, Outputs, reconstruct_shard
from neuroquant.files import read_tsv, written_whole
from neuroquant.model_folder import load_model, save_model
from neuroquant.store.arrays import ArrayFile, ArrayWriter
from tests.training.helpers import SHAPE, write_volumes

torch.set_num_threads(1)
PARAMETERS = {
    "channels": (4, 8, 8, 8), "codebook_size": 12, "code_dim": 6, "c_m": 4, "c_s": 4, "film_hidden": 8,
    "classifier_hidden": 12, "start_after": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    model = models.build("neuroquant", PARAMETERS).train()
    model.encode_train(torch.rand(2, 1, *SHAPE))
    entry = ModelEntry(name="model", architecture="neuroquant", parameters=PARAMETERS)
    save_model(folder, model, entry, Volume(shape=SHAPE), {})
    return folder


def reconstruct(model_folder, volumes, folder, training=(), window=5):
    names = ("r.h5", "l.h5", "synthesis.tsv", "codes.tsv")
    out = Outputs(*(folder / name for name in names))
    synthesis = None if window is None else Scoring.of_synthesis(window)
    reconstruct_shard(Inputs(model_folder, volumes, list(training)), out, synthesis, "cpu", 1)
    return out


def test_reconstructions_are_what_the_model_gives_in_range(model_folder, tmp_path):
    volumes = write_volumes(tmp_path / "v.h5", "test", 2)
    reconstruct(model_folder, volumes, tmp_path)
    file, original = ArrayFile(tmp_path / "r.h5"), ArrayFile(volumes)
    assert file.records == original.records and file.attributes["factor"] == 16
    model, _, _ = load_model(model_folder)
    x, modality = torch.from_numpy(original.read("image", 3)).float()[None, None], torch.tensor([1])
    with torch.inference_mode():
        expected = model.decode(model.encode(x, modality), modality).clamp(-1, 1)[0, 0]
    np.testing.assert_allclose(file.read("image", 3), expected, atol=1e-3)


def test_reconstructing_keeps_the_latents_that_exporting_would_write(model_folder, tmp_path):
    volumes = write_volumes(tmp_path / "v.h5", "test", 2)
    out = reconstruct(model_folder, volumes, tmp_path)
    export_latents(model_folder, [volumes], [tmp_path / "exported.h5"], "cpu", 1)
    kept, exported = ArrayFile(out.latents), ArrayFile(tmp_path / "exported.h5")
    assert kept.records == exported.records and kept.attributes == exported.attributes
    for name in exported.names:
        np.testing.assert_array_equal(kept.view(name), exported.view(name))


def test_latents_of_every_kind_are_exported_whole(model_folder, tmp_path):
    volumes = write_volumes(tmp_path / "v.h5", "test", 2)
    export_latents(model_folder, [volumes], [tmp_path / "l.h5"], "cpu", 1)
    file = ArrayFile(tmp_path / "l.h5")
    assert set(file.names) == {"z_anat", "z_q", "z_mod", "indices"} and file.attributes["probe_latent"] == "z_q"
    assert file.view("z_q").shape == (4, 6, 1, 1, 1) and file.view("indices").dtype == np.int32
    model, _, _ = load_model(model_folder)
    codes = model.quantizer.embedding[file.read("indices", 1).flatten()].T.reshape(6, 1, 1, 1)
    np.testing.assert_allclose(file.read("z_q", 1), codes, atol=2e-3)


def test_the_words_that_test_subjects_use_are_counted(model_folder, tmp_path):
    volumes = write_volumes(tmp_path / "v.h5", "test", 3)
    out = reconstruct(model_folder, volumes, tmp_path)
    table, latents = read_tsv(out.codes, ("size", "code", "tokens")), ArrayFile(out.latents)
    assert (table["size"] == 12).all() and set(table.codebook) == {"0"} and (table.tokens > 0).all()
    for modality, part in table.groupby("modality"):
        rows = [row for row, record in enumerate(latents.records) if record.modality == modality]
        expected = np.bincount(np.concatenate([latents.read("indices", row).ravel() for row in rows]), minlength=12)
        np.testing.assert_array_equal(expected[part.code.astype(int)], part.tokens)
        assert part.tokens.sum() == expected.sum()


def test_synthesis_is_equation_13_scored_against_the_other_image(model_folder, tmp_path):
    volumes, training = (write_volumes(tmp_path / f"{s}.h5", s, 2, seed) for seed, s in enumerate(("test", "train")))
    export_latents(model_folder, [training], [tmp_path / "t.h5"], "cpu", 1)
    out = reconstruct(model_folder, volumes, tmp_path, [tmp_path / "t.h5"])
    keys = ["subject", "source", "modality", "appearance", "region", "metric"]
    table = read_tsv(out.synthesis, ("value",)).set_index(keys).value
    assert len(table) == 2 * 2 * 3 * 3 * len(OF_SYNTHESIS)
    model, _, _ = load_model(model_folder)
    file, modality = ArrayFile(volumes), torch.tensor([0, 1])
    x = torch.stack([torch.from_numpy(file.read("image", row)).float()[None] for row in (0, 1)])
    seen = ArrayFile(training)
    with torch.inference_mode():
        latents = model.encode(x, modality)
        own = model.film(latents.z_mod, modality)
        paired = model.decode_with(latents.z_q.flip(0), own).clamp(-1, 1)
        others = torch.stack([torch.from_numpy(seen.read("image", row)).float()[None] for row in (1, 3)])
        pooled = model.encode(others, torch.tensor([1, 1])).z_mod.mean((2, 3, 4)).mean(0)[None, :, None, None, None]
        typical = model.decode_with(latents.z_q[:1], model.film(pooled, torch.tensor([1]))).clamp(-1, 1)
    psnr = {
        ("T2w", "T1w", "paired"): 10 * np.log10(4 / (x[0] - paired[0]).square().mean()),
        ("T1w", "T2w", "paired"): 10 * np.log10(4 / (x[1] - paired[1]).square().mean()),
        ("T1w", "T2w", "typical"): 10 * np.log10(4 / (x[1] - typical[0]).square().mean()),
        ("T1w", "T2w", "source"): 10 * np.log10(4 / (x[1] - x[0]).square().mean()),
    }
    for key, value in psnr.items():
        assert table[("stest0", *key, "whole", "psnr")] == pytest.approx(float(value), abs=2e-3), key


def test_without_training_images_or_pairs_only_what_can_be_made_is_scored(model_folder, tmp_path):
    volumes = write_volumes(tmp_path / "v.h5", "test", 2, only_t1=1)
    table = read_tsv(reconstruct(model_folder, volumes, tmp_path).synthesis)
    assert set(table.appearance) == {"paired", "source"} and set(table.subject) == {"stest0"}
    assert len(read_tsv(reconstruct(model_folder, volumes, tmp_path, window=None).synthesis)) == 0


@pytest.mark.parametrize(
    ("architecture", "parameters", "books"),
    [
        ("neuroquant", {**PARAMETERS, "film": False}, 1),
        ("baselines.vqgan", {"width": 8, "mults": (1, 1, 1, 1), "z_channels": 8, "groups": 4, "blocks": 1, "words": 20,
                             "patch": 4}, 1),
        ("baselines.meditok", {"widths": (16, 16, 16), "depths": (1, 1), "blocks": 1, "heads": 2, "codebooks": 2,
                               "words": 9, "latent_channels": 8, "align": 4}, 2),
        ("baselines.lowpass", {"factor": 4}, 0),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_models_without_synthesis_give_empty_tables_and_codes_are_those_of_their_latents(
    tmp_path, architecture, parameters, books
):
    torch.manual_seed(0)
    model = models.build(architecture, parameters).train()
    volumes = write_volumes(tmp_path / "v.h5", "test", 2)
    x = torch.from_numpy(np.array(ArrayFile(volumes).view("image"))).float()[:, None]
    model.prepare([x])
    if architecture == "neuroquant":
        model.encode_train(x)
    save_model(tmp_path / "m", model, ModelEntry(name="model", architecture=architecture, parameters=parameters),
               Volume(shape=SHAPE), {})  # fmt: skip
    out = reconstruct(tmp_path / "m", volumes, tmp_path)
    assert len(read_tsv(out.synthesis)) == 0
    table = read_tsv(out.codes, ("tokens", "code", "size"))
    assert table.codebook.nunique() == books and (table.code < table["size"]).all()
    model.eval()
    with torch.no_grad():
        latents = model.encode(x, torch.tensor([0, 1, 0, 1]))
        codes = model.codes(latents)
        if not books:
            assert codes is None
            return
        assert table.tokens.sum() == codes.numel() and codes.shape[:2] == (4, books)
        if architecture == "baselines.vqgan":
            words = model.projection(model.codebook)[codes[:, 0]]
        elif architecture == "baselines.meditok":
            tables = [F.normalize(book.codebook.weight, dim=1) for book in model.vectors.codebooks]
            words = torch.cat([book[codes[:, number]] for number, book in enumerate(tables)], -1)
        else:
            words = model.quantizer.embedding[codes[:, 0]]
        latent = latents.z_q if architecture == "neuroquant" else latents.z
        torch.testing.assert_close(words, latent.movedim(1, -1).flatten(1, -2), atol=1e-5, rtol=1e-5)


def test_all_three_regions_are_scored_as_monai_scores_them(tmp_path):
    """MONAI's PSNR of the voxels of a region alone, and the mean over a region of MONAI's map of SSIM."""
    from monai.metrics import PSNRMetric
    from monai.metrics.regression import compute_ssim_and_cs

    volumes = write_volumes(tmp_path / "v.h5", "test", 1)
    generator = np.random.default_rng(3)
    other = copy_with(volumes, tmp_path / "r.h5", lambda x: np.clip(x + 0.2 * generator.normal(size=x.shape), -1, 1))
    score_fidelity(volumes, {"m": other}, Fidelity(), tmp_path / "f.tsv", 1)
    table = read_tsv(tmp_path / "f.tsv", ("value",)).set_index(["modality", "region", "metric"]).value
    x, y = (torch.from_numpy(ArrayFile(path).read("image", 1)).float()[None, None] for path in (volumes, other))
    brain = torch.from_numpy(ArrayFile(volumes).read("mask", 1) > 0)[None, None]
    values, _ = compute_ssim_and_cs(
        x, y, spatial_dims=3, kernel_size=[11] * 3, kernel_sigma=[1.5] * 3, data_range=2.0, kernel_type="gaussian"
    )
    whole = torch.ones_like(brain)
    for region, inside in (("whole", whole), ("foreground", x > -0.9), ("brain", brain)):
        psnr = PSNRMetric(max_val=2.0)(x[inside][None, None], y[inside][None, None]).item()
        ssim = values[inside[..., 5:-5, 5:-5, 5:-5]].mean().item()
        assert table["T2w", region, "psnr"] == pytest.approx(psnr, abs=1e-4)
        assert table["T2w", region, "ssim"] == pytest.approx(ssim, abs=2e-5)


def copy_with(volumes, out, change):
    source = ArrayFile(volumes)
    with written_whole(out) as scratch, ArrayWriter(scratch, list(source.records)) as writer:
        writer.create("image", SHAPE, np.float16)
        for row in range(len(source)):
            writer.write("image", row, change(source.read("image", row).astype(np.float32)))
    return out


def test_fidelity_knows_the_region_that_went_wrong(tmp_path):
    volumes = write_volumes(tmp_path / "v.h5", "test", 1)

    def spoil_background(image):
        return np.where(image == -1, -0.5, image)

    other = copy_with(volumes, tmp_path / "r.h5", spoil_background)
    score_fidelity(volumes, {"m": other}, Fidelity(ssim_window=5), tmp_path / "f.tsv", 1)
    table = read_tsv(tmp_path / "f.tsv", ("value",)).set_index(["modality", "region", "metric"]).value
    assert table["T1w", "whole", "psnr"] < 20 and np.isinf(table["T1w", "brain", "psnr"])
    source = ArrayFile(volumes).read("image", 0).astype(np.float64)
    mse = ((source - spoil_background(source)) ** 2).mean()
    assert table["T1w", "whole", "psnr"] == pytest.approx(10 * np.log10(4 / mse), abs=1e-3)


def test_reconstructions_of_other_sessions_are_refused(tmp_path):
    volumes = write_volumes(tmp_path / "v.h5", "test", 2)
    other = copy_with(write_volumes(tmp_path / "w.h5", "test", 1), tmp_path / "r.h5", lambda image: image)
    with pytest.raises(InputError, match="other rows"):
        score_fidelity(volumes, {"m": other}, Fidelity(), tmp_path / "f.tsv", 1)
