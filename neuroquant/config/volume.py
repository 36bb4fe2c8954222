"""How scans become volumes, and how sessions become splits and shards."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from neuroquant.config.base import (
    DEFAULT_MODALITIES,
    Fraction,
    Location,
    Modality,
    NonNegative,
    Percent,
    Positive,
    Seed,
    Settings,
    Side,
)


class Split(Settings):
    """Who trains, who validates, who is tested. Families are never parted."""

    train: Fraction = Field(0.75, description="fraction of families for training (NCANDA in the paper: 606 of 808)")
    val: Fraction = Field(0.10, description="fraction for validation (80 of 808)")
    test: Fraction = Field(0.15, description="fraction for the test (122 of 808)")
    method: Literal["hash", "exact"] = Field(
        "hash",
        description="hash: each family separately, so that a new subject never moves another; exact: the fractions "
        "to within one subject for each sex, but a new subject can move others",
    )
    counts: dict[str, tuple[int, int, int]] = Field(
        {}, description="cohort: [train, val, test] subjects, exactly, e.g. {ncanda: [606, 80, 122]}; implies exact"
    )
    seed: Seed = Field(0, description="seed of the hash")
    file: Location = Field("", description="a published split to follow instead: TSV with columns subject and split")
    newcomers: Literal["refuse", "hash"] = Field(
        "refuse", description="subjects that split.file doesn't name: an error, or split by their hash"
    )

    @model_validator(mode="after")
    def _adds_up(self) -> "Split":
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + val + test must be 1, not {total:g}")
        for cohort, counts in self.counts.items():
            if min(counts) < 0 or not counts[0]:
                raise ValueError(f"counts.{cohort}: at least one subject to train, and none below 0, not {counts}")
        return self


FAR = 1.15
"""By what factor voxels may differ from those that a model was trained on. Heads of adults differ by less."""
EXTERNAL = Split(train=0, val=0, test=1)
"""The split of an external cohort."""
ShardCount = Annotated[int, Field(ge=1, le=1000)]
"""Each shard is a job of every model and cohort; names have three digits."""


class Shards(Settings):
    """How many shards each split of each cohort has: fixed, so that the DAG doesn't depend on the cohort."""

    train: ShardCount = Field(16, description="shards of the training split of each cohort")
    val: ShardCount = Field(2, description="shards of the validation split of each cohort")
    test: ShardCount = Field(3, description="shards of the test split of each cohort")


def shard_names(split: str, count: int) -> list[str]:
    """Names of a split's shards: `train-000`, `train-001`, ...; the digits don't depend on `count`.

    Examples
    --------
    >>> shard_names("test", 3)
    ['test-000', 'test-001', 'test-002']
    """
    return [f"{split}-{number:03d}" for number in range(count)]


MaskSource = Literal["given", "stripped", "labels", "deepbet", "synthseg"]


class Volume(Settings):
    """The volumes every model sees."""

    shape: tuple[Side, Side, Side] = Field(
        (144, 192, 144),
        description="voxels left-right, posterior-anterior, inferior-superior (RAS+); multiples of the models' factors",
    )
    percentiles: tuple[Percent, Percent] = Field(
        (0.0, 99.9),
        description="percentiles of the brain's intensities that are mapped to -1 and 1; not stated in the paper",
    )
    voxel_mm: NonNegative = Field(
        0.0,
        description="side of cubic voxels; scans off by more than 0.05 mm are resampled; 0: cubes of any size stay as "
        "they are",
    )
    uneven_voxels: Literal["resample", "exclude"] = Field(
        "resample",
        description="voxel_mm 0: what to do with voxels whose sides differ by more than 5 %: resample them to cubes of "
        "`uneven_mm`, or exclude the scan",
    )
    uneven_mm: float = Field(1.0, ge=0.2, le=8, description="side of the cubes that uneven voxels are resampled to, mm")
    registration: Literal["off", "grids", "all"] = Field(
        "grids",
        description="rigid registration of a session's images to `registration_target` with ANTs: those on another "
        "grid, or all; it is only applied if it improves the match",
    )
    registration_target: Modality | Literal[""] = Field(
        "",
        description="modality to which the others are registered; if empty, or if a session lacks it: the first of "
        "the experiment's modalities that the session has",
    )
    n4: bool = Field(False, description="correct the bias field (N4, within the brain)")
    brain_mask: tuple[MaskSource, ...] = Field(
        ("given", "stripped", "labels", "deepbet"),
        min_length=1,
        description="sources of the brain mask; the first that a session has is used: given (a mask), "
        "stripped (the signal of skull-stripped scans), labels (a label map), deepbet (its networks), synthseg "
        "(segmentation.engine)",
    )
    match_min: NonNegative = Field(
        0.08,
        description="with pair_check, sessions with images of two persons are excluded: least mutual information "
        "(nats) with the target that an image must lose when it is moved by 4 mm after registration; 0 disables the "
        "check",
    )
    pair_check: bool = Field(
        True,
        description="exclude sessions in which an image looks mirrored against `registration_target`, two images look "
        "swapped (`swap_check`), or one image occurs twice",
    )
    swap_check: tuple[tuple[Modality, Modality], ...] = Field(
        (DEFAULT_MODALITIES,),
        description="pairs of modalities of which the first brightens more towards the inside of the brain than the "
        "second; a session in which it is clearly the other way round is excluded as swapped",
    )
    oversize: Literal["crop", "rescale", "exclude"] = Field(
        "crop",
        description="what to do with a brain larger than the volume; rescale shrinks it to fit, and records the scale",
    )
    brain_ml_min: NonNegative = Field(
        300.0,
        description="sessions with a smaller brain are excluded, ml (newborns have 350); 0 disables the check",
    )
    brain_ml_max: Positive = Field(2200.0, description="sessions with a larger brain are excluded, ml")
    border_max: Fraction = Field(
        0.4,
        description="sessions whose brain is cut off are excluded: largest share of the brain's largest plane that may "
        "lie in an outermost plane of the scan; 1 disables the check",
    )
    structure_min: Fraction = Field(
        0.04,
        description="sessions with a scan of a phantom or of noise are excluded: least difference between structures "
        "in the brain, relative to its mean intensity; 0 disables the check",
    )
    crop_limit: Fraction = Field(0.02, description="largest share of brain voxels that cropping may lose")
    strip_check: Fraction = Field(
        0.15, description="a scan with a smaller share of zero voxels isn't skull-stripped and needs a mask"
    )

    @field_validator("voxel_mm")
    @classmethod
    def _of_a_head(cls, value: float) -> float:
        if value and not 0.2 <= value <= 8:
            raise ValueError("0, or 0.2 to 8 mm")
        return value

    @field_validator("brain_mask")
    @classmethod
    def _each_source_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("each source once")
        return value

    @field_validator("percentiles")
    @classmethod
    def _a_range(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] >= value[1]:
            raise ValueError("the lower percentile first, then the upper one")
        return value
