"""What a model made of the test sessions, as BIDS derivatives; asked for by name, and no part of `all`."""


# one data set per cohort: subjects of two cohorts may have the same label
rule write_derivatives:
    input:
        model=RESULTS / "models/{model}/model.safetensors",
        training=lambda wildcards: learned_from(
            wildcards.cohort,
            f"latents/{wildcards.model}/{{cohort}}/{{shard}}.h5",
            "train",
        ),
        shards=lambda wildcards: [
            path
            for files in derivative_shards(wildcards).values()
            for path in files.values()
        ],
        manifests=manifests_learned_from,
    output:
        derivatives=directory(RESULTS / "derivatives/{model}/{cohort}"),
    threads: COMPUTE.threads
    resources:
        **NETWORK_JOB,
    params:
        root=lambda wildcards: str(cohort_root(wildcards.cohort)),
        title=lambda wildcards: EXPERIMENT.cohort(wildcards.cohort).shown,
        shards=lambda wildcards: named(derivative_shards(wildcards))(wildcards),
        device=COMPUTE.device,
        code=code_of("derivatives", model=True),
    message:
        "BIDS derivatives of {wildcards.cohort} by {wildcards.model}"
    script:
        "../workflow_scripts/derivatives.py"
