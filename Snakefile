"""NeuroQuant: the whole experiment as one DAG. `snakemake --profile demo all`, `snakemake --profile slurm all`."""

from snakemake.utils import min_version

min_version("9.27")


include: "rules/module.smk"


# for --sdm apptainer, which is the only time that it is used; envs/neuroquant.def says how to build it. An importer may
# have one of its own. Snakemake refuses an image whose path has a space in it, used or not: in such a folder it is named
# from there, or else left out.
IMAGE = Path("envs/neuroquant.sif").absolute()
if not IMAGE.exists():
    IMAGE = BASE / "envs/neuroquant.sif"
if len(str(IMAGE).split()) > 1:
    IMAGE = Path(os.path.relpath(IMAGE))
if len(str(IMAGE).split()) == 1:

    container: str(IMAGE)


include: "rules/config.smk"
include: "rules/paths.smk"
include: "rules/files.smk"
include: "rules/jobs.smk"
include: "rules/contents.smk"
include: "rules/checks.smk"
include: "rules/preflight.smk"
include: "rules/cluster.smk"
include: "rules/cohorts.smk"
include: "rules/volumes.smk"
include: "rules/models.smk"
include: "rules/reconstruct.smk"
include: "rules/segment.smk"
include: "rules/latents.smk"
include: "rules/aims.smk"
include: "rules/targets.smk"
include: "rules/robustness.smk"
include: "rules/tables.smk"
include: "rules/cards.smk"
include: "rules/figures.smk"
include: "rules/derivatives.smk"
include: "rules/subject_pages.smk"
include: "rules/report.smk"
include: "rules/site.smk"


rule all:
    default_target: True
    input:
        report=RESULTS / "report.html",
        cards=CARDS.values(),
    localrule: True
    message:
        "done: open {input.report}"


rule preprocess_all:
    input:
        every_shard("volumes/{cohort}/{shard}.h5", *SHARDS),
    localrule: True


rule train_all:
    input:
        expand(RESULTS / "models/{model}/model.safetensors", model=MODELS),
    localrule: True


rule reconstruct_all:
    input:
        per_test_shard("reconstructions/{model}/{cohort}/{shard}.h5"),
    localrule: True


rule fidelity_all:
    input:
        RESULTS / "numbers/fidelity.tsv",
    localrule: True


rule segment_all:
    input:
        RESULTS / "numbers/dice.tsv",
        RESULTS / "numbers/regions.tsv",
    localrule: True


rule latents_all:
    input:
        all_latents(),
    localrule: True


rule probe_all:
    input:
        RESULTS / "numbers/predictions.tsv",
    localrule: True


rule table1:
    input:
        expand(RESULTS / "tables/table1.{kind}", kind=("csv", "md", "html", "tex")),
    localrule: True


rule table2:
    input:
        expand(RESULTS / "tables/table2.{kind}", kind=("csv", "md", "html", "tex")),
    localrule: True


rule figure3:
    input:
        RESULTS / "figures/figure3.png",
    localrule: True


rule figure4:
    input:
        RESULTS / "figures/figure4.png",
    localrule: True


rule cards:
    input:
        CARDS.values(),
    localrule: True


rule derivatives:
    input:
        [RESULTS / f"derivatives/{model}/{cohort}" for model, cohort in scored_pairs()],
    localrule: True


rule subject_pages:
    input:
        SUBJECT_PAGES,
    localrule: True


# log, benchmark, environment and hashes of code
for name, each in own_rules().items():
    if each.script:
        complete(each, name)


onstart:
    start_run()


onsuccess:
    end_run()


onerror:
    print(last_screen(FAILURES, log), file=sys.stderr)


if IMPORTED:
    offer("start", lambda log: start_run())
    offer("success", lambda log: end_run())
    offer("error", lambda log: print(last_screen(FAILURES, log), file=sys.stderr))


if workflow.is_main_process and not UNLOCKING:
    preflight()
