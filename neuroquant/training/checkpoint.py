"""Checkpoints: one safetensors file a step, whole or absent, from which training goes on bit for bit."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from neuroquant.files import written_whole
from neuroquant.models.autoencoder import Autoencoder

KEEP = 2


def fingerprint(description: dict[str, Any]) -> str:
    """Hash of everything that decides what a training run computes."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def save(
    folder: Path,
    step: int,
    model: Autoencoder,
    optimizer: torch.optim.Optimizer,
    description: dict[str, Any],
    rows: list[dict[str, Any]],
) -> None:
    """Write the state after `step` steps and forget all but the newest two.

    Parameters
    ----------
    description : what the run is made of; a checkpoint is only taken up by a run of the same description.
    rows : the log so far.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    plain = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    header = {"step": step, "description": description, "rows": rows}
    with written_whole(folder / f"step-{step:08d}.safetensors") as scratch:
        save_file(plain, scratch, metadata={"neuroquant": json.dumps(header)})
    for old in sorted(folder.glob("step-*.safetensors"))[:-KEEP]:
        old.unlink(missing_ok=True)


def resume(
    folder: Path, model: Autoencoder, optimizer: torch.optim.Optimizer, description: dict[str, Any]
) -> tuple[int, list[dict[str, Any]]]:
    """Load the newest usable checkpoint into model, optimizer and generators.

    A truncated file is passed over for the one before it; one of another configuration is set aside under a name that
    says so, with a line that names what differs.

    Returns
    -------
    (steps done, log so far), or (0, []) where there is nothing to go on from.
    """
    for path in sorted(folder.glob("step-*.safetensors"), reverse=True):
        try:
            with safe_open(path, framework="pt") as file:
                header = json.loads(file.metadata()["neuroquant"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            print(f"{path}: passed over, not a whole checkpoint ({error})", file=sys.stderr)
            continue
        different = sorted(
            key
            for key in header["description"].keys() | description.keys()
            if header["description"].get(key) != description.get(key)
        )
        if different:
            aside = path.with_suffix(".other-configuration")
            path.replace(aside)
            print(f"{path}: made with another {', '.join(different)}; set aside as {aside.name}", file=sys.stderr)
            continue
        _load(model, optimizer, tensors)
        return header["step"], header["rows"]
    return 0, []


def _load(model: Autoencoder, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    model.load_state_dict({n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")})
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
