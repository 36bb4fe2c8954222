"""What an experiment is checked for before its first job, beyond its configuration."""

from neuroquant.cohorts.inventory import check_root
from neuroquant.cohorts.source import Source
from neuroquant.cohorts.targets import check_columns
from neuroquant.config.existing import folder_of
from neuroquant.config.model import ModelFolder
from neuroquant.extras import require, require_imported
from neuroquant.sources import used_files
from neuroquant.synthetic.recipes import check_recipes


def check_inputs():
    """Fail before the first job where a cohort's folder can't be used or lies under our outputs, or the split does."""
    split = Path(EXPERIMENT.split.file).resolve()
    if EXPERIMENT.split.file and RESULTS.resolve() in split.parents:
        raise InputError(
            "split.file",
            f"{EXPERIMENT.split.file}, which this experiment itself writes",
            "a file outside of its results",
            "copy it elsewhere, and name the copy",
        )
    for entry in EXPERIMENT.models:
        if isinstance(entry.weights, ModelFolder):
            check_not_own(entry.name, folder_of(entry))
    for cohort in EXPERIMENT.cohorts:
        if cohort.synthetic:
            check_recipes(EXPERIMENT.modalities, f"cohort {cohort.name}")
            continue
        check_root(Source.of(EXPERIMENT, cohort.name))
        root = Path(cohort.root).resolve()
        if root in RESULTS.resolve().parents or root == RESULTS.resolve():
            raise InputError(
                f"cohort {cohort.name}: root",
                f"{cohort.root}, which would hold the results folder {RESULTS}",
                "a folder that the results don't lie in",
                "run from another folder (snakemake --directory)",
            )
    check_columns(EXPERIMENT)


def check_not_own(model, folder):
    """Refuse to begin with a model that this experiment itself trains."""
    if RESULTS.resolve() in folder.resolve().parents:
        raise InputError(
            f"model {model}: weights.model_folder",
            f"{folder}, which this experiment itself writes",
            "a model folder outside of its results",
            "copy it elsewhere and name the copy, or give the experiment another name",
        )


def check_targets():
    """Say of a table that is asked for by name that it would be empty; the report has it with the reason."""
    if "table2" in getattr(ASKED, "targets", ()) and not EXPERIMENT.table2.models:
        raise InputError(
            "target table2",
            f"no ablation among the models {', '.join(MODELS)}",
            "a model with `ablation_of`, and the one that it names",
            "add such a model, e.g. neuroquant_base beside neuroquant, or name models in table2.models",
        )


def check_packages():
    """Fail before the first job where a model needs a package that isn't installed; not for jobs that run elsewhere."""
    if LOOKING or workflow.deployment_settings.deployment_method:
        return
    if EXPERIMENT.robustness.faults:
        require("torchio")
    for entry in EXPERIMENT.models:
        require_imported(used_files(module_file(PACKAGE / "models", entry)))
