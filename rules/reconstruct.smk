"""Reconstructions (and latents) of the test subjects, and how faithful they are."""


rule reconstruct:
    input:
        model=RESULTS / "models/{row}/model.safetensors",
        volumes=RESULTS / "volumes/{cohort}/{shard}.h5",
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
    output:
        reconstructions=RESULTS / "reconstructions/{row}/{cohort}/{shard}.h5",
        latents=RESULTS / "latents/{row}/{cohort}/{shard}.h5",
    log:
        log_of("reconstruct", "{row}", "{cohort}", "{shard}"),
    benchmark:
        benchmark_of("reconstruct", "{row}", "{cohort}", "{shard}")
    wildcard_constraints:
        shard="test-[0-9]+",
    conda:
        ENVIRONMENT
    threads: COMPUTE.threads
    resources:
        **NETWORK_JOB,
    params:
        device=COMPUTE.device,
        code=code_of("reconstruct", row=True),
        failures=str(FAILURES),
    message:
        "reconstructing {wildcards.cohort} {wildcards.shard} with {wildcards.row}"
    script:
        "../workflow_scripts/reconstruct.py"


rule fidelity:
    input:
        volumes=RESULTS / "volumes/{cohort}/{shard}.h5",
        reconstructions=RESULTS / "reconstructions/{row}/{cohort}/{shard}.h5",
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
    output:
        scores=RESULTS / "numbers/fidelity/{row}/{cohort}/{shard}.tsv",
    log:
        log_of("fidelity", "{row}", "{cohort}", "{shard}"),
    benchmark:
        benchmark_of("fidelity", "{row}", "{cohort}", "{shard}")
    conda:
        ENVIRONMENT
    threads: COMPUTE.threads
    resources:
        **NETWORK_JOB,
    params:
        fidelity=settings(EXPERIMENT.fidelity),
        code=code_of("fidelity"),
        failures=str(FAILURES),
    message:
        "PSNR and SSIM of {wildcards.row} on {wildcards.cohort} {wildcards.shard}"
    script:
        "../workflow_scripts/fidelity.py"
