"""Writing files whole or not at all, under names that lead nowhere else, and the one dialect of TSV between stages."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroquant.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
"""Characters that end a cell or a line of a table, and lone surrogates, which UTF-8 doesn't have."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space, no quota, a file larger than is allowed."""
NAME_BYTES = 200
"""Longest name of a file, bytes; file systems take 255, and a file that is being written has a longer one."""


def file_name(where: str, *parts: str) -> str:
    """Parts that come from data, such as a subject and a session, joined by underscores to the name of one file.

    Every path that is made of what a file or a table says goes through here, so that none leads out of its folder.

    Parameters
    ----------
    where : the file or table that says it, for the error.
    parts : empty ones are left out.

    Raises
    ------
    InputError
        If a part holds a slash, a backslash or a control character, starts with a dot, or the name is empty or too
        long.

    Examples
    --------
    >>> file_name("participants.tsv", "sub-01", "", "T1w")
    'sub-01_T1w'
    >>> file_name("participants.tsv", "../sub-01")
    Traceback (most recent call last):
    neuroquant.errors.InputError: participants.tsv
      found:    '../sub-01' as the name of a subject, session or modality
      ...
    """
    name = "_".join(part for part in parts if part)
    bad = next((part for part in parts if re.search(r"[/\\\x00-\x1f\x7f\ud800-\udfff]", part) or part[:1] == "."), None)
    if bad is None and name and len(name.encode()) <= NAME_BYTES:
        return name
    rejected = name if bad is None else bad
    shown = ascii(rejected if len(rejected) <= 80 else f"{rejected[:80]}...") if rejected else "nothing"
    raise InputError(
        where, f"{shown} as the name of a subject, session or modality",
        f"a name without / and \\, that doesn't start with a dot, of at most {NAME_BYTES} bytes",
        "correct the name there; if the file comes from somebody else, ask where it was made",
    )  # fmt: skip


LEEWAY_S = 60.0
"""By how much the clocks of two machines may differ."""


def dated_in_future(folder: Path) -> list[Path]:
    """Files below a folder whose date is still to come; a clock that was wrong, say, or a careless copy."""
    now = time.time() + LEEWAY_S
    paths = (Path(parent) / name for parent, _, names in os.walk(folder) for name in names)
    return sorted(path for path in paths if _date(path) > now)


def put_dates_back(paths: Iterable[Path]) -> None:
    """Give files that are dated in the future the date of what the same job wrote, or else that of their last change.

    What the same job wrote has the same name up to the first dot (`train-000.h5`, `train-000.qc.tsv`).
    """
    now = time.time()
    for path in map(Path, paths):
        if _date(path) <= now + LEEWAY_S:
            continue
        beside = [_date(other) for other in path.parent.glob(f"{path.name.partition('.')[0]}.*")]
        then = max((date for date in beside if date <= now), default=min(now, path.stat().st_ctime))
        os.utime(path, (then, then))


def _date(path: Path) -> float:
    """When a file was written, seconds since 1970; 0 where it is gone."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


@contextmanager
def written_whole(path: Path | str) -> Iterator[Path]:
    """Yield a scratch path beside `path`; move it into place only when the block ends without an error.

    Raises
    ------
    InputError
        If the folder can't be made or written to, something else has the file's name, or the disk is full.
    """
    path = Path(path)
    scratch = _scratch(path)
    try:
        yield scratch
        os.chmod(scratch, 0o666 & ~_umask())
        try:
            os.replace(scratch, path)
        except OSError as error:
            raise _unwritable(path, error) from None
    except BaseException as error:
        scratch.unlink(missing_ok=True)
        if number := full_disk(error):
            raise no_room(path.parent, path.name, number) from None
        raise


def require_writable(folder: Path) -> None:
    """Make a folder, and make sure that files can be written there, before hours are spent on what goes into it.

    Raises
    ------
    InputError
        If they can't.
    """
    _scratch(folder / "try").unlink(missing_ok=True)


def _scratch(path: Path) -> Path:
    """An empty file beside `path`, whose folder is made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        number = full_disk(error)
        raise (no_room(path.parent, path.name, number) if number else _unwritable(path, error)) from None
    os.close(handle)
    return Path(scratch)


def _unwritable(path: Path, error: OSError | ValueError) -> InputError:
    taken = next((parent for parent in (*reversed(path.parents), path) if os.path.isfile(parent)), None)
    said = getattr(error, "strerror", None) or str(error)
    if os.path.isdir(path):
        said = "a folder has this name"
    elif taken is not None and taken != path:
        said = f"{taken} is a file, not a folder"
    return InputError(
        str(path), f"can't be written ({said})", "a folder that you may write to, in which the name is free",
        "choose another place or name, or give yourself the right to write there",
    )  # fmt: skip


def full_disk(error: BaseException) -> int:
    """The system's number where an error says that a disk, a quota or a limit is full; 0 where it says anything else.

    HDF5 and safetensors hide the number in their messages.
    """
    message = re.search(r"errno = (\d+),|\(os error (\d+)\)", str(error))
    number = getattr(error, "errno", None) or (int(message[1] or message[2]) if message else 0)
    return number if number in FULL else 0


def no_room(folder: Path, what: str, number: int) -> InputError:
    """That a disk is full, in words; `number` as `full_disk` gives it."""
    free = shutil.disk_usage(folder).free / 1e9
    return InputError(
        str(folder),
        f"no room left for {what} ({os.strerror(number)}; {free:.1f} GB are free on this disk)",
        "room for it, and about twice as much again while it is made",
        "free some space or raise the quota, or run elsewhere (snakemake --directory); what is finished is kept",
    )


def sha256(path: Path | str) -> str:
    """SHA-256 of a file's content; read once a process for each time that it was written."""
    return _sha256(str(path), os.stat(path).st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: str, mtime_ns: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with written_whole(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def printable(name: str) -> str:
    r"""A name with what no table can hold as backslash escapes, e.g. ``\t`` for a tab; any other name as it is.

    These are control characters, and bytes that aren't UTF-8, which Python reads from file names as lone surrogates.

    Examples
    --------
    >>> printable("sub-01\n")
    'sub-01\\n'
    """
    return name if name.isprintable() else re.sub(CONTROL, _escaped, name)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    byte = 0xDC80 <= ord(character) <= 0xDCFF
    return f"\\x{ord(character) - 0xDC00:02x}" if byte else character.encode("unicode_escape").decode()


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, so that equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def write_tsv(table: "pd.DataFrame", path: Path | str) -> None:
    """Write a table as UTF-8 TSV: header, no index, empty cells for missing values, floats with 17 digits."""
    with written_whole(path) as scratch:
        table.to_csv(scratch, sep="\t", index=False, lineterminator="\n", na_rep="", float_format="%.17g")


def read_tsv(path: Path | str, numeric: tuple[str, ...] = ()) -> "pd.DataFrame":
    """Read a TSV that the workflow wrote: cells as text (identifiers keep their zeros), `numeric` columns as float."""
    import pandas as pd  # here, so that jobs without tables start sooner

    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8")
    for column in numeric:
        table[column] = pd.to_numeric(table[column].replace("", None)).astype(float)
    return table
