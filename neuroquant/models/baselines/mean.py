"""The mean training image of each modality, whatever the volume: what a model scores that has learned nothing."""

from typing import TYPE_CHECKING

from pydantic import Field

from neuroquant.config.base import Settings
from neuroquant.models import fitting, grid
from neuroquant.models.spec import ModelSpec

if TYPE_CHECKING:
    from neuroquant.models.autoencoder import Autoencoder


class Parameters(Settings):
    """None of its own."""

    shape: tuple[()] | grid.Shape = Field((), description="sides of its volumes, in voxels; set by the fit")


def latent_shapes(parameters: Parameters, shape: grid.Shape) -> dict[str, tuple[int, ...]]:
    """No latents."""
    return {}


def bits(parameters: Parameters, shape: grid.Shape) -> float:
    """Nothing is kept of a volume."""
    return 0.0


def fit_bytes(parameters: Parameters, shape: grid.Shape, modalities: int) -> int:
    """Memory in bytes that the fit to volumes of `shape` takes."""
    return fitting.bytes_needed(shape, 0, modalities)


def build(parameters: Parameters, modalities: tuple[str, ...]) -> "Autoencoder":
    """The model; background alone until `fit`, or until its buffers are loaded."""
    from neuroquant.models.projection import Projection

    return Projection(parameters.shape, 0, modalities)


SPEC = ModelSpec(
    Parameters=Parameters,
    build=build,
    latent_shapes=latent_shapes,
    bits=bits,
    fit_bytes=fit_bytes,
)
