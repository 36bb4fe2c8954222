"""Model cards: a README.md in every model folder, with scores; the files that training wrote stay as they are."""

CARDS = {model: RESULTS / f"models/{model}/README.md" for model in MODELS}


rule model_cards:
    input:
        # a model that was trained again has other numbers, and these have another date
        configs=[RESULTS / f"models/{model}/config.json" for model in MODELS],
        provenance=PROVENANCE.values(),
        cells=RESULTS / "numbers/cells.csv",
        against_mean=RESULTS / "numbers/against_mean.csv",
        sessions=[RESULTS / f"cohorts/{cohort}/sessions.tsv" for cohort in COHORTS],
        splits=SPLITS.values(),
    output:
        cards=CARDS.values(),
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        experiment=settings("models", "cohorts", "statistics.confidence"),
        cards=named(CARDS),
        sessions=named(
            {cohort: RESULTS / f"cohorts/{cohort}/sessions.tsv" for cohort in COHORTS}
        ),
        splits=named(SPLITS),
    message:
        "writing the model cards"
    script:
        "../workflow_scripts/model_cards.py"
