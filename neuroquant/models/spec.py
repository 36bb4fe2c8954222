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
    """One architecture: its typed parameters, and functions of them (called `p` below)."""

    Parameters: type[Settings]
    build: "Callable[[Any, tuple[str, ...]], Autoencoder]"
    """(p, modalities) -> a freshly initialised network. It imports torch, when it is called."""
    latent_shapes: Callable[[Any, Shape], LatentShapes] | None = None
    """(p, shape) -> the latents of a volume of `shape`, as files keep them."""
    published_state: "Callable[[dict[str, Any]], dict[str, Tensor]] | None" = None
    """The tensors of the authors' file under the names of this network."""
    divisor: Callable[[Any], int] | None = None
    """p -> what every side of a volume must be a multiple of; None where any side will do."""
    bits: Callable[[Any, Shape], float] | None = None
    """(p, shape) -> bits per volume, as the network's own `bits` gives them."""
    within: Callable[[Any, float], Settings] | None = None
    """(p, bits) -> the parameters, lowered to what so many bits per volume pay for."""
    fit_bytes: Callable[[Any, Shape, int], int] | None = None
    """(p, shape, number of modalities) -> memory in bytes of the fit; None where the model isn't fitted."""
    whole_numbers: tuple[str, ...] = ()
    """Names of latents that files keep as int32; the others are float16."""
    start_after: Callable[[Any], int] | None = None
    """p -> steps on volumes before its codebook starts; None where nothing starts late."""
