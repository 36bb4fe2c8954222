"""A mean image, and what a volume has along principal components: fitted to the training volumes, without gradients."""

import math
from typing import Any

import torch
from torch import Tensor

from neuroquant.models.autoencoder import Autoencoder, Fitted, Passes
from neuroquant.models.fitting import BITS
from neuroquant.models.grid import Shape
from neuroquant.models.latents import Continuous, Latents
from neuroquant.models.principal import Components, principal_components

BACKGROUND = -1.0
ROWS = 8
"""Components that are in float32 at once."""


class Projection(Autoencoder):
    """The mean training image of a volume's modality, plus its coefficients times principal components.

    Everything is kept in float16: the mean image, the components (times the root of the number of voxels, so that their
    entries are near 1) and the coefficients, which are root mean squares over a volume's voxels.

    Parameters
    ----------
    shape : sides of the volumes; empty before the fit.
    components : coefficients of a volume; 0: the mean image alone, and no latent.
    modalities : those that it has a mean image of.
    """

    factor = 0

    def __init__(self, shape: Shape | tuple[()], components: int, modalities: tuple[str, ...]):
        super().__init__()
        self.components, self.modalities = components, modalities
        self.latents_class = Continuous if components else Latents
        self.probe_latent = "z" if components else ""
        self._make_room(shape or (0, 0, 0), components)

    def _make_room(self, shape: Shape, components: int) -> None:
        self.register_buffer("mean", torch.full((len(self.modalities), *shape), BACKGROUND, dtype=torch.float16))
        if self.components:
            room = torch.zeros(len(self.modalities), components, *shape, dtype=torch.float16)
            self.register_buffer("vectors", room)

    @torch.no_grad()
    def fit(self, passes: Passes) -> Fitted:
        """Mean and components of every modality; as many of these as the volumes allow, and a note where fewer."""
        shape, fitted = principal_components(passes, len(self.modalities), self.components)
        wanted, scale = self.components, math.sqrt(math.prod(shape))
        self.components = max([1, *(len(one.vectors) for one in fitted)]) if wanted else 0
        self._make_room(shape, self.components)
        for kind, one in enumerate(fitted):
            if one.count:
                self.mean[kind] = one.mean.view(shape)
            for row, vector in enumerate(one.vectors):
                self.vectors[kind, row] = vector.view(shape) * scale
        settled: dict[str, Any] = {"shape": list(shape)}
        settled |= {"components": self.components} if wanted else {}
        return Fitted(settled, tuple(_notes(self.modalities, fitted, wanted)))

    def encode(self, x: Tensor, modality: Tensor) -> Latents:
        """(B, 1, D, H, W) to coefficients z (B, components, 1, 1, 1), rounded to float16; nothing for the mean."""
        self.check_shape(x)
        if not self.components:
            return Latents()
        coefficients = x.new_zeros(len(x), self.components)
        for index, kind in enumerate(modality.tolist()):
            apart = (x[index, 0] - self.mean[kind]).flatten()
            for first in range(0, self.components, ROWS):
                rows = self.vectors[kind, first : first + ROWS].flatten(1).float()
                coefficients[index, first : first + ROWS] = rows @ apart / rows.shape[1]
        return Continuous(coefficients.half().float()[:, :, None, None, None])

    def decode(self, latents: Latents, modality: Tensor) -> Tensor:
        """Coefficients to volumes; for the mean, which has none, the modality says all."""
        x_hat = self.mean[modality].float()
        for index, kind in enumerate(modality.tolist() if self.components else ()):
            z = latents.z[index].flatten().float()
            for first in range(0, self.components, ROWS):
                rows = self.vectors[kind, first : first + ROWS]
                x_hat[index] += torch.tensordot(z[first : first + ROWS], rows.float(), 1)
        return x_hat[:, None]

    def modality_rows(self) -> list[str]:
        """Mean images and components."""
        return ["mean", "vectors"] if self.components else ["mean"]

    def bits(self, shape: Shape) -> float:
        """16 a coefficient."""
        return float(BITS * self.components)

    def check_shape(self, x: Tensor, plane: int | None = None) -> None:
        """Refuse volumes other than those of the fit.

        Raises
        ------
        ValueError
            If x isn't (B, 1, D, H, W), with the sides that the mean image has.
        """
        self.check_channels(x)
        require_fitted_sides(x, self.mean)


def require_fitted_sides(x: Tensor, mean: Tensor) -> None:
    """Refuse volumes (B, 1, D, H, W) whose sides aren't those of the mean images (modalities, D, H, W) of a fit.

    Raises
    ------
    ValueError
        With both.
    """
    if x.shape[2:] != mean.shape[1:]:
        sides = " x ".join(map(str, mean.shape[1:]))
        state = f"was fitted to volumes of {sides} voxels" if mean.numel() else "isn't fitted yet"
        raise ValueError(f"this model {state}; these have {' x '.join(map(str, x.shape[2:]))}")


def _notes(modalities: tuple[str, ...], fitted: list[Components], wanted: int) -> list[str]:
    """A sentence for each modality that has too few volumes."""
    notes = []
    for name, one in zip(modalities, fitted, strict=True):
        volumes = f"{one.count} training volume{'' if one.count == 1 else 's'} of {name}"
        if not one.count:
            notes.append(f"there is no training volume of {name}, so its mean image is empty")
        elif len(one.vectors) < wanted:
            has = f"{'has' if one.count == 1 else 'have'} {len(one.vectors)} principal component"
            has += "" if len(one.vectors) == 1 else "s"
            notes.append(f"parameters.components: {wanted} are asked for, but {volumes} {has}, which are used")
    return notes
