"""Autoencoders: one interface, NeuroQuant and the baselines. Importing this never imports torch.

An architecture is a module below this package that exposes a `ModelSpec` under the name `SPEC`: its parameters, how it
is built, and whatever else can be known of it without torch (`neuroquant.models.spec`). One that works on slices of one
plane has a parameter `axis`, the axis of the volume that is sliced.
"""

import difflib
import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from neuroquant.config.base import DEFAULT_MODALITIES, Settings
from neuroquant.errors import InputError
from neuroquant.models.grid import Shape
from neuroquant.models.spec import LatentShapes, ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

    from neuroquant.models.autoencoder import Autoencoder


def architectures() -> list[str]:
    """Names of all architectures: `neuroquant` and every module of `baselines`."""
    baselines = importlib.import_module("neuroquant.models.baselines")
    return ["neuroquant", *sorted(f"baselines.{item.name}" for item in pkgutil.iter_modules(baselines.__path__))]


def spec(architecture: str) -> ModelSpec:
    """What an architecture offers.

    Raises
    ------
    InputError
        If there is no such architecture.
    """
    known = architectures()
    if architecture not in known:
        near = difflib.get_close_matches(architecture, known, n=1, cutoff=0.4)
        remedy = f"did you mean {near[0]!r}?" if near else "see docs/adding-a-model.md"
        raise InputError("architecture", repr(architecture), "one of " + ", ".join(known), remedy)
    return importlib.import_module(f"neuroquant.models.{architecture}").SPEC


def _parts(architecture: str, parameters: Settings | dict[str, Any]) -> tuple[ModelSpec, Settings]:
    """An architecture's spec, and the parameters as its own class."""
    offered = spec(architecture)
    return offered, offered.Parameters.model_validate(parameters)


def parameters_class(architecture: str) -> type[Settings]:
    """The typed parameters of an architecture.

    Raises
    ------
    InputError
        If there is no such architecture.
    """
    return spec(architecture).Parameters


def latent_shapes(architecture: str, parameters: dict[str, Any], shape: Shape) -> LatentShapes | None:
    """Latents of a volume of `shape`: name -> (C, d, h, w); None where the architecture doesn't say.

    Examples
    --------
    >>> latent_shapes("neuroquant", {}, (144, 192, 144))["z_anat"]
    (64, 9, 12, 9)
    """
    offered, checked = _parts(architecture, parameters)
    return None if offered.latent_shapes is None else offered.latent_shapes(checked, shape)


def divisor(architecture: str, parameters: dict[str, Any]) -> int:
    """What the sides of volumes must be multiples of; 1 where an architecture takes any.

    Examples
    --------
    >>> divisor("neuroquant", {}), divisor("neuroquant", {"channels": [32, 64], "attention_blocks": [2]})
    (16, 4)
    """
    offered, checked = _parts(architecture, parameters)
    return 1 if offered.divisor is None else offered.divisor(checked)


def plane_axis(parameters: dict[str, Any]) -> int | None:
    """The axis whose slices a slice-wise architecture takes, which is its parameter `axis`; None for all others.

    Parameters
    ----------
    parameters : with their defaults filled in, as a resolved model has them.
    """
    return parameters.get("axis")


def bits(architecture: str, parameters: dict[str, Any], shape: Shape) -> float | None:
    """Bits that a volume of `shape` costs; None where the architecture doesn't say before it is built.

    Examples
    --------
    >>> bits("neuroquant", {}, (144, 192, 144)) / 1000  # kbit: 972 indices of 12 bits, and 32 numbers of 32 bits
    12.688
    >>> bits("baselines.mean", {}, (144, 192, 144))
    0.0
    """
    offered, checked = _parts(architecture, parameters)
    return None if offered.bits is None else offered.bits(checked, shape)


def within(architecture: str, parameters: dict[str, Any], limit: float) -> dict[str, Any]:
    """The parameters, lowered where the architecture may not spend more than `limit` bits per volume."""
    offered, checked = _parts(architecture, parameters)
    return parameters if offered.within is None else offered.within(checked, limit).model_dump(mode="json")


def fit_bytes(architecture: str, parameters: dict[str, Any], shape: Shape, modalities: int) -> int | None:
    """Memory of a fit to training volumes of `shape` and of so many modalities; None where nothing is fitted."""
    offered, checked = _parts(architecture, parameters)
    return None if offered.fit_bytes is None else offered.fit_bytes(checked, shape, modalities)


def start_after(architecture: str, parameters: Settings | dict[str, Any]) -> int | None:
    """Steps on volumes before the codebook of an architecture starts; None where nothing starts late."""
    offered, checked = _parts(architecture, parameters)
    return None if offered.start_after is None else offered.start_after(checked)


def published_state(architecture: str, state: dict[str, Any]) -> "dict[str, Tensor]":
    """Tensors of an authors' file under the names of an architecture.

    Raises
    ------
    InputError
        If the architecture can't take weights of others.
    """
    offered = spec(architecture)
    if offered.published_state is None:
        raise InputError(
            "weights", f"given for {architecture}", "an architecture with published weights", "remove them"
        )
    return offered.published_state(state)


def build(
    architecture: str, parameters: Settings | dict[str, Any], modalities: tuple[str, ...] = DEFAULT_MODALITIES
) -> "Autoencoder":
    """A freshly initialised network of an architecture; torch is imported here.

    Parameters
    ----------
    modalities : BIDS suffixes of the images that it takes. Its argument `modality` counts in this order.

    Raises
    ------
    InputError
        If a package that it is made of isn't installed: one of an extra (`neuroquant.extras`), or of its builder's.
    """
    offered, checked = _parts(architecture, parameters)
    try:
        model = offered.build(checked, tuple(modalities))
    except ModuleNotFoundError as error:
        raise InputError(
            f"architecture {architecture}", f"no package {error.name}", "the packages that it is made of",
            f"pip install {str(error.name).split('.')[0]}",
        ) from None  # fmt: skip
    model.modalities = tuple(modalities)
    return model
