"""Latents as typed objects: every model declares its own tensors, and nobody else reads them by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Self

from torch import Tensor


@dataclass(frozen=True)
class Latents:
    """What `encode` returns of B images; without fields, nothing.

    A model's own subclass declares its tensors as fields, each (B, C, d, h, w), in the order in which files keep them.
    A field that defaults to None may be absent.

    Attributes
    ----------
    ANATOMY, APPEARANCE : names of the fields that should hold only the one or only the other, for models that tell the
        two apart; how well they do is measured on these.
    CODES : name of the field that holds indices of codes on a grid; empty where there is none.
    PARTS : part, as `probe.inputs` names them -> its fields, of one grid, which a probe reads joined along channels.
        The mean over positions is taken of those of `modality_code`.
    """

    ANATOMY: ClassVar[tuple[str, ...]] = ()
    APPEARANCE: ClassVar[tuple[str, ...]] = ()
    CODES: ClassVar[str] = ""
    PARTS: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @classmethod
    def of(cls, arrays: Mapping[str, Tensor]) -> Self:
        """The latents of what `arrays` once gave.

        Raises
        ------
        TypeError
            If a tensor is missing, or has a name that the model doesn't know.
        """
        return cls(**arrays)

    def arrays(self) -> dict[str, Tensor]:
        """Name -> tensor (B, C, d, h, w), as files keep them."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: tensor for name, tensor in tensors.items() if tensor is not None}

    def each(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same latents with every tensor changed: some of the images, another device."""
        return type(self)(**{name: change(tensor) for name, tensor in self.arrays().items()})


@dataclass(frozen=True)
class Continuous(Latents):
    """One latent of numbers, which most autoencoders have.

    Attributes
    ----------
    z : (B, C, d, h, w)
    """

    z: Tensor
