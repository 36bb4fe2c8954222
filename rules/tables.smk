"""All numbers, gathered, and the tables made of them and of nothing else."""

ANATOMY_COHORTS = scored_cohorts() if EXPERIMENT.segmentation.engine != "none" else []
ANATOMY = ("dice", "dice_truth", "regions", "structure_errors")
NUMBERS = {
    kind: [
        path
        for cohort in (ANATOMY_COHORTS if kind in ANATOMY else scored_cohorts())
        for path in shards_of(
            cohort, f"numbers/{kind}/{{cohort}}/{{shard}}.tsv", "test"
        )
    ]
    for kind in ("fidelity", *ANATOMY, *(["robustness"] if FAULTS else []))
} | {
    "spread": [RESULTS / f"numbers/spread/{cohort}.tsv" for cohort in scored_cohorts()],
    "disentanglement": [
        RESULTS / f"numbers/disentanglement/{cohort}.tsv" for cohort in scored_cohorts()
    ],
    "predictions": [
        RESULTS / f"numbers/probe/{probed}/{cohort}.tsv"
        for probed, cohort in probe_jobs()
    ]
    + [RESULTS / f"numbers/probe_volumes/{cohort}.tsv" for cohort in scored_cohorts()],
    "target_predictions": TARGET_PREDICTIONS,
}


rule gather:
    input:
        scores=lambda wildcards: NUMBERS[wildcards.numbers],
    output:
        numbers=RESULTS / "numbers/{numbers}.tsv",
    wildcard_constraints:
        numbers="|".join(NUMBERS),
    localrule: True
    resources:
        **SMALL_JOB,
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
        trainings=RESULTS / "numbers/trainings.csv",
        against_full=RESULTS / "numbers/against_full.csv",
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        experiment=settings(
            "modalities",
            "models.name",
            "models.group",
            "models.architecture",
            "models.replicate_of",
            "cohorts.name",
            "cohorts.stands_for",
            "models.published_as",
            "table1",
            "table2",
            "figure4",
            "fidelity.region",
            "statistics",
        ),
    message:
        "intervals and tests of all scores"
    script:
        "../workflow_scripts/cells.py"


rule table:
    input:
        cells=RESULTS / "numbers/cells.csv",
        tests=RESULTS / "numbers/tests.csv",
        against_mean=RESULTS / "numbers/against_mean.csv",
        models=PROVENANCE.values(),
        proofs=proofs(),
    output:
        **reported("table"),
        **{name: reported(name)["csv"] for name in ("tests", "mean", "budgets")},
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        experiment=settings(
            "modalities",
            "models",
            "models.training.phases",
            "cohorts",
            "table1",
            "table2",
            "figure4.models",
            "fidelity.region",
            "statistics.confidence",
        ),
        models=named(PROVENANCE),
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
        models=PROVENANCE.values(),
    output:
        **reported("claims"),
        cells=reported("cells")["csv"],
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        experiment=settings(
            "modalities",
            "models",
            "cohorts",
            "table1",
            "table2",
            "figure4",
            "fidelity.region",
            "statistics",
        ),
        models=named(PROVENANCE),
    message:
        "holding the paper's claims against what was measured"
    script:
        "../workflow_scripts/claims.py"


SCORED_SESSIONS = {
    cohort: RESULTS / f"cohorts/{cohort}/sessions.tsv" for cohort in scored_cohorts()
}


rule breakdown:
    input:
        cells=RESULTS / "numbers/cells.csv",
        regions=RESULTS / "numbers/regions.tsv",
        fidelity=RESULTS / "numbers/fidelity.tsv",
        dice=RESULTS / "numbers/dice.tsv",
        errors=RESULTS / "numbers/structure_errors.tsv",
        predictions=RESULTS / "numbers/predictions.tsv",
        sessions=SCORED_SESSIONS.values(),
        synthesis=per_test_shard("numbers/synthesis/{model}/{cohort}/{shard}.tsv"),
        codes=per_shown_shard("numbers/codes/{model}/{cohort}/{shard}.tsv"),
        disentanglement=RESULTS / "numbers/disentanglement.tsv",
    output:
        **reported("breakdown"),
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        experiment=settings(
            "modalities",
            "models",
            "cohorts",
            "table1",
            "figure4.models",
            "fidelity.region",
            "report.identifiable",
            "segmentation.surface_tolerance_mm",
            "statistics",
        ),
        sessions=named(SCORED_SESSIONS),
    message:
        "structures, agreement of volumes, groups of subjects, the worst reconstructions, synthesis, disentanglement, codebooks"
    script:
        "../workflow_scripts/breakdown.py"
