"""A disk that fills up, said in a sentence."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neuroquant.files import full_disk, no_room


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
def told_when_full(folder: Path, what: str = "this shard") -> Iterator[None]:
    """Say in words that a disk, a quota or a limit is full. Whoever writes inside cleans up what is half written.

    Raises
    ------
    InputError
        In place of the error that the system raises for it.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:  # HDF5 raises both
        number = full_disk(error)
        if not number:
            raise
        raise no_room(folder, what, number) from None
