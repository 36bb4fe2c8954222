"""Probes of what the paper doesn't predict, or doesn't predict it from (`probe.targets`, `probe.inputs`)."""


# Before anything else: a target of which nothing can be learned ends the run here. A checkpoint, as `assign`: one more
# target, or another session, trains no probe of a target whose values are what they were.
checkpoint targets:
    input:
        sessions=INDEXED.values(),
    output:
        **TARGET_FILES,
    wildcard_constraints:
        target=one_of(TARGET_NAMES),
    priority: 2
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        target=lambda wildcards: TARGET_NAMES[wildcards.target],
        most_classes=EXPERIMENT.probe.most_classes,
    message:
        "what is known of {wildcards.target}, which probes predict"
    script:
        "../workflow_scripts/targets.py"


rule probe_target:
    input:
        unpack(known_of_target),
        shards=lambda wildcards: [
            path
            for splits in probed_latents(wildcards).values()
            for shards in splits.values()
            for path in shards.values()
        ],
        manifests=manifests_for_probes,
    output:
        predictions=RESULTS / "numbers/probe_target/{aim}/{probed}/{cohort}.tsv",
        curve=RESULTS / "numbers/probe_target/{aim}/{probed}/{cohort}.training.tsv",
    wildcard_constraints:
        aim=one_of(AIMS),
        probed=one_of([ALL_MODELS, *MODELS]),
    threads: COMPUTE.threads
    resources:
        **{**NETWORK_JOB, "runtime": 60 * COMPUTE.probe_hours},
    params:
        probe=literal(whole(PROBING)),
        aim=lambda wildcards: list(AIMS[wildcards.aim]),
        shards=lambda wildcards: named(probed_latents(wildcards))(wildcards),
        arrays=lambda wildcards: json.dumps(latents_read(wildcards)),
        # not an output: Snakemake deletes the outputs of a job that fails, and these are what it resumes from
        checkpoints=lambda wildcards: named(target_checkpoints(wildcards))(wildcards),
        device=COMPUTE.device,
    message:
        "{wildcards.aim} of {wildcards.probed} on {wildcards.cohort}"
    script:
        "../workflow_scripts/probe_target.py"


use rule probe_target as probe_target_volumes with:
    input:
        unpack(known_of_target),
        shards=lambda wildcards: [
            path
            for shards in by_split(
                wildcards.cohort, "volumes/{cohort}/{shard}.h5"
            ).values()
            for path in shards.values()
        ],
        manifests=manifests_for_probes,
    output:
        predictions=RESULTS / "numbers/probe_target_volumes/{aim}/{cohort}.tsv",
        curve=RESULTS / "numbers/probe_target_volumes/{aim}/{cohort}.training.tsv",
    wildcard_constraints:
        aim=one_of(VOLUME_AIMS),
    params:
        aim=lambda wildcards: list(VOLUME_AIMS[wildcards.aim]),
        shards=lambda wildcards: named(
            {"volumes": by_split(wildcards.cohort, "volumes/{cohort}/{shard}.h5")}
        )(wildcards),
        arrays=literal(json.dumps({"volumes": "image"})),
        checkpoints=lambda wildcards: named(
            {
                "volumes": RESULTS
                / f"checkpoints/volumes/probe-{wildcards.aim}/{wildcards.cohort}"
            }
        )(wildcards),
    message:
        "{wildcards.aim} from the volumes of {wildcards.cohort}, the reference"


rule target_details:
    input:
        facts=[str(TARGET_FILES["facts"]).format(target=name) for name in TARGET_NAMES],
        known=[str(TARGET_FILES["known"]).format(target=name) for name in TARGET_NAMES],
        predictions=RESULTS / "numbers/target_predictions.tsv",
        cohorts=[path for paths in PROBED.values() for path in paths.values()],
    output:
        details=reported("probe_targets")["csv"],
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        experiment=settings("models", "cohorts", "statistics"),
        cohorts=named(PROBED),
        scored=literal(scored_cohorts()),
    message:
        "measures and controls of the probes of targets"
    script:
        "../workflow_scripts/target_details.py"
