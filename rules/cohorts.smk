"""Who is in the cohorts, who trains and who is tested."""


rule make_cohort:
    output:
        inventory=RESULTS / "cohorts/{cohort}/inventory.tsv",
    log:
        log_of("make_cohort", "{cohort}"),
    benchmark:
        benchmark_of("make_cohort", "{cohort}")
    wildcard_constraints:
        cohort=one_of(cohort.name for cohort in EXPERIMENT.cohorts if cohort.synthetic),
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        cohort=lambda wildcards: settings(EXPERIMENT.cohort(wildcards.cohort)),
        modalities=literal(MODALITIES),
        root=lambda wildcards: str(cohort_root(wildcards.cohort)),
        code=code_of("make_cohort"),
        failures=str(FAILURES),
    message:
        "making the synthetic cohort {wildcards.cohort}"
    script:
        "../workflow_scripts/make_cohort.py"


rule index:
    input:
        inventory=inventory_of,
    output:
        sessions=RESULTS / "cohorts/{cohort}/index/sessions.tsv",
        excluded=RESULTS / "cohorts/{cohort}/index/excluded.tsv",
        unseen=RESULTS / "cohorts/{cohort}/index/not_looked_at.tsv",
    log:
        log_of("index", "{cohort}"),
    benchmark:
        benchmark_of("index", "{cohort}")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        cohort=lambda wildcards: settings(EXPERIMENT.cohort(wildcards.cohort)),
        root=lambda wildcards: str(cohort_root(wildcards.cohort)),
        modalities=literal(MODALITIES),
        registration=EXPERIMENT.volume.registration != "off",
        target=EXPERIMENT.volume.registration_target,
        code=code_of("index"),
        failures=str(FAILURES),
    message:
        "reading the headers of cohort {wildcards.cohort}"
    script:
        "../workflow_scripts/index.py"


rule split:
    input:
        sessions=RESULTS / "cohorts/{cohort}/index/sessions.tsv",
    output:
        splits=RESULTS / "cohorts/{cohort}/splits.tsv",
    log:
        log_of("split", "{cohort}"),
    benchmark:
        benchmark_of("split", "{cohort}")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        split=literal(settings(EXPERIMENT.split)),
        code=code_of("split"),
        failures=str(FAILURES),
    message:
        "splitting cohort {wildcards.cohort} by family and subject"
    script:
        "../workflow_scripts/split.py"


# A checkpoint, because Snakemake looks at the manifests again once it has run: those whose text is what it was keep
# everything that was made from them (see `manifests_of`).
checkpoint assign:
    input:
        sessions=RESULTS / "cohorts/{cohort}/index/sessions.tsv",
        splits=RESULTS / "cohorts/{cohort}/splits.tsv",
    output:
        manifests=[
            RESULTS / f"cohorts/{{cohort}}/shards/{shard}.tsv" for shard in ALL_SHARDS
        ],
    log:
        log_of("assign", "{cohort}"),
    benchmark:
        benchmark_of("assign", "{cohort}")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        shards=literal(settings(EXPERIMENT.shards)),
        folder=lambda wildcards: str(RESULTS / "cohorts" / wildcards.cohort / "shards"),
        code=code_of("assign"),
        failures=str(FAILURES),
    message:
        "assigning the sessions of cohort {wildcards.cohort} to shards"
    script:
        "../workflow_scripts/assign.py"


rule account:
    input:
        sessions=RESULTS / "cohorts/{cohort}/index/sessions.tsv",
        excluded=RESULTS / "cohorts/{cohort}/index/excluded.tsv",
        splits=RESULTS / "cohorts/{cohort}/splits.tsv",
        shards=lambda wildcards: shards_of(
            wildcards.cohort,
            "volumes/{cohort}/{shard}.excluded.tsv",
            "train",
            "val",
            "test",
        ),
        qc=lambda wildcards: shards_of(
            wildcards.cohort, "volumes/{cohort}/{shard}.qc.tsv", "train", "val", "test"
        ),
        manifests=manifests_of("train", "val", "test"),
    output:
        sessions=RESULTS / "cohorts/{cohort}/sessions.tsv",
        excluded=RESULTS / "cohorts/{cohort}/excluded.tsv",
        proof=RESULTS / "cohorts/{cohort}/split_proof.tsv",
    log:
        log_of("account", "{cohort}"),
    benchmark:
        benchmark_of("account", "{cohort}")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        cohort=lambda wildcards: settings(EXPERIMENT.cohort(wildcards.cohort)),
        code=code_of("account"),
        failures=str(FAILURES),
    message:
        "accounting for every session of cohort {wildcards.cohort}"
    script:
        "../workflow_scripts/account.py"


rule compare_cohorts:
    input:
        qc=expand(RESULTS / "cohorts/{cohort}/qc.tsv", cohort=COHORTS),
        splits=expand(RESULTS / "cohorts/{cohort}/splits.tsv", cohort=COHORTS),
    output:
        table=RESULTS / "numbers/cohorts_apart.tsv",
    log:
        log_of("compare_cohorts"),
    benchmark:
        benchmark_of("compare_cohorts")
    conda:
        ENVIRONMENT
    resources:
        **SMALL_JOB,
    params:
        cohorts=COHORTS,
        code=code_of("compare_cohorts"),
        failures=str(FAILURES),
    message:
        "proving that no image trains in one cohort and tests in another"
    script:
        "../workflow_scripts/compare_cohorts.py"
