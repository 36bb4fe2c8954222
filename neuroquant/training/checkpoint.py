"""Checkpoints: one safetensors file per step, whole or absent, from which training goes on bit for bit."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from neuroquant.errors import InputError
from neuroquant.files import written_whole
from neuroquant.model_folder import check_state
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.store.digest import differences

KEEP = 2
ASIDE = ".other-configuration"


def save(
    folder: Path,
    step: int,
    model: Autoencoder,
    optimizer: torch.optim.Optimizer,
    identity: dict[str, Any],
    rows: list[dict[str, Any]],
) -> None:
    """Write the state after `step` steps and forget all but the newest two.

    Parameters
    ----------
    identity : what the run is made of; a checkpoint is only taken up by a run of the same identity.
    rows : the log so far.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {"step": step, "identity": identity, "rows": rows}
    for torn in folder.glob(".step-*.part"):  # left by a kill in mid-write
        torn.unlink(missing_ok=True)
    with written_whole(_path(folder, step)) as scratch:
        save_file(plain, scratch, metadata={"neuroquant": json.dumps(header)})
    for old in sorted(folder.glob("step-*.safetensors"))[:-KEEP]:
        old.unlink(missing_ok=True)


def resume(
    folder: Path, model: Autoencoder, optimizer: torch.optim.Optimizer, identity: dict[str, Any], total: int
) -> tuple[int, list[dict[str, Any]]]:
    """Load the newest usable checkpoint into model, optimizer and generators; for one process alone to call.

    A truncated file is passed over for the one before it; one of another identity is set aside under a name that
    says so, with lines that name what differs. Where only the code has changed, an unfinished training goes on (an
    upgrade must not cost days), while a finished one is done again (or the change would never show).

    Parameters
    ----------
    total : steps of the whole schedule.

    Returns
    -------
    (steps done, log so far), or (0, []) where there is nothing to go on from.
    """
    repeat = False  # a finished training of other code was found: none of its checkpoints will do
    for path in sorted(folder.glob("step-*.safetensors"), reverse=True):
        try:
            header, tensors = _read(path)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            _say(f"{path}: passed over, not a whole checkpoint ({error})")
            continue
        reasons = differences({**header["identity"], "code": ""}, {**identity, "code": ""})
        reasons += [] if reasons else _unfit(path, tensors, model)
        changed = header["identity"].get("code") != identity["code"]
        repeat = repeat or (changed and header["step"] >= total)
        if not reasons and changed and repeat:
            reasons = ["that one is finished, and the code has changed since"]
        if reasons:
            aside = path.with_suffix(ASIDE)
            path.replace(aside)
            _say(f"{path}: set aside as {aside.name}, it belongs to another training: " + "; ".join(reasons))
            continue
        if changed:
            _say(f"{path}: the code has changed since; the weights will be those of no single version")
        _load(model, optimizer, tensors)
        _say(f"{path}: going on from step {header['step']} of {total}")
        return header["step"], header["rows"]
    return 0, []


def load(folder: Path, step: int, model: Autoencoder, optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """Take up the state after `step`, which another process has found usable; returns the log so far."""
    if step == 0:
        return []
    header, tensors = _read(_path(folder, step))
    _load(model, optimizer, tensors)
    return header["rows"]


def _path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:08d}.safetensors"


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["neuroquant"])
        header["step"], header["identity"], header["rows"]  # noqa: B018 - a KeyError here passes the file over
        return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _unfit(path: Path, tensors: dict[str, Tensor], model: Autoencoder) -> list[str]:
    """Where the network has other tensors now than when the checkpoint was written."""
    try:
        check_state(path, model, _part(tensors, "model."))
    except InputError as error:
        return [error.found]
    return []


def _load(model: Autoencoder, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    model.load_state_dict(_part(tensors, "model."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _part(tensors, "optimizer.").items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
