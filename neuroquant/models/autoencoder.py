"""The interface of every model: training and evaluation know this, and no concrete network."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

MODALITIES = ("T1w", "T2w")
"""Index of a modality in the `modality` argument of an autoencoder."""
Passes = Callable[[], Iterable[tuple[Tensor, Tensor]]]
"""Gives all training volumes anew with each call, in the same order, some at a time: x (N, 1, D, H, W) as it is stored,
and modality (N,). Sessions may lack a modality."""


@dataclass
class Output:
    """What a forward pass returns.

    Attributes
    ----------
    reconstruction : (B, 1, D, H, W)
    latents : name -> (B, C, d, h, w)
    losses : name -> scalar; the model's own terms, weighted among themselves (L_VQ, KL)
    """

    reconstruction: Tensor
    latents: dict[str, Tensor]
    losses: dict[str, Tensor]


@dataclass(frozen=True)
class Fitted:
    """What became of a fit besides the model's tensors.

    Attributes
    ----------
    parameters : the architecture's parameters that the volumes decided; the model folder's configuration has them.
    notes : sentences that whoever reads the job's log or the model's provenance should know.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Autoencoder(nn.Module, ABC):
    """A network that turns volumes in [-1, 1] into latents and back.

    Attributes
    ----------
    factor : side reduction of the latents; 0 where they have no grid.
    probe_latent : name of the latent that a probe reads unless told otherwise; empty where there are no latents.
    plane_axis : axis whose slices a slice-wise model works on; None for models of volumes.
    supports_swap : whether the model decodes one modality's anatomy with another's appearance, by `appearance` and
        `translate`.
    codebook_size : words of each of its codebooks; 0 where it has none.
    quantizer : the codebook, where there is one; its `update()` is called once a training step.
    judges : what else looks at reconstructions while it trains; not part of what is saved.
    """

    factor: int
    probe_latent: str = ""
    plane_axis: int | None = None
    supports_swap: bool = False
    codebook_size: int = 0

    def __init__(self) -> None:
        super().__init__()
        self.quantizer: nn.Module | None = None
        self.judges: nn.Module | None = None

    @abstractmethod
    def encode(self, x: Tensor, modality: Tensor) -> dict[str, Tensor]:
        """Volumes (B, 1, D, H, W) of modalities (B,) to latents, name -> (B, C, d, h, w); deterministic."""

    @abstractmethod
    def decode(self, latents: dict[str, Tensor], modality: Tensor) -> Tensor:
        """What `encode` returned, back to volumes (B, 1, D, H, W)."""

    @abstractmethod
    def forward(self, x: Tensor, modality: Tensor, plane: int | None = None) -> Output:
        """One pass for training. With `plane`, x holds slices: the side along that axis is 1."""

    @abstractmethod
    def bits(self, shape: tuple[int, int, int]) -> float:
        """Bits that one volume of `shape` costs as what `decode` needs."""

    def codes(self, latents: dict[str, Tensor]) -> Tensor | None:
        """Word of every token of what `encode` returned, (B, codebooks, tokens); None where nothing is quantised."""
        return None

    def appearance(self, latents: dict[str, Tensor]) -> Tensor:
        """Of what `encode` returned, all that says how the modality looks: (B, C); means of it are appearances too."""
        raise NotImplementedError(f"{type(self).__name__} doesn't tell anatomy from appearance")

    def translate(self, latents: dict[str, Tensor], appearance: Tensor, modality: Tensor) -> Tensor:
        """The anatomy of `latents` as volumes (B, 1, D, H, W) of other modalities (B,), which look as given (B, C)."""
        raise NotImplementedError(f"{type(self).__name__} doesn't tell anatomy from appearance")

    def prepare(self, volumes: Iterable[Tensor]) -> None:
        """Before the first step: whatever is made of training volumes (N, 1, D, H, W), rather than trained on them."""

    def fit(self, passes: Passes) -> Fitted:
        """Instead of training, in models that learn without gradients: see all training volumes, as often as needed.

        Called for rows that train nothing and begin from no weights. The same volumes give the same bytes, and memory
        doesn't grow with their number.
        """
        return Fitted()

    def units(self) -> list[nn.Module]:
        """Parts of which each is compiled by itself: what repeats, and is called through `forward`."""
        return []

    def left_to_adamw(self) -> list[nn.Module]:
        """Parts that Muon, where it trains the others, leaves to AdamW."""
        return []

    def recompute(self, what: Literal["nothing", "norms", "attention"]) -> None:
        """What the backward pass computes again rather than keeps; nothing, in models that can't."""

    def compile_units(self, backend: str = "inductor") -> None:
        """Have the units compiled when they are first called, once for volumes and once for each plane of slices.

        Names of parameters stay as they are. `backend` is one of `torch.compile`.
        """
        # units of one class share their code, and with it this limit: 12 of them, four kinds of batch, two modes
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 128)
        for unit in self.units():
            unit.compile(fullgraph=True, dynamic=False, backend=backend)

    def check_shape(self, x: Tensor, plane: int | None = None) -> None:
        """Refuse channels or sides that the network would silently change.

        Raises
        ------
        ValueError
            If x isn't (B, 1, D, H, W) or a side is no multiple of `factor` (along `plane`: not 1).
        """
        self.check_channels(x)
        for axis, side in enumerate(x.shape[2:]):
            if axis == plane and side != 1:
                raise ValueError(f"a slice along axis {axis} has one voxel there, not {side}: {tuple(x.shape)}")
            if axis != plane and axis != self.plane_axis and side % self.factor:
                raise ValueError(f"sides must be multiples of {self.factor}; axis {axis} has {side} voxels")

    @staticmethod
    def check_channels(x: Tensor) -> None:
        """Refuse what isn't (B, 1, D, H, W).

        Raises
        ------
        ValueError
            If x has other axes or channels.
        """
        if x.ndim != 5 or x.shape[1] != 1:
            raise ValueError(f"expected volumes of shape (B, 1, D, H, W), not {tuple(x.shape)}")
