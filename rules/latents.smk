"""Latents, and what they know of the subject."""


# One job for all shards of training and validation: a change in one of them trains the row again, and so asks for all of
# these latents anew anyway. `reconstruct` encodes the test subjects, a shard a job.
rule export_latents:
    input:
        model=RESULTS / "models/{row}/model.safetensors",
        volumes=lambda wildcards: shards_of(
            wildcards.cohort, "volumes/{cohort}/{shard}.h5", "train", "val"
        ),
        manifests=manifests_of("train", "val"),
    output:
        latents=[
            RESULTS / f"latents/{{row}}/{{cohort}}/{shard}.h5"
            for shard in SHARDS["train"] + SHARDS["val"]
        ],
    log:
        log_of("export_latents", "{row}", "{cohort}"),
    benchmark:
        benchmark_of("export_latents", "{row}", "{cohort}")
    conda:
        ENVIRONMENT
    threads: COMPUTE.threads
    resources:
        **NETWORK_JOB,
    params:
        device=COMPUTE.device,
        code=code_of("export_latents", row=True),
        failures=str(FAILURES),
    message:
        "latents of {wildcards.row} on {wildcards.cohort}, training and validation"
    script:
        "../workflow_scripts/export_latents.py"


rule probe:
    input:
        train=lambda wildcards: shards_of(
            wildcards.cohort,
            f"latents/{wildcards.row}/{{cohort}}/{{shard}}.h5",
            "train",
        ),
        val=lambda wildcards: shards_of(
            wildcards.cohort, f"latents/{wildcards.row}/{{cohort}}/{{shard}}.h5", "val"
        ),
        test=lambda wildcards: shards_of(
            wildcards.cohort,
            f"latents/{wildcards.row}/{{cohort}}/{{shard}}.h5",
            "test",
        ),
        manifests=manifests_of("train", "val", "test"),
    output:
        predictions=RESULTS / "numbers/probe/{row}/{cohort}.tsv",
        curve=RESULTS / "numbers/probe/{row}/{cohort}.training.tsv",
    log:
        log_of("probe", "{row}", "{cohort}"),
    benchmark:
        benchmark_of("probe", "{row}", "{cohort}")
    conda:
        ENVIRONMENT
    threads: COMPUTE.threads
    resources:
        **{**NETWORK_JOB, "runtime": 60 * COMPUTE.probe_hours},
    params:
        probe=literal(settings(EXPERIMENT.probe)),
        array=lambda wildcards: EXPERIMENT.row(wildcards.row).latent,
        model=lambda wildcards: wildcards.row,
        # not an output: Snakemake deletes the outputs of a job that fails, and these are what it resumes from
        checkpoints=lambda wildcards: str(
            RESULTS / "checkpoints" / wildcards.row / "probe" / wildcards.cohort
        ),
        device=COMPUTE.device,
        code=code_of("probe"),
        failures=str(FAILURES),
    message:
        "sex from the latents of {wildcards.row} on {wildcards.cohort}"
    script:
        "../workflow_scripts/probe.py"


use rule probe as probe_volumes with:
    input:
        train=lambda wildcards: shards_of(
            wildcards.cohort, "volumes/{cohort}/{shard}.h5", "train"
        ),
        val=lambda wildcards: shards_of(
            wildcards.cohort, "volumes/{cohort}/{shard}.h5", "val"
        ),
        test=lambda wildcards: shards_of(
            wildcards.cohort, "volumes/{cohort}/{shard}.h5", "test"
        ),
        manifests=manifests_of("train", "val", "test"),
    output:
        predictions=RESULTS / "numbers/probe_volumes/{cohort}.tsv",
        curve=RESULTS / "numbers/probe_volumes/{cohort}.training.tsv",
    log:
        log_of("probe_volumes", "{cohort}"),
    benchmark:
        benchmark_of("probe_volumes", "{cohort}")
    params:
        probe=literal(settings(EXPERIMENT.probe)),
        array="image",
        model="volumes",
        checkpoints=lambda wildcards: str(
            RESULTS / "checkpoints/volumes/probe" / wildcards.cohort
        ),
        device=COMPUTE.device,
        code=code_of("probe"),
        failures=str(FAILURES),
    message:
        "sex from the volumes of {wildcards.cohort}, the reference"


# one job a cohort for all its rows: starting torch costs more than the classifiers
rule disentanglement:
    input:
        volumes=lambda wildcards: shards_of(
            wildcards.cohort, "volumes/{cohort}/{shard}.h5", "test"
        ),
        latents=lambda wildcards: [
            path
            for row in rows_scored_on(wildcards.cohort)
            for path in shards_of(
                wildcards.cohort, f"latents/{row}/{{cohort}}/{{shard}}.h5", "test"
            )
        ],
        manifests=manifests_of("test"),
    output:
        table=RESULTS / "numbers/disentanglement/{cohort}.tsv",
    log:
        log_of("disentanglement", "{cohort}"),
    benchmark:
        benchmark_of("disentanglement", "{cohort}")
    conda:
        ENVIRONMENT
    threads: COMPUTE.threads
    resources:
        mem_mb=growing(COMPUTE.mem_mb),
        runtime=240,
    params:
        rows=lambda wildcards: rows_scored_on(wildcards.cohort),
        statistics=literal(settings(EXPERIMENT.statistics)),
        code=code_of("disentanglement"),
        failures=str(FAILURES),
    message:
        "how well anatomy and appearance are apart in the latents of {wildcards.cohort}"
    script:
        "../workflow_scripts/disentanglement.py"


rule probe_details:
    input:
        predictions=RESULTS / "numbers/predictions.tsv",
        sessions=expand(
            RESULTS / "cohorts/{cohort}/sessions.tsv", cohort=scored_cohorts()
        ),
        qc=expand(RESULTS / "cohorts/{cohort}/qc.tsv", cohort=scored_cohorts()),
        splits=expand(RESULTS / "cohorts/{cohort}/splits.tsv", cohort=scored_cohorts()),
    output:
        details=reported("probes")["csv"],
        page=reported("probes")["html"],
    log:
        log_of("probe_details"),
    benchmark:
        benchmark_of("probe_details")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        experiment=literal(settings(EXPERIMENT)),
        cohorts=scored_cohorts(),
        code=code_of("probe_details"),
        failures=str(FAILURES),
    message:
        "measures and controls of the sex probes"
    script:
        "../workflow_scripts/probe_details.py"


localrules:
    probe_details,
