"""The paper's figures 3 and 4."""

FIGURE3_ROWS = list(EXPERIMENT.report.figure3_rows or EXPERIMENT.table1.rows)
FIGURE3_COHORT = EXPERIMENT.table1.cohorts[0]
# the viewer shows one row: the first of NeuroQuant's in figure 3, or else its first
VIEWED = next(
    (row for row in FIGURE3_ROWS if EXPERIMENT.row(row).architecture == "neuroquant"),
    FIGURE3_ROWS[0],
)


rule draw_figure3:
    input:
        fidelity=RESULTS / "numbers/fidelity.tsv",
        against_mean=RESULTS / "numbers/against_mean.csv",
        volumes=shards_of(FIGURE3_COHORT, "volumes/{cohort}/{shard}.h5", "test"),
        reconstructions=[
            path
            for row in FIGURE3_ROWS
            for path in shards_of(
                FIGURE3_COHORT,
                f"reconstructions/{row}/{{cohort}}/{{shard}}.h5",
                "test",
            )
        ],
    output:
        **reported("figure3"),
        viewer=reported("viewer")["html"],
    log:
        log_of("draw_figure3"),
    benchmark:
        benchmark_of("draw_figure3")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        experiment=literal(settings(EXPERIMENT)),
        rows={row: EXPERIMENT.row(row).shown for row in FIGURE3_ROWS},
        cohort=FIGURE3_COHORT,
        viewed=VIEWED,
        identifiable=EXPERIMENT.report.identifiable,
        code=code_of("figure3"),
        failures=str(FAILURES),
    message:
        "figure 3: originals and reconstructions in three views"
    script:
        "../workflow_scripts/figure3.py"


rule draw_figure4:
    input:
        regions=RESULTS / "numbers/regions.tsv",
    output:
        **reported("figure4"),
    log:
        log_of("draw_figure4"),
    benchmark:
        benchmark_of("draw_figure4")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        experiment=literal(settings(EXPERIMENT)),
        code=code_of("figure4"),
        failures=str(FAILURES),
    message:
        "figure 4: regional volumes of originals and reconstructions"
    script:
        "../workflow_scripts/figure4.py"


rule draw_rate:
    input:
        cells=RESULTS / "numbers/cells.csv",
        spread=RESULTS / "numbers/spread.tsv",
        models=expand(RESULTS / "models/{row}/provenance.json", row=ROWS),
        reconstructions=per_test_shard("reconstructions/{row}/{cohort}/{shard}.h5"),
    output:
        **reported("rate"),
        costs=reported("costs")["csv"],
        page=reported("costs")["html"],
    log:
        log_of("draw_rate"),
    benchmark:
        benchmark_of("draw_rate")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        experiment=literal(settings(EXPERIMENT)),
        rows=ROWS,
        code=code_of("rate"),
        failures=str(FAILURES),
    message:
        "what every row costs, and quality against bits"
    script:
        "../workflow_scripts/rate.py"
