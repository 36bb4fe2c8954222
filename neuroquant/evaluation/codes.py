"""Which codes of a codebook a set of images uses."""

from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from neuroquant.files import write_tsv
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.tables import CODES


class Counter:
    """Counts the codes of a model's codebooks that are used, each modality separately."""

    def __init__(self, model: Autoencoder):
        self.model = model
        self.counts: dict[tuple[int, int], np.ndarray] = {}

    def count(self, codes: Tensor | None, modality: Tensor) -> None:
        """Add the codes, as `Autoencoder.codes` gives them, of images of modalities (B,)."""
        if codes is None:
            return
        for image, kind in zip(codes.cpu().numpy(), modality.tolist(), strict=True):
            for codebook, words in enumerate(image):
                uses = np.bincount(words, minlength=self.model.codebook_size)
                self.counts[kind, codebook] = self.counts.get((kind, codebook), 0) + uses

    def total(self) -> np.ndarray | None:
        """Uses of every code, (codebooks, K), of all modalities; None where nothing is quantised, or not yet."""
        if not self.counts:
            return None
        total = np.zeros((1 + max(codebook for _, codebook in self.counts), self.model.codebook_size), np.int64)
        for (_, codebook), uses in self.counts.items():
            total[codebook] += uses
        return total

    def write(self, cohort: str, name: str, out_tsv: Path) -> None:
        """A row per modality, codebook and code that was used; none where nothing is quantised."""
        rows = [
            (cohort, name, self.model.modalities[kind], codebook, self.model.codebook_size, code, counts[code])
            for (kind, codebook), counts in sorted(self.counts.items())
            for code in np.flatnonzero(counts)
        ]
        write_tsv(pd.DataFrame(rows, columns=CODES), out_tsv)
