"""From scans to volumes."""

# by segmentation.engine; deepbet takes 2.5 GB and is quick on one core
SYNTHSEG_MASKS = "synthseg" in EXPERIMENT.volume.brain_mask


rule preprocess:
    input:
        manifest=RESULTS / "cohorts/{cohort}/shards/{shard}.tsv",
    output:
        volumes=RESULTS / "volumes/{cohort}/{shard}.h5",
        qc=RESULTS / "volumes/{cohort}/{shard}.qc.tsv",
        excluded=RESULTS / "volumes/{cohort}/{shard}.excluded.tsv",
    threads: COMPUTE.threads if SYNTHSEG_MASKS else 1
    resources:
        # segmenting a raw head of 256 voxels a side takes 6.3 GB, besides the scans (benchmarks/segment.md)
        mem_mb=growing(max(8192, COMPUTE.mem_mb) if SYNTHSEG_MASKS else 8192),
        runtime=720,
    params:
        volume=literal(whole(EXPERIMENT.volume)),
        modalities=literal(MODALITIES),
        segmentation=literal(whole(SEGMENTING) if SYNTHSEG_MASKS else "{}"),
        device=COMPUTE.device,
        root=lambda wildcards: str(cohort_root(wildcards.cohort)),
        code=code_of(
            *(
                ["preprocess"]
                if SYNTHSEG_MASKS
                else ["volumes/preprocess.py", "segmentation/deepbet.py"]
            )
        ),
    message:
        "preprocessing {wildcards.cohort} {wildcards.shard}"
    script:
        "../workflow_scripts/preprocess.py"


# The report must stay small however many shards there are, so about 96 sessions of all cohorts are shown together: up to
# three a shard, and one each of evenly chosen shards where there are more.
MONTAGES = len(COHORTS) * len(ALL_SHARDS)
SHOWN_SHARDS = ALL_SHARDS[:: -(-MONTAGES // 96)]
SHOWN_TEST_SHARDS = [
    shard for shard in SHOWN_SHARDS if shard in SHARDS["test"]
] or SHARDS["test"][:1]


# all pictures in one job: starting one costs more than drawing
rule montage:
    input:
        **{shard: RESULTS / f"volumes/{{cohort}}/{shard}.h5" for shard in SHOWN_SHARDS},
        qc=RESULTS / "cohorts/{cohort}/qc.tsv",
        manifests=manifests_of("train", "val", "test"),
    output:
        **{shard: reported("montage", shard=shard)["png"] for shard in SHOWN_SHARDS},
    wildcard_constraints:
        cohort=one_of(TRAINING_COHORTS),
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        identifiable=EXPERIMENT.report.identifiable,
        sessions=max(1, min(3, 96 // MONTAGES)),
    message:
        "drawing a montage of {wildcards.cohort}"
    script:
        "../workflow_scripts/montage.py"


use rule montage as montage_external with:
    input:
        **{
            shard: RESULTS / f"volumes/{{cohort}}/{shard}.h5"
            for shard in SHOWN_TEST_SHARDS
        },
        qc=RESULTS / "cohorts/{cohort}/qc.tsv",
        manifests=manifests_of("test"),
    output:
        **{
            shard: reported("montage", shard=shard)["png"]
            for shard in SHOWN_TEST_SHARDS
        },
    wildcard_constraints:
        cohort=one_of(EXTERNAL_COHORTS),


rule qc:
    input:
        qc=lambda wildcards: shards_of(
            wildcards.cohort, "volumes/{cohort}/{shard}.qc.tsv", "train", "val", "test"
        ),
        volumes=lambda wildcards: shards_of(
            wildcards.cohort, "volumes/{cohort}/{shard}.h5", "train", "val", "test"
        ),
        manifests=manifests_of("train", "val", "test"),
    output:
        table=reported("qc")["tsv"],
        picture=reported("qc")["png"],
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        cohort=lambda wildcards: EXPERIMENT.cohort(wildcards.cohort).shown,
        modalities=EXPERIMENT.modalities,
        identifiable=EXPERIMENT.report.identifiable,
    message:
        "quality of the preprocessing of {wildcards.cohort}"
    script:
        "../workflow_scripts/qc.py"
