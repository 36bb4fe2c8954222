"""The interface of every model: training and evaluation know this, and no concrete network."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.model import Objective
from neuroquant.models.batch import Batch
from neuroquant.models.latents import Continuous, Latents
from neuroquant.models.losses import reconstruction

Passes = Callable[[], Iterable[tuple[Tensor, Tensor]]]
"""Gives all training volumes anew with each call, in the same order, some at a time: x (N, 1, D, H, W) as it is stored,
and modality (N,). Sessions may lack a modality."""


@dataclass
class Output:
    """What a forward pass returns.

    Attributes
    ----------
    reconstruction : (B, 1, D, H, W)
    latents : as `encode` gives them
    losses : name -> scalar; the model's own terms, weighted among themselves (L_VQ, KL)
    """

    reconstruction: Tensor
    latents: Latents
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


class Swaps(ABC):
    """A model that tells anatomy from appearance; an `Autoencoder` that can do so inherits from this as well."""

    @abstractmethod
    def appearance(self, latents: Latents) -> Tensor:
        """How the images of `latents` look, without their anatomy: (B, C). Means of such vectors are valid too."""

    @abstractmethod
    def translate(self, latents: Latents, appearance: Tensor, modality: Tensor) -> Tensor:
        """The anatomy of `latents` as volumes (B, 1, D, H, W) of modalities (B,) with an appearance (B, C)."""


class Autoencoder(nn.Module, ABC):
    """A network that turns volumes in [-1, 1] into latents and back.

    Attributes
    ----------
    modalities : BIDS suffixes of its images; an argument `modality` is an index into them.
    latents_class : the class of what `encode` returns.
    factor : side reduction of the latents; 0 where they have no grid.
    probe_latent : name of the latent that a probe reads unless told otherwise; empty where there are no latents.
    plane_axis : axis whose slices a slice-wise model works on; None for models of volumes.
    codebook_size : number of tokens in each of its codebooks; 0 where it has none.
    judges : networks that look at reconstructions while it trains; not part of what is saved.
    """

    modalities: tuple[str, ...] = DEFAULT_MODALITIES
    latents_class: type[Latents] = Continuous
    factor: int
    probe_latent: str = ""
    plane_axis: int | None = None
    codebook_size: int = 0

    def __init__(self) -> None:
        super().__init__()
        self.judges: nn.Module | None = None

    @property
    def start_after(self) -> int | None:
        """Steps on volumes after which its codebook starts, so that the decoder is given other latents than before.

        The learning rate then warms up once more. None where nothing starts late.
        """
        return None

    @abstractmethod
    def encode(self, x: Tensor, modality: Tensor) -> Latents:
        """Volumes (B, 1, D, H, W) of modalities (B,) to latents; deterministic."""

    @abstractmethod
    def decode(self, latents: Latents, modality: Tensor) -> Tensor:
        """What `encode` returned, back to volumes (B, 1, D, H, W)."""

    def forward(self, x: Tensor, modality: Tensor, plane: int | None = None) -> Output:
        """One pass for training. With `plane`, x holds slices: the side along that axis is 1.

        By default there and back, without terms of the model's own, for models of volumes.

        Raises
        ------
        ValueError
            If a model of volumes is given slices.
        """
        if plane is not None:
            raise ValueError(f"{type(self).__name__} takes volumes, not slices: use phases of mode 3d")
        latents = self.encode(x, modality)
        return Output(self.decode(latents, modality), latents, {})

    @abstractmethod
    def bits(self, shape: tuple[int, int, int]) -> float:
        """Bits that one volume of `shape` costs as what `decode` needs."""

    def losses(self, batch: Batch, weights: Objective) -> dict[str, Tensor]:
        """Named terms of the loss of a batch, each a weighted scalar; their sum is what is minimised.

        By default the reconstruction, and the model's own terms times `weights.regulariser`. A batch may be a piece of
        a step's sessions: each term is a mean over its images, times its share of the step's, so that the terms of all
        pieces, and their gradients, add up to those of the whole.
        """
        output = self(batch.x, batch.modality, plane=batch.plane)
        terms = reconstruction(output.reconstruction, batch.x, weights, self.judges)
        terms |= {name: weights.regulariser * value for name, value in output.losses.items()}
        return {name: value * batch.share for name, value in terms.items()}

    def after_step(self, plane: int | None) -> None:
        """After each optimizer step, on volumes or on slices with normal `plane`: what isn't learned by gradients."""

    def facts(self) -> dict[str, float]:
        """Numbers for the training log beside the losses, of the steps since this was last called."""
        return {}

    def check_log(self, where: str, rows: list[dict[str, Any]]) -> None:
        """Stop a training that has failed in a way that only this model knows, by its log.

        Parameters
        ----------
        where : names the training in the error.
        rows : the log so far, each with step, mode and what `facts` gave.

        Raises
        ------
        InputError
            If it has failed, saying what to try.
        """

    def modality_rows(self) -> list[str]:
        """Names of tensors of the state whose first axis counts modalities."""
        return []

    def codes(self, latents: Latents) -> Tensor | None:
        """Index of every token of what `encode` returned, (B, codebooks, tokens); None where nothing is quantised."""
        return None

    def coded_bits(self, latents: Latents) -> Tensor | None:
        """Bits of each image's latents, (B,), where these are the code of a codec; None where they are to be coded."""
        return None

    def prepare(self, volumes: Iterable[Tensor]) -> None:
        """Before the first step: whatever is made of training volumes (N, 1, D, H, W), rather than trained on them."""

    def go_on(self, codebook: Literal["keep", "adapt"]) -> None:
        """Before a model whose weights have been trained already is trained on: what doesn't begin anew.

        Parameters
        ----------
        codebook : whether a codebook stays as it is, or goes on learning.
        """

    def fit(self, passes: Passes) -> Fitted:
        """Instead of training, in models that learn without gradients: see all training volumes, as often as needed.

        Called for models that train nothing and begin from no weights. The same volumes give the same bytes, and memory
        doesn't grow with their number.
        """
        return Fitted()

    def units(self, what: Literal["norms", "blocks"]) -> list[nn.Module]:
        """Parts that are compiled separately: those that repeat and are called through `forward`."""
        return []

    def left_to_adamw(self) -> list[nn.Module]:
        """Parts that Muon, where it trains the others, leaves to AdamW."""
        return []

    def recompute(self, what: Literal["nothing", "norms", "attention"]) -> None:
        """What the backward pass computes again rather than keeps; nothing, in models that can't."""

    def compile_units(self, what: Literal["nothing", "norms", "blocks"], backend: str = "inductor") -> None:
        """Have the units compiled when they are first called, once for volumes and once for each plane of slices.

        Names of parameters stay as they are. `backend` is one of `torch.compile`.
        """
        if what == "nothing":
            return
        # units of one class share their code, and with it this limit: 12 of them, four kinds of batch, two modes
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 128)
        for unit in self.units(what):
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
