"""Anatomy: segment the originals once and every reconstruction, then compare."""


rule fit_standin:
    input:
        volumes=every_shard("volumes/{cohort}/{shard}.h5", "train"),
        manifests=manifests_of("train"),
    output:
        atlas=RESULTS / "segmenter/standin.h5",
    threads: COMPUTE.threads
    resources:
        **NETWORK_JOB,
    params:
        standin=literal(whole(EXPERIMENT.segmentation.standin)),
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
    threads: COMPUTE.threads
    resources:
        **NETWORK_JOB,
    params:
        segmentation=literal(
            whole(
                SEGMENTING.model_copy(
                    update=dict(ceiling=EXPERIMENT.segmentation.ceiling)
                )
            )
        ),
        images=lambda wildcards: named(
            {
                "segmentations": RESULTS
                / f"volumes/{wildcards.cohort}/{wildcards.shard}.h5"
            }
        )(wildcards),
        device=COMPUTE.device,
    message:
        "segmenting the originals of {wildcards.cohort} {wildcards.shard}"
    script:
        "../workflow_scripts/segment.py"


use rule segment_reference as segment with:
    input:
        images=RESULTS / "reconstructions/{model}/{cohort}/{shard}.h5",
        segmenter=segmenter_file,
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
    output:
        segmentations=RESULTS / "segmentations/{model}/{cohort}/{shard}.h5",
    wildcard_constraints:
        model=one_of([] if FEW_JOBS else MODELS),
    params:
        segmentation=literal(whole(SEGMENTING)),
        images=lambda wildcards: named(
            {
                "segmentations": RESULTS
                / f"reconstructions/{wildcards.model}/{wildcards.cohort}/{wildcards.shard}.h5"
            }
        )(wildcards),
    message:
        "segmenting {wildcards.model}'s reconstructions of {wildcards.cohort} {wildcards.shard}"


use rule segment_reference as segment_models with:
    input:
        images=lambda wildcards: [
            RESULTS
            / f"reconstructions/{model}/{wildcards.cohort}/{wildcards.shard}.h5"
            for model in scored_models()
        ],
        segmenter=segmenter_file,
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
    output:
        **{
            model: RESULTS / f"segmentations/{model}/{{cohort}}/{{shard}}.h5"
            for model in scored_models()
        },
    wildcard_constraints:
        cohort=one_of(scored_cohorts() if FEW_JOBS else []),
    params:
        segmentation=literal(whole(SEGMENTING)),
        images=lambda wildcards: named(
            {
                model: RESULTS
                / f"reconstructions/{model}/{wildcards.cohort}/{wildcards.shard}.h5"
                for model in scored_models()
            }
        )(wildcards),
    message:
        "segmenting all reconstructions of {wildcards.cohort} {wildcards.shard}"


rule score_anatomy:
    input:
        volumes=RESULTS / "volumes/{cohort}/{shard}.h5",
        reference=RESULTS / "segmentations/reference/{cohort}/{shard}.h5",
        segmentations=lambda wildcards: by_model(wildcards, "segmentations").values(),
        reconstructions=lambda wildcards: by_model(
            wildcards, "reconstructions"
        ).values(),
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
    output:
        dice=RESULTS / "numbers/dice/{cohort}/{shard}.tsv",
        truth=RESULTS / "numbers/dice_truth/{cohort}/{shard}.tsv",
        regions=RESULTS / "numbers/regions/{cohort}/{shard}.tsv",
        errors=RESULTS / "numbers/structure_errors/{cohort}/{shard}.tsv",
    resources:
        mem_mb=growing(2048),
        runtime=for_all_models(240, 20),
    params:
        segmentations=lambda wildcards: named(by_model(wildcards, "segmentations"))(
            wildcards
        ),
        reconstructions=lambda wildcards: named(
            by_model(wildcards, "reconstructions")
        )(wildcards),
        structures=literal(list(EXPERIMENT.segmentation.structures)),
        tolerance_mm=EXPERIMENT.segmentation.surface_tolerance_mm,
    message:
        "Dice, regional volumes and errors by structure on {wildcards.cohort} {wildcards.shard}"
    script:
        "../workflow_scripts/score_anatomy.py"
