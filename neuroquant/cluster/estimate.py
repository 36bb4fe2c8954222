"""Hours and bytes that an experiment costs, from recorded rates; what no rate is known of is said, not guessed."""

import tempfile
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from neuroquant.cluster.asks import Ask
from neuroquant.cluster.rates import REFERENCE_SHAPE, Rate, images_in, measured_on_gpu, passes, recorded
from neuroquant.cohorts.index import Files, find_sessions
from neuroquant.cohorts.inventory import refresh_inventory
from neuroquant.cohorts.source import Source
from neuroquant.config.experiment import Experiment
from neuroquant.config.model import ModelEntry
from neuroquant.models import fit_bytes, fitting, latent_shapes, parameters_class, spec

MAKERS = {
    "volumes": {"preprocess"},
    "reconstructions": {"reconstruct", "apply_model"},
    "latents": {"export_latents", "apply_model"},
    "segmentations": {"segment", "segment_models"},
}
"""Large folders, and the rules that fill each."""
COUNTED = "neuroquant"
"""The architecture whose training steps were counted, at its default widths."""


@dataclass(frozen=True)
class Part:
    """What one rule costs: hours of one job's kind over all its jobs, or None where no rate is known."""

    rule: str
    hours: float | None
    longest: float | None
    """Hours of its longest job."""
    source: str
    splits: dict[str, float] = field(default_factory=dict)
    """Of rules that work on shards: hours of the longest job, by split."""


def images_of(experiment: Experiment, results: Path) -> dict[str, dict[str, float]]:
    """Images by cohort and split: counted in the shards' manifests where these exist, else expected.

    Before that the scans of the inventory, or those that a synthetic cohort is expected to have, are divided by the
    fractions of the splits.
    """
    counts = {}
    for cohort in experiment.cohorts:
        folder = results / "cohorts" / cohort.name
        manifests = sorted(folder.glob("shards/*.tsv"))
        if manifests:
            images = dict.fromkeys(("train", "val", "test"), 0.0)
            for path in manifests:
                images[path.stem.split("-")[0]] += images_in(path)
            counts[cohort.name] = images
            continue
        if cohort.synthetic:
            sessions = cohort.synthetic.subjects * (1 + cohort.synthetic.visits_max) / 2
            total = sessions * len(experiment.modalities)
        else:
            files = found_files(Source.of(experiment, cohort.name), folder / "inventory.tsv")
            least = len(experiment.modalities) if cohort.require == "all" else 1
            images = [len(set(experiment.modalities) & set(kinds)) for kinds in files]
            total = sum(number for number in images if number >= least)
        split = experiment.split_of(cohort.name)
        counts[cohort.name] = {name: total * getattr(split, name) for name in ("train", "val", "test")}
    return counts


def found_files(source: Source, inventory: Path) -> list[Files]:
    """The files of each session of a cohort, by its inventory, or by one taken now where no run has written it yet."""
    if inventory.exists():
        return list(find_sessions(source, inventory).values())
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder) / "inventory.tsv"
        refresh_inventory(source, scratch)
        return list(find_sessions(source, scratch).values())


def parts(asks: list[Ask], experiment: Experiment, results: Path, earlier: dict[str, Rate]) -> list[Part]:
    """Costs of every rule, in the order of `asks`."""
    counts = images_of(experiment, results)
    jobs: dict[str, int] = {}
    for ask in asks:
        jobs[ask.rule] = jobs.get(ask.rule, 0) + ask.jobs
    costs = []
    for rule, number in jobs.items():
        if rule == "train":
            costs.append(_training(experiment, number, earlier))
        elif rule == "save_untrained":
            costs.append(_fitting(experiment, number, counts))
        else:
            costs.append(_by_session(rule, number, experiment, counts, earlier))
    return costs


def _training(experiment: Experiment, jobs: int, earlier: dict[str, Rate]) -> Part:
    """Hours of every model that is still to be trained and has a known rate; models without a rate are named."""
    seconds, unknown, sources = [], [], []
    trained = [entry for entry in experiment.models if entry.training.phases]
    for entry in trained:
        known = earlier.get(f"train.{entry.name}") or _on_gpu(entry, experiment)
        if known is None:
            unknown.append(entry.name)
        else:
            seconds.append(known.value)
            sources.append(known.source)
    source = "; ".join(dict.fromkeys(sources))
    if unknown:
        source += f"{'; ' if source else ''}no rate is recorded for {', '.join(unknown)}"
    share = min(1.0, jobs / max(len(trained), 1))
    return Part(
        "train", share * sum(seconds) / 3600 if seconds else None, max(seconds, default=0) / 3600 or None, source
    )


def _fitting(experiment: Experiment, jobs: int, counts: dict) -> Part:
    """Models that are fitted to all training volumes, which they read a few times; others are saved in no time."""
    untrained = [entry for entry in experiment.models if not entry.training.phases]
    shape, rate = experiment.volume.shape, recorded()["fit"]
    images = sum(splits["train"] for splits in counts.values()) * prod(shape) / prod(REFERENCE_SHAPE)
    seconds = [
        rate.value * images * fitting.passes(entry.parameters.get("components", 0))
        for entry in untrained
        if not entry.weights and fit_bytes(entry.architecture, entry.parameters, shape, len(entry.suffixes)) is not None
    ]
    if not seconds:
        return Part("save_untrained", None, None, "no rate is recorded")
    share = min(1.0, jobs / len(untrained))
    return Part("save_untrained", share * sum(seconds) / 3600, max(seconds) / 3600, rate.source)


def _on_gpu(entry: ModelEntry, experiment: Experiment) -> Rate | None:
    """Seconds of a training on a GPU: of steps that were measured, else at the floor of the hardware, and says which.

    Known for NeuroQuant with its default sizes.
    """
    if entry.architecture != COUNTED or experiment.compute.device == "cpu":
        return None
    default = parameters_class(COUNTED)()
    if default.model_validate(entry.parameters).channels != default.channels:
        return None
    size = prod(experiment.volume.shape) / prod(REFERENCE_SHAPE)
    measured, floor = measured_on_gpu(), recorded()
    seconds, sources = 0.0, []
    for phase in entry.training.phases:
        share = size if phase.mode == "3d" else size ** (2 / 3)
        if phase.crop:
            share = prod(phase.crop) / prod(REFERENCE_SHAPE)
        images = phase.batch * len(entry.modalities)
        what = f"train.{phase.mode}"
        rate = measured.get(what, floor[what])
        seconds += phase.steps * images * share * rate.value
        sources.append(rate.source if what in measured else f"{floor['train.3d'].source}; a real step takes longer")
    return Rate(seconds / experiment.compute.gpus, "; ".join(dict.fromkeys(sources)))


def _by_session(rule: str, jobs: int, experiment: Experiment, counts: dict, earlier: dict[str, Rate]) -> Part:
    """Rules that work on shards: seconds per image times images times models."""
    rate = earlier.get(rule) or _seconds_per_image(rule, experiment)
    if rate is None:
        return Part(rule, None, None, "no rate is recorded")
    shards = experiment.shards.model_dump()
    used = tuple(shards) if rule == "preprocess" else ("test",)
    mean = sum(splits[name] for splits in counts.values() for name in used)
    # an external cohort has test shards alone
    divided = {name: len(experiment.cohorts if name == "test" else experiment.training_cohorts) for name in used}
    mean /= sum(divided[name] * shards[name] for name in used)
    hours = rate.value * passes(rule, experiment.segmentation.ceiling) / 3600
    longest = {name: hours * max(splits[name] for splits in counts.values()) / shards[name] for name in used}
    return Part(rule, hours * mean * jobs, max(longest.values()), rate.source, longest)


def _seconds_per_image(rule: str, experiment: Experiment) -> Rate | None:
    rates, volume = recorded(), experiment.volume
    size = prod(volume.shape) / prod(REFERENCE_SHAPE)
    if rule == "preprocess":
        wanted = {"preprocess": True, "preprocess.voxel_mm": volume.voxel_mm > 0, "preprocess.n4": volume.n4}
        wanted["preprocess.registration"] = volume.registration == "all"
        used = {name: rates[name] for name, yes in wanted.items() if yes}
        sources = [*dict.fromkeys(rate.source for rate in used.values())]
        # of a session's images all but one are aligned to another
        shares = {"preprocess.registration": 1 - 1 / len(experiment.modalities)}
        if volume.registration == "grids":
            sources.append(
                f"without registering scans on different grids, {rates['preprocess.registration'].value:g} s each"
            )
        if "synthseg" in volume.brain_mask:
            sources.append("without segmenting raw heads, 166 s each on one thread (benchmarks/segment.md)")
        seconds = sum(rate.value * shares.get(name, 1) for name, rate in used.items())
        return Rate(seconds * size, "; ".join(sources))
    if rule in ("segment", "segment_reference") and experiment.segmentation.engine == "torch":
        known = rates if experiment.compute.device == "cpu" else measured_on_gpu()
        if "segment" in known:
            return Rate(known["segment"].value * size, known["segment"].source)
    return None


def bytes_needed(experiment: Experiment, results: Path, rules: set[str]) -> int:
    """Bytes that jobs of `rules` write into the large folders, on top of what lies there already."""
    missing = 0
    for folder, size in disk(experiment, results).items():
        if MAKERS[folder] & rules:
            there = sum(path.stat().st_size for path in (results / folder).glob("**/*.h5"))
            missing += max(0, int(size) - there)
    return missing


def latent_bytes(entry: ModelEntry, shape: tuple[int, int, int]) -> int | None:
    """Bytes of all latents of one volume as `export_latents` writes them: float16, and whole numbers as int32.

    None where the model's architecture doesn't say what latents it has.
    """
    shapes = latent_shapes(entry.architecture, entry.parameters, shape)
    if shapes is None:
        return None
    whole = spec(entry.architecture).whole_numbers
    return sum(prod(sides) * (4 if name in whole else 2) for name, sides in shapes.items())


def disk(experiment: Experiment, results: Path) -> dict[str, float]:
    """Bytes of the large folders, all models together, but latents of which nothing is known."""
    counts, rates = images_of(experiment, results), recorded()
    voxels = prod(experiment.volume.shape)
    everyone = sum(sum(splits.values()) for splits in counts.values())
    scored = {
        (model, cohort)
        for table in (experiment.table1, experiment.table2)
        for cohort in table.cohorts
        for model in table.models
    }
    scored |= {(model, experiment.figure4.cohort) for model in experiment.figure4.models}
    scored = {(point, cohort) for model, cohort in scored for point in experiment.points(model)}
    scored = {(training, cohort) for model, cohort in scored for training in experiment.trainings(model)}
    tested = sum(counts[cohort]["test"] for _, cohort in scored)
    latents = {model: latent_bytes(experiment.model(model), experiment.volume.shape) or 0 for model, _ in scored}
    reference = sum(counts[cohort]["test"] for cohort in {cohort for _, cohort in scored})
    sizes = {
        "volumes": everyone * voxels * rates["volumes"].value,
        "reconstructions": tested * voxels * rates["reconstructions"].value,
        "latents": sum(latents[model] * sum(counts[cohort].values()) for model, cohort in scored),
    }
    if experiment.segmentation.engine != "none":
        reference *= passes("segment_reference", experiment.segmentation.ceiling)
        sizes["segmentations"] = (tested + reference) * voxels * rates["segmentations"].value
    return sizes
