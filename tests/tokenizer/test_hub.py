"""Models from the hub and to it; the hub is a folder here, or out of reach."""

import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest
from httpx2 import ConnectError, Request, Response
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

import neuroquant
from neuroquant.cli import main
from neuroquant.errors import InputError
from neuroquant.model_card.write import read_card
from neuroquant.tokenizer import Tokenizer
from neuroquant.tokenizer.hub import is_hub_id


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub below a folder: what is uploaded there can be downloaded; `asked` tells with which arguments."""
    asked: list[dict] = []

    def download(repo_id, **options):
        asked.append({"repo_id": repo_id, **options})
        return str(tmp_path / "hub" / repo_id)

    class Api:
        def __init__(self, **options):
            asked.append(options)

        def create_repo(self, repo_id, **options):
            asked.append({"create": repo_id, **options})

        def create_branch(self, repo_id, **options):
            asked.append({"branch": repo_id, **options})

        def upload_folder(self, repo_id, folder_path, **options):
            asked.append({"upload": repo_id, **options})
            shutil.copytree(folder_path, tmp_path / "hub" / repo_id, dirs_exist_ok=True)
            return f"https://hub/{repo_id}/commit/1"

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    return asked


def test_a_model_goes_to_the_hub_and_comes_back_with_the_same_tokens(folders, scans, hub, tmp_path):
    own = Tokenizer.from_pretrained(folders / "neuroquant", device="cpu")
    where = own.push_to_hub("somebody/brains", revision="v1", licence="cc-by-4.0")
    assert where == "https://hub/somebody/brains/commit/1"
    assert {"create": "somebody/brains", "private": True, "exist_ok": True} in hub, "private unless asked otherwise"
    back = neuroquant.load("somebody/brains", "cpu", revision="v1")
    assert hub[-1]["revision"] == "v1" and set(hub[-1]["allow_patterns"]) >= {"model.safetensors", "config.json"}
    assert not [name for name in hub[-1]["allow_patterns"] if name.endswith((".bin", ".pt", ".pkl", ".ckpt", "*"))]
    tokens = own.encode(scans[0])
    assert back.weights == own.weights and back.decode(tokens).shape == own.decode(tokens).shape
    card = read_card(tmp_path / "hub/somebody/brains/README.md")
    assert card.data.license == "cc-by-4.0" and card.data.library_name == "neuroquant"


def test_a_copy_has_the_same_bytes_and_a_card_and_is_a_model_again(folders, scans, tmp_path):
    own = neuroquant.load(folders / "neuroquant", "cpu")
    copy = own.save_pretrained(tmp_path / "copy")
    for name in ("model.safetensors", "config.json", "provenance.json"):
        assert (copy / name).read_bytes() == (folders / "neuroquant" / name).read_bytes()
    assert read_card(copy / "README.md").data.license == "unknown"
    assert not (folders / "neuroquant/README.md").exists(), "the model's own folder stays as it is"
    again = neuroquant.load(copy, "cpu")
    assert again.decode(own.encode(scans[0])).shape == own.decode(own.encode(scans[0])).shape
    (copy / "README.md").write_text((copy / "README.md").read_text() + "\nOur own words.\n")
    twice = again.save_pretrained(tmp_path / "twice", licence="mit")
    text = (twice / "README.md").read_text()
    assert "Our own words." in text and "license: mit" in text and "license: unknown" not in text
    other = neuroquant.load(folders / "identity", "cpu")
    assert other.save_pretrained(copy) == copy, "an earlier copy may be written anew"
    assert "# identity" in (copy / "README.md").read_text() and neuroquant.load(copy, "cpu").weights == other.weights


def test_a_copy_is_written_over_nothing_that_is_no_model(folders, tmp_path):
    own = neuroquant.load(folders / "neuroquant", "cpu")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/config.json").write_text('{"mine": 1}')
    with pytest.raises(InputError, match="holds something else"):
        own.save_pretrained(tmp_path / "notes")
    assert (tmp_path / "notes/config.json").read_text() == '{"mine": 1}'
    with pytest.raises(InputError, match="own folder"):
        own.save_pretrained(folders / "neuroquant")


def test_an_id_without_network_says_how_to_bring_the_model_here(monkeypatch):
    def unreachable(*_, **__):
        raise LocalEntryNotFoundError("Got: ConnectError: no route\nand more") from ConnectError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(InputError) as refused:
        neuroquant.load("somebody/brains", "cpu")
    said = str(refused.value)
    assert said.startswith("somebody/brains\n") and "the hub can't be reached (Got: ConnectError: no route)" in said
    assert "a model folder here, or a model on the hub" in said
    assert "hf download somebody/brains --local-dir FOLDER" in said


def test_offline_mode_of_the_hubs_own_client_is_told_in_the_same_words(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="(?s)somebody/brains.*can't be reached.*hf download somebody/brains"):
        Tokenizer.from_pretrained("somebody/brains", cache_dir=tmp_path)


def test_an_upload_without_network_says_how_to_do_it_elsewhere(folders, monkeypatch):
    class Unreachable:
        def __init__(self, **_):
            pass

        def create_repo(self, *_, **__):
            raise ConnectError("no route")

    monkeypatch.setattr(huggingface_hub, "HfApi", Unreachable)
    with pytest.raises(
        InputError, match="(?s)can't be reached.*you may write to.*save_pretrained.*hf upload somebody/brains FOLDER"
    ):
        neuroquant.load(folders / "neuroquant", "cpu").push_to_hub("somebody/brains")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (RepositoryNotFoundError, "hf auth login"),
        (GatedRepoError, "asks for your consent"),
        (RevisionNotFoundError, "somebody/brains@v9\n.*no such revision"),
    ],
)
def test_what_the_hub_refuses_is_said_in_a_sentence(monkeypatch, kind, said):
    def refuse(*_, **__):
        raise kind("no", response=Response(404, request=Request("GET", "https://hub")))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(InputError, match=f"(?s){said}"):
        neuroquant.load("somebody/brains", "cpu", revision="v9")


def test_a_repository_with_other_weights_is_no_model_of_ours(hub, tmp_path):
    (tmp_path / "hub/somebody/pickles").mkdir(parents=True)
    (tmp_path / "hub/somebody/pickles/pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(InputError, match="(?s)no config.json and no model.safetensors there.*safetensors"):
        neuroquant.load("somebody/pickles", "cpu")


def test_a_misspelt_folder_is_never_asked_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    assert is_hub_id("somebody/brains")
    for path in ("models/nowhere", "./a/b", "a/b/c", "brains", "/tmp/brains", "../brains", Path("somebody/brains")):
        assert not is_hub_id(path), path
    with pytest.raises(InputError, match="models/nowhere"):
        neuroquant.load("models/nowhere", "cpu")


def test_a_folder_has_no_revisions(folders):
    with pytest.raises(InputError, match="(?s)revision 'v1' of a folder.*owner/name"):
        neuroquant.load(folders / "neuroquant", "cpu", revision="v1")


def test_a_damaged_download_is_noticed(folders, tmp_path):
    copy = neuroquant.load(folders / "identity", "cpu").save_pretrained(tmp_path / "identity")
    stated = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(stated | {"weights_sha256": "0" * 64}))
    with pytest.raises(InputError, match="(?s)model.safetensors\n.*SHA-256.*000000000000"):
        neuroquant.load(copy, "cpu")


def test_the_command_exports_a_model_with_its_card(folders, hub, tmp_path, capsys):
    model = str(folders / "neuroquant")
    more = ["--licence", "mit", "--push", "me/mine", "--public"]
    assert main(["export", model, "--out", str(tmp_path / "out"), *more]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "out"), "https://hub/me/mine/commit/1"]
    assert {"create": "me/mine", "private": False, "exist_ok": True} in hub
    assert main(["export", model]) == 1 and "--out FOLDER" in capsys.readouterr().err


def test_the_commands_take_a_model_of_the_hub_by_its_id(folders, scans, hub, tmp_path, capsys):
    neuroquant.load(folders / "neuroquant", "cpu").save_pretrained(tmp_path / "hub/me/mine")
    assert main(["encode", "me/mine", str(scans[0]), "--out", str(tmp_path / "tokens")]) == 0
    tokens = str(tmp_path / "tokens/a_T1w.h5")
    assert main(["decode", "me/mine", tokens, "--out", str(tmp_path / "images")]) == 0
    like = ["--like", str(scans[1]), "--out", str(tmp_path / "made.nii.gz")]
    assert main(["translate", "me/mine", str(scans[0]), *like]) == 0
    assert (tmp_path / "images/a_T1w.nii.gz").exists() and (tmp_path / "made.nii.gz").exists()
