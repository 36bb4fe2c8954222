"""Reconstructions (and latents) of the test subjects, and how faithful they are."""

# LPIPS's networks, where it is asked for; looked at before the first job
LPIPS_FILES = (
    checked(find_lpips, EXPERIMENT.fidelity.lpips)
    if "lpips" in EXPERIMENT.fidelity.metrics
    else []
)
FIDELITY = EXPERIMENT.fidelity.model_copy(update=dict(region="whole", synthesis=True))


rule reconstruct:
    input:
        model=RESULTS / "models/{model}/model.safetensors",
        volumes=RESULTS / "volumes/{cohort}/{shard}.h5",
        # how a modality looks for the most part, how often each code is used, and how finely numbers must be kept
        training=lambda wildcards: known_of(wildcards.cohort, wildcards.model)[
            "training"
        ].values(),
        validation=lambda wildcards: known_of(wildcards.cohort, wildcards.model)[
            "validation"
        ].values(),
        lpips=LPIPS_FILES if EXPERIMENT.fidelity.synthesis else [],
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
        manifests=manifests_learned_from,
    output:
        reconstructions=RESULTS / "reconstructions/{model}/{cohort}/{shard}.h5",
        latents=RESULTS / "latents/{model}/{cohort}/{shard}.h5",
        synthesis=RESULTS / "numbers/synthesis/{model}/{cohort}/{shard}.tsv",
        codes=RESULTS / "numbers/codes/{model}/{cohort}/{shard}.tsv",
    wildcard_constraints:
        model=one_of([] if FEW_JOBS else MODELS),
        shard="test-[0-9]+",
    threads: COMPUTE.threads
    resources:
        **NETWORK_JOB,
    params:
        device=COMPUTE.device,
        synthesis_window=(
            EXPERIMENT.fidelity.ssim_window if EXPERIMENT.fidelity.synthesis else 0
        ),
        code=code_of("reconstruct", model=True),
    message:
        "reconstructing {wildcards.cohort} {wildcards.shard} with {wildcards.model}"
    script:
        "../workflow_scripts/reconstruct.py"


# `export_latents` and `reconstruct` for all cohorts: starting a job costs more than so few volumes
rule apply_model:
    input:
        model=RESULTS / "models/{model}/model.safetensors",
        volumes=every_shard("volumes/{cohort}/{shard}.h5", *SHARDS),
        lpips=LPIPS_FILES if EXPERIMENT.fidelity.synthesis else [],
        manifests=manifests_of(*SHARDS),
    output:
        **applied(encoded_by("{model}"), reconstructed_by("{model}")),
    wildcard_constraints:
        model=one_of(MODELS if FEW_JOBS else []),
    threads: COMPUTE.threads
    resources:
        **NETWORK_JOB,
    params:
        device=COMPUTE.device,
        encoded=lambda wildcards: named(encoded_by(wildcards.model))(wildcards),
        reconstructed=lambda wildcards: named(reconstructed_by(wildcards.model))(
            wildcards
        ),
        learned_from=lambda wildcards: named(
            {cohort: known_of(cohort, wildcards.model) for cohort in scored_cohorts()}
        )(wildcards),
        synthesis_window=(
            EXPERIMENT.fidelity.ssim_window if EXPERIMENT.fidelity.synthesis else 0
        ),
        code=code_of("apply_model", model=True),
    message:
        "latents and reconstructions of all cohorts with {wildcards.model}"
    script:
        "../workflow_scripts/apply_model.py"


# one job a shard for all its models: starting one costs more than the sums
rule fidelity:
    input:
        volumes=RESULTS / "volumes/{cohort}/{shard}.h5",
        reconstructions=lambda wildcards: by_model(
            wildcards, "reconstructions"
        ).values(),
        lpips=LPIPS_FILES,
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
    output:
        scores=RESULTS / "numbers/fidelity/{cohort}/{shard}.tsv",
    threads: COMPUTE.threads
    resources:
        **{**NETWORK_JOB, "runtime": for_all_models(480, 40)},
    params:
        fidelity=literal(whole(FIDELITY)),  # the rest is read later
        reconstructions=lambda wildcards: named(
            by_model(wildcards, "reconstructions")
        )(wildcards),
    message:
        "fidelity on {wildcards.cohort} {wildcards.shard}"
    script:
        "../workflow_scripts/fidelity.py"


# one job a cohort for all its models: starting one costs more than the sums
rule spread:
    input:
        volumes=lambda wildcards: shards_of(
            wildcards.cohort, "volumes/{cohort}/{shard}.h5", "test"
        ),
        reconstructions=lambda wildcards: [
            path
            for model in models_shown_on(wildcards.cohort)
            for path in shards_of(
                wildcards.cohort,
                f"reconstructions/{model}/{{cohort}}/{{shard}}.h5",
                "test",
            )
        ],
        manifests=manifests_of("test"),
    output:
        spread=RESULTS / "numbers/spread/{cohort}.tsv",
    resources:
        mem_mb=growing(2048),
        runtime=for_all_models(240, 20),
    params:
        files=files_of("reconstructions"),
    message:
        "how much reconstructions vary between the subjects of {wildcards.cohort}"
    script:
        "../workflow_scripts/spread.py"
