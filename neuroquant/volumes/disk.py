"""A disk that fills up, said in a sentence."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuroquant.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space, no quota, a file larger than is allowed."""


def remove_stale(out: Path) -> None:
    """Remove what a killed job left beside the file that it was making; no other job writes it."""
    for left in out.parent.glob(f".{out.stem}.*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def reserve(folder: Path, count: int) -> None:
    """Make sure that `count` bytes fit into a folder, before HDF5 begins: it can break down where a disk is full.

    Raises
    ------
    OSError
        If they don't fit.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        if count and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, count)


@contextmanager
def told_when_full(folder: Path) -> Iterator[None]:
    """Say in words that a disk, a quota or a limit is full. Whoever writes inside cleans up what is half written.

    Raises
    ------
    InputError
        In place of the error that the system raises for it; HDF5 hides its number in the message.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:  # HDF5 raises both
        number = getattr(error, "errno", None) or next(
            (code for code in FULL if f"errno = {code}," in str(error)), None
        )
        if number not in FULL:
            raise
        free = shutil.disk_usage(folder).free / 1e9
        raise InputError(
            str(folder),
            f"no room left for this shard ({os.strerror(number)}; {free:.1f} GB are free on this disk)",
            "room for the shard, and about twice as much again while it is made",
            "free some space or raise the quota, or run elsewhere (snakemake --directory); finished shards are kept",
        ) from None
