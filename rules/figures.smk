"""The paper's figures 3 and 4."""

FIGURE3_MODELS = list(EXPERIMENT.report.figure3_models or EXPERIMENT.table1.models)
FIGURE3_COHORT = EXPERIMENT.table1.cohorts[0]
# the viewer shows one model: the first of NeuroQuant's in figure 3, or else its first
VIEWED = next(
    (
        model
        for model in FIGURE3_MODELS
        if EXPERIMENT.model(model).architecture == "neuroquant"
    ),
    FIGURE3_MODELS[0],
)
FIGURE3_IMAGES = images_by_model(FIGURE3_COHORT, FIGURE3_MODELS, "reconstructions")


rule draw_figure3:
    input:
        fidelity=RESULTS / "numbers/fidelity.tsv",
        cells=RESULTS / "numbers/cells.csv",
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
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        experiment=settings("modalities", "models", "cohorts", "report.identifiable"),
        files=named(FIGURE3_IMAGES),
        models=FIGURE3_MODELS,
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
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        experiment=settings("modalities", "models", "cohorts", "figure4"),
    message:
        "figure 4: regional volumes of originals and reconstructions"
    script:
        "../workflow_scripts/figure4.py"


rule draw_rate:
    input:
        cells=RESULTS / "numbers/cells.csv",
        against_full=RESULTS / "numbers/against_full.csv",
        spread=RESULTS / "numbers/spread.tsv",
        models=PROVENANCE.values(),
        reconstructions=per_shown_shard("reconstructions/{model}/{cohort}/{shard}.h5"),
    output:
        **reported("rate"),
        costs=reported("costs")["csv"],
        costs_page=reported("costs")["html"],
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        experiment=settings("modalities", "models", "cohorts", "table1"),
        models=named(PROVENANCE),
    message:
        "what every model costs, and quality against bits"
    script:
        "../workflow_scripts/rate.py"
