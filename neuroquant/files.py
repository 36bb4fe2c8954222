"""Writing files whole or not at all, and the one dialect of TSV that passes between stages."""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

LEEWAY_S = 60.0
"""By how much the clocks of two machines may differ."""


def dated_in_future(folder: Path) -> list[Path]:
    """Files below a folder whose date is still to come; a clock that was wrong, say, or a careless copy."""
    now = time.time() + LEEWAY_S
    places = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return sorted(path for path in places if _date(path) > now)


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
