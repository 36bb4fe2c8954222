"""The paper's figures 3 and 4."""

FIGURE3_ROWS = list(EXPERIMENT.report.figure3_rows or EXPERIMENT.table1.rows)
FIGURE3_COHORT = EXPERIMENT.table1.cohorts[0]
# the viewer shows one model: the first of NeuroQuant's in figure 3, or else its first
VIEWED = next(
    (row for row in FIGURE3_ROWS if EXPERIMENT.row(row).architecture == "neuroquant"),
    FIGURE3_ROWS[0],
)
FIGURE3_IMAGES = images_by_model(FIGURE3_COHORT, FIGURE3_ROWS, "reconstructions")


rule draw_figure3:
    input:
        fidelity=RESULTS / "numbers/fidelity.tsv",
        against_mean=RESULTS / "numbers/against_mean.csv",
        volumes=FIGURE3_IMAGES["volumes"].values(),
        reconstructions=[
            path
            for shards in FIGURE3_IMAGES["models"].values()
            for path in shards.values()
        ],
    output:
        **reported("figure3"),
        viewer=reported("viewer")["html"],
    resources:
        **SMALL_JOB,
    params:
        experiment=settings("modalities", "models", "report.identifiable"),
        files=named(FIGURE3_IMAGES),
        rows=FIGURE3_ROWS,
        cohort=FIGURE3_COHORT,
        viewed=VIEWED,
    message:
        "figure 3: originals and reconstructions in three views"
    script:
        "../workflow_scripts/figure3.py"


rule draw_figure4:
    input:
        regions=RESULTS / "numbers/regions.tsv",
    output:
        **reported("figure4"),
    resources:
        **SMALL_JOB,
    params:
        experiment=settings("modalities", "models", "figure4"),
    message:
        "figure 4: regional volumes of originals and reconstructions"
    script:
        "../workflow_scripts/figure4.py"


rule draw_rate:
    input:
        cells=RESULTS / "numbers/cells.csv",
        spread=RESULTS / "numbers/spread.tsv",
        models=PROVENANCE.values(),
        reconstructions=per_test_shard("reconstructions/{row}/{cohort}/{shard}.h5"),
    output:
        **reported("rate"),
        costs=reported("costs")["csv"],
        page=reported("costs")["html"],
    resources:
        **SMALL_JOB,
    params:
        experiment=settings("modalities", "models", "cohorts", "table1"),
        models=named(PROVENANCE),
    message:
        "what every model costs, and quality against bits"
    script:
        "../workflow_scripts/rate.py"
