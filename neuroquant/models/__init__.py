"""Autoencoders: one interface, NeuroQuant and the baselines. Importing this never imports torch.

An architecture is a module below this package with two names: `Parameters`, a `Settings` class, and
`build(parameters)`, which returns an `Autoencoder`. One whose authors' weights can be loaded has a third:
`published_state(state)`, which gives the tensors of their file the names of ours. And one whose latents can be counted
before there are any has `latent_shapes(parameters, shape)`: the latents of a volume of `shape`, name -> (C, d, h, w).
One that takes only sides of certain multiples has `divisor(parameters)`.
One that works on slices of one plane has a parameter `axis`, the axis of the volume that is sliced.
`bits(parameters, shape)` gives, without torch, what the model's own `bits` gives. One that is fitted to all training
volumes has `fit_bytes(parameters, shape)`, the memory that this takes, and may have `within(parameters, bits)`, its
parameters where a volume may not cost more bits than the full model's.
"""

import difflib
import importlib
import importlib.util
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING, Any

from neuroquant.config.base import Settings
from neuroquant.errors import InputError
from neuroquant.models.grid import Shape

if TYPE_CHECKING:
    from torch import Tensor

    from neuroquant.models.autoencoder import Autoencoder


def architectures() -> list[str]:
    """Names of all architectures: `neuroquant` and every module of `baselines`."""
    baselines = importlib.import_module("neuroquant.models.baselines")
    return ["neuroquant", *sorted(f"baselines.{item.name}" for item in pkgutil.iter_modules(baselines.__path__))]


def _module(architecture: str) -> ModuleType:
    known = architectures()
    if architecture not in known:
        near = difflib.get_close_matches(architecture, known, n=1, cutoff=0.4)
        remedy = f"did you mean {near[0]!r}?" if near else "see docs/adding-a-model.md"
        raise InputError("architecture", repr(architecture), "one of " + ", ".join(known), remedy)
    return importlib.import_module(f"neuroquant.models.{architecture}")


def parameters_class(architecture: str) -> type[Settings]:
    """The typed parameters of an architecture.

    Raises
    ------
    InputError
        If there is no such architecture.
    """
    return _module(architecture).Parameters


def latent_shapes(architecture: str, parameters: dict[str, Any], shape: Shape) -> dict[str, tuple[int, ...]] | None:
    """Latents of a volume of `shape`: name -> (C, d, h, w); None where the architecture doesn't say."""
    module = _module(architecture)
    if not hasattr(module, "latent_shapes"):
        return None
    return module.latent_shapes(module.Parameters.model_validate(parameters), shape)


def divisor(architecture: str, parameters: dict[str, Any]) -> int:
    """What the sides of volumes must be multiples of; 1 where an architecture takes any."""
    module = _module(architecture)
    if not hasattr(module, "divisor"):
        return 1
    return module.divisor(module.Parameters.model_validate(parameters))


def plane_axis(parameters: dict[str, Any]) -> int | None:
    """The axis whose slices a slice-wise architecture takes, which is its parameter `axis`; None for all others.

    Parameters
    ----------
    parameters : with their defaults filled in, as a resolved row has them.
    """
    return parameters.get("axis")


def bits(architecture: str, parameters: dict[str, Any], shape: Shape) -> float | None:
    """Bits that a volume of `shape` costs; None where the architecture doesn't say before it is built."""
    module = _module(architecture)
    if not hasattr(module, "bits"):
        return None
    return module.bits(module.Parameters.model_validate(parameters), shape)


def within(architecture: str, parameters: dict[str, Any], limit: float) -> dict[str, Any]:
    """The parameters, lowered where the architecture may not spend more than `limit` bits a volume."""
    module = _module(architecture)
    if not hasattr(module, "within"):
        return parameters
    return module.within(module.Parameters.model_validate(parameters), limit).model_dump(mode="json")


def fit_bytes(architecture: str, parameters: dict[str, Any], shape: Shape) -> int | None:
    """Memory of a fit to training volumes of `shape`; None where the architecture isn't fitted."""
    module = _module(architecture)
    if not hasattr(module, "fit_bytes"):
        return None
    return module.fit_bytes(module.Parameters.model_validate(parameters), shape)


def published_state(architecture: str, state: dict[str, Any]) -> "dict[str, Tensor]":
    """Tensors of an authors' file under the names of an architecture.

    Raises
    ------
    InputError
        If the architecture can't take weights of others.
    """
    module = _module(architecture)
    if not hasattr(module, "published_state"):
        raise InputError(
            "weights", f"given for {architecture}", "an architecture with published weights", "remove them"
        )
    return module.published_state(state)


def build(architecture: str, parameters: Settings | dict[str, Any]) -> "Autoencoder":
    """A freshly initialised network of an architecture; torch is imported here.

    Raises
    ------
    InputError
        If a package that it is made of isn't installed.
    """
    module = _module(architecture)
    try:
        return module.build(module.Parameters.model_validate(parameters))
    except ModuleNotFoundError as error:
        raise InputError(
            f"architecture {architecture}",
            f"no package {error.name}",
            "the packages of requirements.lock",
            f"pip install --requirement requirements.lock, or pip install {str(error.name).split('.')[0]}",
        ) from None
