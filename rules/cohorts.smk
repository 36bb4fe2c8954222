"""Who is in the cohorts, who trains and who is tested."""


rule make_cohort:
    output:
        inventory=RESULTS / "cohorts/{cohort}/inventory.tsv",
    wildcard_constraints:
        cohort=one_of(cohort.name for cohort in EXPERIMENT.cohorts if cohort.synthetic),
    resources:
        **SMALL_JOB,
    params:
        cohort=cohort_of,
        modalities=literal(MODALITIES),
        root=lambda wildcards: str(cohort_root(wildcards.cohort)),
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
    resources:
        **SMALL_JOB,
    params:
        cohort=cohort_of,
        root=lambda wildcards: str(cohort_root(wildcards.cohort)),
        modalities=literal(MODALITIES),
        registration=EXPERIMENT.volume.registration != "off",
        target=EXPERIMENT.volume.registration_target,
        targets=literal(EXPERIMENT.probe.columns),
    message:
        "reading the headers of cohort {wildcards.cohort}"
    script:
        "../workflow_scripts/index.py"


rule split:
    input:
        sessions=RESULTS / "cohorts/{cohort}/index/sessions.tsv",
    output:
        splits=RESULTS / "cohorts/{cohort}/splits.tsv",
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        split=lambda wildcards: whole(EXPERIMENT.split_of(wildcards.cohort)),
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
        digests=[
            RESULTS / f"cohorts/{{cohort}}/shards/{split}.sha256" for split in SHARDS
        ],
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        shards=literal(whole(EXPERIMENT.shards)),
        folder=lambda wildcards: str(RESULTS / "cohorts" / wildcards.cohort / "shards"),
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
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        cohort=cohort_of,
    message:
        "accounting for every session of cohort {wildcards.cohort}"
    script:
        "../workflow_scripts/account.py"


QC = {cohort: RESULTS / f"cohorts/{cohort}/qc.tsv" for cohort in COHORTS}
SPLITS = {cohort: RESULTS / f"cohorts/{cohort}/splits.tsv" for cohort in COHORTS}


rule compare_cohorts:
    input:
        qc=QC.values(),
        splits=SPLITS.values(),
    output:
        table=RESULTS / "numbers/cohorts_apart.tsv",
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        qc=named(QC),
        splits=named(SPLITS),
        external=literal(EXTERNAL_COHORTS),
    message:
        "proving that no image trains in one cohort and tests in another"
    script:
        "../workflow_scripts/compare_cohorts.py"
