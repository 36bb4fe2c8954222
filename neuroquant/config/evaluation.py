"""How models are scored."""

import hashlib
import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from neuroquant.config.base import (
    FACTS,
    Column,
    Count,
    Fraction,
    Location,
    NonNegative,
    Positive,
    Seed,
    Settings,
    Share,
    Side,
)
from neuroquant.config.model import LpipsFiles

Resamples = Annotated[int, Field(ge=1, le=1_000_000)]
Part = Literal["main", "anatomy", "quantised", "appearance", "both", "modality_code"]
"""A part of a model's latents, by what it should hold."""
SEX, MAIN = "sex", "main"
"""The target and the part of Table 2."""


class Fidelity(Settings):
    """PSNR and SSIM3D in float32 on volumes in [-1, 1] (data range 2)."""

    region: Literal["whole", "foreground", "brain"] = Field(
        "whole", description="region shown in the tables; all three are always scored (the paper doesn't say which)"
    )
    ssim_window: Count = Field(11, description="side of the Gaussian window, voxels; sigma 1.5")
    metrics: tuple[str, ...] = Field(
        (),
        description="metrics of images that are computed beside PSNR and SSIM: ms_ssim, nmi, mae, sharpness, hfen, "
        "lpips (docs/metrics.md); empty: all but lpips, which needs its networks",
    )
    lpips: LpipsFiles | None = Field(
        None, description="LPIPS's networks, if metrics names it: vgg and linear, each a filename with its sha256"
    )
    synthesis: bool = Field(
        True,
        description="score cross-modal synthesis, for models that separate anatomy from appearance (equation 13)",
    )


class Standin(Settings):
    """The demo's segmenter: an atlas and a mixture of Gaussians. Never reported as SynthSeg."""

    spread_mm: NonNegative = Field(
        2.5,
        description="sigma of the atlas's blur, mm: how far structures may lie from their location in training "
        "subjects",
    )
    rounds: Count = Field(12, description="rounds of expectation maximisation on each image")


class Segmentation(Settings):
    """The engine that scores anatomy."""

    engine: Literal["none", "standin", "torch", "upstream", "freesurfer"] = Field(
        "torch",
        description="torch: SynthSeg in PyTorch; upstream: SynthSeg's own command; freesurfer: mri_synthseg; standin: "
        "an atlas of the training subjects' label maps, marked as a stand-in everywhere; none: Dice and regional "
        "volumes stay empty",
    )
    version: Literal["1.0", "2.0"] = Field("2.0", description="version of SynthSeg's weights")
    weights: Location = Field("", description="weights file; empty: $SYNTHSEG_HOME, $FREESURFER_HOME, the cache")
    upstream: Location = Field("", description="clone of SynthSeg with its weights; empty: $SYNTHSEG_HOME")
    upstream_python: str = Field("python", description="Python of envs/synthseg-upstream.yaml, for engine: upstream")
    standin: Standin = Field(Standin(), description="settings of the stand-in")
    flip: bool = Field(True, description="average with the left-right flipped image, as SynthSeg does")
    min_side: Side = Field(128, description="volumes are zero-padded to at least this many voxels a side")
    batch: Count = Field(2, description="volumes that pass the network together on a GPU; a CPU takes one at a time")
    structures: tuple[Count, ...] = Field(
        (), description="labels that count in the mean Dice; empty: all but background"
    )
    surface_tolerance_mm: NonNegative = Field(
        1.0, le=20, description="by how much surfaces may be off in the normalised surface distance"
    )
    ceiling: bool = Field(
        True,
        description="segment the test subjects' originals once more, moved rigidly by half a voxel: the agreement of "
        "the two is the ceiling of what any reconstruction can be expected to reach",
    )


def _path_name(column: str) -> str:
    """A column's name as a part of a path, another one for each column."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", column).strip("-")[:40].strip("-")
    return plain if plain == column else f"{plain}-{hashlib.sha256(column.encode()).hexdigest()[:8]}".strip("-")


class Probe(Settings):
    """Sex, and whatever else is asked for, from frozen latents with MONAI's SEResNet and a linear probe."""

    targets: tuple[Column, ...] = Field(
        (SEX,),
        min_length=1,
        description="what is predicted: columns of the participants tables, e.g. [sex, age]. Numbers with more than "
        "most_classes values by regression, all else by classification. Table 2 is about sex, which is always "
        "predicted; the others have a table of their own (numbers/probe_targets.csv)",
    )
    inputs: tuple[Part, ...] = Field(
        (MAIN,),
        min_length=1,
        description="what it is predicted from, for models that have these parts: main (what `latent` of the model "
        "names, z_q of NeuroQuant), anatomy (z_anat), quantised (z_q), appearance (z_mod), both (z_anat and z_mod "
        "together), modality_code (the mean of z_mod over positions). The volumes are always probed too",
    )
    most_classes: int = Field(
        10, ge=2, description="a column of numbers with at most this many different values is a set of classes"
    )

    depth: Literal[50, 101, 152] = Field(152, description="SEResNet-50, -101 or -152")
    epochs: Count = Field(100, description="epochs at most; the best on validation subjects is kept")
    patience: int = Field(
        30, ge=0, description="stop after this many epochs that were no better on validation subjects; 0: never"
    )
    batch: Count = Field(32, description="sessions a step; a last batch of 1 is dropped (batch norm)")
    lr: Positive = Field(1e-3, description="AdamW's learning rate for a batch of 256, scaled linearly, cosine to 0")
    weight_decay: NonNegative = Field(0.01, description="AdamW")
    dropout: Fraction = Field(0.2, description="dropout before the last layer")
    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1, description="one run a seed; the table shows their mean")
    permuted: bool = Field(
        True, description="one more run, of the first seed, after the sexes were shuffled: the SEResNet's own chance"
    )
    volume_downsample: Count | Literal["auto"] = Field(
        8,
        description="side of the cubes over which volumes, and latents above max_voxels, are averaged; 1: none; auto: "
        "the smallest power of 2 with which a step fits into the memory of the GPU, or on a CPU into compute.mem_mb",
    )
    max_voxels: Count = Field(
        65_536,
        description="positions that a latent may have as it is: SEResNet-152's memory (2.3 GB a session at "
        "144x192x144) and time grow with them. 144x18x24 stays whole",
    )

    @field_validator("targets", "inputs")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Names without spaces around them, those of `FACTS` in lower case; none twice, in whatever case."""
        names = tuple(name.lower() if name.strip().lower() in FACTS else name for name in map(str.strip, value))
        lower = [name.lower() for name in names]
        if twice := [name for name in names if lower.count(name.lower()) > 1 or not name]:
            raise ValueError(f"each name once; {twice[0]!r} stands twice, in whatever case" if twice[0] else "no name")
        return names

    @property
    def aims(self) -> tuple[tuple[str, str], ...]:
        """(target, part) of every probe beside that of Table 2."""
        pairs = [(target, part) for target in self.targets for part in self.inputs]
        return tuple(pair for pair in pairs if pair != (SEX, MAIN))

    @property
    def named_targets(self) -> dict[str, str]:
        """The targets of these by names that are safe in paths: letters and digits, and a hash where that isn't all.

        Examples
        --------
        >>> Probe(targets=("sex", "age", "IQ (full scale)")).named_targets
        {'age': 'age', 'IQ-full-scale-64974db1': 'IQ (full scale)'}
        """
        return {_path_name(target): target for target, _ in self.aims}

    @property
    def columns(self) -> tuple[str, ...]:
        """Targets that the index reads for the probes alone."""
        return tuple(target for target in self.targets if target not in FACTS)


class Statistics(Settings):
    """Intervals and tests."""

    bootstrap: Resamples = Field(2000, description="bootstrap resamples over subjects (families where known)")
    confidence: Share = Field(0.95, description="coverage of the intervals")
    seed: Seed = Field(0, description="seed of the resamples")
