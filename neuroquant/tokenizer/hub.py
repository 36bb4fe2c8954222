"""Model folders on the Hugging Face Hub: fetched, copied, uploaded.

The functions follow the hub's integration guide, which leaves the choice between its helpers and `ModelHubMixin`. The
helpers are used: the mixin takes arguments of the constructor from a downloaded config.json and deletes a config.json
that lies in the target folder, and a model folder is checked, and its weights copied, as a whole.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import neuroquant
from neuroquant.errors import InputError
from neuroquant.files import require_writable, written_whole
from neuroquant.model_card.write import CARD, write_card
from neuroquant.model_config import CONFIG, PROVENANCE, WEIGHTS, read_config
from neuroquant.shipped import own_folder

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
"""Owner and name of a model on the hub."""
FILES = (CONFIG, PROVENANCE, "training.tsv", CARD, WEIGHTS)
"""Files of a model folder; the weights last, so that a folder with weights is whole."""


class HubOptions(TypedDict, total=False):
    """How a model is fetched, as huggingface_hub has it."""

    cache_dir: Path | str
    token: str | bool
    local_files_only: bool
    force_download: bool


def find_folder(source: Path | str, revision: str | None, options: HubOptions) -> Path:
    """The folder of a model on this machine, fetched from the hub where `source` is an id of it.

    A folder comes first, then a model that the package brings along, then the hub.

    Raises
    ------
    InputError
        If it can't be fetched, isn't a model of NeuroQuant, or a revision is asked of a folder; of a name that is none
        of all these, with the names of the models that the package brings along.
    """
    if is_hub_id(source):
        return _fetched(str(source), revision, options)
    if revision is not None:
        raise InputError(
            str(source), f"revision {revision!r} of a folder on this machine", "the id of a model on the hub",
            "leave `revision` out, or name the model as owner/name",
        )  # fmt: skip
    return own_folder(source)


def is_hub_id(source: Path | str) -> bool:
    """Whether it names a model on the hub: `owner/name`, where no folder has that name, nor one the owner's."""
    if not isinstance(source, str) or not HUB_ID.fullmatch(source):
        return False
    return not (Path(source).exists() or Path(source).parent.exists())


def _fetched(repo_id: str, revision: str | None, options: HubOptions) -> Path:
    from huggingface_hub import snapshot_download

    wanted = {"revision": revision, "allow_patterns": list(FILES), **options}
    offline = f"where there is network: `hf download {repo_id} --local-dir FOLDER`; copy FOLDER here, and load it"
    known = {"library_name": "neuroquant", "library_version": neuroquant.__version__}
    place = f"{repo_id}@{revision}" if revision else repo_id
    expected = "a model folder here, or a model on the hub"
    folder = Path(_asked(place, expected, lambda: snapshot_download(repo_id, **wanted, **known), offline))
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise InputError(
            place, f"no {' and no '.join(missing)} there", "a model that NeuroQuant saved, its weights as safetensors",
            "name another model; `push_to_hub` uploads one",
        )  # fmt: skip
    return folder


def _asked(place: str, expected: str, ask: Callable[[], str], offline: str) -> str:
    """What the hub answers; why it doesn't, in a sentence.

    Parameters
    ----------
    place : the model's id, with `@revision` where one is asked for.
    expected : what is needed for an answer.
    offline : what to do where it can't be reached.
    """
    from httpx2 import HTTPError
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"https://huggingface.co/{place.partition('@')[0]}"
    try:
        return ask()
    except GatedRepoError:
        found, remedy = "a model whose owner asks for your consent", f"give it on {page}, then `hf auth login`"
    except RevisionNotFoundError:
        found, remedy = "no such revision", f"choose one of {page}/commits/main"
    except RepositoryNotFoundError:
        found = "no model that the hub shows you"
        remedy = "correct the name; for a private model, `hf auth login` first"
    except HFValidationError as error:
        found, remedy = f"no id of a model ({str(error).splitlines()[0]})", "write it as owner/name"
    except HfHubHTTPError as error:
        found = f"refused by the hub ({str(error).splitlines()[0]})"
        remedy = "`hf auth login` with a token that may do this, or try again later"
    except (HTTPError, OSError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        found, remedy = f"the hub can't be reached ({said})", offline
    raise InputError(place, found, expected, remedy)


def copy_model(source: Path, target: Path, licence: str) -> Path:
    """Copy a model folder; what isn't there (a card, say) is written anew. Returns the copy.

    Raises
    ------
    InputError
        If `target` is the folder itself, or holds files that are no earlier copy.
    """
    if target.exists() and target.resolve() == source.resolve():
        raise InputError(str(target), "the model's own folder", "another one", "name another folder")
    if target.is_dir() and any(target.iterdir()):
        try:
            read_config(target / CONFIG)
        except InputError:
            raise InputError(
                str(target), "a folder that holds something else", "a new folder, or an earlier copy of a model",
                "name another folder",
            ) from None  # fmt: skip
    require_writable(target)
    for name in FILES:
        if (source / name).is_file():
            with written_whole(target / name) as scratch:
                shutil.copyfile(source / name, scratch)
        else:  # that of an earlier copy
            (target / name).unlink(missing_ok=True)
    write_card(target, licence)
    return target


def push_model(folder: Path, repo_id: str, private: bool, token: str | None, upload: dict[str, Any]) -> str:
    """Upload a model folder in one commit; returns the commit's address.

    Parameters
    ----------
    upload : `revision` and `commit_message`.
    """
    from huggingface_hub import HfApi

    def ask() -> str:
        api = HfApi(token=token, library_name="neuroquant", library_version=neuroquant.__version__)
        api.create_repo(repo_id, private=private, exist_ok=True)
        if upload["revision"]:
            api.create_branch(repo_id, branch=upload["revision"], exist_ok=True)
        return str(api.upload_folder(repo_id=repo_id, folder_path=folder, allow_patterns=list(FILES), **upload))

    offline = "`save_pretrained` here, and where there is network: `hf upload REPO_ID FOLDER`"
    expected = "a repository of the hub that you may write to"
    return _asked(repo_id, expected, ask, offline.replace("REPO_ID", repo_id))
