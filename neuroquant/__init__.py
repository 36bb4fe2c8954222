"""NeuroQuant: vector-quantised autoencoders for paired T1w/T2w brain MRI, and an honest benchmark of them."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neuroquant.tokenizer import Tokenizer

__version__ = "0.1.0"


def load(folder: Path | str, device: str = "auto") -> "Tokenizer":
    """A trained model with `encode`, `decode` and `translate`; see `neuroquant.tokenizer.Tokenizer`."""
    from neuroquant.tokenizer import Tokenizer  # with torch, which planning does without

    return Tokenizer(folder, device)
