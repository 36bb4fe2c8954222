"""Reconstructions of spoiled test scans, where the experiment asks for them (`robustness.faults`)."""

FAULTS = EXPERIMENT.robustness.faults


# one job a shard for all its models: they get the same spoiled scans, which are segmented once
rule robustness:
    input:
        volumes=RESULTS / "volumes/{cohort}/{shard}.h5",
        models=lambda wildcards: weights_by_model(wildcards).values(),
        segmenter=segmenter_file,
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
    output:
        scores=RESULTS / "numbers/robustness/{cohort}/{shard}.tsv",
    wildcard_constraints:
        shard="test-[0-9]+",
    threads: COMPUTE.threads
    resources:
        **{
            **NETWORK_JOB,
            "runtime": for_all_models(480, 40 * max(1, len(FAULTS))),
        },
    params:
        models=lambda wildcards: named(weights_by_model(wildcards))(wildcards),
        robustness=literal(whole(EXPERIMENT.robustness)),
        segmentation=literal(whole(SEGMENTING)),
        structures=literal(list(EXPERIMENT.segmentation.structures)),
        window=EXPERIMENT.fidelity.ssim_window,
        device=COMPUTE.device,
    message:
        "spoiled scans of {wildcards.cohort} {wildcards.shard}, reconstructed by all models"
    script:
        "../workflow_scripts/robustness.py"


rule draw_robustness:
    input:
        scores=RESULTS / "numbers/robustness.tsv",
    output:
        **reported("robustness"),
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        experiment=settings(
            "modalities", "models", "cohorts", "table1", "robustness", "statistics"
        ),
        cohort=EXPERIMENT.table1.cohorts[0],
    message:
        "quality of reconstructions of spoiled scans"
    script:
        "../workflow_scripts/draw_robustness.py"
