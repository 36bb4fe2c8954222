"""The whole experiment, resolved: what one run of the DAG reads."""

import difflib
from typing import Any, Literal

from pydantic import Field, model_validator

from neuroquant.config.base import DEFAULT_MODALITIES, FACTS, RESERVED, Count, Modalities, Name, Settings
from neuroquant.config.cohort import Cohort
from neuroquant.config.evaluation import Fidelity, Probe, Segmentation, Statistics
from neuroquant.config.model import ModelEntry
from neuroquant.config.robustness import Robustness
from neuroquant.config.volume import EXTERNAL, Shards, Split, Volume

MISSING_OF = ("family", *FACTS)
"""Columns that a cohort's `missing` always knows."""


class Table(Settings):
    """Models and cohorts of one table."""

    models: tuple[Name, ...] = Field((), description="models, top to bottom; empty: the default")
    cohorts: tuple[Name, ...] = Field((), description="cohorts, top to bottom; empty: the default")
    metrics: tuple[str, ...] = Field(
        (), description="metrics beside the paper's, a column each, e.g. [ms_ssim, hfen]; docs/metrics.md lists them"
    )


class Figure4(Settings):
    """Regional volumes: ground truth, the full model, its ablations."""

    cohort: Name | Literal[""] = Field("", description="cohort shown; empty: the default")
    models: tuple[Name, ...] = Field((), description="models, the full model first; empty: the default")


class Report(Settings):
    """What the report shows."""

    title: str = Field("NeuroQuant", description="title of the front page")
    figure3_models: tuple[Name, ...] = Field((), description="models of Figure 3; empty: those of Table 1")
    identifiable: bool = Field(False, description="show subject identifiers and paths")


class Compute(Settings):
    """What a job may use."""

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU if there is one")
    threads: Count = Field(8, description="threads of each process that trains or runs a network")
    gpus: Count = Field(
        1, description="processes that train one model together, one GPU each; every batch is distributed among them"
    )
    nodes: Count = Field(
        1, description="nodes of a cluster over which these processes are distributed, a divisor of gpus"
    )
    train_hours: Count = Field(48, description="walltime of a training job on a cluster, hours")
    probe_hours: Count = Field(
        24,
        description="walltime of a sex probe on a cluster, hours: 11,000 training sessions of ABCD, 2 modalities and 4 "
        "runs of 100 epochs are 280,000 steps, 0.3 s each; a job that is stopped resumes with its current run",
    )
    jobs: Literal["many", "few"] = Field(
        "many",
        description="many: every model, cohort and shard has jobs of its own; few: one job applies a model to all "
        "cohorts, segments the reconstructions of all models, or probes all models of a cohort, for experiments so "
        "small that starting a job takes longer than its work",
    )
    train_mem_mb: Count = Field(65_536, description="memory of each process of a training, MB")
    mem_mb: Count = Field(16_384, description="memory of every other job that runs a network, MB")

    @model_validator(mode="after")
    def _nodes_are_alike(self) -> "Compute":
        if self.gpus % self.nodes:
            raise ValueError(f"gpus must be a multiple of nodes; {self.gpus} isn't one of {self.nodes}")
        return self


class Experiment(Settings):
    """All of it."""

    experiment: Name = Field("paper", description="results go to results/<experiment>/")
    modalities: Modalities = Field(
        DEFAULT_MODALITIES,
        min_length=1,
        description="BIDS suffixes of the images that models take, in the order of tables and figures; one or more",
    )
    cohorts: tuple[Cohort, ...] = Field(min_length=1, description="names of files in config/cohorts, paths, or inline")
    models: tuple[ModelEntry, ...] = Field(
        min_length=1, description="names of files in config/models, paths, or inline"
    )
    overrides: dict[str, dict[str, Any]] = Field(
        {},
        description="changes to every model of an architecture, e.g. small sizes for the demo, or to the cohort of a "
        "name, e.g. {ixi: {role: external}}; a term of the loss whose weight is 0 in a model's file stays off",
    )
    budget: Literal["own", "equal_voxels"] = Field(
        "own",
        description="own: every model has the steps of its phases; equal_voxels: the steps of each trained model, "
        "warm-up included, are scaled so that it sees as many voxels as the full model, the first of figure4.models",
    )
    split: Split = Field(Split(), description="subjects of training, validation and test")
    shards: Shards = Field(Shards(), description="number of jobs into which the sessions are divided")
    volume: Volume = Field(Volume(), description="the volumes that all models are given")
    fidelity: Fidelity = Field(Fidelity(), description="PSNR and SSIM3D")
    segmentation: Segmentation = Field(Segmentation(), description="Dice and regional volumes")
    robustness: Robustness = Field(
        Robustness(), description="reconstructions of spoiled test scans; off unless it names faults"
    )
    probe: Probe = Field(Probe(), description="what is predicted from latents")
    statistics: Statistics = Field(Statistics(), description="intervals and tests")
    table1: Table = Field(
        Table(),
        description="the comparison; by default all models but the full one's ablations (ablation_of), on all cohorts",
    )
    table2: Table = Field(
        Table(),
        description="the ablation, each model adding one component; by default the ablations of the full model in the "
        "order of `models`, then the full model, on the first cohort that isn't external",
    )
    figure4: Figure4 = Field(
        Figure4(),
        description="regional volumes; by default of the full model and its ablations, on the first cohort that isn't "
        "external",
    )
    report: Report = Field(Report(), description="contents of the report")
    compute: Compute = Field(Compute(), description="resources of the jobs")

    @model_validator(mode="after")
    def _names_fit(self) -> "Experiment":
        for kind, items in (("cohort", self.cohorts), ("model", self.models)):
            names = [item.name for item in items]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two {kind}s are named {twice[0]!r}; give each its own name")
        for entry in self.models:
            if entry.name in RESERVED:
                raise ValueError(f"a model can't be named {entry.name!r}: score tables use that name")
        for names in ([(e.shown, e.name) for e in self.models], [(e.in_legends, e.name) for e in self.models]):
            shown: dict[str, str] = {}
            for label, name in names:
                other = shown.setdefault(label, name)
                if other != name:
                    raise ValueError(
                        f"models {other} and {name} are both shown as {label!r}; give each a label of its own"
                    )
        models, cohorts = {entry.name for entry in self.models}, {cohort.name for cohort in self.cohorts}
        used_models = {
            "table1.models": self.table1.models,
            "table2.models": self.table2.models,
            "figure4.models": self.figure4.models,
            "report.figure3_models": self.report.figure3_models,
        }
        used_cohorts = {
            "table1.cohorts": self.table1.cohorts,
            "table2.cohorts": self.table2.cohorts,
            "figure4.cohort": (self.figure4.cohort,) if self.figure4.cohort else (),
        }
        for known, used in ((models, used_models), (cohorts, used_cohorts)):
            for key, names in used.items():
                for name in names:
                    if name not in known:
                        raise ValueError(f"{key} names {name!r}, which isn't one of {sorted(known)}")
        return self

    @model_validator(mode="after")
    def _trainings_are_of_shown_models(self) -> "Experiment":
        first = {entry.name: entry for entry in self.models if not entry.replicate_of}
        shown = (*self.table1.models, *self.table2.models, *self.figure4.models, *self.report.figure3_models)
        for entry in self.models:
            if not entry.replicate_of:
                continue
            if entry.replicate_of not in first or not entry.training.phases:
                raise ValueError(
                    f"model {entry.name}: replicate_of: {entry.replicate_of!r} must name a trained model of the "
                    "experiment; write training.seeds there instead"
                )
            if entry.name in shown:
                raise ValueError(
                    f"{entry.name} is a training of {entry.replicate_of}: tables and figures show that one, with all "
                    "its seeds"
                )
        return self

    @model_validator(mode="after")
    def _points_are_of_a_model(self) -> "Experiment":
        whole = {entry.name for entry in self.models if not entry.curve_of}
        for entry in self.models:
            if entry.curve_of and (entry.curve_of not in whole or entry.training.phases):
                raise ValueError(
                    f"model {entry.name}: curve_of: {entry.curve_of!r} must name a model of the experiment, neither of "
                    "them trained; write `curve` there instead"
                )
        return self

    @model_validator(mode="after")
    def _missing_codes_are_of_known_columns(self) -> "Experiment":
        """A cohort's file may serve other experiments too, with other targets: only what looks misspelt is refused."""
        for cohort in self.cohorts:
            for name in cohort.missing:
                known = (*MISSING_OF, *(target.lower() for target in self.probe.targets))
                close = difflib.get_close_matches(name.lower(), MISSING_OF, 1, 0.75)
                if name.lower() not in known and close:
                    raise ValueError(f"cohort {cohort.name}: missing: {name!r} is no known column; write {close[0]}")
        return self

    @model_validator(mode="after")
    def _target_is_a_modality(self) -> "Experiment":
        target = self.volume.registration_target
        if target and target not in self.modalities:
            raise ValueError(
                f"volume.registration_target: {target} isn't one of the experiment's modalities "
                f"({', '.join(self.modalities)})"
            )
        return self

    @model_validator(mode="after")
    def _masks_can_be_made(self) -> "Experiment":
        if "synthseg" in self.volume.brain_mask and self.segmentation.engine in ("none", "standin"):
            raise ValueError(
                "volume.brain_mask: synthseg needs a segmentation.engine that knows real heads (torch, upstream or "
                f"freesurfer), not {self.segmentation.engine}"
            )
        return self

    @model_validator(mode="after")
    def _batches_fit(self) -> "Experiment":
        for entry in self.models:
            for number, phase in enumerate(entry.training.phases):
                if phase.batch % (self.compute.gpus * phase.accumulate):
                    raise ValueError(
                        f"model {entry.name}, training.phases[{number}]: a batch of {phase.batch} with accumulate: "
                        f"{phase.accumulate} can't be dealt out among compute.gpus: {self.compute.gpus}; batch must be "
                        "a multiple of gpus x accumulate"
                    )
        return self

    def cohort(self, name: str) -> Cohort:
        """The cohort of that name."""
        return next(cohort for cohort in self.cohorts if cohort.name == name)

    @property
    def shown_models(self) -> tuple[ModelEntry, ...]:
        """The models that tables, figures and pages may show: all but further trainings of one of them."""
        return tuple(entry for entry in self.models if not entry.replicate_of)

    def trainings(self, name: str) -> tuple[str, ...]:
        """The entries of a model's trainings, the first of them the model's own."""
        return (name, *(entry.name for entry in self.models if entry.replicate_of == name))

    def points(self, name: str) -> tuple[str, ...]:
        """The entries of a model's curve of rate and distortion, the first of them the model's own."""
        return (name, *(entry.name for entry in self.models if entry.curve_of == name))

    @property
    def training_cohorts(self) -> tuple[str, ...]:
        """Names of the cohorts that aren't external."""
        return tuple(cohort.name for cohort in self.cohorts if not cohort.external)

    def split_of(self, name: str) -> Split:
        """How the subjects of a cohort are split: those of an external one are all test subjects."""
        return EXTERNAL if self.cohort(name).external else self.split

    def model(self, name: str) -> ModelEntry:
        """The model of that name."""
        return next(entry for entry in self.models if entry.name == name)
