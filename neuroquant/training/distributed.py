"""Several processes that train one model: each takes its share of every step's sessions.

Gradients are summed over flattened buckets by hand. `DistributedDataParallel` wraps `forward`, while a training step
calls `losses`, in which a model calls whichever of its parts it needs, leaves some unused on slices and weighs terms
separately: forward would have to take in the whole objective, unused parameters would have to be searched for in every
step, and its mean over processes undone. What is lost is the overlap with the backward pass.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from neuroquant.config.model import Phase
from neuroquant.errors import InputError

BUCKET = 2**24
"""Numbers that are sent at once, 64 MB of float32."""


@dataclass(frozen=True)
class World:
    """The processes of a training. For a process on its own nothing here does anything.

    Attributes
    ----------
    rank : this process, from 0.
    size : how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one process that writes."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """Which of `count` things in a row this process takes; those of all processes follow on one another."""
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def require_equal_shares(self, name: str, phases: Iterable[Phase]) -> None:
        """Refuse batches that can't be dealt out evenly.

        Raises
        ------
        InputError
            If a phase's batch isn't a multiple of processes x accumulate.
        """
        for number, phase in enumerate(phases):
            if phase.batch % (self.size * phase.accumulate):
                raise InputError(
                    f"training of {name}: training.phases[{number}]",
                    f"a batch of {phase.batch} for {self.size} processes with accumulate: {phase.accumulate}",
                    "batch, the sessions a step of all processes together, to be a multiple of processes x accumulate",
                    "change batch, accumulate or the number of processes",
                )

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Every gradient becomes the sum over all processes: that of the whole batch, as shares weigh the losses.

        Which parameters have a gradient is a matter of the step's kind alone, so it is the same in every process.
        """
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        for bucket in buckets(gradients):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            dist.all_reduce(flat)
            parts = flat.split([gradient.numel() for gradient in bucket])
            for gradient, part in zip(bucket, parts, strict=True):
                gradient.copy_(part.view_as(gradient))

    def sum_terms(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Scalars of the same names in every process, summed on the device."""
        if self.size == 1:
            return terms
        values = torch.stack([value.float() for value in terms.values()])
        dist.all_reduce(values)
        return dict(zip(terms, values.unbind(), strict=True))

    def sum_numbers(self, *numbers: float) -> list[float]:
        """Numbers of the host, summed; no GPU is waited for."""
        if self.size == 1:
            return list(numbers)
        values = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(values)
        return values.tolist()

    def most(self, number: int) -> int:
        """The largest of the processes' numbers; no GPU is waited for."""
        if self.size == 1:
            return number
        value = torch.tensor(number)
        dist.all_reduce(value, dist.ReduceOp.MAX)
        return int(value)

    def share_state(self, model: nn.Module) -> None:
        """Every process gets the leading one's weights and codebook."""
        if self.size > 1:
            for tensor in model.state_dict().values():
                dist.broadcast(tensor.view(torch.uint8) if tensor.dtype == torch.bool else tensor, 0)


ALONE = World()


def buckets(tensors: list[Tensor], most: int = BUCKET) -> list[list[Tensor]]:
    """Tensors in order, in groups of at most so many numbers, or of one tensor that has more; one dtype a group."""
    groups: list[list[Tensor]] = []
    filled = 0
    for tensor in tensors:
        if not groups or filled + tensor.numel() > most or tensor.dtype != groups[-1][0].dtype:
            groups.append([])
            filled = 0
        groups[-1].append(tensor)
        filled += tensor.numel()
    return groups


@contextmanager
def joined(device: str) -> Iterator[World]:
    """The world that torchrun describes (RANK, WORLD_SIZE, LOCAL_RANK); a process that it didn't start is alone.

    On GPUs, "cuda" means this process's own from here on. Tensors of the host always go through gloo: an exchange of a
    stop signal or of a count then doesn't wait for the GPU. A process that fails leaves at once, without the farewell:
    the others wait in an exchange that it will not join, until torchrun ends them.

    Parameters
    ----------
    device : "cpu" or "cuda".
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo")
    yield World(dist.get_rank(), dist.get_world_size())
    dist.destroy_process_group()
