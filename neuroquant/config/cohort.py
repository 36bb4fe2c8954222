"""Where a cohort comes from and how its sessions are read."""

import os
import re
import string
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from neuroquant.config.base import (
    Column,
    Fraction,
    Label,
    Location,
    Modality,
    Name,
    NonNegative,
    Positive,
    Seed,
    Settings,
)

PADDING = r"(.?[<>^])?0?[0-9]{0,2}s?"
"""How `subject_format` may fill a name up, in the words of str.format."""

MISSING = {"age": ["-1", "-9", "-99", "-999", "999"], "family": ["0", "-1", "-9", "-99", "-999"]}
"""Codes that tables write for what isn't known."""


def _expanded(path: str) -> str:
    """A path with its environment variables and ~ replaced."""
    expanded = os.path.expandvars(os.path.expanduser(path))
    if "$" in expanded:
        raise ValueError(f"the environment variable in {path!r} isn't set; set it, or write the path itself")
    return expanded


class Scanner(Settings):
    """Character of a synthetic scanner: what makes one synthetic cohort look unlike the other."""

    noise: NonNegative = Field(0.02, description="standard deviation of Rician noise, relative to white matter")
    bias: NonNegative = Field(0.2, description="amplitude of the smooth multiplicative bias field")
    blur: NonNegative = Field(0.5, description="in-plane point spread, standard deviation in mm")
    gain: Positive = Field(1000.0, description="scanner units of the brightest tissue of a contrast recipe")
    contrast: dict[Modality, Positive] = Field(
        {}, description="modality: exponent on its tissue contrast, above 1 is steeper; 1 for those not named"
    )
    jitter: NonNegative = Field(
        0.03, description="standard deviation of a subject's own tissue intensities, relative; 0.15 is another protocol"
    )
    contrast_spread: NonNegative = Field(
        0.0, description="standard deviation over subjects of the logarithm of the exponent on tissue contrast"
    )
    slice_mm: NonNegative = Field(
        0.0, description="thickest slices, mm: each scan has a thickness up to this along one axis; 0: no slices"
    )
    spread: Fraction = Field(
        0.0, description="each scan draws its noise, bias and blur within this share below and above the values here"
    )


class Synthetic(Settings):
    """A cohort that the pipeline makes itself, from a label map and seeded smooth deformations."""

    subjects: int = Field(24, ge=1, le=100_000, description="number of subjects, half of each sex")
    visits_max: int = Field(3, ge=1, le=100, description="each subject has 1 to this many visits, about a year apart")
    seed: Seed = Field(0, description="seed of everything random in the cohort")
    labels: Location = Field(
        "", description="folder of *_dseg.nii.gz label maps to deform; empty: the ICBM 2009 templates"
    )
    voxel_mm: float = Field(1.0, ge=0.2, le=8, description="isotropic voxel size of the images, mm")
    sex_effect: Fraction = Field(0.08, description="relative difference of brain volume between the sexes")
    atrophy: Fraction = Field(
        0.02, description="relative growth of the ventricles per visit; the brain shrinks by a tenth of it"
    )
    deformation_mm: NonNegative = Field(3.0, description="standard deviation of the smooth displacement, mm")
    scanner: Scanner = Field(Scanner(), description="contrast, noise, bias and blur of this cohort's scanner")

    @field_validator("labels")
    @classmethod
    def _expand(cls, value: str) -> str:
        return _expanded(value)


class Cohort(Settings):
    """One cohort: a folder (or a recipe to make one), a layout and what counts as usable."""

    name: Name = Field(description="short name, used in paths and tables")
    label: Label = Field("", description="name shown in tables and figures; empty: the short name")
    stands_for: Literal["", "NCANDA", "ABCD"] = Field(
        "", description="cohort of the paper whose published values are shown beside these; empty: none"
    )
    stand_in: bool = Field(False, description="made by the workflow; marked as a stand-in wherever it is shown")
    role: Literal["all", "external"] = Field(
        "all",
        description="all: its subjects train, validate and test; external: every subject is a test subject, no model "
        "trains on any, and no published value is shown beside its numbers",
    )
    layout: Literal["bids", "ncanda", "abcd", "custom", "table"] = Field(
        "bids", description="layout of the folder; custom: defined by `files`; table: defined by a table of paths"
    )
    files: dict[Modality, str] = Field(
        {},
        description="custom: where each modality's scans, `mask` and `labels` lie below the root, with {subject}, "
        "{session}, {site} and *; modalities that the experiment doesn't use are ignored",
    )
    table: Location = Field(
        "",
        description="table: a TSV or CSV with subject, a column per modality (paths below the root) and, optionally, "
        "session, mask, labels, sex, age, family, site, scanner",
    )
    entities: dict[str, str] = Field(
        {},
        description="bids, abcd: entities that select one of several scans, e.g. {desc: preproc, "
        "space: MNI152NLin2009cAsym}; an empty value: the name must not have this entity",
    )
    columns: dict[Literal["subject", "session", "sex", "age", "family", "site", "scanner"], str] = Field(
        {}, description="column names of the participants tables, if they aren't the usual ones"
    )
    missing: dict[Column, list[str]] = Field(
        MISSING,
        description="codes for missing values in the tables; they replace the default codes of the columns named, "
        "e.g. {family: []}: of sex, age, family, site, scanner, or of another column that probe.targets names. Ages "
        "below 0 and above 120 years always count as missing",
    )
    sex_codes: dict[str, Literal["F", "M"]] = Field({}, description="meaning of the table's codes for sex")
    subject_format: str = Field(
        "{}",
        description="format of a subject's name in paths, given the id in the participants table, e.g. IXI{:0>3}; bids "
        "and abcd: the part after `sub-`, e.g. {:0>3}",
    )
    root: Location = Field("", description="folder of the cohort, read only; unused for synthetic cohorts")
    participants: Location | list[Location] = Field(
        "",
        description="TSV or CSV with subject, sex, age, family, site, scanner and, with a row per visit, session; "
        "several are joined by subject; empty: participants.tsv in the root",
    )
    synthetic: Synthetic | None = Field(None, description="recipe of a synthetic cohort; none for real data")
    require: Literal["all", "any"] = Field(
        "all", description="all: a session must have every modality of the experiment; any: one of them is enough"
    )

    @model_validator(mode="before")
    @classmethod
    def _key_of_today(cls, value: Any) -> Any:
        """Experiments of before `modalities` became a setting of the experiment have a key of that name here."""
        if isinstance(value, dict) and "modalities" in value:
            meant = "any" if value["modalities"] == "any" else "all"
            raise ValueError(
                f"a cohort's `modalities` is now named `require`: write `require: {meant}`; the modalities themselves "
                "are a setting of the experiment"
            )
        return value

    @model_validator(mode="after")
    def _layout_is_described(self) -> "Cohort":
        described = {"custom": ("files", self.files), "table": ("table", self.table)}
        key, value = described.get(self.layout, ("", True))
        if not value:
            raise ValueError(f"layout: {self.layout} needs `{key}`")
        if bad := [path for path in self.files.values() if "{subject}" not in path]:
            raise ValueError(f"files: {bad[0]!r} doesn't say where {{subject}} stands")
        return self

    @field_validator("sex_codes", mode="before")
    @classmethod
    def _codes_are_text(cls, value: Any) -> Any:
        """YAML reads a code such as 1 as a number."""
        if not isinstance(value, dict):
            return value
        return {str(code) if type(code) in (int, float) else code: sex for code, sex in value.items()}

    @field_validator("missing", mode="before")
    @classmethod
    def _codes_of_each_kind(cls, value: Any) -> Any:
        """YAML reads a code such as -999 as a number; kinds that aren't named keep their codes."""
        if not isinstance(value, dict):
            return value
        named = {
            kind: [str(code) if type(code) in (int, float) else code for code in codes]
            for kind, codes in value.items()
            if isinstance(codes, list)
        }
        return MISSING | value | named

    @field_validator("subject_format")
    @classmethod
    def _has_one_place(cls, value: str) -> str:
        """One {} that the name goes into, perhaps filled up: str.format reaches attributes, and pads to any length."""
        try:
            ((_, field, padding, conversion),) = [
                part for part in string.Formatter().parse(value) if part[1] is not None
            ]
        except ValueError:  # braces that don't pair, or none, or several
            field = padding = conversion = None
        if field not in ("", "0") or conversion or not re.fullmatch(PADDING, padding or ""):
            expected = "one {}, or one such as {:0>3}, where a subject's name in the table goes"
            raise ValueError(f"{expected}, not {value!r}")
        return value

    @field_validator("root", "participants", "table")
    @classmethod
    def _expand(cls, value: str | list[str]) -> str | list[str]:
        if isinstance(value, list):
            return [cls._expand(part) for part in value]
        return _expanded(value)

    @property
    def participants_tables(self) -> list[str]:
        """The participants tables that are named; none where it is participants.tsv in the root."""
        named = [self.participants] if isinstance(self.participants, str) else self.participants
        return [path for path in named if path]

    @property
    def external(self) -> bool:
        """Whether all its subjects are test subjects."""
        return self.role == "external"

    @property
    def shown(self) -> str:
        """The name that tables and figures show; that of an external cohort says so."""
        name = self.label or self.name
        return f"{name} (external)" if self.external and "external" not in name.lower() else name
