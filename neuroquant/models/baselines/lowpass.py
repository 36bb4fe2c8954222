"""What the metrics say of doing nothing: the volume itself, or its means over cubes, interpolated back."""

from typing import TYPE_CHECKING

from pydantic import Field

from neuroquant.config.base import Count, Settings
from neuroquant.models import grid

if TYPE_CHECKING:
    from neuroquant.models.autoencoder import Autoencoder


class Parameters(Settings):
    """By how much."""

    factor: Count = Field(8, description="side of the cubes, in voxels; 1: the identity")


def latent_shapes(parameters: Parameters, shape: grid.Shape) -> dict[str, tuple[int, ...]]:
    """Latents of a volume of `shape`: name -> (C, d, h, w)."""
    return {"z": (1, *grid.of_volume(shape, parameters.factor))}


def divisor(parameters: Parameters) -> int:
    """What the sides of volumes must be multiples of."""
    return parameters.factor


def bits(parameters: Parameters, shape: grid.Shape) -> float:
    """Float32 latents, as `decode` is given them."""
    return grid.float_bits(latent_shapes(parameters, shape))


def build(parameters: Parameters) -> "Autoencoder":
    """The row; it has nothing to learn."""
    import torch
    import torch.nn.functional as F
    from torch import Tensor

    from neuroquant.models.autoencoder import Autoencoder, Output

    side = parameters.factor

    class LowPass(Autoencoder):
        """Means over cubes as the latent, trilinear interpolation as the decoder."""

        factor, probe_latent = side, "z"

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("side", torch.tensor(side))

        def encode(self, x: Tensor, modality: Tensor) -> dict[str, Tensor]:
            """(B, 1, D, H, W) to means over cubes."""
            self.check_shape(x)
            return {"z": F.avg_pool3d(x, side)}

        def decode(self, latents: dict[str, Tensor], modality: Tensor) -> Tensor:
            """Means over cubes to volumes."""
            if side == 1:
                return latents["z"]
            return F.interpolate(latents["z"], scale_factor=float(side), mode="trilinear", align_corners=False)

        def forward(self, x: Tensor, modality: Tensor, plane: int | None = None) -> Output:
            """There and back."""
            found = self.encode(x, modality)
            return Output(self.decode(found, modality), found, {})

        def bits(self, shape: tuple[int, int, int]) -> float:
            """Float32 means, as `decode` is given them."""
            return bits(parameters, shape)

    return LowPass()
