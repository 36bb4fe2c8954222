"""How models are scored."""

from typing import Annotated, Literal

from pydantic import Field

from neuroquant.config.base import Count, Fraction, Location, NonNegative, Positive, Seed, Settings, Share, Side
from neuroquant.config.model import LpipsFiles

Resamples = Annotated[int, Field(ge=1, le=1_000_000)]


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
    structures: tuple[int, ...] = Field((), description="labels that count in the mean Dice; empty: all but background")
    surface_tolerance_mm: NonNegative = Field(
        1.0, description="by how much surfaces may be off in the normalised surface distance"
    )
    ceiling: bool = Field(
        True,
        description="segment the test subjects' originals once more, moved rigidly by half a voxel: the agreement of "
        "the two is the ceiling of what any reconstruction can be expected to reach",
    )


class Probe(Settings):
    """Sex classification on frozen latents with MONAI's SEResNet."""

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
    volume_downsample: Count = Field(
        8, description="side of the cubes over which volumes, and latents above max_voxels, are averaged; 1: none"
    )
    max_voxels: Count = Field(
        65_536,
        description="positions that a latent may have as it is: SEResNet-152's memory (2.3 GB a session at "
        "144x192x144) and time grow with them. 144x18x24 stays whole",
    )


class Statistics(Settings):
    """Intervals and tests."""

    bootstrap: Resamples = Field(2000, description="bootstrap resamples over subjects (families where known)")
    confidence: Share = Field(0.95, description="coverage of the intervals")
    seed: Seed = Field(0, description="seed of the resamples")
