"""Writing files whole or not at all, and the one dialect of TSV that passes between stages."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
"""Characters that end a cell or a line of a table, and lone surrogates, which UTF-8 doesn't have."""


@contextmanager
def written_whole(path: Path | str) -> Iterator[Path]:
    """Yield a scratch path beside `path`; move it into place only when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        yield Path(scratch)
        os.chmod(scratch, 0o666 & ~_umask())
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


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
    """
    return name if name.isprintable() else re.sub(CONTROL, _escaped, name)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
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
    """Read a TSV of ours: every cell as text (identifiers keep their zeros), `numeric` columns as float."""
    import pandas as pd  # here, so that jobs without tables start sooner

    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8")
    for column in numeric:
        table[column] = pd.to_numeric(table[column].replace("", None)).astype(float)
    return table
