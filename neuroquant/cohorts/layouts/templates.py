"""A custom layout: a path with {subject}, {session}, {site} and * for each modality, in a cohort's YAML."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from neuroquant.cohorts.layouts.base import UNREAD, Entry, Layout, kind_named, stamp
from neuroquant.errors import InputError
from neuroquant.files import printable
from neuroquant.tables import BESIDE_SCANS

ANY_NAME = r"[A-Za-z0-9][A-Za-z0-9_. -]*?"
"""A subject, session or site; as short as the rest of the path lets it be."""
PLACEHOLDERS = re.compile(r"\{(subject|session|site)\}|(\*)")


def pattern_of(template: str) -> re.Pattern:
    """The pattern of a path with {subject}, {session}, {site} and *: none of them reaches over a slash.

    A name that stands twice is the same both times.
    """
    parts, seen, end = [], set(), 0
    for placeholder in PLACEHOLDERS.finditer(template):
        name = placeholder[1]
        parts.append(re.escape(template[end : placeholder.start()]))
        if not name:
            parts.append("[^/]*")
        else:
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{ANY_NAME})")
            seen.add(name)
        end = placeholder.end()
    parts.append(re.escape(template[end:]))
    if "session" not in seen:
        parts.append("(?P<session>)")
    return re.compile("".join(parts))


def part_pattern(part: str) -> re.Pattern:
    """The pattern of one folder or file of a template, whatever stands at its placeholders."""
    return pattern_of(PLACEHOLDERS.sub("*", part))


@dataclass(frozen=True)
class TemplateLayout(Layout):
    """Scans lie where the cohort's `files` say."""

    def __post_init__(self) -> None:
        if not set(self.templates) - set(BESIDE_SCANS):
            raise InputError(
                f"cohort {self.cohort.name}: files",
                f"keys {', '.join(self.cohort.files)}",
                f"at least one modality of the experiment ({', '.join(self.modalities)})",
                "name the modality in `files` as the experiment's `modalities` does",
            )

    @cached_property
    def templates(self) -> dict[str, str]:
        """Kind -> where its files lie, of the kinds that the experiment uses."""
        known = {kind_named(key, self.modalities): path for key, path in self.cohort.files.items()}
        return {kind: known[kind] for kind in self.kinds if kind in known}

    @cached_property
    def files(self) -> dict[str, re.Pattern]:
        """The templates as patterns."""
        return {kind: pattern_of(template) for kind, template in self.templates.items()}

    @cached_property
    def unused(self) -> dict[str, list[re.Pattern]]:
        """Modality that the experiment doesn't use -> patterns of its files and of the folders above them."""
        return {
            key: [part_pattern("/".join(parts[:depth])) for depth in range(1, len(parts) + 1)]
            for key, template in self.cohort.files.items()
            if kind_named(key, self.modalities) is None
            for parts in [template.split("/")]
        }

    def entries(self, root: Path) -> list[Entry]:
        """Files of the templates: only folders that their paths name are looked into."""
        entries: set[Entry] = set(self.own_tables(root))
        for template in set(self.templates.values()):
            entries.update(self._below(root, "", template.split("/")))
        return list(entries)

    def _below(self, root: Path, relative: str, parts: list[str]) -> Iterable[Entry]:
        pattern = part_pattern(parts[0])
        try:
            fitting = [entry for entry in os.scandir(root / relative) if pattern.fullmatch(entry.name)]
        except (NotADirectoryError, FileNotFoundError):
            return
        except OSError:
            yield printable(relative), UNREAD, UNREAD
            return
        for entry in fitting:
            path = f"{relative}/{entry.name}" if relative else entry.name
            if len(parts) > 1:
                yield from self._below(root, path, parts[1:])
            elif self.match(printable(path)):
                yield stamp(entry, path)

    def check(self, root: Path, names: list[str]) -> None:
        """Make sure that a template fits some file, and that no modality that each session must have is left out."""
        lacking = [modality for modality in self.modalities if modality not in self.templates]
        if lacking and self.cohort.require == "all":
            raise InputError(
                f"cohort {self.cohort.name}: files",
                f"no {lacking[0]}, which every session must have",
                f"a path for each of {', '.join(self.modalities)}",
                f"add {lacking[0]} to `files`, or set `require: any`",
            )
        self.check_scans(root, "; ".join(self.templates.values()))

    def opened(self, used: Iterable[str]) -> Callable[[str], bool]:
        """Folders above the files that are used."""
        return {str(parent) for path in used for parent in Path(path).parents}.__contains__

    def why_file(self, path: str) -> str:
        """Hidden, of a modality that isn't used, or of no template."""
        if path.rpartition("/")[2].startswith("."):
            return HIDDEN
        return self._unused_by(path) or "no path in `files` names it: correct `files`, or leave it"

    def why_folder(self, path: str, held: int) -> str:
        """As `why_file`, for a folder that holds scans."""
        named = "in a folder that nothing in `files` names: add it there, or leave it"
        return (self._unused_by(path) or named) if held else ""

    def _unused_by(self, path: str) -> str:
        for key, patterns in self.unused.items():
            if any(pattern.fullmatch(path) for pattern in patterns):
                return not_used(key)
        return ""


HIDDEN = "a hidden file (macOS writes ._ files): nothing to do"


def not_used(modality: str) -> str:
    """That the experiment doesn't use a scan's modality, and what to do."""
    return f"of a modality that the experiment doesn't use ({modality}): name it in `modalities`, or leave it"
