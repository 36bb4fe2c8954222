"""Anatomy: segment the originals once and every reconstruction, then compare."""


rule fit_standin:
    input:
        volumes=[
            path
            for cohort in COHORTS
            for path in shards_of(cohort, "volumes/{cohort}/{shard}.h5", "train")
        ],
        manifests=manifests_of("train"),
    output:
        atlas=RESULTS / "segmenter/standin.h5",
    log:
        log_of("fit_standin"),
    benchmark:
        benchmark_of("fit_standin")
    conda:
        ENVIRONMENT
    threads: COMPUTE.threads
    resources:
        **NETWORK_JOB,
    params:
        standin=literal(settings(EXPERIMENT.segmentation.standin)),
        code=code_of("fit_standin"),
        failures=str(FAILURES),
    message:
        "the stand-in segmenter's atlas, from the label maps of training subjects"
    script:
        "../workflow_scripts/fit_standin.py"


rule segment_reference:
    input:
        images=RESULTS / "volumes/{cohort}/{shard}.h5",
        segmenter=segmenter_file,
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
    output:
        segmentations=RESULTS / "segmentations/reference/{cohort}/{shard}.h5",
    log:
        log_of("segment_reference", "{cohort}", "{shard}"),
    benchmark:
        benchmark_of("segment_reference", "{cohort}", "{shard}")
    conda:
        ENVIRONMENT
    threads: COMPUTE.threads
    resources:
        **NETWORK_JOB,
    params:
        segmentation=literal(
            settings(
                SEGMENTING.model_copy(
                    update=dict(ceiling=EXPERIMENT.segmentation.ceiling)
                )
            )
        ),
        device=COMPUTE.device,
        code=code_of("segment"),
        failures=str(FAILURES),
    message:
        "segmenting the originals of {wildcards.cohort} {wildcards.shard}"
    script:
        "../workflow_scripts/segment.py"


use rule segment_reference as segment with:
    input:
        images=RESULTS / "reconstructions/{row}/{cohort}/{shard}.h5",
        segmenter=segmenter_file,
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
    output:
        segmentations=RESULTS / "segmentations/{row}/{cohort}/{shard}.h5",
    log:
        log_of("segment", "{row}", "{cohort}", "{shard}"),
    benchmark:
        benchmark_of("segment", "{row}", "{cohort}", "{shard}")
    params:
        segmentation=literal(settings(SEGMENTING)),
        device=COMPUTE.device,
        code=code_of("segment"),
        failures=str(FAILURES),
    message:
        "segmenting {wildcards.row}'s reconstructions of {wildcards.cohort} {wildcards.shard}"


rule score_anatomy:
    input:
        volumes=RESULTS / "volumes/{cohort}/{shard}.h5",
        reference=RESULTS / "segmentations/reference/{cohort}/{shard}.h5",
        segmentations=lambda wildcards: [
            RESULTS / f"segmentations/{row}/{wildcards.cohort}/{wildcards.shard}.h5"
            for row, cohort in scored_pairs()
            if cohort == wildcards.cohort
        ],
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
    output:
        dice=RESULTS / "numbers/dice/{cohort}/{shard}.tsv",
        truth=RESULTS / "numbers/dice_truth/{cohort}/{shard}.tsv",
        regions=RESULTS / "numbers/regions/{cohort}/{shard}.tsv",
    log:
        log_of("score_anatomy", "{cohort}", "{shard}"),
    benchmark:
        benchmark_of("score_anatomy", "{cohort}", "{shard}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=growing(2048),
        runtime=240,
    params:
        rows=lambda wildcards: [
            row for row, cohort in scored_pairs() if cohort == wildcards.cohort
        ],
        structures=literal(list(EXPERIMENT.segmentation.structures)),
        tolerance_mm=EXPERIMENT.segmentation.surface_tolerance_mm,
        code=code_of("score_anatomy"),
        failures=str(FAILURES),
    message:
        "Dice and regional volumes on {wildcards.cohort} {wildcards.shard}"
    script:
        "../workflow_scripts/score_anatomy.py"
