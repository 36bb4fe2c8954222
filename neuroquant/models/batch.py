"""The images of a training step: which belong to one session, and which of these meet in a loss."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

TENSORS = ("x", "modality", "partner", "paired", "drawn")


@dataclass
class Batch:
    """Images of some sessions, those of one session in consecutive rows; a session may lack any modality.

    Attributes
    ----------
    x : (N, 1, D, H, W) in [-1, 1]; slices have one voxel along `plane`
    modality : (N,), index into the model's modalities
    partner : (N,), row of another image of the same session, -1 where there is none
    paired : (P,), the rows that have a partner, known on the host: a mask would have to wait for the device
    plane : normal of the slices, None for volumes
    sessions : number of images of each session, known on the host
    share, paired_share : what part of its step's rows, and of its step's paired rows, this batch has
    drawn : half of the paired rows, at random in a training step: of a session with an odd number of images one more or
        one less, so that every paired row is drawn with probability 1/2
    drawn_sizes : how many of each session's rows are drawn, known on the host
    """

    x: Tensor
    modality: Tensor
    partner: Tensor
    paired: Tensor
    plane: int | None
    sessions: tuple[int, ...] = ()
    share: float = 1.0
    paired_share: float = 1.0
    drawn: Tensor | None = None
    drawn_sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.drawn is None:
            self.drawn_sizes = tuple(size // 2 for size in self.sessions)
            first = accumulate(self.sessions, initial=0)
            rows = [start + row for start, half in zip(first, self.drawn_sizes, strict=False) for row in range(half)]
            self.drawn = torch.tensor(rows, dtype=torch.long, device=self.paired.device)

    def pinned(self) -> "Batch":
        """The batch in page-locked memory, from which a GPU copies while it computes."""
        return self._each(Tensor.pin_memory)

    def to(self, device: str) -> "Batch":
        """The batch on a device, images cast to float32 there."""
        there = self._each(lambda tensor: tensor.to(device, non_blocking=True))
        there.x = there.x.float()
        return there

    def split(self, parts: int) -> list["Batch"]:
        """The same sessions in order, an equal number of them in each of `parts` batches; waits for no device."""
        if parts == 1:
            return [self]
        each = len(self.sessions) // parts
        pieces, row, pair, draw = [], 0, 0, 0
        for first in range(0, len(self.sessions), each):
            chosen = slice(first, first + each)
            sessions, drawn_sizes = self.sessions[chosen], self.drawn_sizes[chosen]
            rows, pairs, draws = sum(sessions), sum(paired_rows(sessions)), sum(drawn_sizes)
            partner = self.partner[row : row + rows]
            pieces.append(
                Batch(
                    x=self.x[row : row + rows],
                    modality=self.modality[row : row + rows],
                    partner=torch.where(partner < 0, partner, partner - row),
                    paired=self.paired[pair : pair + pairs] - row,
                    plane=self.plane,
                    sessions=sessions,
                    share=self.share * rows / len(self.x),
                    paired_share=self.paired_share * pairs / max(len(self.paired), 1),
                    drawn=self.drawn[draw : draw + draws] - row,
                    drawn_sizes=drawn_sizes,
                )
            )
            row, pair, draw = row + rows, pair + pairs, draw + draws
        return pieces

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        return replace(self, **{name: change(getattr(self, name)) for name in TENSORS})


def paired_rows(sessions: tuple[int, ...] | list[int]) -> list[int]:
    """Of sessions with so many images each, the number of images that have a partner: all, but of a single one.

    Examples
    --------
    >>> paired_rows([2, 1, 3])
    [2, 0, 3]
    """
    return [size if size > 1 else 0 for size in sessions]
