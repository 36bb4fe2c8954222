"""NeuroQuant: vector-quantised autoencoders for paired T1w/T2w brain MRI, and an honest benchmark of them."""

from pathlib import Path
from typing import TYPE_CHECKING

from neuroquant.errors import InputError

if TYPE_CHECKING:
    from neuroquant.tokenizer import Tokenizer

__all__ = ["InputError", "load"]
__version__ = "0.1.0"


def load(source: Path | str, device: str = "auto", revision: str | None = None) -> "Tokenizer":
    """A trained model with `encode`, `decode` and `translate`; see `neuroquant.tokenizer.Tokenizer`.

    Parameters
    ----------
    source : a model folder, the name of a model that comes along (docs/pretrained.md), or the id of a model on the
        Hugging Face Hub (`owner/name`).
    device : "auto", "cpu" or "cuda".
    revision : of a model on the hub: a branch, a tag or a commit.
    """
    from neuroquant.tokenizer import Tokenizer  # with torch, which planning does without

    return Tokenizer.from_pretrained(source, revision=revision, device=device)
