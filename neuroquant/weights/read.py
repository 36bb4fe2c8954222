"""Files of weights, read without running anything that they may carry."""

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from neuroquant.errors import InputError

UNREADABLE = (
    OSError,
    SafetensorError,
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
)
"""What the readers raise on files that they can't make sense of."""


def read_state(path: Path) -> dict[str, Any]:
    """Tensors of a safetensors or PyTorch file; no code of a pickle is run.

    Raises
    ------
    InputError
        If the file can't be read that way.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            str(path), f"not readable as tensors ({said})", "a safetensors file or a state dict",
            "get the file again; from a pickle that carries objects, save its state dict alone first",
        ) from None  # fmt: skip
