"""Whether a file holds the bytes that its header announces, no fewer and no more."""

import gzip
import struct
import zlib
from pathlib import Path

PADDING = 512
"""So many zero bytes after the voxels are a block that was filled up; more, or others, are voxels that the header
doesn't know of."""


def misfit(path: Path, size: int, needed: int) -> str:
    """Why a file of `size` bytes can't be what its header describes; empty where it can.

    The trailer of a .nii.gz states its length modulo 2^32. Any other length than the header's is a suspicion (a
    truncated file ends in something else; a file of several members may be whole), and only then is the file unpacked.

    Parameters
    ----------
    needed : bytes of the header and the voxels, unpacked.
    """
    if path.suffix != ".gz":
        held, tail = size, b"" if size <= needed else _tail(path, needed)
    else:
        with open(path, "rb") as file:
            file.seek(-4, 2)
            stated = struct.unpack("<I", file.read(4))[0]
        held, tail = (needed, b"") if stated == needed % 2**32 else _unpacked(path, needed)
    if held < needed:
        return f"truncated: its header announces {needed} bytes; copy it again"
    if len(tail) > PADDING or any(tail):
        return (
            f"it holds more than the {needed} bytes that its header announces: the header's dim, datatype or "
            "vox_offset is wrong; convert it again"
        )
    return ""


def _tail(path: Path, needed: int) -> bytes:
    """What follows the first `needed` bytes of a file, as far as it takes to judge it."""
    with open(path, "rb") as file:
        file.seek(needed)
        return file.read(PADDING + 1)


def _unpacked(path: Path, needed: int) -> tuple[int, bytes]:
    """Bytes that a gzip file unpacks to and what follows the first `needed` of them.

    Unpacking stops where that is enough to judge the file; what can't be unpacked doesn't count.
    """
    count, tail = 0, b""
    try:
        with gzip.open(path) as file:
            while len(tail) <= PADDING and (block := file.read(1 << 20)):
                tail += block[max(needed - count, 0) :]
                count += len(block)
    except (OSError, EOFError, zlib.error):
        pass
    return count, tail
