"""A range coder with the frequencies of symbols that were seen before."""

from collections.abc import Sequence

import numpy as np

from neuroquant.extras import optional

with optional():
    import constriction

WORD = 32
"""Bits of a word of the coder."""


class Frequencies:
    """A range coder for symbols in groups (codebooks, channels), each with frequencies of its own.

    Parameters
    ----------
    counts : (groups, symbols), how often each symbol was seen in training. One is added to each, so that a symbol that
        was never seen can be coded too.
    """

    def __init__(self, counts: np.ndarray):
        smoothed = counts.astype(np.float64) + 1
        shares = (smoothed / smoothed.sum(1, keepdims=True)).astype(np.float32)
        self.models = [constriction.stream.model.Categorical(row, perfect=False) for row in shares]

    def encode(self, symbols: Sequence[np.ndarray]) -> np.ndarray:
        """Symbols, an array (N,) a group, as 32-bit words."""
        coder = constriction.stream.queue.RangeEncoder()
        for row, model in zip(symbols, self.models, strict=True):
            coder.encode(np.ascontiguousarray(row, np.int32), model)
        return coder.get_compressed()

    def decode(self, words: np.ndarray, counts: Sequence[int]) -> list[np.ndarray]:
        """The symbols that `encode` was given, so many of each group."""
        coder = constriction.stream.queue.RangeDecoder(words)
        return [coder.decode(model, count) for model, count in zip(self.models, counts, strict=True)]
