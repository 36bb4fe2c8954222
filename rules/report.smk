"""The report: a front page in words, then Snakemake's own report around it."""

REPORTED = [RESULTS / path for one in CONTENTS for path in targets_of(one)]
# cohort -> what the front page and its neighbours read of it
COHORT_TABLES = {
    cohort: {
        table: RESULTS / f"cohorts/{cohort}/{path}.tsv"
        for table, path in (
            ("sessions", "sessions"),
            ("excluded", "excluded"),
            ("proofs", "split_proof"),
            ("unseen", "index/not_looked_at"),
        )
    }
    for cohort in COHORTS
}


# `report:` takes a path from here, and an installed package has the captions elsewhere
if not workflow.modifier.skip_global_report_caption:
    workflow.report_text = LocalSourceFile(str(CAPTIONS / "workflow.rst"))


# the front page shows a test session as each model of Table 1 returns it, and small pictures of the figures
PICTURED = images_by_model(
    EXPERIMENT.table1.cohorts[0], EXPERIMENT.table1.models, "reconstructions"
)
SMALL_PICTURES = [
    one.outputs["png"]
    for one in CONTENTS
    if one.opens and "png" in one.outputs and "{" not in one.outputs["png"]
]


rule front_page:
    input:
        table1=RESULTS / "tables/table1.csv",
        table2=RESULTS / "tables/table2.csv",
        tests=RESULTS / "tables/table1_tests.csv",
        truth=RESULTS / "numbers/dice_truth.tsv",
        costs=RESULTS / "numbers/costs.csv",
        against_full=RESULTS / "numbers/against_full.csv",
        budgets=RESULTS / "tables/table1_budgets.csv",
        claims=reported("claims")["csv"],
        fidelity=RESULTS / "numbers/fidelity.tsv",
        volumes=PICTURED["volumes"].values(),
        reconstructions=[
            path for shards in PICTURED["models"].values() for path in shards.values()
        ],
        figures=[RESULTS / path for path in SMALL_PICTURES],
        cohorts=[path for paths in COHORT_TABLES.values() for path in paths.values()],
        apart=RESULTS / "numbers/cohorts_apart.tsv",
        models=PROVENANCE.values(),
    output:
        page=reported("summary")["html"],
        people=reported("people")["html"],
        exclusions=reported("exclusions")["csv"],
        origins=reported("origins")["html"],
        runtime=reported("origins")["csv"],
        provenance=reported("origins")["json"],
        checklist=reported("checklist")["html"],
        methods=reported("methods")["html"],
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        experiment=literal(whole(EXPERIMENT)),
        models=named(PROVENANCE),
        cohorts=named(COHORT_TABLES),
        images=named(PICTURED),
        pictures=named({path: RESULTS / path for path in SMALL_PICTURES}),
        benchmarks=str(RESULTS / "benchmarks"),
        base=literal(str(BASE)),
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
        resolved=ancient(resolved_of),
    output:
        page=RESULTS / "report.html",
        crate=RESULTS / "ro-crate-metadata.json",
        workflow=directory(RESULTS / "workflow"),
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        targets=[str(path) for path in REPORTED],
        experiment=literal(whole(EXPERIMENT)),
        results=lambda wildcards, output: str(Path(output.page).parent),
        base=literal(str(BASE)),
        captions=code_hash(*CAPTIONS.glob("*.rst")),
    message:
        "writing {output.page}"
    script:
        "../workflow_scripts/report.py"
