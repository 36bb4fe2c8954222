"""Training: one job per model, on the training splits of all cohorts together."""

from neuroquant.models import fit_bytes

TRAINED = [entry.name for entry in EXPERIMENT.models if entry.training.phases]
# Models that nothing trains, but that see all training volumes once or a few times: name -> MB. Reading the volumes of
# 14,900 training sessions five times, 1.2 TB, and multiplying takes about 6 hours of one thread (docs/models.md).
FITTED = {
    entry.name: 1000 + size // 1_000_000
    for entry in EXPERIMENT.models
    if not entry.training.phases
    and not entry.weights
    and (
        size := fit_bytes(
            entry.architecture,
            entry.parameters,
            EXPERIMENT.volume.shape,
            len(entry.suffixes),
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
        weights=RESULTS / "models/{model}/model.safetensors",
        config=RESULTS / "models/{model}/config.json",
        curve=RESULTS / "models/{model}/training.tsv",
        provenance=RESULTS / "models/{model}/provenance.json",
    wildcard_constraints:
        model=one_of(TRAINED),
    threads: COMPUTE.threads * PROCESSES_A_NODE
    resources:
        **SEVERAL_NODES,
        mem_mb=growing(COMPUTE.train_mem_mb * PROCESSES_A_NODE),
        runtime=60 * COMPUTE.train_hours,
        # not a parameter: weights that were trained by another number of processes are as good
        processes=COMPUTE.gpus,
    params:
        model=model_of,
        volume=literal(whole(EXPERIMENT.volume)),
        folder=lambda wildcards: str(RESULTS / "models" / wildcards.model),
        # not an output: Snakemake deletes the outputs of a job that fails, and these are what it resumes from
        checkpoints=lambda wildcards: str(RESULTS / "checkpoints" / wildcards.model),
        pictures=lambda wildcards: str(RESULTS / "progress" / wildcards.model),
        device=COMPUTE.device,
        code=code_of("train", "training", model=True),
    message:
        "training {wildcards.model}"
    script:
        "../workflow_scripts/train.py"


ask_for_gpus("train", PROCESSES_A_NODE)


use rule train as save_untrained with:
    output:
        weights=RESULTS / "models/{model}/model.safetensors",
        config=RESULTS / "models/{model}/config.json",
        curve=RESULTS / "models/{model}/training.tsv",
        provenance=RESULTS / "models/{model}/provenance.json",
    wildcard_constraints:
        model=one_of(name for name in MODELS if name not in TRAINED),
    threads: lambda wildcards: COMPUTE.threads if wildcards.model in FITTED else 1
    resources:
        mem_mb=lambda wildcards, attempt, rulename: growing(
            max(COMPUTE.mem_mb, FITTED.get(wildcards.model, 0))
        )(wildcards, attempt, rulename),
        runtime=lambda wildcards: FITTING_MINUTES if wildcards.model in FITTED else 30,
        processes=1,
    params:
        device="cpu",
    message:
        "{wildcards.model}, which isn't trained by gradients"


CURVES = {model: RESULTS / f"models/{model}/training.tsv" for model in MODELS}


rule training_curves:
    input:
        curves=CURVES.values(),
        manifests=manifests_of("train", "val"),
    output:
        picture=reported("training")["png"],
        vector=reported("training")["svg"],
        page=reported("training")["page"],
        codes=reported("codes")["png"],
        codes_vector=reported("codes")["svg"],
        codes_page=reported("codes")["page"],
    localrule: True
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
    localrule: True
    resources:
        **SMALL_JOB,
    params:
        models=literal([whole(entry) for entry in EXPERIMENT.models]),
    message:
        "fetching the authors' weights of the models that begin with them"
    script:
        "../workflow_scripts/fetch_weights.py"
