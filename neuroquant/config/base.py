"""What every configuration class shares: unknown keys refused, values frozen, a reason beside each field."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Settings(BaseModel):
    """Base of all configuration classes."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


def _openable(value: str) -> str:
    """A path as it is, unless the system would refuse to look for it."""
    if len(value) > 4000 or any(len(part.encode()) > 255 for part in value.split("/")) or "\0" in value:
        raise ValueError("a path of at most 4000 letters, with names of at most 255 bytes")
    return value


Location = Annotated[str, AfterValidator(_openable)]
"""A path of a file or folder."""
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
Share = Annotated[float, Field(gt=0, lt=1)]
Percent = Annotated[float, Field(ge=0, le=100)]
Side = Annotated[int, Field(ge=1, le=1024)]
"""Voxels along an axis of a volume; memory grows with the third power."""
Layers = Annotated[int, Field(ge=1, le=1000)]
"""Layers of a network that are made one by one."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
"""A name that is safe in paths and wildcards: letters, digits and underscores."""
Label = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f$|\\`<>]*$", max_length=80)]
"""What figures, pages and tables show; signs with a meaning in matplotlib, Markdown or HTML are refused."""
RESERVED = ("reference", "volumes", "ceiling")
"""Names that score tables use for what isn't a model."""
Modality = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$", max_length=16)]
"""A BIDS suffix, e.g. T1w."""
DEFAULT_MODALITIES = ("T1w", "T2w")
"""The paper's."""


FACTS = ("sex", "age", "site", "scanner")
"""What the index reads of a subject, whatever a table calls it; other columns go by their own name."""
Column = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Name of a column of a participants table."""


NO_MODALITIES = frozenset(
    {"cohort", "subject", "session", "split", "family", "sex", "age", "site", "scanner", "mask", "labels"}
)
"""Columns of manifests that no modality can be named after."""


def distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    """The values, unless one stands twice, in whatever case, or is the name of another column."""
    lower = [value.lower() for value in values]
    if taken := [value for value in values if value.lower() in NO_MODALITIES]:
        raise ValueError(f"{taken[0]} is no modality: tables have a column of that name; write a BIDS suffix")
    if twice := [value for value in values if lower.count(value.lower()) > 1]:
        raise ValueError(f"each modality once; {twice[0]} stands twice")
    return values


Modalities = Annotated[tuple[Modality, ...], AfterValidator(distinct)]
"""Modalities in the order in which models number them and tables show them."""


def _values_of_one_parameter(curve: Any) -> Any:
    """A mapping of one name to different numbers, or an empty one."""
    if curve == {}:
        return curve
    ((_, values),) = curve.items() if isinstance(curve, dict) and len(curve) == 1 else ((None, ()),)
    numbers = isinstance(values, list | tuple) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in values
    )
    if not numbers or not values or len(set(values)) < len(values):
        raise ValueError("one parameter and a list of different numbers, e.g. {components: [8, 32]}")
    return curve


Curve = Annotated[dict[str, tuple[int | float, ...]], BeforeValidator(_values_of_one_parameter)]
"""Values of a parameter at which a model is looked at too."""
