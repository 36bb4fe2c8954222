"""Authors' weights: files of their layout load to the last tensor and give the same images, others don't."""

import subprocess
import sys
from types import SimpleNamespace

import httpx2
import huggingface_hub
import pytest
import torch
from safetensors.torch import save_file

from neuroquant import models
from neuroquant.config.model import ModelEntry
from neuroquant.errors import InputError
from neuroquant.files import sha256
from neuroquant.weights.find import fetch, fetch_all, find_files
from neuroquant.weights.put import load_published

torch.set_num_threads(1)
SMALL = {
    "medvae": {"width": 8, "mults": (1, 1, 2, 2), "groups": 4, "blocks": 1},
    "vqgan": {"width": 8, "mults": (1, 1, 2, 2), "z_channels": 8, "groups": 4, "words": 16, "patch": 4, "blocks": 1},
    "sd_vae": {"block_out_channels": (8, 8, 16, 16), "layers_per_block": 1, "norm_num_groups": 4},
    "meditok": {"widths": (8, 16, 32), "depths": (1, 1), "blocks": 1, "heads": 2, "codebooks": 4, "words": 32,
                "latent_channels": 16, "align": 4, "side": 0},
    "monai_kl": {"channels": (8, 8, 8, 16), "groups": 4, "blocks": 1},
}  # fmt: skip


def authors_file(name: str, state: dict, folder):
    """Our tensors under the names, and in the kind of file, that the authors use."""
    plain = {key.removeprefix("network."): tensor for key, tensor in state.items()}
    if name == "sd_vae":
        for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
            plain = {key.replace(f".{new}.", f".{old}."): tensor for key, tensor in plain.items()}
        save_file(plain, folder / "w.safetensors")
        return folder / "w.safetensors"
    if name == "medvae":
        plain = {"state_dict": {**plain, "channel_ds.0.weight": torch.zeros(1), "channel_proj.bias": torch.zeros(1)}}
    if name == "vqgan":
        plain["tok_embeddings.weight"] = plain.pop("codebook")
        for kind in ("weight", "bias"):
            plain[f"codebook_projection.{kind}"] = plain.pop(f"projection.{kind}")
        plain = {"model": {**plain, "discriminator.main.0.weight": torch.zeros(1)}}
    if name == "meditok":
        plain = {key.replace("vectors.", "quantizer."): tensor for key, tensor in plain.items()}
    torch.save(plain, folder / "w.pth")
    return folder / "w.pth"


def entry_of(name: str, path, **changes) -> ModelEntry:
    facts = {"filename": path.name, "folder": str(path.parent), "licence": "MIT"}
    facts |= {"sha256": sha256(path) if path.exists() else "0" * 64} | changes
    return ModelEntry(name="model", architecture=f"baselines.{name}", parameters=SMALL[name], weights=facts)


@pytest.mark.parametrize("name", SMALL)
def test_a_file_of_the_authors_layout_loads_strictly_and_gives_the_same_images(name, tmp_path):
    torch.manual_seed(1)
    theirs = models.build(f"baselines.{name}", SMALL[name]).eval()
    if name == "vqgan":
        theirs.codebook.normal_()
    entry = entry_of(name, authors_file(name, theirs.state_dict(), tmp_path))
    torch.manual_seed(2)
    ours = models.build(entry.architecture, entry.parameters).eval()
    facts = load_published(entry, ours)["published_weights"]
    assert facts["licence"] == "MIT" and facts["sha256"] == entry.weights.sha256 and facts["fine_tuned"] is not None
    x, modality = torch.rand(1, 1, 16, 16, 8) * 2 - 1, torch.tensor([0])
    with torch.inference_mode():
        images = [model.decode(model.encode(x, modality), modality) for model in (theirs, ours)]
    assert torch.equal(*images)


def test_weights_of_another_model_are_refused_by_name(tmp_path):
    other = models.build("baselines.medvae", {**SMALL["medvae"], "width": 4, "groups": 2})
    entry = entry_of("medvae", authors_file("medvae", other.state_dict(), tmp_path))
    with pytest.raises(InputError, match="(?s)model model: .*w.pth.*of another model"):
        load_published(entry, models.build(entry.architecture, entry.parameters))
    entry = entry_of("sd_vae", authors_file("medvae", other.state_dict(), tmp_path))
    with pytest.raises(InputError, match="(?s)missing .*unknown"):
        load_published(entry, models.build(entry.architecture, entry.parameters))


def test_a_missing_file_another_size_and_another_hash_stop_with_what_to_do(tmp_path):
    path = tmp_path / "w.pth"
    with pytest.raises(InputError, match="(?s)none at .*w.pth.*fetch_weights"):
        find_files(entry_of("medvae", path, hub="someone/something"))
    with pytest.raises(InputError, match="get it from a shelf"):
        find_files(entry_of("medvae", path, source="a shelf"))
    path.write_bytes(b"abc")
    with pytest.raises(InputError, match="3 bytes"):
        find_files(entry_of("medvae", path, bytes=4))
    with pytest.raises(InputError, match="another content, sha256 ba7816bf"):
        find_files(entry_of("medvae", path, sha256="0" * 64))
    with pytest.raises(InputError, match="pin it: .*ba7816bf"):
        find_files(entry_of("medvae", path, sha256=""))
    assert find_files(entry_of("medvae", path)) == [path]
    with pytest.raises(InputError, match="not readable as tensors"):
        load_published(entry_of("medvae", path), models.build("baselines.medvae", SMALL["medvae"]))


def test_the_folder_of_the_environment_is_looked_at(tmp_path, monkeypatch):
    (tmp_path / "w.pth").write_bytes(b"abc")
    monkeypatch.setenv("NEUROQUANT_WEIGHTS", str(tmp_path))
    assert find_files(entry_of("medvae", tmp_path / "w.pth", folder="")) == [tmp_path / "w.pth"]
    assert fetch(entry_of("medvae", tmp_path / "w.pth", folder="").weights, "key") == tmp_path / "w.pth", (
        "nothing is fetched twice"
    )


@pytest.mark.parametrize("tags", [["license:mit", "mri"], ["license:cc-by-nc-4.0"], []])
def test_a_fetched_file_has_the_licence_and_the_hash_that_the_model_states(tmp_path, monkeypatch, tags):
    (tmp_path / "hub.pth").write_bytes(b"abc")
    asked = []

    def download(hub, filename, revision):
        asked.append((hub, filename, revision))
        return tmp_path / "hub.pth"

    info = SimpleNamespace(tags=tags)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: SimpleNamespace(model_info=lambda hub, revision: info))
    facts = {"hub": "someone/something", "revision": "abc1", "sha256": sha256(tmp_path / "hub.pth")}
    weights = entry_of("medvae", tmp_path / "here/w.pth", **facts).weights
    if tags == ["license:cc-by-nc-4.0"]:
        with pytest.raises(InputError, match="(?s)key.licence.*MIT.*cc-by-nc-4.0, as someone/something states"):
            fetch(weights, "key")
        assert not (tmp_path / "here/w.pth").exists()
        return
    assert fetch(weights, "key").read_bytes() == b"abc" and asked == [("someone/something", "w.pth", "abc1")]
    other = entry_of("medvae", tmp_path / "there/w.pth", **{**facts, "sha256": "0" * 64}).weights
    with pytest.raises(InputError, match="another content"):
        fetch(other, "key")


def test_all_models_are_fetched_and_all_hashes_to_pin_are_told_at_once(tmp_path, monkeypatch):
    def download(hub, filename, revision):
        (tmp_path / filename).write_bytes(filename.encode())
        return tmp_path / filename

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    info = SimpleNamespace(tags=[])
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: SimpleNamespace(model_info=lambda hub, revision: info))
    by_hand = entry_of("vqgan", tmp_path / "here/drive.pth", source="a drive")
    entries = [
        by_hand.model_copy(update={"name": "by_hand"}),
        *(
            entry_of("medvae", tmp_path / f"here/{name}", hub="someone/something", sha256="").model_copy(
                update={"name": name}
            )
            for name in ("one", "two")
        ),
    ]
    with pytest.raises(InputError) as caught:
        fetch_all(entries)
    told = str(caught.value)
    assert "3 of 3 files" in told and "model by_hand: weights" in told and "get it from a drive" in told
    for name in ("one", "two"):
        assert f"`sha256: {sha256(tmp_path / 'here' / name)}`" in told


def test_a_file_that_runs_code_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return subprocess.check_call, (["touch", str(tmp_path / "ran")],)

    torch.save({"state_dict": Evil()}, tmp_path / "w.pth")
    with pytest.raises(InputError, match="state dict alone"):
        load_published(entry_of("medvae", tmp_path / "w.pth"), models.build("baselines.medvae", SMALL["medvae"]))
    assert not (tmp_path / "ran").exists()


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers.models.autoencoders.autoencoder_kl", None)
    monkeypatch.delitem(sys.modules, "neuroquant.models.baselines.sd_vae.network", raising=False)
    with pytest.raises(InputError, match=r'(?s)diffusers.*pip install "neuroquant\[baselines\]"'):
        models.build("baselines.sd_vae", SMALL["sd_vae"])


def test_an_architecture_without_published_weights_says_so(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors")
    facts = {"filename": "w.safetensors", "folder": str(tmp_path), "sha256": sha256(tmp_path / "w.safetensors")}
    entry = ModelEntry(name="model", architecture="baselines.lowpass", weights={**facts, "licence": "MIT"})
    with pytest.raises(InputError, match="published weights"):
        load_published(entry, models.build("baselines.lowpass", {}))


def test_a_file_that_a_cache_has_is_taken_where_the_hub_cannot_be_asked(tmp_path, monkeypatch, capsys):
    (tmp_path / "hub.pth").write_bytes(b"abc")

    def unreachable(hub, revision):
        raise httpx2.ConnectError("no network")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda hub, filename, revision: tmp_path / "hub.pth")
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: SimpleNamespace(model_info=unreachable))
    facts = {"hub": "someone/something", "revision": "abc1", "sha256": sha256(tmp_path / "hub.pth")}
    assert fetch(entry_of("medvae", tmp_path / "here/w.pth", **facts).weights, "key").read_bytes() == b"abc"
    assert "licence that someone/something states wasn't read" in capsys.readouterr().err
