"""Configuration, paths, shards and the lists of rows: everything that the rules share."""

import gc
import json
import sys
from argparse import Namespace
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from snakemake.cli import parse_args
from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(workflow.basedir))

from neuroquant.config.load import read_yaml, resolve_experiment
from neuroquant.config.volume import shard_names
from neuroquant.errors import InputError
from neuroquant.models import fit_bytes
from neuroquant.sources import code_hash
from neuroquant.weights.find import find_files

# Snakemake makes some hundred thousand small objects that live to the end: looking for dead ones is a tenth of planning
gc.set_threshold(200_000, 20, 20)

BASE = Path(workflow.basedir)
if not workflow.overwrite_configfiles:

    configfile: BASE / "config/config.yaml"


def checked(call, *arguments):
    """Call; what a user must read is shown without a stack of ours."""
    try:
        return call(*arguments)
    except InputError as error:
        raise WorkflowError(f"\n{error}") from None


def command_line():
    """Snakemake's command line as Snakemake reads it; an empty one for jobs, and where another program calls it."""
    if not workflow.is_main_process:
        return Namespace()
    try:
        with redirect_stderr(StringIO()):  # it names the profiles once more
            return parse_args(sys.argv[1:])[1]
    except SystemExit:
        return Namespace()


ASKED = command_line()
CONFIG_NAMES = ", ".join(map(str, workflow.configfiles)) or "configuration"
UNLOCKING = getattr(ASKED, "unlock", False)
if UNLOCKING:  # takes a workflow, but no data: the demo has one without
    config = read_yaml(BASE / "config/demo.yaml")
EXPERIMENT = checked(resolve_experiment, config, BASE / "config", CONFIG_NAMES)
RESULTS = Path("results") / EXPERIMENT.experiment
ENVIRONMENT = BASE / "envs/neuroquant.yaml"
CAPTIONS = BASE / "neuroquant/report/captions"
FAILURES = RESULTS / "logs/failures"
ROWS = [row.name for row in EXPERIMENT.models]
COHORTS = [cohort.name for cohort in EXPERIMENT.cohorts]
SHARDS = {
    split: shard_names(split, getattr(EXPERIMENT.shards, split))
    for split in ("train", "val", "test")
}
ALL_SHARDS = [shard for names in SHARDS.values() for shard in names]
COMPUTE = EXPERIMENT.compute
# What segments an image. What only scoring reads, or only the originals get, makes no segmentation again.
SEGMENTING = EXPERIMENT.segmentation.model_copy(
    update=dict(structures=(), surface_tolerance_mm=1.0, ceiling=False)
)


# rule -> the most that its jobs may ask for at this site; known when a run through SLURM begins
MOST_MB = {}


def growing(mem_mb):
    """Memory that grows with every retry, as far as the site has it: a cluster's profile sets `retries`."""
    return lambda wildcards, attempt, rulename: min(
        attempt * mem_mb, MOST_MB.get(rulename, attempt * mem_mb)
    )


NETWORK_JOB = dict(mem_mb=growing(COMPUTE.mem_mb), runtime=480)
SMALL_JOB = dict(mem_mb=growing(2048), runtime=30)


wildcard_constraints:
    cohort="[A-Za-z][A-Za-z0-9_]*",
    row="(?!reference/)[A-Za-z][A-Za-z0-9_]*",
    shard="(train|val|test)-[0-9]+",
    table="table[12]",


def weights_of(wildcards):
    """Files of published weights that a row needs, looked at before the first job; most rows need none."""
    return [str(path) for path in checked(find_files, EXPERIMENT.row(wildcards.row))]


def cohort_root(name):
    """Folder that holds the cohort's scans."""
    cohort = EXPERIMENT.cohort(name)
    return (
        RESULTS / "cohorts" / name / "bids" if cohort.synthetic else Path(cohort.root)
    )


def settings(value):
    """A settings object as plain data, so that Snakemake reruns a job exactly when it changes."""
    return json.dumps(value.model_dump(mode="json"), sort_keys=True)


MODALITIES = json.dumps(EXPERIMENT.modalities)


def literal(value):
    """A parameter that Snakemake leaves as it is; in plain text and lists it takes `{subject}` for a wildcard."""
    return lambda wildcards: value


def code_of(*names, row=False):
    """Hash of the package's code that a job uses, as a parameter: a job reruns when that code changes, and no other.

    Names are those of workflow scripts, or files and folders of the package; what they import is followed. `row` adds
    the architecture of the row that the wildcards name, which is imported by its name.
    """
    package = BASE / "neuroquant"
    starts = [
        (
            package / name
            if (package / name).exists()
            else BASE / f"workflow_scripts/{name}.py"
        )
        for name in names
    ]

    def code(wildcards):
        used = list(starts)
        if row:
            used.append(module_file(package / "models", EXPERIMENT.row(wildcards.row)))
        return code_hash(*used)

    return code


def one_of(names):
    """A wildcard's pattern that fits these names alone."""
    return "|".join(names) or "(?!)"


def module_file(models, row):
    """Folder or file of a row's architecture."""
    path = models.joinpath(*row.architecture.split("."))
    return path if path.is_dir() else path.with_suffix(".py")


def log_of(rule_name, *wildcards):
    """Log of a job: one file each, named after the rule and its wildcards."""
    return RESULTS / "logs" / rule_name / ("-".join(wildcards or ["all"]) + ".log")


def benchmark_of(rule_name, *wildcards):
    """Where Snakemake notes a job's seconds and memory."""
    return (
        RESULTS / "benchmarks" / rule_name / ("-".join(wildcards or ["all"]) + ".tsv")
    )


def scored_pairs():
    """(row, cohort) pairs that some table or figure shows, each once, in the order of the tables."""
    pairs = [
        (row, cohort)
        for cohort in EXPERIMENT.table1.cohorts
        for row in EXPERIMENT.table1.rows
    ]
    pairs += [
        (row, cohort)
        for cohort in EXPERIMENT.table2.cohorts
        for row in EXPERIMENT.table2.rows
    ]
    pairs += [(row, EXPERIMENT.figure4.cohort) for row in EXPERIMENT.figure4.rows]
    return list(dict.fromkeys(pairs))


def scored_cohorts():
    """Cohorts that are scored, each once."""
    return list(dict.fromkeys(cohort for _, cohort in scored_pairs()))


def rows_scored_on(cohort):
    """Rows that are scored on a cohort, each once."""
    return [row for row, where in scored_pairs() if where == cohort]


def shards_of(cohort, template, *splits):
    """Paths of a cohort's shards of the given splits."""
    return [
        RESULTS / template.format(cohort=cohort, shard=shard)
        for split in splits
        for shard in SHARDS[split]
    ]


def manifests_of(*splits):
    """The manifests behind the shards of some splits, of the cohort that the wildcards name or else of all.

    Whatever reads shards of volumes, or what was made from them, names their manifests too: once `assign` has run,
    Snakemake looks again only at the jobs that depend on it directly, and leaves alone those whose manifests have the
    text that they had.
    """
    return lambda wildcards: [
        path
        for cohort in ([wildcards.cohort] if "cohort" in wildcards.keys() else COHORTS)
        for path in shards_of(cohort, "cohorts/{cohort}/shards/{shard}.tsv", *splits)
    ]


def proofs():
    """The proofs of all splits: nothing trains, and no table is made, before they stand."""
    return [
        *(RESULTS / f"cohorts/{cohort}/split_proof.tsv" for cohort in COHORTS),
        RESULTS / "numbers/cohorts_apart.tsv",
    ]


def per_test_shard(template):
    """Paths for every scored (row, cohort) and test shard."""
    return [
        RESULTS / template.format(row=row, cohort=cohort, shard=shard)
        for row, cohort in scored_pairs()
        for shard in SHARDS["test"]
    ]


def all_volumes():
    """Every shard of volumes."""
    return [
        RESULTS / f"volumes/{cohort}/{shard}.h5"
        for cohort in COHORTS
        for shard in ALL_SHARDS
    ]


def all_latents():
    """Every shard of latents that a probe reads."""
    return [
        RESULTS / f"latents/{row}/{cohort}/{shard}.h5"
        for row, cohort in scored_pairs()
        for shard in ALL_SHARDS
    ]


def segmenter_file(wildcards):
    """The stand-in's weights where the stand-in is the engine; nothing otherwise."""
    return (
        RESULTS / "segmenter/standin.h5"
        if EXPERIMENT.segmentation.engine == "standin"
        else []
    )


def table_report(kind, what):
    """How a table's file shows in the report."""
    return dict(
        category="Tables",
        subcategory="{table}",
        labels={"table": "{table}", "format": what},
    )


def figure_report(number, kind, caption):
    """How a figure shows in the report."""
    return dict(
        category="Figures",
        labels={"figure": str(number), "format": kind},
        caption=CAPTIONS / caption,
    )
