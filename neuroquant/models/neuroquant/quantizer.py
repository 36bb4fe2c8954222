"""The anatomical codebook: nearest code, moving averages, revival (section 3.3.1, equations 5 to 7).

Own code, not a library's: one update a step over the tokens of all passes and processes, as if they had come in one;
revival that keeps sum and count together; a start from k-means once the encoder has learned something, which takes
fewer tokens than codes; and randomness that is a function of the step alone, so that a resumed run repeats itself.
`vector-quantize-pytorch` has parts of this.
"""

from typing import Any, NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.models.codebook import kmeans


class Quantized(NamedTuple):
    """Codes of a map: `z_q` (B, C, d, h, w) with the gradient of z; `indices` (B, d, h, w); `loss`, a scalar."""

    z_q: Tensor
    indices: Tensor
    loss: Tensor


def together() -> bool:
    """Whether several processes train this codebook."""
    return dist.is_available() and dist.is_initialized()


def of_all(tokens: Tensor) -> Tensor:
    """Tokens (N, C) of every process, in the order of their ranks; N may differ among them.

    The numbers of tokens go from host to host (the group carries tensors of the CPU too), so that no GPU is waited for.
    """
    if not together():
        return tokens
    own = torch.tensor([len(tokens)])
    sizes = [torch.zeros_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(sizes, own)
    counts = [int(size) for size in sizes]
    padded = F.pad(tokens, (0, 0, 0, max(counts) - len(tokens)))
    parts = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(parts, padded)
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])


class Quantizer(nn.Module):
    """EMA vector quantiser.

    Parameters
    ----------
    size, dim : K_a and C_a.
    commitment : beta of equation 7. The first term of equation 7 is what the moving averages minimise.
    decay : of the moving averages of counts and sums.
    dead_below : share of the mean count of a code, below which a code takes the value of a recent token. A share, since
        a step may have ten tokens a code or a tenth of one.
    reservoir : recent tokens kept for the start and for revival, at most a `STEPS`-th of them of one step; 0: 8 K_a.
    start_after : steps during which tokens pass unquantised. A codebook made of an untrained encoder's tokens collapses
        to a few codes, from which it takes long to recover. With 0 it starts within the very first pass, from the
        tokens of that pass alone.
    kmeans_rounds : at the start.
    """

    STEPS = 4
    """Steps at least whose tokens the reservoir holds: one step sees a few sessions alone."""
    PER_CODE = 8
    """Tokens a code in the reservoir, unless its size is given."""
    REVIVED = 10
    """A revived code gets this many times the count at which it would be dead, and so time to win tokens."""

    embedding: Tensor
    count: Tensor
    total: Tensor
    recent: Tensor
    filled: Tensor
    started: Tensor
    updates: Tensor
    usage: Tensor
    perplexity: Tensor

    def __init__(
        self,
        size: int,
        dim: int,
        commitment: float,
        decay: float,
        dead_below: float,
        reservoir: int,
        start_after: int = 0,
        kmeans_rounds: int = 10,
    ):
        super().__init__()
        self.size, self.commitment, self.decay, self.dead_below = size, commitment, decay, dead_below
        self.start_after, self.kmeans_rounds = start_after, kmeans_rounds
        self.goes_on = self.frozen = False
        self.register_buffer("embedding", torch.zeros(size, dim))
        self.register_buffer("count", torch.zeros(size))
        self.register_buffer("total", torch.zeros(size, dim))
        self.register_buffer("recent", torch.zeros(reservoir or self.PER_CODE * size, dim))
        self.register_buffer("filled", torch.tensor(0))
        self.register_buffer("started", torch.tensor(False))
        self.register_buffer("updates", torch.tensor(0))
        # for the log alone: how often that is written must change no bit of what is saved
        self.register_buffer("usage", torch.tensor(0.0), persistent=False)
        self.register_buffer("perplexity", torch.tensor(0.0))
        self.register_buffer("step_count", torch.zeros(size), persistent=False)
        self.register_buffer("step_total", torch.zeros(size, dim), persistent=False)
        self.register_buffer("used", torch.zeros(size, dtype=torch.bool), persistent=False)
        self._started: bool | None = None  # the host's copies of `started` and `updates`: a step waits for no device
        self._updates = 0
        self._since = 0  # updates since `look_anew`
        self._tokens: list[Tensor] = []  # of the passes since the last update
        self._step_tokens = 0  # of all passes and processes of the last step

    @torch.autocast("cuda", enabled=False)
    @torch.autocast("cpu", enabled=False)
    def forward(self, z: Tensor, learn: bool = True) -> Quantized:
        """Nearest codes of z (B, C, d, h, w), distances in float32 whatever the autocast.

        Parameters
        ----------
        learn : gather the tokens for the next `update`; only ever in training mode.
        """
        z = z.float()
        tokens = z.movedim(1, -1).reshape(-1, z.shape[1])
        learn = learn and self.training
        if not self.has_started():
            if learn:
                self._tokens.append(tokens.detach())
                if self.start_after == 0:
                    self._remember()
                    self._start()
            if not self.has_started():
                nothing = torch.zeros(z.shape[0], *z.shape[2:], dtype=torch.long, device=z.device)
                return Quantized(z, nothing, z.new_zeros(()))
        indices = self.nearest(tokens)
        if learn:
            self._gather(tokens.detach(), indices)
        codes = F.embedding(indices, self.embedding).view(*z.shape[:1], *z.shape[2:], -1).movedim(-1, 1)
        loss = self.commitment * F.mse_loss(z, codes)
        return Quantized(z + (codes - z).detach(), indices.view(z.shape[0], *z.shape[2:]), loss)

    def has_started(self) -> bool:
        """Whether tokens are quantised yet; asks the device once after loading a state, never in a step."""
        if self._started is None:
            self._started, self._updates = bool(self.started), int(self.updates)
        return self._started

    def look_anew(self) -> int:
        """Begin to count the used codes anew: `usage` is the share that was used since this was last called.

        Returns
        -------
        Updates since then; of none, `usage` and `perplexity` are those of earlier steps.
        """
        since, self._since = self._since, 0
        self.used.zero_()
        return since

    def steps(self) -> int:
        """Updates so far, as the host counts them."""
        self.has_started()
        return self._updates

    def go_on(self, frozen: bool) -> None:
        """Begin a further training of a codebook that has started; a frozen one takes part and doesn't change."""
        self.goes_on, self.frozen = True, frozen

    def state_has_changed(self) -> None:
        """Call it after tensors of the state were written from outside."""
        self._started = None

    def _load_from_state_dict(self, *arguments: Any, **named: Any) -> None:
        super()._load_from_state_dict(*arguments, **named)
        self.state_has_changed()

    def nearest(self, tokens: Tensor) -> Tensor:
        """Indices (N,) of the codes nearest to tokens (N, C) (equation 6)."""
        distance = self.embedding.square().sum(1) - 2 * tokens @ self.embedding.T
        return distance.argmin(dim=1)

    @torch.no_grad()
    def update(self) -> None:
        """One step of the moving averages over all tokens since the last; call it once an optimizer step.

        Where processes train together, all of them call it: each then holds the same codebook, bit for bit.
        """
        started = self.has_started()
        self.updates.add_(1)
        self._updates += 1
        self._since += 1
        self._remember()
        if not started:
            if self._updates >= self.start_after:
                self._start()
            return
        if together():
            dist.all_reduce(self.step_count)
            dist.all_reduce(self.step_total)
        if not self.frozen:
            self.count.mul_(self.decay).add_(self.step_count, alpha=1 - self.decay)
            self.total.mul_(self.decay).add_(self.step_total, alpha=1 - self.decay)
            self._revive()
            self.embedding.copy_(self.total / self.count.clamp_min(1e-12)[:, None])
        share = self.step_count / self.step_count.sum().clamp_min(1)
        self.used.logical_or_(self.step_count > 0)
        self.usage.copy_(self.used.float().mean())
        self.perplexity.copy_(torch.exp(-(share * share.clamp_min(1e-12).log()).sum()))
        self.step_count.zero_()
        self.step_total.zero_()

    def _revive(self) -> None:
        """Dead codes take a recent token: as their value, and as their sum for the count that they are given."""
        rows, size = self.recent.shape[0], self.size
        least = self.dead_below * self.count.mean()
        pick = (torch.arange(size, device=self.recent.device) * 40503 + self.updates * 2654435761) % rows
        dead = self.count < least
        fresh = (self.REVIVED * least).expand(size)
        self.total.copy_(torch.where(dead[:, None], self.recent[pick] * fresh[:, None], self.total))
        self.count.copy_(torch.where(dead, fresh, self.count))

    @torch.no_grad()
    def _gather(self, tokens: Tensor, indices: Tensor) -> None:
        self.step_count.index_add_(0, indices, torch.ones_like(tokens[:, 0]))
        self.step_total.index_add_(0, indices, tokens)
        self._tokens.append(tokens)

    @torch.no_grad()
    def _remember(self) -> None:
        """The reservoir takes in the tokens since the last update and forgets its oldest rows.

        Of many tokens an even sample is kept, drawn from all passes and processes in their order, so that the rows
        don't depend on how a batch was cut up. Where a codebook starts within its first pass, that pass is all it has.
        """
        if not self._tokens:
            return
        tokens, rows = of_all(torch.cat(self._tokens)), self.recent.shape[0]
        self._tokens, self._step_tokens = [], len(tokens)
        most = rows if self.start_after == 0 else max(1, rows // self.STEPS)
        if len(tokens) > most:
            tokens = tokens[torch.arange(most, device=tokens.device) * len(tokens) // most]
        self.recent.copy_(torch.cat([self.recent[len(tokens) :], tokens]))
        self.filled.add_(len(tokens)).clamp_(max=rows)

    @torch.no_grad()
    def _start(self) -> None:
        """Codes from k-means on the reservoir, each the mean of two tokens or more; jittered copies of too few."""
        tokens = self.recent[-int(self.filled) :]
        generator = torch.Generator().manual_seed(self.size)
        self.embedding.copy_(kmeans(tokens, self.size, self.kmeans_rounds, generator, least=2))
        count = torch.bincount(self.nearest(tokens), minlength=self.size).to(self.count)
        if together():  # sums on a GPU differ in their last bits from one process to the next
            dist.broadcast(self.embedding, 0)
            dist.broadcast(count, 0)
        # a step's worth of them, as the moving averages hold it; a code without any is revived at the next update
        self.count.copy_((count * (self._step_tokens / len(tokens))).clamp_min(1e-6))
        self.total.copy_(self.embedding * self.count[:, None])
        rows = len(self.recent)
        self.recent.copy_(tokens[torch.arange(rows, device=tokens.device) % len(tokens)])
        self.started.fill_(True)
        self._started = True
