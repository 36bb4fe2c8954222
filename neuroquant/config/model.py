"""One model of the benchmark: an architecture, its parameters, its objective and its training."""

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from neuroquant.config.base import (
    DEFAULT_MODALITIES,
    Count,
    Curve,
    Label,
    Location,
    Modalities,
    Name,
    NonNegative,
    Positive,
    Seed,
    Settings,
    Side,
)
from neuroquant.errors import InputError


class Phase(Settings):
    """A stretch of training on one kind of batch."""

    mode: Literal["3d", "2d"] = Field("3d", description="whole volumes, or single slices of all three planes")
    steps: Count = Field(100_000, description="optimizer steps")
    batch: Count = Field(4, description="sessions per step, each with all its images (3d), or a slice of each (2d)")
    accumulate: Count = Field(
        1,
        description="pieces into which a step's sessions are split, a divisor of batch: less memory, the same weights",
    )
    warmup: int = Field(
        0,
        ge=0,
        description="steps over which the learning rate rises to `lr`; not in the paper; without it these networks "
        "can collapse to a constant output and stop learning",
    )
    lr: Positive = Field(1e-4, description="learning rate at the start of the phase, after the warm-up")
    lr_end: Positive = Field(4.5e-6, description="learning rate at its end, reached along a half cosine")
    critic: bool = Field(
        True, description="whether the objective's critic is used; false for a phase in which images are still blurred"
    )
    crop: tuple[()] | tuple[Side, Side, Side] = Field(
        (), description="3d: sides of random pieces in voxels, multiples of the model's factor; empty: whole volumes"
    )

    @model_validator(mode="after")
    def _pieces_are_equal(self) -> "Phase":
        if self.batch % self.accumulate:
            raise ValueError(f"batch must be a multiple of accumulate; {self.batch} isn't one of {self.accumulate}")
        return self


class Training(Settings):
    """The schedule. Defaults: section 3.5 and 4.1 of the paper."""

    phases: tuple[Phase, ...] = Field(
        (Phase(warmup=500), Phase(mode="2d", steps=25_000, batch=128, lr=4.5e-6, lr_end=4.5e-6)),
        description="in order; none: nothing is trained (published weights as they are, or a model without parameters)",
    )
    joint: bool = Field(True, description="false drops the 2d phases: the paper's 'w/o joint training'")
    optimizer: Literal["adamw", "muon"] = Field(
        "adamw",
        description="adamw as in the paper, or muon: orthogonalised momentum for matrices and the inner convolutions, "
        "AdamW for the rest, at the same learning rate",
    )
    weight_decay: NonNegative = Field(0.01, description="AdamW; PyTorch's default, not stated in the paper")
    grad_clip: NonNegative = Field(1.0, description="largest gradient norm; 0: off; not stated in the paper")
    precision: Literal["bf16", "fp32"] = Field("bf16", description="autocast on GPUs; the CPU always runs in fp32")
    compile: Literal["nothing", "norms", "blocks"] = Field(
        "nothing",
        description="what torch.compile makes faster kernels of, for the same weights up to rounding: norms with FiLM "
        "and activation (a minute to compile; NeuroQuant only), or whole blocks (minutes)",
    )
    recompute: Literal["nothing", "norms", "attention"] = Field(
        "nothing",
        description="what is recomputed in the backward pass instead of stored, for less memory and the same weights: "
        "norms with FiLM and activation (inexpensive), or attention too; NeuroQuant only",
    )
    seed: Seed = Field(0, description="seed of weights, order of sessions and slices")
    seeds: tuple[Seed, ...] | None = Field(
        None,
        min_length=1,
        description="instead of `seed`: the model is trained and scored once per seed, tables show the mean, and "
        "intervals and tests take the trainings as a second source of variance; null: one training, of `seed`",
    )
    log_every: Count = Field(50, description="steps between rows of training.tsv")
    checkpoint_every: Count = Field(1000, description="steps between checkpoints")
    pictures_every: Count = Field(
        1000, description="steps between pictures of reconstructions; one is always made at the end"
    )
    val_sessions: Count = Field(64, description="validation sessions scored at each checkpoint")

    @field_validator("compile", mode="before")
    @classmethod
    def _compile_of_older_folders(cls, value: Any) -> Any:
        return {True: "blocks", False: "nothing"}[value] if isinstance(value, bool) else value

    @field_validator("seeds", mode="before")
    @classmethod
    def _a_list_of_seeds(cls, seeds: Any) -> Any:
        if seeds is not None and not isinstance(seeds, list | tuple):
            raise ValueError(f"a list of seeds, e.g. [0, 1, 2], is expected, not {seeds!r}")
        return seeds

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if twice := [seed for seed in seeds or () if seeds.count(seed) > 1]:
            raise ValueError(f"each seed once; {twice[0]} stands twice in {list(seeds)}")
        return seeds

    @model_validator(mode="after")
    def _one_key_says_the_seeds(self) -> "Training":
        if self.seeds is not None and "seed" in self.model_fields_set:
            raise ValueError("either seed or seeds; with both it isn't known which seeds are wanted")
        return self


class Weights(Settings):
    """A file of published weights; got once by the rule `fetch_weights`, or by hand."""

    filename: Location = Field(description="the file's name; looked for in `folder`, $NEUROQUANT_WEIGHTS, the cache")
    folder: Location = Field("", description="where the file is; empty: $NEUROQUANT_WEIGHTS, ~/.cache/neuroquant")
    hub: str = Field("", description="Hugging Face repository that has it")
    revision: str = Field("main", description="commit of the repository; pin one")
    source: str = Field("", description="where to download it by hand, if it isn't on the hub")
    bytes: int = Field(0, ge=0, description="its size; 0: not checked")
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$", description="its hash; without it the model doesn't start")
    licence: str = Field(min_length=1, description="licence of the weights, shown beside every number of the model")

    @field_validator("filename")
    @classmethod
    def _stays_below(cls, value: str) -> str:
        path = PurePosixPath(value)
        if not path.name or path.is_absolute() or ".." in path.parts:
            raise ValueError("must be a name, or a path below the folder in which weights are looked for")
        return value


class ModelFolder(Settings):
    """A model that exists already: its folder, as training wrote it, here or on the Hugging Face Hub."""

    model_folder: Location = Field(
        description="path of the folder, or owner/name on the hub, once `hf download owner/name` has got it"
    )
    revision: str = Field("", description="hub: commit of the model; pin one")
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$", description="hash of its weights; empty: not checked")
    voxel_mm: NonNegative = Field(
        0.0,
        description="as it is: the voxel size in mm that it was trained on; volumes of another `volume.voxel_mm` are "
        "resampled to it for this model, and its reconstructions back; 0: other sizes are refused",
    )
    codebook: Literal["keep", "adapt"] = Field(
        "adapt",
        description="training on from it: keep: the codebook stays as it is, so that indices keep their meaning; "
        "adapt: it goes on learning",
    )


def _kind_of_weights(value: Any) -> str:
    """Which of the two kinds of weights a mapping or an object is."""
    folder = "model_folder" in value if isinstance(value, dict) else isinstance(value, ModelFolder)
    return "of a folder" if folder else "of a file"


AnyWeights = Annotated[
    Annotated[Weights, Tag("of a file")] | Annotated[ModelFolder, Tag("of a folder")], Discriminator(_kind_of_weights)
]
KINDS = {"of a file": Weights, "of a folder": ModelFolder}
"""The kinds of weights, as pydantic's errors name them within a key."""


class LpipsFiles(Settings):
    """The two files of LPIPS (Zhang et al. 2018). Neither is shipped."""

    vgg: Weights = Field(
        Weights(filename="vgg16-397923af.pth", source="download.pytorch.org/models", licence="BSD-3-Clause"),
        description="torchvision's VGG16",
    )
    linear: Weights = Field(
        Weights(filename="lpips_vgg.pth", source="github.com/richzhang/PerceptualSimilarity", licence="BSD-2-Clause"),
        description="LPIPS's own layers, version 0.1 (lpips/weights/v0.1/vgg.pth there)",
    )


class Perceptual(LpipsFiles):
    """LPIPS (Zhang et al. 2018), with which VQGAN, SD-VAE and MedVAE were trained; off by default."""

    weight: NonNegative = Field(0.0, description="weight of the term; 0: off; the model's provenance records it")


class Objective(Settings):
    """Weights of the losses (equations 7, 12, 14 and 15). Values start from the released configuration."""

    l1: NonNegative = Field(1.0, description="voxelwise L1 (equation 12)")
    ssim: NonNegative = Field(0.5, description="lambda_SSIM of 1 - SSIM3D (equation 12), always in float32")
    ssim_window: Count = Field(11, description="side of the Gaussian window, voxels; sigma 1.5")
    regulariser: NonNegative = Field(1.0, description="weight of the model's own term: L_VQ (equation 7), or KL")
    cross: NonNegative = Field(0.5, description="L_cross (equation 14); 0: off; only models that can swap modality")
    cross_images: Literal["all", "half"] = Field(
        "all",
        description="images that L_cross decodes, each from the anatomy of one other image of its session: all of a "
        "step, or a random half (the same expectation of the gradient, for half of the decoding)",
    )
    cross_ssim: NonNegative = Field(
        0.0, description="weight of 1 - SSIM3D within L_cross, beside its L1 (equation 14 has none)"
    )
    adversary: NonNegative = Field(1e-3, description="L_adv through gradient reversal (equation 15); 0: off")
    perceptual: Perceptual = Field(Perceptual(), description="LPIPS on slices; not in the paper's loss")
    critic: NonNegative = Field(
        0.0,
        description="weight of the adversarial term of a patch discriminator (hinge) trained with the model; 0: none",
    )
    critic_channels: Count = Field(64, description="channels of its first layer")


class ModelEntry(Settings):
    """One model of Table 1 or 2."""

    name: Name = Field(description="short name, used in paths and tables")
    label: Label = Field("", description="name shown in tables and figures; empty: the short name")
    full_label: Label = Field(
        "", description="name shown in legends of figures, where the label needs the lines around it; empty: the label"
    )
    published_as: str = Field("", description="the paper's name of this model; empty: not in the paper")
    ablation_of: Name | Literal[""] = Field(
        "", description="the full model of which this one lacks a component: Table 2 compares the two by default"
    )
    replicate_of: Name | Literal[""] = Field(
        "",
        description="the model of which this one is another training; filled in for each further seed of "
        "training.seeds, not to be written by hand",
    )
    curve: Curve = Field(
        {},
        description="further values of a parameter of an untrained model, e.g. {components: [8, 32]}: it is scored "
        "with each of them too, and the figure of rate and distortion joins them in a line",
    )
    curve_of: Name | Literal[""] = Field(
        "",
        description="the model of whose curve this one is a point; filled in for each value of `curve`, not to be "
        "written by hand",
    )
    architecture: str = Field(description="module of neuroquant.models with Parameters and build, e.g. neuroquant")
    parameters: dict[str, Any] = Field({}, description="the architecture's own parameters")
    modalities: Modalities = Field((), description="BIDS suffixes that the model takes; empty: those of the experiment")
    objective: Objective = Field(Objective(), description="weights of the losses")
    training: Training = Field(Training(), description="the schedule")
    weights: AnyWeights | None = Field(
        None,
        description="authors' weights to start from (the model is in the group `authors_weights`), or the folder of a "
        "model that exists already (`trained_elsewhere`): what this entry doesn't state is then as the folder has it, "
        "and nothing is trained unless training.phases says so",
    )
    latent: str = Field("", description="which latent the probe reads; empty: the architecture's own choice")

    @field_validator("architecture")
    @classmethod
    def _module_name(cls, value: str) -> str:
        if not all(part.isidentifier() for part in value.split(".")):
            raise ValueError("must be a module name such as neuroquant or baselines.sd_vae")
        return value

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The modalities that the model takes; those of the paper where a file is older than this setting."""
        return self.modalities or DEFAULT_MODALITIES

    @property
    def group(self) -> Literal["trained_here", "trained_elsewhere", "authors_weights", "reference"]:
        """Models are compared within a group: trained here or elsewhere, with authors' weights, or without training."""
        if isinstance(self.weights, ModelFolder):
            return "trained_elsewhere"
        if self.weights:
            return "authors_weights"
        return "trained_here" if self.training.phases else "reference"

    @property
    def resampled_mm(self) -> float:
        """Voxel size to which volumes are resampled for this model alone; 0: they aren't."""
        return self.weights.voxel_mm if isinstance(self.weights, ModelFolder) else 0.0

    @property
    def shown(self) -> str:
        """The name that tables and figures show."""
        return self.label or self.name

    @property
    def in_legends(self) -> str:
        """The name that legends of figures show, which stands without the other lines of a table."""
        return self.full_label or self.shown


def require_codebook_starts(where: str, phases: tuple[Phase, ...], start_after: int | None) -> None:
    """Refuse a schedule under which the codebook never starts, for its latents would stay unquantised.

    Parameters
    ----------
    where : names the schedule in the error.
    start_after : steps on volumes after which the codebook starts; None where there is none that waits.

    Raises
    ------
    InputError
        If there are phases, but no step on volumes after the start.
    """
    steps = sum(phase.steps for phase in phases if phase.mode == "3d")
    if phases and start_after is not None and steps <= start_after:
        raise InputError(
            f"{where}: training.phases",
            f"{steps} steps on volumes, with parameters.start_after: {start_after}: the codebook would never start",
            "more steps on volumes than parameters.start_after",
            "lower parameters.start_after or raise the steps of the 3d phase",
        )
