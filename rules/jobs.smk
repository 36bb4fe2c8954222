"""What all jobs have in common: memory that grows, log, benchmark, environment, and hashes of their code."""

import re

from neuroquant.sources import code_hash, text_hash

# rule -> the most that its jobs may ask for at this site; known when a run through SLURM begins
MOST_MB = {}


def growing(mem_mb):
    """Memory that grows with every retry, as far as the site has it: a cluster's profile sets `retries`."""
    return lambda wildcards, attempt, rulename: min(
        attempt * mem_mb, MOST_MB.get(rulename, attempt * mem_mb)
    )


NETWORK_JOB = dict(mem_mb=growing(COMPUTE.mem_mb), runtime=480)
SMALL_JOB = dict(mem_mb=growing(2048), runtime=30)


def for_all_models(least, each):
    """Minutes of a job on all models of a cohort: so many for each training, as a guess, and at least so many in all."""
    return lambda wildcards: max(least, each * len(models_scored_on(wildcards.cohort)))


def module_file(models, entry):
    """Folder or file of a model's architecture."""
    path = models.joinpath(*entry.architecture.split("."))
    return path if path.is_dir() else path.with_suffix(".py")


def code_of(*names, model=False):
    """Hash of the package's code that a job uses, as a parameter: a job reruns when that code changes, and no other.

    Names are those of workflow scripts, or files and folders of the package; what they import is followed. `model` adds
    the architecture of the model that the wildcards name, which is imported by its name.
    """
    starts = [
        (
            PACKAGE / name
            if (PACKAGE / name).exists()
            else BASE / f"workflow_scripts/{name}.py"
        )
        for name in names
    ]

    def code(wildcards):
        used = list(starts)
        if model:
            used.append(
                module_file(PACKAGE / "models", EXPERIMENT.model(wildcards.model))
            )
        return code_hash(*used)

    return code


def complete(job_rule, own_name):
    """Give a rule that runs a script what every such rule has, so that it stands once.

    An importer may have given it another name or environment, but no log or benchmark: what is read later stands there. The
    script is named by its path, because one that Snakemake takes from a repository doesn't lie beside the package.

    Log and benchmark are files named after the rule and the wildcards of its first output, e.g.
    `logs/fidelity/neuroquant-ncanda-test-000.log`. The parameter `script` is a hash of the script's text, `code` one of
    the modules that it uses, unless the rule names these itself.
    """
    if hasattr(job_rule, "completed"):
        return  # by an earlier statement that uses rules of the same module
    job_rule.completed = True
    for directive in ("log", "benchmark"):
        if getattr(job_rule, directive):
            refuse(
                f"module: `{directive}` of rule {own_name}",
                str(getattr(job_rule, directive)),
                f"none: the report and the last screen read results/<experiment>/{directive}s",
                f"remove `{directive}`",
            )
    script = Path(job_rule.script).stem
    wildcards = dict.fromkeys(re.findall(r"{(\w+)", str(job_rule.output[0])))
    name = "-".join(f"{{{wildcard}}}" for wildcard in wildcards) or "all"
    job_rule.log_modifier = job_rule.benchmark_modifier = job_rule.output_modifier
    job_rule.set_log(RESULTS / "logs" / own_name / f"{name}.log")
    job_rule.benchmark = RESULTS / "benchmarks" / own_name / f"{name}.tsv"
    job_rule.script = str(BASE / f"workflow_scripts/{script}.py")
    job_rule.conda_env = job_rule.conda_env or str(BASE / "envs/neuroquant.yaml")
    job_rule.set_params(script=text_hash(BASE / f"workflow_scripts/{script}.py"))
    if "code" not in job_rule.params.keys():
        job_rule.set_params(code=code_of(script))
