"""NeuroQuant: the whole experiment as one DAG. `snakemake --profile demo all`, `snakemake --profile slurm all`."""

import os
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


# for --sdm apptainer, which is the only time that it is used; envs/neuroquant.def says how to build it. Snakemake refuses
# an image whose path has a space in it, used or not: in such a folder it is named from there, or else left out.
IMAGE = Path(workflow.basedir) / "envs/neuroquant.sif"
if len(str(IMAGE).split()) > 1:
    IMAGE = Path(os.path.relpath(IMAGE))
if len(str(IMAGE).split()) == 1:

    container: str(IMAGE)


include: "rules/config.smk"
include: "rules/paths.smk"
include: "rules/jobs.smk"
include: "rules/contents.smk"
include: "rules/preflight.smk"
include: "rules/cluster.smk"
include: "rules/cohorts.smk"
include: "rules/volumes.smk"
include: "rules/models.smk"
include: "rules/reconstruct.smk"
include: "rules/segment.smk"
include: "rules/latents.smk"
include: "rules/tables.smk"
include: "rules/cards.smk"
include: "rules/figures.smk"
include: "rules/derivatives.smk"
include: "rules/subject_pages.smk"
include: "rules/report.smk"
include: "rules/site.smk"


localrules:
    all,
    preprocess_all,
    train_all,
    reconstruct_all,
    fidelity_all,
    segment_all,
    latents_all,
    probe_all,
    table1,
    table2,
    figure3,
    figure4,
    cards,
    derivatives,
    subject_pages,


rule all:
    default_target: True
    input:
        report=RESULTS / "report.html",
        cards=CARDS.values(),
    message:
        "done: open {input.report}"


rule preprocess_all:
    input:
        every_shard("volumes/{cohort}/{shard}.h5", *SHARDS),


rule train_all:
    input:
        expand(RESULTS / "models/{model}/model.safetensors", model=MODELS),


rule reconstruct_all:
    input:
        per_test_shard("reconstructions/{model}/{cohort}/{shard}.h5"),


rule fidelity_all:
    input:
        RESULTS / "numbers/fidelity.tsv",


rule segment_all:
    input:
        RESULTS / "numbers/dice.tsv",
        RESULTS / "numbers/regions.tsv",


rule latents_all:
    input:
        all_latents(),


rule probe_all:
    input:
        RESULTS / "numbers/predictions.tsv",


rule table1:
    input:
        expand(RESULTS / "tables/table1.{kind}", kind=("csv", "md", "html", "tex")),


rule table2:
    input:
        expand(RESULTS / "tables/table2.{kind}", kind=("csv", "md", "html", "tex")),


rule figure3:
    input:
        RESULTS / "figures/figure3.png",


rule figure4:
    input:
        RESULTS / "figures/figure4.png",


rule cards:
    input:
        CARDS.values(),


rule derivatives:
    input:
        [RESULTS / f"derivatives/{model}/{cohort}" for model, cohort in scored_pairs()],


rule subject_pages:
    input:
        SUBJECT_PAGES,


# log, benchmark, environment and hashes of code
for each in workflow.rules:
    if each.script:
        complete(each)


onerror:
    print(last_screen(FAILURES, log), file=sys.stderr)


if workflow.is_main_process and not UNLOCKING:
    preflight()
