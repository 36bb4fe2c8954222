"""Residual quantisation (Lee et al. 2022): stages of smaller codebooks, each for what those before it left."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neuroquant.models.neuroquant import Parameters
from neuroquant.models.neuroquant.quantizers.ema import EMA
from neuroquant.models.neuroquant.quantizers.interface import Quantized, Quantizer, as_map
from neuroquant.models.neuroquant.quantizers.rotation import passed_through


class Residual(Quantizer):
    """Several codebooks of moving averages, an index of each per token; its code is the sum of theirs.

    All stages start at once: the first from tokens, each further one from what the one before leaves of them. L_VQ is
    the sum of the stages' losses. Revival is each stage's own, from its own residuals.
    """

    REVIVES = True

    def __init__(self, parameters: Parameters):
        size, stages = parameters.codebooks
        super().__init__(size, stages, parameters.start_after)
        self.commitment, self.rotation = parameters.commitment, parameters.quantizer.rotation
        self.stages = nn.ModuleList(EMA(parameters, size) for _ in range(stages))

    def quantise(self, z: Tensor, tokens: Tensor, learn: bool) -> Quantized:
        """The sum of the stages' codes."""
        left, indices, codes = tokens.detach(), [], torch.zeros_like(z)
        losses = []
        for stage in self.stages:
            indices.append(stage.looked_up(left, learn))
            vectors = F.embedding(indices[-1], stage.embedding)
            left, codes = left - vectors, codes + as_map(vectors, z)
            losses.append(F.mse_loss(z, codes))
        indices = torch.stack(indices, 1)
        if learn:
            self.note(indices)
        loss = self.commitment * torch.stack(losses).sum()
        return Quantized(passed_through(z, codes, self.rotation), as_map(indices, z), loss)

    def vectors(self, indices: Tensor) -> Tensor:
        """Sums of rows of the stages' codebooks."""
        return sum(F.embedding(indices[:, number], stage.embedding) for number, stage in enumerate(self.stages))

    def ready(self, tokens: Tensor, learn: bool) -> bool:
        """Whether the stages have started; the first keeps tokens until then, and may start with these."""
        if not self.has_started() and self.stages[0].ready(tokens, learn):
            self._start_the_others()
        return self.has_started()

    def _begun(self) -> bool:
        return all(stage.has_started() for stage in self.stages)

    def adapt(self, started: bool) -> None:
        """One step of every stage's moving averages, or the start of all."""
        for stage in self.stages if started else self.stages[:1]:
            stage.update()
        if not started and self.stages[0].has_started():
            self._start_the_others()

    @torch.no_grad()
    def _start_the_others(self) -> None:
        for stage, after in pairwise(self.stages):
            tokens = stage.recent[: int(stage.filled)]
            left = tokens - F.embedding(stage.nearest(tokens), stage.embedding)
            after.filled.copy_(stage.filled)
            after.start_from(left, stage._step_tokens)
            after._step_tokens = stage._step_tokens
        self._started = True

    def begin_after(self, steps: int) -> None:
        """The first stage decides when all start."""
        super().begin_after(steps)
        self.stages[0].begin_after(steps)

    def go_on(self, frozen: bool) -> None:
        """As for a single codebook, for each stage."""
        super().go_on(frozen)
        for stage in self.stages:
            stage.go_on(frozen)
