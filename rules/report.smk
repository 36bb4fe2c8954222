"""The report: a front page in words, then Snakemake's own report around it."""

REPORTED = [
    RESULTS / path
    for one in CONTENTS
    for path in one.targets(
        {"table": tuple(TABLES), "cohort": COHORTS, "shard": SHOWN_SHARDS}
    )
]


report: "../neuroquant/report/captions/workflow.rst"


rule front_page:
    input:
        tables=expand(RESULTS / "tables/{table}.csv", table=("table1", "table2")),
        tests=expand(RESULTS / "tables/{table}_tests.csv", table=("table1", "table2")),
        truth=RESULTS / "numbers/dice_truth.tsv",
        costs=RESULTS / "numbers/costs.csv",
        budgets=RESULTS / "tables/table1_budgets.csv",
        sessions=expand(RESULTS / "cohorts/{cohort}/sessions.tsv", cohort=COHORTS),
        excluded=expand(RESULTS / "cohorts/{cohort}/excluded.tsv", cohort=COHORTS),
        proofs=expand(RESULTS / "cohorts/{cohort}/split_proof.tsv", cohort=COHORTS),
        unseen=expand(
            RESULTS / "cohorts/{cohort}/index/not_looked_at.tsv", cohort=COHORTS
        ),
        apart=RESULTS / "numbers/cohorts_apart.tsv",
        models=expand(RESULTS / "models/{row}/provenance.json", row=ROWS),
    output:
        page=reported("summary")["html"],
        people=reported("people")["html"],
        exclusions=reported("exclusions")["csv"],
        origins=reported("origins")["html"],
        runtime=reported("origins")["csv"],
        provenance=reported("origins")["json"],
        checklist=reported("checklist")["html"],
    log:
        log_of("front_page"),
    benchmark:
        benchmark_of("front_page")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        experiment=literal(settings(EXPERIMENT)),
        rows=ROWS,
        benchmarks=str(RESULTS / "benchmarks"),
        base=literal(str(BASE)),
        code=code_of("front_page"),
        failures=str(FAILURES),
    message:
        "writing the front page of the report"
    script:
        "../workflow_scripts/front_page.py"


# Snakemake makes its report from a finished DAG, so this rule calls it once more on everything but itself. The results
# folder and its metadata are shared, hence --nolock; the inner call only reads.
rule report:
    input:
        REPORTED,
        sessions=expand(RESULTS / "cohorts/{cohort}/sessions.tsv", cohort=COHORTS),
        excluded=expand(RESULTS / "cohorts/{cohort}/excluded.tsv", cohort=COHORTS),
        provenance=RESULTS / "report/provenance.json",
        resolved=ancient(RESOLVED),
    output:
        page=RESULTS / "report.html",
        crate=RESULTS / "ro-crate-metadata.json",
        workflow=directory(RESULTS / "workflow"),
    log:
        log_of("report"),
    benchmark:
        benchmark_of("report")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        targets=[str(path) for path in REPORTED],
        experiment=literal(settings(EXPERIMENT)),
        results=lambda wildcards, output: str(Path(output.page).parent),
        base=literal(str(BASE)),
        code=code_of("report"),
        captions=code_hash(*CAPTIONS.glob("*.rst")),
        failures=str(FAILURES),
    message:
        "writing {output.page}"
    script:
        "../workflow_scripts/report.py"


# seconds each: a cluster would take longer to start them
localrules:
    split,
    assign,
    account,
    compare_cohorts,
    gather,
    table,
    claims,
    draw_figure3,
    draw_figure4,
    draw_rate,
    montage,
    qc,
    training_curves,
    front_page,
    report,
