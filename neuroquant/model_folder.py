"""A trained model on disk: `model.safetensors`, `config.json`, `provenance.json`. No pickle is read or written.

`config.json` has the model (`model`), the settings of its volumes, the SHA-256 of the weights, and the version of this
format. Folders of format 1, which older versions wrote, have no hash and no version.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.overrides import TorchFunctionMode

from neuroquant import models
from neuroquant.config.model import ModelEntry
from neuroquant.config.plain import brief, read_json
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.files import sha256, write_json, written_whole
from neuroquant.model_config import CONFIG, FORMAT, PROVENANCE, RETRAIN, SHA256, WEIGHTS, read_config
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.models.resampled import resampled

LOCAL = {"weights": {"folder"}, "objective": {"perceptual": {"vgg": {"folder"}, "linear": {"folder"}}}}
"""Settings that name folders of the machine that trained a model; the folder goes to others without them."""


def save_model(folder: Path, model: Autoencoder, entry: ModelEntry, volume: Volume, provenance: dict[str, Any]) -> None:
    """Write a model folder; the weights come last, so that a folder with weights is complete."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with written_whole(folder / WEIGHTS) as scratch:
        save_file(state, scratch)
        model_settings = entry.model_dump(mode="json", exclude=LOCAL)
        settings = {"model": model_settings, "volume": volume.model_dump(mode="json")}
        write_json(folder / CONFIG, {**settings, "format": FORMAT, SHA256: sha256(scratch)})
        write_json(folder / PROVENANCE, provenance)


def load_model(folder: Path | str, device: str = "cpu") -> tuple[Autoencoder, ModelEntry, Volume]:
    """Rebuild a model from its folder, in evaluation mode.

    The folder may come from anybody: its configuration is checked as an experiment's is, and no memory is taken for a
    network before the weights are known to be its own.

    Raises
    ------
    InputError
        If a file is missing, truncated or no such file, the weights are not those of the configuration, or one of them
        isn't a number.
    """
    folder = Path(folder)
    weights_path = folder / WEIGHTS
    entry, volume = read_config(folder / CONFIG)
    try:
        with safe_open(weights_path, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        check_shapes(weights_path, _shapes(_built(entry, folder / CONFIG, "meta")), shapes)
        state = load_file(weights_path)
    except (OSError, SafetensorError) as error:
        raise InputError(str(weights_path), f"not readable ({error})", "whole safetensors weights", RETRAIN) from None
    check_finite(weights_path, state)
    model = _built(entry, folder / CONFIG, "cpu")
    model.load_state_dict(state)
    check_hash(folder)
    return on_grid(model, entry, volume).to(torch.device(device)).eval(), entry, volume


def on_grid(model: Autoencoder, entry: ModelEntry, volume: Volume) -> Autoencoder:
    """The model, behind a change of the grid where it was trained elsewhere on voxels of another size."""
    if not entry.resampled_mm:
        return model
    step = models.divisor(entry.architecture, entry.parameters)
    return resampled(model, volume.shape, volume.voxel_mm / entry.resampled_mm, step)


def check_hash(folder: Path) -> None:
    """Refuse weights that aren't those which were saved: a download or a copy may be damaged and still be readable.

    Raises
    ------
    InputError
        If the folder says which hash its weights have, and they have another.
    """
    stated, found = read_json(folder / CONFIG).get(SHA256), sha256(folder / WEIGHTS)
    if stated is not None and stated != found:
        raise InputError(
            str(folder / WEIGHTS), f"weights whose SHA-256 begins with {found[:12]}",
            f"{str(stated)[:12]}, as {CONFIG} beside them says", RETRAIN,
        )  # fmt: skip


class Unfilled(TorchFunctionMode):
    """While a network is built whose weights are read afterwards, its layers don't draw any.

    Drawing them takes time; on the device "meta", PyTorch would load its compiler for it, a second and a half.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of PyTorch, but give a tensor back as it is instead of filling it."""
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return kwargs.get("tensor", args[0] if args else None)
        if func is torch.eye and "out" in kwargs:  # nn.init.eye_
            return kwargs["out"]
        return func(*args, **kwargs)


def _built(entry: ModelEntry, path: Path, device: str) -> Autoencoder:
    """A fresh network; on the device "meta" it has shapes alone, and costs no memory however large it would be."""
    try:
        with torch.device(device), Unfilled():
            return models.build(entry.architecture, entry.parameters, entry.suffixes)
    except InputError:
        raise
    except (ValueError, TypeError, RuntimeError, ArithmeticError, AssertionError, LookupError, MemoryError) as error:
        raise InputError(
            f"{path}: model.parameters", f"no network can be built of them ({brief(error)})", "a model's parameters",
            RETRAIN,
        ) from None  # fmt: skip


def check_state(path: Path, model: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Refuse weights of another configuration, naming the first tensors that differ."""
    check_shapes(path, _shapes(model), {name: tuple(tensor.shape) for name, tensor in state.items()})


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def check_shapes(path: Path, expected: dict[str, tuple[int, ...]], stored: dict[str, tuple[int, ...]]) -> None:
    """As `check_state`, of shapes by name."""
    missing, unknown = sorted(expected.keys() - stored.keys()), sorted(stored.keys() - expected.keys())
    shapes = [
        f"{name} is {stored[name]}, not {expected[name]}"
        for name in sorted(expected.keys() & stored.keys())
        if expected[name] != stored[name]
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


def check_finite(path: Path, state: dict[str, torch.Tensor]) -> None:
    """Refuse weights of which one is NaN or infinite: every image made with them would be, too."""
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            count = int((~torch.isfinite(tensor)).sum())
            raise InputError(str(path), f"{count} values of {name} are NaN or infinite", "finite numbers", RETRAIN)
