"""What is predicted beside the paper's sex, and from which part of the latents: files of its probes."""

from neuroquant.config.evaluation import MAIN, SEX

TARGET_NAMES = EXPERIMENT.probe.named_targets
# name -> target, and the part of the latents that it is predicted from; the volumes have no parts
AIMS = {
    f"{name}-{part}": (target, part)
    for name, target in TARGET_NAMES.items()
    for part in EXPERIMENT.probe.inputs
    if (target, part) in EXPERIMENT.probe.aims
}
VOLUME_AIMS = {
    name: (target, "") for name, target in TARGET_NAMES.items() if target != SEX
}
TARGET_FILES = {
    "facts": RESULTS / "numbers/target/{target}.tsv",
    "known": RESULTS / "numbers/target/{target}.known.tsv",
}
INDEXED = {
    cohort: RESULTS / f"cohorts/{cohort}/index/sessions.tsv" for cohort in COHORTS
}
TARGET_PREDICTIONS = [
    RESULTS / f"numbers/probe_target/{aim}/{probed}/{cohort}.tsv"
    for aim in AIMS
    for probed, cohort in probe_jobs()
] + [
    RESULTS / f"numbers/probe_target_volumes/{aim}/{cohort}.tsv"
    for aim in VOLUME_AIMS
    for cohort in scored_cohorts()
]


def known_of_target(wildcards):
    """What the target of an aim is, and its values."""
    target = (AIMS | VOLUME_AIMS)[wildcards.aim][0]
    name = next(name for name, other in TARGET_NAMES.items() if other == target)
    return {kind: str(path).format(target=name) for kind, path in TARGET_FILES.items()}


def latents_read(wildcards):
    """Model -> the array that a probe reads of it, empty for what the shards say themselves."""
    main = AIMS[wildcards.aim][1] == MAIN
    return {
        model: EXPERIMENT.model(model).latent if main else ""
        for model in probed_models(wildcards)
    }


def target_checkpoints(wildcards):
    """Model -> the folder of the networks of a probe that isn't done."""
    return {
        model: RESULTS
        / "checkpoints"
        / model
        / f"probe-{wildcards.aim}"
        / wildcards.cohort
        for model in probed_models(wildcards)
    }
