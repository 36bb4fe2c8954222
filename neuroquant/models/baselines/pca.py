"""Principal components of the training volumes of each modality: the best linear model of so many numbers."""

from typing import TYPE_CHECKING

from pydantic import Field

from neuroquant.config.base import Count, Settings
from neuroquant.models import fitting, grid
from neuroquant.models.spec import ModelSpec

if TYPE_CHECKING:
    from neuroquant.models.autoencoder import Autoencoder


class Parameters(Settings):
    """How many."""

    components: Count = Field(
        64,
        description="principal components, 16 bits each; lowered, when the experiment is read, to what the bits of its "
        "full model (the first of figure4.models) pay for, and by the fit to one less than there are training volumes",
    )
    shape: tuple[()] | grid.Shape = Field((), description="sides of its volumes, in voxels; set by the fit")


def latent_shapes(parameters: Parameters, shape: grid.Shape) -> dict[str, tuple[int, ...]]:
    """One latent, the coefficients as channels: name -> (C, d, h, w)."""
    return {"z": (parameters.components, 1, 1, 1)}


def bits(parameters: Parameters, shape: grid.Shape) -> float:
    """Float16 coefficients."""
    return float(fitting.BITS * parameters.components)


def within(parameters: Parameters, bits: float) -> Parameters:
    """No more components than so many bits pay for; one at least."""
    most = max(1, int(bits // fitting.BITS))
    return parameters.model_copy(update={"components": min(parameters.components, most)})


def fit_bytes(parameters: Parameters, shape: grid.Shape, modalities: int) -> int:
    """Memory in bytes that the fit to volumes of `shape` takes."""
    return fitting.bytes_needed(shape, parameters.components, modalities)


def build(parameters: Parameters, modalities: tuple[str, ...]) -> "Autoencoder":
    """The model; background alone until `fit`, or until its buffers are loaded."""
    from neuroquant.models.projection import Projection

    return Projection(parameters.shape, parameters.components, modalities)


SPEC = ModelSpec(
    Parameters=Parameters,
    build=build,
    latent_shapes=latent_shapes,
    bits=bits,
    within=within,
    fit_bytes=fit_bytes,
)
