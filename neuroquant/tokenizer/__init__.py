"""A trained model for whoever wants its tokens: scans in, tokens out, and back onto the scans' own grids.

    import neuroquant

    model = neuroquant.load("results/demo/models/neuroquant")
    tokens = model.encode("sub-01_T1w.nii.gz")
    again = model.decode(tokens)  # a nibabel image

Scans are prepared as the model's training images were: RAS+, brain box, padding, intensities (docs/cohorts.md).
"""

from neuroquant.tokenizer.given import modality_of, stem_of
from neuroquant.tokenizer.tokenizer import Tokenizer
from neuroquant.tokenizer.tokens import MASK, Tokens, read_tokens

__all__ = ["MASK", "Tokenizer", "Tokens", "modality_of", "read_tokens", "stem_of"]
