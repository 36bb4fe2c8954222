"""Which files of code a job uses: what its result depends on besides its inputs and settings."""

import hashlib
import re
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(neuroquant[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+(neuroquant[\w.]*))", re.M
)
# Settings reach a job as parameters, resolved and checked, so the code that reads them doesn't decide a result.
# The package's own __init__ holds its version, extras.py a sentence on what isn't installed.
APART = ("config", "job.py", "sources.py", "extras.py", "shipped.py", "__init__.py")


@cache
def code_hash(*starts: Path) -> str:
    """Hash every file of the package that `starts` use, directly or through others; of scripts, only what they use.

    Dates don't count, and neither does the folder in which the project lies.

    Parameters
    ----------
    *starts : Path
        Workflow scripts, or modules and folders of the package.

    Returns
    -------
    str
        Sixteen hexadecimal digits.
    """
    digest = hashlib.sha256()
    for path in used_files(*starts):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + _content(path) + b"\0")
    return digest.hexdigest()[:16]


@cache
def text_hash(path: Path) -> str:
    """Hash one file's text: sixteen hexadecimal digits. Neither its date nor its folder counts."""
    return hashlib.sha256(_content(path)).hexdigest()[:16]


def used_files(*starts: Path) -> list[Path]:
    """Files of the package that scripts, modules or folders use, sorted; scripts outside of it aren't listed.

    Imports count wherever they stand, within functions too. A module that names a data file which lies in its own
    folder or the one below (`published/table1.csv`, `claims.yaml`) uses that one too.
    """
    waiting = [path for start in starts for path in (sorted(start.rglob("*.py")) if start.is_dir() else [start])]
    files: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        files.add(path)
        waiting += _used_by(path)
    return sorted(path for path in files if _of_package(path) and not _apart(path))


def _of_package(path: Path) -> bool:
    """Whether a file is one of the package's own; an installed one has the workflow's scripts below it."""
    return path.is_relative_to(PACKAGE) and not path.is_relative_to(PACKAGE / "workflow")


def _apart(path: Path) -> bool:
    return path.relative_to(PACKAGE).parts[0] in APART


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _used_by(path: Path) -> tuple[Path, ...]:
    if path.suffix != ".py" or (_of_package(path) and _apart(path)):
        return ()
    text = _content(path).decode()
    used: list[Path] = []
    for module, names, plain in IMPORT.findall(text):
        used += _files_of(plain or module)
        used += [file for name in re.findall(r"\w+", names) for file in _files_of(f"{module}.{name}")]
    if _of_package(path):
        used += [data for data in _data_beside(path.parent) if data.stem in text]
    return tuple(used)


@cache
def _files_of(module: str) -> tuple[Path, ...]:
    """The file of a module and those of the packages around it, which Python runs first; none where it is a name."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    own = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not own.is_file():
        return ()
    around = [parent / "__init__.py" for parent in path.parents if parent.is_relative_to(PACKAGE)]
    return (own, *around)


@cache
def _data_beside(folder: Path) -> tuple[Path, ...]:
    kinds = (".csv", ".yaml", ".tsv", ".json", ".js", ".css", ".rst")
    return tuple(path for path in sorted([*folder.glob("*.*"), *folder.glob("*/*.*")]) if path.suffix in kinds)
