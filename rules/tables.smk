"""All numbers, gathered, and the tables made of them and of nothing else."""

ANATOMY_COHORTS = scored_cohorts() if EXPERIMENT.segmentation.engine != "none" else []
NUMBERS = {
    "fidelity": per_test_shard("numbers/fidelity/{row}/{cohort}/{shard}.tsv"),
    "dice": [
        p
        for c in ANATOMY_COHORTS
        for p in shards_of(c, "numbers/dice/{cohort}/{shard}.tsv", "test")
    ],
    "dice_truth": [
        p
        for c in ANATOMY_COHORTS
        for p in shards_of(c, "numbers/dice_truth/{cohort}/{shard}.tsv", "test")
    ],
    "regions": [
        p
        for c in ANATOMY_COHORTS
        for p in shards_of(c, "numbers/regions/{cohort}/{shard}.tsv", "test")
    ],
    "spread": [RESULTS / f"numbers/spread/{cohort}.tsv" for cohort in scored_cohorts()],
    "disentanglement": [
        RESULTS / f"numbers/disentanglement/{cohort}.tsv" for cohort in scored_cohorts()
    ],
    "predictions": [
        RESULTS / f"numbers/probe/{row}/{cohort}.tsv" for row, cohort in scored_pairs()
    ]
    + [RESULTS / f"numbers/probe_volumes/{cohort}.tsv" for cohort in scored_cohorts()],
}


rule gather:
    input:
        scores=lambda wildcards: NUMBERS[wildcards.numbers],
    output:
        numbers=RESULTS / "numbers/{numbers}.tsv",
    log:
        log_of("gather", "{numbers}"),
    benchmark:
        benchmark_of("gather", "{numbers}")
    wildcard_constraints:
        numbers="|".join(NUMBERS),
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        code=code_of("gather"),
        failures=str(FAILURES),
    message:
        "gathering {wildcards.numbers}"
    script:
        "../workflow_scripts/gather.py"


# every interval and test of scores, computed once: tables, claims, figures and pages read them
rule cells:
    input:
        fidelity=RESULTS / "numbers/fidelity.tsv",
        dice=RESULTS / "numbers/dice.tsv",
        predictions=RESULTS / "numbers/predictions.tsv",
        regions=RESULTS / "numbers/regions.tsv",
    output:
        cells=RESULTS / "numbers/cells.csv",
        tests=RESULTS / "numbers/tests.csv",
        against_mean=RESULTS / "numbers/against_mean.csv",
    log:
        log_of("cells"),
    benchmark:
        benchmark_of("cells")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        experiment=literal(settings(EXPERIMENT)),
        code=code_of("cells"),
        failures=str(FAILURES),
    message:
        "intervals and tests of all scores"
    script:
        "../workflow_scripts/cells.py"


rule table:
    input:
        cells=RESULTS / "numbers/cells.csv",
        tests=RESULTS / "numbers/tests.csv",
        against_mean=RESULTS / "numbers/against_mean.csv",
        models=expand(RESULTS / "models/{row}/provenance.json", row=ROWS),
        proofs=proofs(),
    output:
        **reported("table"),
        **{name: reported(name)["csv"] for name in ("tests", "mean", "budgets")},
    log:
        log_of("table", "{table}"),
    benchmark:
        benchmark_of("table", "{table}")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        experiment=literal(settings(EXPERIMENT)),
        rows=ROWS,
        code=code_of("table"),
        failures=str(FAILURES),
    message:
        "{wildcards.table}"
    script:
        "../workflow_scripts/table.py"


rule claims:
    input:
        table1=RESULTS / "tables/table1.csv",
        table2=RESULTS / "tables/table2.csv",
        cells=RESULTS / "numbers/cells.csv",
        tests=RESULTS / "numbers/tests.csv",
        against_mean=RESULTS / "numbers/against_mean.csv",
        fidelity=RESULTS / "numbers/fidelity.tsv",
        dice=RESULTS / "numbers/dice.tsv",
        predictions=RESULTS / "numbers/predictions.tsv",
        regions=RESULTS / "numbers/regions.tsv",
        disentanglement=RESULTS / "numbers/disentanglement.tsv",
        models=expand(RESULTS / "models/{row}/provenance.json", row=ROWS),
    output:
        **reported("claims"),
        cells=reported("cells")["csv"],
    log:
        log_of("claims"),
    benchmark:
        benchmark_of("claims")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        experiment=literal(settings(EXPERIMENT)),
        rows=ROWS,
        code=code_of("claims"),
        failures=str(FAILURES),
    message:
        "holding the paper's claims against what was measured"
    script:
        "../workflow_scripts/claims.py"


rule breakdown:
    input:
        cells=RESULTS / "numbers/cells.csv",
        regions=RESULTS / "numbers/regions.tsv",
        fidelity=RESULTS / "numbers/fidelity.tsv",
        dice=RESULTS / "numbers/dice.tsv",
        predictions=RESULTS / "numbers/predictions.tsv",
        sessions=expand(
            RESULTS / "cohorts/{cohort}/sessions.tsv", cohort=scored_cohorts()
        ),
        synthesis=per_test_shard("numbers/synthesis/{row}/{cohort}/{shard}.tsv"),
        codes=per_test_shard("numbers/codes/{row}/{cohort}/{shard}.tsv"),
        disentanglement=RESULTS / "numbers/disentanglement.tsv",
    output:
        **reported("breakdown"),
    log:
        log_of("breakdown"),
    benchmark:
        benchmark_of("breakdown")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        experiment=literal(settings(EXPERIMENT)),
        cohorts=scored_cohorts(),
        code=code_of("breakdown"),
        failures=str(FAILURES),
    message:
        "structures, agreement of volumes, groups of subjects, the worst reconstructions, synthesis, disentanglement, codebooks"
    script:
        "../workflow_scripts/breakdown.py"


localrules:
    breakdown,
    cells,
