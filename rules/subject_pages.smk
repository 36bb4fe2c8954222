"""A page per test subject for quality control, on demand: they name subjects and are no part of the report."""


rule draw_subject_pages:
    input:
        volumes=lambda wildcards: shards_of(
            wildcards.cohort, "volumes/{cohort}/{shard}.h5", "test"
        ),
        reconstructions=lambda wildcards: shards_of(
            wildcards.cohort,
            f"reconstructions/{wildcards.model}/{{cohort}}/{{shard}}.h5",
            "test",
        ),
        fidelity=lambda wildcards: shards_of(
            wildcards.cohort, "numbers/fidelity/{cohort}/{shard}.tsv", "test"
        ),
        qc=RESULTS / "cohorts/{cohort}/qc.tsv",
        manifests=manifests_of("test"),
    output:
        pages=directory(RESULTS / "subject_pages/{model}/{cohort}"),
    resources:
        mem_mb=growing(4096),
        runtime=240,
    params:
        experiment=settings("modalities", "models", "cohorts", "fidelity.region"),
        files=lambda wildcards: named(
            images_by_model(wildcards.cohort, [wildcards.model], "reconstructions")
        )(wildcards),
    message:
        "a page per test subject of {wildcards.cohort}, reconstructed by {wildcards.model}"
    script:
        "../workflow_scripts/subject_pages.py"


# those of the model that the viewer shows; `snakemake results/<experiment>/subject_pages/<model>/<cohort>` for another
SUBJECT_PAGES = [
    RESULTS / f"subject_pages/{model}/{cohort}"
    for model, cohort in scored_pairs()
    if model == VIEWED
]
