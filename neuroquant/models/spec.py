"""What an architecture offers, each part by name; a part that it lacks is None. Nothing here imports torch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neuroquant.config.base import Settings
from neuroquant.models.grid import Shape

if TYPE_CHECKING:
    from torch import Tensor

    from neuroquant.models.autoencoder import Autoencoder

LatentShapes = dict[str, tuple[int, ...]]
"""Name -> (C, d, h, w)."""


@dataclass(frozen=True)
class ModelSpec:
    """One architecture: its typed parameters, and functions of them (called `p` below).

    Attributes
    ----------

    Parameters
    ----------
        The class of its parameters.
    build
        (p, modalities) -> a freshly initialised network. It imports torch, when it is called.
    latent_shapes
        (p, shape) -> the latents of a volume of `shape`, as files keep them.
    published_state
        The tensors of the authors' file under the names of this network.
    divisor
        p -> what every side of a volume must be a multiple of; None where any side will do.
    bits
        (p, shape) -> bits per volume, as the network's own `bits` gives them.
    within
        (p, bits) -> the parameters, lowered to what so many bits per volume pay for.
    fit_bytes
        (p, shape, number of modalities) -> memory in bytes of the fit; None where the model isn't fitted.
    start_after
        p -> steps on volumes before its codebook starts; None where nothing starts late.
    """

    Parameters: type[Settings]
    build: "Callable[[Any, tuple[str, ...]], Autoencoder]"
    latent_shapes: Callable[[Any, Shape], LatentShapes] | None = None
    published_state: "Callable[[dict[str, Any]], dict[str, Tensor]] | None" = None
    divisor: Callable[[Any], int] | None = None
    bits: Callable[[Any, Shape], float] | None = None
    within: Callable[[Any, float], Settings] | None = None
    fit_bytes: Callable[[Any, Shape, int], int] | None = None
    start_after: Callable[[Any], int] | None = None
