"""What the run knows of the items of the CLAIM checklist."""

from typing import Any

from neuroquant.config.experiment import Experiment
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Split
from neuroquant.report.sentences import listed, seeds_in_words
from neuroquant.statistics.people import CohortTables, kept, shared_between_splits

ENGINES = {
    "none": "none was run",
    "standin": "a stand-in fitted here (an atlas and a mixture of Gaussians), not SynthSeg",
    "torch": "SynthSeg {version} in PyTorch",
    "upstream": "SynthSeg {version}, its own program",
    "freesurfer": "FreeSurfer's mri_synthseg",
}


def facts(experiment: Experiment, cohorts: CohortTables, provenance: dict[str, Any]) -> dict[str, str]:
    """Facts by name, as sentences or numbers; empty where the run doesn't know.

    Parameters
    ----------
    provenance : dict
        As `provenance.collect` gives it.
    """
    entries = [
        experiment.model(entry) for entry in dict.fromkeys((*experiment.table1.models, *experiment.table2.models))
    ]
    return data_facts(experiment, cohorts) | method_facts(experiment, entries) | software_facts(provenance)


def data_facts(experiment: Experiment, cohorts: CohortTables) -> dict[str, str]:
    """On cohorts, sessions and splits."""
    synthetic = [cohort.shown for cohort in experiment.cohorts if cohort.stand_in]
    real = [cohort.shown for cohort in experiment.cohorts if not cohort.stand_in]
    sources = [f"{listed(synthetic)}: made by the workflow from one template"] if synthetic else []
    sources += [f"{listed(real)}: as configured"] if real else []
    alone = {
        "design": "No person was studied: all cohorts are synthetic.",
        "deidentified": "No person was scanned.",
        "acquisition": "Simulated scanners; their settings are in the configuration.",
        "available": "made again by the workflow itself.",
    }
    return (dict.fromkeys(alone, "") if real else alone) | {
        "sources": "; ".join(sources) + ".",
        "included": included(experiment, cohorts),
        "selection": "All usable sessions of all cohorts; the split decides who trains.",
        "split": divided(experiment),
        "overlap": overlap(cohorts),
        "tested": listed([experiment.cohort(name).shown for name in internal_of(experiment)]),
        "external": external_testing(experiment, cohorts),
    }


def internal_of(experiment: Experiment) -> list[str]:
    """Cohorts of Table 1 that models train on."""
    return [name for name in experiment.table1.cohorts if name in experiment.training_cohorts]


def external_testing(experiment: Experiment, cohorts: CohortTables) -> str:
    """What was tested on cohorts that no model of this run has trained on."""
    numbers = {cohort.name: place for place, cohort in enumerate(experiment.cohorts)}
    tested = [name for name in experiment.table1.cohorts if experiment.cohort(name).external]
    if not tested:
        return "None: every cohort that is tested is also trained on."
    counts = {name: kept(cohorts.sessions[place], cohorts.excluded[place]) for name, place in numbers.items()}
    named = [
        f"{experiment.cohort(name).shown}: {counts[name].sessions} sessions of {counts[name].subjects} subjects"
        for name in tested
    ]
    apart = (
        " No image of theirs, by the hash of its voxels, is in a cohort that models train on."
        if experiment.training_cohorts
        else ""
    )
    elsewhere = [entry.shown for entry in experiment.shown_models if entry.group == "trained_elsewhere"]
    unknown = f" What {listed(elsewhere)} had been trained on before isn't known to this run." if elsewhere else ""
    return f"{listed(named)}. All of them are test subjects; none trains or validates here.{apart}{unknown}"


def method_facts(experiment: Experiment, entries: list[ModelEntry]) -> dict[str, str]:
    """On preprocessing, models and evaluation."""
    segmentation, seeds = experiment.segmentation, len(experiment.probe.seeds)
    engine = ENGINES[segmentation.engine].format(version=segmentation.version)
    segmented = segmentation.engine != "none"
    theirs = [entry.shown for entry in entries if entry.group == "authors_weights"]
    before = [entry.shown for entry in entries if entry.group == "trained_elsewhere"]
    trained = [entry for entry in entries if entry.training.phases]
    return {
        "models": ", ".join(entry.shown for entry in entries),
        "modalities": listed(list(experiment.modalities)),
        "shape": " x ".join(map(str, experiment.volume.shape)),
        "registration": str(experiment.volume.registration),
        "engine": engine,
        "annotated": f"automatic, by {engine}; no rater took part." if segmented else "",
        "variability": "No rater took part. The engine's agreement with ground truth, where there is any, is on the "
        "front page."
        if segmented
        else "",
        "architectures": ", ".join(dict.fromkeys(entry.architecture for entry in entries)),
        "initialised": "At random, with the seeds of the configuration"
        + (f"; {listed(theirs)}: with their authors' weights" if theirs else "")
        + (f"; {listed(before)}: with weights trained elsewhere before." if before else "."),
        "training": "; ".join(
            f"{entry.shown}: {sum(phase.steps for phase in entry.training.phases):,} steps, "
            f"{seeds_in_words(experiment, entry.name)}"
            for entry in trained
        )
        + ".",
        "seeds": f"{seeds} seed" + "s" * (seeds > 1),
        "region": experiment.fidelity.region,
        "confidence": f"{100 * experiment.statistics.confidence:g}",
        "bootstrap": str(experiment.statistics.bootstrap),
    }


def software_facts(provenance: dict[str, Any]) -> dict[str, str]:
    """On code and packages."""
    packages = ", ".join(f"{name} {version}" for name, version in provenance["packages"].items())
    commit = provenance.get("commit", "")
    return {
        "software": f"Python {provenance['python']}; {packages}",
        "version": str(provenance["neuroquant"]),
        "commit": f", commit {commit}" if commit else " ",
    }


def divided(experiment: Experiment) -> str:
    """How subjects were dealt out, those of external cohorts included."""
    external = [cohort.shown for cohort in experiment.cohorts if cohort.external]
    parts = [dealt_out(experiment.split)] if experiment.training_cohorts else []
    parts += [f"{listed(external)}: all subjects are for testing."] if external else []
    return " ".join(parts)


def dealt_out(splits: Split) -> str:
    """How the subjects of the other cohorts were."""
    seeded = f"by a seeded hash of the family or subject (seed {splits.seed}), stratified by sex"
    shares = f"{splits.train:.0%} train, {splits.val:.0%} validation, {splits.test:.0%} test"
    if splits.file:
        return "By a published split file" + (f"; others {seeded}." if splits.newcomers == "hash" else ".")
    if splits.counts:
        counts = "; ".join(f"{name}: {' / '.join(map(str, counts))}" for name, counts in splits.counts.items())
        return f"In exact numbers of subjects ({counts}; any other cohort {shares}), {seeded}."
    exactly = "To one subject, " if splits.method == "exact" else ""
    text = f"{exactly}{seeded}: {shares}."
    return text[0].upper() + text[1:]


def included(experiment: Experiment, cohorts: CohortTables) -> str:
    """Counts of every cohort."""
    parts = []
    for cohort, sessions, excluded in zip(experiment.cohorts, cohorts.sessions, cohorts.excluded, strict=True):
        count = kept(sessions, excluded)
        parts.append(
            f"{cohort.shown}: {count.sessions} sessions of {count.subjects} subjects kept, {count.excluded} sessions "
            "excluded"
        )
    return "; ".join(parts) + "."


def overlap(cohorts: CohortTables) -> str:
    """Subjects, families and images that more than one split has, over all cohorts."""
    return str(sum(map(shared_between_splits, cohorts.proofs)))
