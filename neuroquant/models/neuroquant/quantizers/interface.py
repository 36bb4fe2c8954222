"""What every quantiser offers: a map of latents to codes and back, with the numbers that the training log shows."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Quantized(NamedTuple):
    """Codes of a map.

    Attributes
    ----------
    z_q : (B, C, d, h, w), with a gradient for z
    indices : (B, codebooks, d, h, w)
    loss : scalar, L_VQ; 0 where there is none
    """

    z_q: Tensor
    indices: Tensor
    loss: Tensor


def together() -> bool:
    """Whether several processes train this quantiser."""
    return dist.is_available() and dist.is_initialized()


def as_map(tokens: Tensor, z: Tensor) -> Tensor:
    """Rows of tokens (N, K) as a map (B, K, d, h, w) on the grid of z (B, C, d, h, w)."""
    return tokens.view(*z.shape[:1], *z.shape[2:], -1).movedim(-1, 1)


class Quantizer(nn.Module, ABC):
    """A quantiser of maps.

    Here are the count of steps and the use of codes, which all kinds have. A kind that learns its codes by itself does
    so in `adapt`; one that has no codes to learn or that learns them by gradients leaves it out.

    Parameters
    ----------
    size : codes of each codebook.
    codebooks : indices that a token has.
    start_after : steps on volumes during which tokens pass unquantised; None where it quantises from the first step.
    """

    REVIVES: ClassVar[bool] = False
    """Whether codes that get no tokens are moved to where tokens are."""

    updates: Tensor
    usage: Tensor
    perplexity: Tensor
    step_count: Tensor
    used: Tensor

    def __init__(self, size: int, codebooks: int = 1, start_after: int | None = None):
        super().__init__()
        self.size, self.codebooks, self.start_after = size, codebooks, start_after
        self.goes_on = self.frozen = False
        self.register_buffer("updates", torch.tensor(0))
        # for the log alone: how often that is written must change no bit of what is saved
        self.register_buffer("usage", torch.tensor(0.0), persistent=False)
        self.register_buffer("perplexity", torch.tensor(0.0))
        combinations = size**codebooks
        self.register_buffer("step_count", torch.zeros(combinations), persistent=False)
        self.register_buffer("used", torch.zeros(combinations, dtype=torch.bool), persistent=False)
        # the host's copies of whether it has started and of `updates`: a step waits for no device
        self._started: bool | None = None
        self._updates = 0
        self._since = 0  # updates since `look_anew`

    @torch.autocast("cuda", enabled=False)
    @torch.autocast("cpu", enabled=False)
    def forward(self, z: Tensor, learn: bool = True) -> Quantized:
        """Codes of z (B, C, d, h, w), in float32 whatever the autocast.

        Parameters
        ----------
        learn : gather what the next `update` learns from; only ever in training mode.
        """
        z = z.float()
        tokens = z.movedim(1, -1).reshape(-1, z.shape[1])
        learn = learn and self.training
        if not self.ready(tokens.detach(), learn):
            nothing = torch.zeros(z.shape[0], self.codebooks, *z.shape[2:], dtype=torch.long, device=z.device)
            return Quantized(z, nothing, z.new_zeros(()))
        return self.quantise(z, tokens, learn)

    @abstractmethod
    def quantise(self, z: Tensor, tokens: Tensor, learn: bool) -> Quantized:
        """Codes of z (B, C, d, h, w), whose tokens are (N, C); `learn` is true in training mode alone."""

    @abstractmethod
    def vectors(self, indices: Tensor) -> Tensor:
        """What indices (N, codebooks) stand for: (N, C)."""

    def decode(self, indices: Tensor) -> Tensor:
        """z_q (B, C, d, h, w) of indices (B, codebooks, d, h, w)."""
        return as_map(self.vectors(indices.movedim(1, -1).reshape(-1, self.codebooks)), indices)

    def ready(self, tokens: Tensor, learn: bool) -> bool:
        """Whether tokens (N, C) are to be quantised; a kind that starts late may begin with them."""
        return self.has_started()

    def adapt(self, started: bool) -> None:
        """A step's learning without gradients; none by default.

        Parameters
        ----------
        started : whether it had started before this step.
        """

    def has_started(self) -> bool:
        """Whether tokens are quantised yet; asks the device once after loading a state, never in a step."""
        if self._started is None:
            self._started, self._updates = self._begun(), int(self.updates)
        return self._started

    def _begun(self) -> bool:
        """What the state says of that."""
        return True

    def steps(self) -> int:
        """Updates so far, as the host counts them."""
        self.has_started()
        return self._updates

    def look_anew(self) -> int:
        """Begin to count the used codes anew: `usage` is the share that was used since this was last called.

        Returns
        -------
        Updates since then; of none, `usage` and `perplexity` are those of earlier steps.
        """
        since, self._since = self._since, 0
        self.used.zero_()
        return since

    def begin_after(self, steps: int) -> None:
        """Another number of steps before it starts, for one that starts late and hasn't."""
        self.start_after = steps

    def go_on(self, frozen: bool) -> None:
        """Begin a further training of a quantiser that has started; the codes of a frozen one don't change."""
        self.goes_on, self.frozen = True, frozen

    def state_has_changed(self) -> None:
        """Call it after tensors of the state were written from outside."""
        self._started = None

    def _load_from_state_dict(self, *arguments: Any, **named: Any) -> None:
        super()._load_from_state_dict(*arguments, **named)
        self.state_has_changed()

    @torch.no_grad()
    def update(self) -> None:
        """The end of a step on volumes: learn from its tokens, and see how many codes they used.

        Where processes train together, all of them call it: each then holds the same codes, bit for bit.
        """
        started = self.has_started()
        self.updates.add_(1)
        self._updates += 1
        self._since += 1
        if started and together():
            dist.all_reduce(self.step_count)
        self.adapt(started)
        if started:
            self._take_stock()

    def _take_stock(self) -> None:
        share = self.step_count / self.step_count.sum().clamp_min(1)
        self.used.logical_or_(self.step_count > 0)
        self.usage.copy_(self.used.float().mean())
        self.perplexity.copy_(torch.exp(-(share * share.clamp_min(1e-12).log()).sum()))
        self.step_count.zero_()

    @torch.no_grad()
    def note(self, indices: Tensor) -> None:
        """Count the codes of indices (N, codebooks) for the log: of several codebooks, their combinations."""
        whole = sum(indices[:, book] * self.size**book for book in range(self.codebooks))
        self.step_count.index_add_(0, whole, torch.ones_like(whole, dtype=self.step_count.dtype))
