"""A trained model on disk: `model.safetensors`, `config.json`, `provenance.json`. No pickle is read or written."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from neuroquant import models
from neuroquant.config.model import ModelRow
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.files import write_json, written_whole
from neuroquant.models.autoencoder import Autoencoder

WEIGHTS, CONFIG, PROVENANCE = "model.safetensors", "config.json", "provenance.json"


def save_model(folder: Path, model: Autoencoder, row: ModelRow, volume: Volume, provenance: dict[str, Any]) -> None:
    """Write a model folder; the weights come last, so that a folder with weights is complete."""
    write_json(folder / CONFIG, {"row": row.model_dump(mode="json"), "volume": volume.model_dump(mode="json")})
    write_json(folder / PROVENANCE, provenance)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with written_whole(folder / WEIGHTS) as scratch:
        save_file(state, scratch)


def load_model(folder: Path | str, device: str = "cpu") -> tuple[Autoencoder, ModelRow, Volume]:
    """Rebuild a model from its folder, in evaluation mode.

    Raises
    ------
    InputError
        If a file is missing or truncated, or the weights are not those of the configuration.
    """
    folder = Path(folder)
    config_path, weights_path = folder / CONFIG, folder / WEIGHTS
    try:
        config = json.loads(config_path.read_text(encoding="utf-8"))
        row, volume = ModelRow.model_validate(config["row"]), Volume.model_validate(config["volume"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(str(config_path), f"not readable ({error})", "a model folder's config.json", RETRAIN) from None
    model = models.build(row.architecture, row.parameters)
    try:
        state = load_file(weights_path)
    except (OSError, SafetensorError) as error:
        raise InputError(str(weights_path), f"not readable ({error})", "whole safetensors weights", RETRAIN) from None
    check_state(weights_path, model, state)
    model.load_state_dict(state)
    return model.to(torch.device(device)).eval(), row, volume


RETRAIN = "train the row again, or point to a folder that `train` wrote"


def check_state(path: Path, model: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Refuse weights of another configuration, naming the first tensors that differ."""
    own = model.state_dict()
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    shapes = [
        f"{name} is {tuple(state[name].shape)}, not {tuple(own[name].shape)}"
        for name in sorted(own.keys() & state.keys())
        if own[name].shape != state[name].shape
    ]
    if missing or unknown or shapes:
        parts = [f"{len(missing)} missing ({', '.join(missing[:3])})"] if missing else []
        parts += [f"{len(unknown)} unknown ({', '.join(unknown[:3])})"] if unknown else []
        raise InputError(
            str(path),
            "; ".join(parts + shapes[:3]),
            "the tensors of the configuration beside it",
            RETRAIN,
        )
