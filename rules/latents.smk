"""Latents, and what they know of the subject."""


rule export_latents:
    input:
        model=RESULTS / "models/{row}/model.safetensors",
        volumes=RESULTS / "volumes/{cohort}/{shard}.h5",
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
    output:
        latents=RESULTS / "latents/{row}/{cohort}/{shard}.h5",
    log:
        log_of("export_latents", "{row}", "{cohort}", "{shard}"),
    benchmark:
        benchmark_of("export_latents", "{row}", "{cohort}", "{shard}")
    wildcard_constraints:
        shard="(train|val)-[0-9]+",  # `reconstruct` encodes the test subjects
    conda:
        ENVIRONMENT
    threads: COMPUTE.threads
    resources:
        **NETWORK_JOB,
    params:
        device=COMPUTE.device,
        code=code_of(
            "models",
            "convolution.py",
            "evaluation/latents.py",
            "evaluation/batches.py",
            "model_folder.py",
            "device.py",
        ),
        failures=str(FAILURES),
    message:
        "latents of {wildcards.row} on {wildcards.cohort} {wildcards.shard}"
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
        **NETWORK_JOB,
    params:
        probe=settings(EXPERIMENT.probe),
        array=lambda wildcards: EXPERIMENT.row(wildcards.row).latent,
        model=lambda wildcards: wildcards.row,
        device=COMPUTE.device,
        code=code_of("evaluation/probe.py", "evaluation/linear_probe.py", "device.py"),
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
        probe=settings(EXPERIMENT.probe),
        array="image",
        model="volumes",
        device=COMPUTE.device,
        code=code_of("evaluation/probe.py", "evaluation/linear_probe.py", "device.py"),
        failures=str(FAILURES),
    message:
        "sex from the volumes of {wildcards.cohort}, the reference"


rule probe_details:
    input:
        predictions=RESULTS / "numbers/predictions.tsv",
        sessions=expand(
            RESULTS / "cohorts/{cohort}/sessions.tsv", cohort=scored_cohorts()
        ),
        qc=expand(RESULTS / "cohorts/{cohort}/qc.tsv", cohort=scored_cohorts()),
        splits=expand(RESULTS / "cohorts/{cohort}/splits.tsv", cohort=scored_cohorts()),
    output:
        details=RESULTS / "numbers/probe_details.csv",
        page=report(
            RESULTS / "tables/probes.html",
            category="Tables",
            subcategory="sex probes",
            labels={"table": "sex probes", "format": "measures and controls"},
            caption=CAPTIONS / "probes.rst",
        ),
    log:
        log_of("probe_details"),
    benchmark:
        benchmark_of("probe_details")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        experiment=settings(EXPERIMENT),
        cohorts=scored_cohorts(),
        code=code_of(
            "evaluation/probe_details.py",
            "evaluation/statistics.py",
            "reporting/probing.py",
            "reporting/pages.py",
        ),
        failures=str(FAILURES),
    message:
        "measures and controls of the sex probes"
    script:
        "../workflow_scripts/probe_details.py"


localrules:
    probe_details,
