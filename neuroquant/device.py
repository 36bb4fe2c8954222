"""Where a network runs, and on how many threads."""

import ctypes
import sys

import torch

from neuroquant.errors import InputError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of glibc's malloc.h."""


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
    """Let torch use so many threads, and keep the memory that it frees."""
    torch.set_num_threads(threads)
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Have glibc keep what a training step frees for the next one.

    It hands large pieces back to the kernel otherwise, and gets them again page by page: a tenth of a step on a CPU.
    Other systems' allocators are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**25)  # the most that glibc takes
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
