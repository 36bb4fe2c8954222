"""JPEG 2000 (ISO/IEC 15444-1) at a stated rate: all slices of a volume side by side, as one picture of grey values."""

from typing import TYPE_CHECKING

from pydantic import Field

from neuroquant.models import rates
from neuroquant.models.spec import ModelSpec

if TYPE_CHECKING:
    from neuroquant.models.autoencoder import Autoencoder


class Parameters(rates.Rated):
    """At which rate, and which slices."""

    axis: int = Field(2, ge=0, le=2, description="axis that is sliced: 2 is axial")


def build(parameters: Parameters, modalities: tuple[str, ...]) -> "Autoencoder":
    """The codec; it has nothing to learn."""
    from neuroquant.models.baselines.jpeg2000.network import Jpeg2000

    return Jpeg2000(rates.most_bytes(parameters.kbit), parameters.axis)


SPEC = ModelSpec(
    Parameters=Parameters,
    build=build,
    latent_shapes=rates.latent_shapes,
    bits=rates.bits,
    within=rates.within,
    whole_numbers=("packed",),
)
