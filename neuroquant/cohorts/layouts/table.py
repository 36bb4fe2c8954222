"""A table of paths: which file is whose, where a cohort's folder follows no pattern."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from neuroquant.cohorts.identifiers import whole
from neuroquant.cohorts.layouts.base import FAULTS, UNWRITABLE, Entry, Layout, Owner, kind_named, stamp
from neuroquant.cohorts.layouts.templates import HIDDEN
from neuroquant.cohorts.reading import read_table
from neuroquant.errors import InputError
from neuroquant.files import file_name, printable


@dataclass(frozen=True)
class TableLayout(Layout):
    """Scans lie where a table says: a row per session, a column per modality."""

    tables = ()
    shares_masks = False

    @cached_property
    def files(self) -> dict[str, re.Pattern]:
        """No pattern: the table names each file."""
        return {}

    @cached_property
    def listed(self) -> dict[str, Owner]:
        """Path below the root, or absolute -> whose file it is.

        Raises
        ------
        InputError
            If the table lacks subject, or every modality; if a file or a session stands in two rows.
        """
        return dict(self._rows())

    def _rows(self) -> Iterator[tuple[str, Owner]]:
        path = Path(self.cohort.table)
        subjects = [name for name in (self.cohort.columns.get("subject", ""), "subject", "participant_id") if name]
        rows = read_table(path, subjects)
        subject, columns = self._columns(path, list(rows[0]), subjects)
        sessions, files = set(), set()
        for line, row in enumerate(rows, start=2):
            written = self.subject_of(whole(row[subject])), row.get("session", "")
            key = printable(written[0]), printable(written[1])
            if key == written:
                file_name(f"{path}, line {line}", *key)  # files will be called after them
            named = [(kind, row[column]) for kind, column in columns.items() if row[column]]
            again = [" ".join(key).strip()] if key in sessions else [file for _, file in named if file in files]
            if again:
                raise InputError(
                    f"{path}, line {line}", f"{again[0]} for the second time", "a row a session, a file in one place",
                    "keep one of them",
                )  # fmt: skip
            sessions.add(key)
            files.update(file for _, file in named)
            odd = "" if key == written else f"{FAULTS[UNWRITABLE]} "
            yield from ((file, (f"{odd}{kind}", *key)) for kind, file in named)

    def _columns(self, path: Path, names: list[str], subjects: list[str]) -> tuple[str, dict[str, str]]:
        """The column of subjects, and kind -> the column of its files."""
        subject = next((name for name in subjects if name in names), "")
        columns = {kind: name for name in names if (kind := kind_named(name, self.modalities))}
        if not subject or not columns.keys() & set(self.modalities):
            found = f"columns {', '.join(names)}"
            expected = f"subject, and at least one of {', '.join(self.modalities)}"
            raise InputError(str(path), found, expected, "add or rename columns")
        return subject, columns

    @cached_property
    def _shown(self) -> dict[str, Owner]:
        return {printable(path): owner for path, owner in self.listed.items()}

    def match(self, path: str) -> Owner | None:
        """What the table says of a path."""
        return self._shown.get(path)

    def entries(self, root: Path) -> list[Entry]:
        """The files of the table, and the table."""
        files = [stamp(root / path, path) for path in self.listed]
        return [*files, stamp(Path(self.cohort.table), self.cohort.table)]

    def participants(self, root: Path) -> list[Path]:
        """The table of paths itself."""
        return [Path(self.cohort.table)]

    def check(self, root: Path, names: list[str]) -> None:
        """Make sure that some file of the table exists."""
        self.check_scans(root, f"the paths of {self.cohort.table}")

    def opened(self, used: Iterable[str]) -> Callable[[str], bool]:
        """Folders above the files of the table."""
        return {str(parent) for path in used for parent in Path(path).parents}.__contains__

    def why_file(self, path: str) -> str:
        """Hidden, or in no row."""
        hidden = path.rpartition("/")[2].startswith(".")
        return HIDDEN if hidden else "not named in the table of paths: add it to a row, or leave it"

    def why_folder(self, path: str, held: int) -> str:
        """As `why_file`, for a folder that holds scans."""
        return "in a folder that nothing in the table of paths names: add it there, or leave it" if held else ""
