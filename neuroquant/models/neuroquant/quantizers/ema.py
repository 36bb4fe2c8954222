"""The anatomical codebook: nearest code, moving averages, revival (section 3.3.1, equations 5 to 7).

Own code, not a library's: one update a step over the tokens of all passes and processes, as if they had come in one;
revival that keeps sum and count together; a start from k-means once the encoder has learned something, which takes
fewer tokens than codes; and randomness that is a function of the step alone, so that a resumed run repeats itself.
`vector-quantize-pytorch` has parts of this; tests compare those.
"""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from neuroquant.models.codebook import kmeans
from neuroquant.models.neuroquant import Parameters
from neuroquant.models.neuroquant.quantizers.interface import Quantized, Quantizer, as_map, together
from neuroquant.models.neuroquant.quantizers.rotation import passed_through


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


class EMA(Quantizer):
    """EMA vector quantiser.

    What it takes of the model's parameters:

    - `commitment`: beta of equation 7. The first term of equation 7 is what the moving averages minimise.
    - `ema_decay`: of the moving averages of counts and sums.
    - `dead_below`: share of the mean count of a code, below which a code takes the value of a recent token. A share,
      since a step may have ten tokens a code or a tenth of one.
    - `reservoir`: recent tokens kept for the start and for revival, at most a `STEPS`-th of them of one step; 0: 8 per
      code.
    - `start_after`: steps during which tokens pass unquantised. A codebook made of an untrained encoder's tokens
      collapses to a few codes, from which it takes long to recover. With 0 it starts within the very first pass, from
      the tokens of that pass alone.
    - `kmeans_rounds`: at the start.

    Parameters
    ----------
    size : K_a; None: the model's `codebook_size`.
    """

    STEPS = 4
    """Steps at least whose tokens the reservoir holds: one step sees a few sessions alone."""
    PER_CODE = 8
    """Tokens a code in the reservoir, unless its size is given."""
    REVIVED = 10
    """A revived code gets this many times the count at which it would be dead, and so time to win tokens."""
    REVIVES = True

    embedding: Tensor
    count: Tensor
    total: Tensor
    recent: Tensor
    filled: Tensor
    started: Tensor

    def __init__(self, parameters: Parameters, size: int | None = None):
        size, dim = size or parameters.codebook_size, parameters.code_dim
        super().__init__(size, start_after=parameters.start_after)
        self.commitment, self.rotation = parameters.commitment, parameters.quantizer.rotation
        self.decay, self.dead_below = parameters.ema_decay, parameters.dead_below
        self.kmeans_rounds = parameters.kmeans_rounds
        self.register_buffer("embedding", torch.zeros(size, dim))
        self.register_buffer("count", torch.zeros(size))
        self.register_buffer("total", torch.zeros(size, dim))
        self.register_buffer("recent", torch.zeros(parameters.reservoir or self.PER_CODE * size, dim))
        self.register_buffer("filled", torch.tensor(0))
        self.register_buffer("started", torch.tensor(False))
        self.register_buffer("step_total", torch.zeros(size, dim), persistent=False)
        self._tokens: list[Tensor] = []  # of the passes since the last update
        self._step_tokens = 0  # of all passes and processes of the last step

    def quantise(self, z: Tensor, tokens: Tensor, learn: bool) -> Quantized:
        """Nearest codes, and the second term of equation 7."""
        indices = self.looked_up(tokens.detach(), learn)
        codes = as_map(F.embedding(indices, self.embedding), z)
        loss = self.commitment * F.mse_loss(z, codes)
        return Quantized(passed_through(z, codes, self.rotation), as_map(indices[:, None], z), loss)

    def vectors(self, indices: Tensor) -> Tensor:
        """Rows of the codebook."""
        return F.embedding(indices[:, 0], self.embedding)

    def looked_up(self, tokens: Tensor, learn: bool) -> Tensor:
        """Indices (N,) of tokens (N, C), which are gathered for the next update where it may learn from them."""
        indices = self.nearest(tokens)
        if learn:
            self._gather(tokens, indices)
        return indices

    def ready(self, tokens: Tensor, learn: bool) -> bool:
        """Whether it has started; until then tokens to learn from are kept for the start."""
        if not self.has_started() and learn:
            self._tokens.append(tokens)
            if self.start_after == 0:
                self._remember()
                self._start()
        return self.has_started()

    def _begun(self) -> bool:
        return bool(self.started)

    def nearest(self, tokens: Tensor) -> Tensor:
        """Indices (N,) of the codes nearest to tokens (N, C) (equation 6)."""
        distance = self.embedding.square().sum(1) - 2 * tokens @ self.embedding.T
        return distance.argmin(dim=1)

    def adapt(self, started: bool) -> None:
        """One step of the moving averages over all tokens since the last, or the start, if it is time."""
        self._remember()
        if not started:
            if self._updates >= self.start_after:
                self._start()
            return
        if together():
            dist.all_reduce(self.step_total)
        if not self.frozen:
            self.count.mul_(self.decay).add_(self.step_count, alpha=1 - self.decay)
            self.total.mul_(self.decay).add_(self.step_total, alpha=1 - self.decay)
            self._revive()
            self.embedding.copy_(self.total / self.count.clamp_min(1e-12)[:, None])
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
        self.note(indices[:, None])
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

    def _start(self) -> None:
        self.start_from(self.recent[-int(self.filled) :], self._step_tokens)

    @torch.no_grad()
    def start_from(self, tokens: Tensor, step_tokens: int) -> None:
        """Codes from k-means on tokens (N, C), each the mean of two tokens or more; jittered copies of too few.

        The tokens fill the reservoir.

        Parameters
        ----------
        step_tokens : how many tokens a step has.
        """
        generator = torch.Generator().manual_seed(self.size)
        self.embedding.copy_(kmeans(tokens, self.size, self.kmeans_rounds, generator, least=2))
        count = torch.bincount(self.nearest(tokens), minlength=self.size).to(self.count)
        if together():  # sums on a GPU differ in their last bits from one process to the next
            dist.broadcast(self.embedding, 0)
            dist.broadcast(count, 0)
        # a step's worth of them, as the moving averages hold it; a code without any is revived at the next update
        self.count.copy_((count * (step_tokens / len(tokens))).clamp_min(1e-6))
        self.total.copy_(self.embedding * self.count[:, None])
        rows = len(self.recent)
        self.recent.copy_(tokens[torch.arange(rows, device=tokens.device) % len(tokens)])
        self.started.fill_(True)
        self._started = True
