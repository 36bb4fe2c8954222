"""Where a network runs, and on how many threads."""

import torch

from neuroquant.errors import InputError


def resolve_device(device: str) -> str:
    """`auto` becomes a GPU where there is one.

    Raises
    ------
    InputError
        If a GPU is asked for and none is visible.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("compute.device", "cuda, but no GPU is visible", "a GPU", "set compute.device: auto, or cpu")
    return device


def use_threads(threads: int) -> None:
    """Let torch use so many threads."""
    torch.set_num_threads(threads)
