"""A transform coder in 3D: cosine transform of blocks, equal steps, a range coder that knows the training volumes."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from neuroquant.config.base import Count
from neuroquant.models import fitting, grid, rates
from neuroquant.models.spec import ModelSpec

if TYPE_CHECKING:
    from neuroquant.models.autoencoder import Autoencoder

COPIES = 12
"""Float32 copies of a volume that are in memory while one is coded."""


class Parameters(rates.Rated):
    """At which rate, and in which blocks."""

    block: Literal[4, 8, 16] = Field(8, description="side of the blocks, in voxels")
    shape: tuple[()] | grid.Shape = Field((), description="sides of its volumes, in voxels; set by the fit")
    largest: Count = Field(1, description="largest number of steps of a coefficient; set by the fit")


def fit_bytes(parameters: Parameters, shape: grid.Shape, modalities: int) -> int:
    """Memory in bytes that the fit to volumes of `shape` takes."""
    return fitting.bytes_needed(shape, 0, modalities) + 4 * COPIES * shape[0] * shape[1] * shape[2]


def build(parameters: Parameters, modalities: tuple[str, ...]) -> "Autoencoder":
    """The codec; background alone until `fit`, or until its buffers are loaded."""
    from neuroquant.models.baselines.dct.network import BlockTransform

    return BlockTransform(parameters, modalities)


SPEC = ModelSpec(
    Parameters=Parameters,
    build=build,
    latent_shapes=rates.latent_shapes,
    bits=rates.bits,
    within=rates.within,
    fit_bytes=fit_bytes,
    whole_numbers=("packed",),
)
