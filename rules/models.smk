"""Training: one job a row of the benchmark, on the training splits of all cohorts together."""

from neuroquant.models import fit_bytes

TRAINED = [row.name for row in EXPERIMENT.models if row.training.phases]
# Rows that nothing trains, but that see all training volumes once or a few times: name -> MB. Reading the volumes of
# 14,900 training sessions five times, 1.2 TB, and multiplying takes about 6 hours of one thread (docs/rows.md).
FITTED = {
    row.name: 1000 + size // 1_000_000
    for row in EXPERIMENT.models
    if not row.training.phases
    and not row.weights
    and (
        size := fit_bytes(
            row.architecture, row.parameters, EXPERIMENT.volume.shape, len(row.suffixes)
        )
    )
}
FITTING_MINUTES = 720


rule train:
    input:
        train=every_shard("volumes/{cohort}/{shard}.h5", "train"),
        val=every_shard("volumes/{cohort}/{shard}.h5", "val"),
        manifests=manifests_of("train", "val"),
        published=weights_of,
        # ancient: a change in the test split renews the proofs, and must not train anything again
        proofs=ancient(proofs()),
    output:
        weights=RESULTS / "models/{row}/model.safetensors",
        config=RESULTS / "models/{row}/config.json",
        curve=RESULTS / "models/{row}/training.tsv",
        provenance=RESULTS / "models/{row}/provenance.json",
    wildcard_constraints:
        row=one_of(TRAINED),
    threads: COMPUTE.threads * PROCESSES_A_NODE
    resources:
        **SEVERAL_NODES,
        mem_mb=growing(COMPUTE.train_mem_mb * PROCESSES_A_NODE),
        runtime=60 * COMPUTE.train_hours,
        # not a parameter: weights that were trained by another number of processes are as good
        processes=COMPUTE.gpus,
    params:
        row=model_of,
        volume=literal(whole(EXPERIMENT.volume)),
        folder=lambda wildcards: str(RESULTS / "models" / wildcards.row),
        # not an output: Snakemake deletes the outputs of a job that fails, and these are what it resumes from
        checkpoints=lambda wildcards: str(RESULTS / "checkpoints" / wildcards.row),
        pictures=lambda wildcards: str(RESULTS / "progress" / wildcards.row),
        device=COMPUTE.device,
        code=code_of("train", "training", row=True),
    message:
        "training {wildcards.row}"
    script:
        "../workflow_scripts/train.py"


ask_for_gpus("train", PROCESSES_A_NODE)


use rule train as save_untrained with:
    output:
        weights=RESULTS / "models/{row}/model.safetensors",
        config=RESULTS / "models/{row}/config.json",
        curve=RESULTS / "models/{row}/training.tsv",
        provenance=RESULTS / "models/{row}/provenance.json",
    wildcard_constraints:
        row=one_of(name for name in ROWS if name not in TRAINED),
    threads: lambda wildcards: COMPUTE.threads if wildcards.row in FITTED else 1
    resources:
        mem_mb=lambda wildcards, attempt, rulename: growing(
            max(COMPUTE.mem_mb, FITTED.get(wildcards.row, 0))
        )(wildcards, attempt, rulename),
        runtime=lambda wildcards: FITTING_MINUTES if wildcards.row in FITTED else 30,
        processes=1,
    params:
        device="cpu",
    message:
        "{wildcards.row}, which isn't trained by gradients"


CURVES = {row: RESULTS / f"models/{row}/training.tsv" for row in ROWS}


rule training_curves:
    input:
        curves=CURVES.values(),
        manifests=manifests_of("train", "val"),
    output:
        picture=reported("training")["png"],
        vector=reported("training")["svg"],
        codes=reported("codes")["png"],
        codes_vector=reported("codes")["svg"],
    resources:
        **SMALL_JOB,
    params:
        experiment=settings("modalities", "models", "models.objective.adversary"),
        curves=named(CURVES),
    message:
        "drawing the training curves"
    script:
        "../workflow_scripts/training_curves.py"


# asked for by name, once, on a machine with network; everything else runs without
rule fetch_weights:
    output:
        touch(RESULTS / "logs/fetched"),
    resources:
        **SMALL_JOB,
    params:
        rows=literal([whole(row) for row in EXPERIMENT.models]),
    message:
        "fetching the authors' weights of the rows that begin with them"
    script:
        "../workflow_scripts/fetch_weights.py"


localrules:
    fetch_weights,
