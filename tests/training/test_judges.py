"""LPIPS and the critic: options that leave no trace in a saved model, resume exactly, and don't train each other."""

import json

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from neuroquant import models, perceptual
from neuroquant.config.model import Objective, Phase, Training
from neuroquant.errors import InputError
from neuroquant.files import sha256
from neuroquant.perceptual import LPIPS
from neuroquant.training import judges
from neuroquant.training.judges import Judges, pictures
from neuroquant.training.loop import Interrupted
from tests.training.helpers import make_entry, train

MEDVAE = {"width": 4, "mults": (1, 1, 2, 2), "groups": 2, "blocks": 1}
CRITIC = {"cross": 0.0, "adversary": 0.0, "critic": 0.1, "critic_channels": 4}
PHASES = (Phase(steps=3, batch=2, lr=1e-3, critic=False), Phase(steps=4, batch=2, lr=1e-3))


@pytest.fixture
def narrow(monkeypatch):
    """VGG16 with few channels, and the two files that LPIPS reads, made up."""
    widths = tuple(width if width == "M" else width // 32 for width in perceptual.VGG16)
    monkeypatch.setattr(perceptual, "VGG16", widths)
    generator, vgg, place, before = torch.Generator().manual_seed(0), {}, 0, 3
    for width in widths:
        if width == "M":
            place += 1
            continue
        vgg[f"features.{place}.weight"] = torch.randn(width, before, 3, 3, generator=generator) / (3 * before**0.5)
        vgg[f"features.{place}.bias"] = torch.zeros(width)
        place, before = place + 2, width
    sizes = [w for w, after in zip(widths, (*widths[1:], "M"), strict=True) if after == "M"]
    linear = {f"lin{n}.model.1.weight": torch.rand(1, w, 1, 1, generator=generator) for n, w in enumerate(sizes)}
    return {**vgg, "classifier.0.weight": torch.zeros(1)}, linear


def test_lpips_is_zero_for_equal_pictures_symmetric_and_grows(narrow):
    lpips, x = LPIPS(*narrow), torch.rand(2, 1, 32, 32) * 2 - 1
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    near, far = (x + scale * noise for scale in (0.05, 0.5))
    assert lpips(x, x) == 0 and 0 < lpips(x, near) < lpips(x, far)
    torch.testing.assert_close(lpips(x, far), lpips(far, x))
    assert not list(lpips.parameters()) and not lpips.state_dict()


def test_lpips_at_the_first_tap_is_the_published_formula(narrow):
    vgg, linear = narrow
    only = {name: value if name.startswith("lin0") else torch.zeros_like(value) for name, value in linear.items()}
    x, y = torch.rand(2, 1, 1, 16, 16)
    found = []
    for image in (x, y):
        shift, scale = (torch.tensor(values)[:, None, None] for values in (perceptual.SHIFT, perceptual.SCALE))
        h = (image.expand(1, 3, 16, 16) - shift) / scale
        for place in (0, 2):
            h = F.relu(F.conv2d(h, vgg[f"features.{place}.weight"], vgg[f"features.{place}.bias"], padding=1))
        found.append(h / (h.square().sum(1, keepdim=True).sqrt() + 1e-10))
    expected = ((found[0] - found[1]) ** 2 * linear["lin0.model.1.weight"]).sum(1).mean()
    torch.testing.assert_close(LPIPS(vgg, only)(x, y), expected)


def test_pictures_are_slices_of_each_axis_or_the_slice_itself():
    x = torch.arange(2 * 4 * 5 * 6.0).reshape(2, 1, 4, 5, 6)
    assert [tuple(p.shape) for p in pictures(x)] == [(8, 1, 5, 6), (8, 1, 4, 6), (8, 1, 4, 5)]
    assert torch.equal(pictures(x[:, :, :, 2:3])[0], x[:, :, :, 2])


def test_critic_and_model_do_not_train_each_other():
    weights = Objective(**CRITIC)
    judge = Judges(weights, "model")
    x = torch.rand(2, 1, 32, 32, 32)
    x_hat = torch.rand(2, 1, 32, 32, 32, requires_grad=True)
    terms = judge(x_hat, x, weights)
    assert set(terms) == {"fooled", "critic"}
    terms["critic"].backward(retain_graph=True)
    assert x_hat.grad is None and all(p.grad is not None for p in judge.critic.parameters())
    for parameter in judge.critic.parameters():
        parameter.grad = None
    terms["fooled"].backward()
    assert x_hat.grad.abs().sum() > 0 and all(p.grad is None for p in judge.critic.parameters())
    assert judge(x_hat, x, Objective(**{**CRITIC, "critic": 0.0})) == {}


def test_a_critic_trains_beside_resumes_exactly_and_is_not_saved(tmp_path, shards, monkeypatch):
    schedule = Training(phases=PHASES, log_every=1, checkpoint_every=2, val_sessions=1)
    entry = make_entry(
        architecture="baselines.medvae", parameters=MEDVAE, objective=Objective(**CRITIC), training=schedule
    )
    monkeypatch.setattr(judges, "pictures", lambda x: [F.interpolate(x[:, :, 8], (32, 32))])
    straight = train(tmp_path / "a", shards[0], (), entry)
    log = (tmp_path / "a/model/training.tsv").read_text().splitlines()
    columns = log[0].split("\t")
    seen = [line.split("\t")[columns.index("critic")] for line in log[1:]]
    assert seen[:3] == ["", "", ""] and all(seen[3:]), "the critic begins with the second phase"
    with torch.device("meta"):
        assert set(load_file(tmp_path / "a/model/model.safetensors")) == set(
            models.build(entry.architecture, MEDVAE).state_dict()
        )
    told = json.loads((tmp_path / "a/model/provenance.json").read_text())
    assert told["critic"] == "patches, weight 0.1" and told["perceptual_term"].startswith("none")
    from neuroquant.training import loop

    real = loop.train_step
    calls = []

    def stopping(*arguments):
        calls.append(1)
        if len(calls) == 6:
            raise Interrupted("model", "a test's signal", "time", "again")
        return real(*arguments)

    monkeypatch.setattr(loop, "train_step", stopping)
    with pytest.raises(Interrupted):
        train(tmp_path / "b", shards[0], (), entry)
    monkeypatch.setattr(loop, "train_step", real)
    resumed = train(tmp_path / "b", shards[0], (), entry)
    assert all(torch.equal(resumed[name], straight[name]) for name in straight)


def test_lpips_takes_part_with_its_files_and_stops_without_them(tmp_path, shards, narrow):
    files = {}
    for name, state in zip(("vgg", "linear"), narrow, strict=True):
        save_file(state, tmp_path / f"{name}.safetensors")
        facts = {"filename": f"{name}.safetensors", "folder": str(tmp_path), "licence": "BSD"}
        files[name] = facts | {"sha256": sha256(tmp_path / f"{name}.safetensors")}
    weights = {"cross": 0.0, "adversary": 0.0, "perceptual": {"weight": 0.5, **files}}
    schedule = Training(phases=PHASES[1:], log_every=1, checkpoint_every=2, val_sessions=1)
    entry = make_entry(architecture="baselines.medvae", parameters=MEDVAE, objective=weights, training=schedule)
    train(tmp_path / "a", shards[0], (), entry)
    assert "perceptual" in (tmp_path / "a/model/training.tsv").read_text().splitlines()[0]
    assert "LPIPS" in json.loads((tmp_path / "a/model/provenance.json").read_text())["perceptual_term"]
    save_file({"other": torch.zeros(1)}, tmp_path / "linear.safetensors")
    with pytest.raises(InputError, match="objective.perceptual.linear"):
        train(tmp_path / "b", shards[0], (), entry)
    files["linear"]["sha256"] = sha256(tmp_path / "linear.safetensors")
    entry = make_entry(architecture="baselines.medvae", parameters=MEDVAE, objective=weights, training=schedule)
    with pytest.raises(InputError, match="not LPIPS's networks"):
        train(tmp_path / "b", shards[0], (), entry)
