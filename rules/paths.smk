"""Paths below the results, and the lists of models, cohorts and shards that rules go through."""

from neuroquant.config.volume import shard_names
from neuroquant.weights.find import find_files, find_lpips

RESULTS = Path("results") / EXPERIMENT.experiment
FAILURES = RESULTS / "logs/failures"
CAPTIONS = PACKAGE / "report/captions"
MODELS = [entry.name for entry in EXPERIMENT.models]
COHORTS = [cohort.name for cohort in EXPERIMENT.cohorts]
TRAINING_COHORTS = list(EXPERIMENT.training_cohorts)
EXTERNAL_COHORTS = [name for name in COHORTS if name not in TRAINING_COHORTS]
SHARDS = {
    split: shard_names(split, getattr(EXPERIMENT.shards, split))
    for split in ("train", "val", "test")
}
ALL_SHARDS = [shard for names in SHARDS.values() for shard in names]
FEW_JOBS = COMPUTE.jobs == "few"
PROVENANCE = {model: RESULTS / f"models/{model}/provenance.json" for model in MODELS}


wildcard_constraints:
    cohort="[A-Za-z][A-Za-z0-9_]*",
    model="(?!reference/)[A-Za-z][A-Za-z0-9_]*",
    shard="(train|val|test)-[0-9]+",
    table="table[12]",


def one_of(names):
    """A wildcard's pattern that fits these names alone."""
    return "|".join(names) or "(?!)"


def named(paths):
    """Files by name as a parameter, for `job.named_paths` in the script, which doesn't rely on their order.

    Values are paths, or mappings in turn.
    """
    return literal(json.dumps(paths, default=str))


def weights_of(wildcards):
    """Files of published weights that a model needs, looked at before the first job; most need none."""
    return [
        str(path) for path in checked(find_files, EXPERIMENT.model(wildcards.model))
    ]


def cohort_root(name):
    """Folder that holds the cohort's scans."""
    cohort = EXPERIMENT.cohort(name)
    return (
        RESULTS / "cohorts" / name / "bids" if cohort.synthetic else Path(cohort.root)
    )


def shown_pairs():
    """(model, cohort) pairs that some table or figure shows, each once, in the order of the tables.

    A model's curve of rate and distortion is shown where the model is.
    """
    tables = (EXPERIMENT.table1, EXPERIMENT.table2)
    pairs = [
        (model, cohort)
        for table in tables
        for cohort in table.cohorts
        for model in table.models
    ]
    pairs += [(model, EXPERIMENT.figure4.cohort) for model in EXPERIMENT.figure4.models]
    points = [
        (point, cohort) for model, cohort in pairs for point in EXPERIMENT.points(model)
    ]
    return list(dict.fromkeys(points))


def scored_pairs():
    """The same pairs with every training of the models: one whose name isn't the model's is of a further seed."""
    return SCORED_PAIRS


SCORED_PAIRS = [
    (training, cohort)
    for model, cohort in shown_pairs()
    for training in EXPERIMENT.trainings(model)
]


def scored_cohorts():
    """Cohorts that are scored, each once."""
    return list(dict.fromkeys(cohort for _, cohort in scored_pairs()))


def models_scored_on(cohort):
    """Models that are scored on a cohort, each training of them once."""
    return [model for model, where in scored_pairs() if where == cohort]


def models_shown_on(cohort):
    """The same without trainings of further seeds."""
    return [model for model, where in shown_pairs() if where == cohort]


def shards_of(cohort, template, *splits):
    """Paths of a cohort's shards of the given splits, as far as it has them."""
    return [
        RESULTS / template.format(cohort=cohort, shard=shard)
        for split in splits_there(cohort, splits)
        for shard in SHARDS[split]
    ]


def splits_there(cohort, splits):
    """Those of some splits that a cohort has; an external one has no subjects but those of the test split."""
    return [split for split in splits if split == "test" or cohort in TRAINING_COHORTS]


def teachers_of(cohort):
    """The cohorts that whatever is applied to a cohort may learn from: itself, or for an external one all others."""
    return TRAINING_COHORTS if cohort in EXTERNAL_COHORTS else [cohort]


def learned_from(cohort, template, *splits):
    """Shards of training and validation that whatever is applied to a cohort may learn from."""
    return [
        path
        for each in teachers_of(cohort)
        for path in shards_of(each, template, *splits)
    ]


def by_shard(template, *splits):
    """Shard -> path of the given splits, for named inputs and outputs; other wildcards of the template stay."""
    return {
        shard: RESULTS / template.replace("{shard}", shard)
        for split in splits
        for shard in SHARDS[split]
    }


def manifests_of(*splits):
    """Digests of the manifests of some splits, of the cohort in the wildcards or else of all.

    Whatever reads shards of volumes, or what was made from them, names their manifests too: once `assign` has run,
    Snakemake looks again only at the jobs that depend on it directly, and leaves alone those whose manifests have the
    text that they had. A digest stands for all manifests of a split: planning takes longer with every input of a job.
    """
    return lambda wildcards: [
        path
        for cohort in ([wildcards.cohort] if "cohort" in wildcards.keys() else COHORTS)
        for path in digests_of(cohort, *splits)
    ]


def digests_of(cohort, *splits):
    """Digests of the manifests of some splits of a cohort, as far as it has them."""
    folder = RESULTS / "cohorts" / cohort / "shards"
    return [folder / f"{split}.sha256" for split in splits_there(cohort, splits)]


def manifests_learned_from(wildcards):
    """Digests of the manifests of all subjects that whatever is applied to a cohort may learn from."""
    cohorts = teachers_of(wildcards.cohort)
    return [path for each in cohorts for path in digests_of(each, "train", "val")]


def manifests_for_probes(wildcards):
    """The same, and those of the subjects that a probe of a cohort is tested on."""
    return manifests_learned_from(wildcards) + digests_of(wildcards.cohort, "test")


def proofs():
    """The proofs of all splits: nothing trains, and no table is made, before they stand."""
    return [
        *(RESULTS / f"cohorts/{cohort}/split_proof.tsv" for cohort in COHORTS),
        RESULTS / "numbers/cohorts_apart.tsv",
    ]


def per_test_shard(template):
    """Paths for every scored (model, cohort) and test shard, with all trainings of the models."""
    return [
        RESULTS / template.format(model=model, cohort=cohort, shard=shard)
        for model, cohort in scored_pairs()
        for shard in SHARDS["test"]
    ]


def per_shown_shard(template):
    """The same without trainings of further seeds."""
    return [
        RESULTS / template.format(model=model, cohort=cohort, shard=shard)
        for model, cohort in shown_pairs()
        for shard in SHARDS["test"]
    ]


def every_shard(template, *splits):
    """Paths for every cohort and shard of the given splits."""
    return [path for cohort in COHORTS for path in shards_of(cohort, template, *splits)]
