"""Latents, and what they know of the subject."""


# One job for all shards of training and validation: a change in one of them trains the model again, and so asks for all of
# these latents anew anyway. `reconstruct` encodes the test subjects, a shard a job.
rule export_latents:
    input:
        **by_shard("volumes/{cohort}/{shard}.h5", "train", "val"),
        model=RESULTS / "models/{model}/model.safetensors",
        manifests=manifests_of("train", "val"),
    output:
        **by_shard("latents/{model}/{cohort}/{shard}.h5", "train", "val"),
    wildcard_constraints:
        model=one_of([] if FEW_JOBS else MODELS),
        cohort=one_of(TRAINING_COHORTS),
    threads: COMPUTE.threads
    resources:
        **NETWORK_JOB,
    params:
        device=COMPUTE.device,
        code=code_of("export_latents", model=True),
    message:
        "latents of {wildcards.model} on {wildcards.cohort}, training and validation"
    script:
        "../workflow_scripts/export_latents.py"


rule probe:
    input:
        shards=lambda wildcards: [
            path
            for splits in probed_latents(wildcards).values()
            for shards in splits.values()
            for path in shards.values()
        ],
        manifests=manifests_for_probes,
    output:
        predictions=RESULTS / "numbers/probe/{probed}/{cohort}.tsv",
        curve=RESULTS / "numbers/probe/{probed}/{cohort}.training.tsv",
    wildcard_constraints:
        probed=one_of([ALL_MODELS, *MODELS]),
    threads: COMPUTE.threads
    resources:
        **{**NETWORK_JOB, "runtime": 60 * COMPUTE.probe_hours},
    params:
        probe=literal(whole(PROBING)),
        shards=lambda wildcards: named(probed_latents(wildcards))(wildcards),
        arrays=lambda wildcards: json.dumps(
            {
                model: EXPERIMENT.model(model).latent
                for model in probed_models(wildcards)
            }
        ),
        # not an output: Snakemake deletes the outputs of a job that fails, and these are what it resumes from
        checkpoints=lambda wildcards: named(
            {
                model: RESULTS / "checkpoints" / model / "probe" / wildcards.cohort
                for model in probed_models(wildcards)
            }
        )(wildcards),
        device=COMPUTE.device,
    message:
        "sex from the latents of {wildcards.probed} on {wildcards.cohort}"
    script:
        "../workflow_scripts/probe.py"


use rule probe as probe_volumes with:
    input:
        shards=lambda wildcards: [
            path
            for shards in by_split(
                wildcards.cohort, "volumes/{cohort}/{shard}.h5"
            ).values()
            for path in shards.values()
        ],
        manifests=manifests_for_probes,
    output:
        predictions=RESULTS / "numbers/probe_volumes/{cohort}.tsv",
        curve=RESULTS / "numbers/probe_volumes/{cohort}.training.tsv",
    params:
        shards=lambda wildcards: named(
            {"volumes": by_split(wildcards.cohort, "volumes/{cohort}/{shard}.h5")}
        )(wildcards),
        arrays=literal(json.dumps({"volumes": "image"})),
        checkpoints=lambda wildcards: named(
            {"volumes": RESULTS / "checkpoints/volumes/probe" / wildcards.cohort}
        )(wildcards),
    message:
        "sex from the volumes of {wildcards.cohort}, the reference"


# one job a cohort for all its models: starting torch costs more than the classifiers
rule disentanglement:
    input:
        volumes=lambda wildcards: shards_of(
            wildcards.cohort, "volumes/{cohort}/{shard}.h5", "test"
        ),
        latents=lambda wildcards: [
            path
            for model in models_shown_on(wildcards.cohort)
            for path in shards_of(
                wildcards.cohort, f"latents/{model}/{{cohort}}/{{shard}}.h5", "test"
            )
        ],
        manifests=manifests_of("test"),
    output:
        table=RESULTS / "numbers/disentanglement/{cohort}.tsv",
    threads: COMPUTE.threads
    resources:
        mem_mb=growing(COMPUTE.mem_mb),
        runtime=for_all_models(240, 20),
    params:
        files=files_of("latents"),
        statistics=literal(whole(EXPERIMENT.statistics)),
    message:
        "how well anatomy and appearance are apart in the latents of {wildcards.cohort}"
    script:
        "../workflow_scripts/disentanglement.py"


PROBED = {
    cohort: {
        table: RESULTS / f"cohorts/{cohort}/{table}.tsv"
        for table in ("sessions", "qc", "splits")
    }
    # controls of an external cohort learn from the others
    for cohort in dict.fromkeys((*scored_cohorts(), *TRAINING_COHORTS))
}


rule probe_details:
    input:
        **(
            {"targets": RESULTS / entry("probe_targets").outputs["csv"]}
            if EXPERIMENT.probe.aims
            else {}
        ),
        predictions=RESULTS / "numbers/predictions.tsv",
        cohorts=[path for paths in PROBED.values() for path in paths.values()],
    output:
        details=reported("probes")["csv"],
        page=reported("probes")["html"],
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        experiment=settings(
            "models",
            "cohorts",
            "table1",
            "table2",
            "probe.permuted",
            "probe.aims",
            "statistics",
        ),
        cohorts=named(PROBED),
        scored=literal(scored_cohorts()),
    message:
        "measures and controls of the sex probes"
    script:
        "../workflow_scripts/probe_details.py"
