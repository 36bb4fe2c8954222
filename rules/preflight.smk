"""What happens before the first job: checks, the inventories of the cohorts' folders, the resolved configuration."""

import atexit
import shutil
import tempfile

import yaml

from neuroquant.cohorts.inventory import refresh_inventory
from neuroquant.cohorts.source import Source
from neuroquant.segmentation.installed import check_installed
from neuroquant.files import dated_in_future, put_dates_back, write_text
from neuroquant.statistics.metrics import check_metrics

# Snakemake's own words for looking at a workflow without running it
LOOKING = any(
    getattr(ASKED, name, None)
    for name in (
        "dryrun",
        "summary",
        "detailed_summary",
        "dag",
        "rulegraph",
        "filegraph",
        "d3dag",
        "lint",
        "list_rules",
        "list_target_rules",
        "list_changes",
        "list_input_changes",
        "list_params_changes",
        "list_untracked",
        "report",
        "report_metadata",
        "archive",
        "containerize",
        "unlock",
        "print_compilation",
    )
)

# Files that are written before the first job: cohort -> inventory, and the resolved configuration. Where Snakemake only
# looks, what isn't there or isn't up to date lies in a scratch folder for as long.
INVENTORIES = {name: RESULTS / f"cohorts/{name}/inventory.tsv" for name in COHORTS}
RESOLVED = RESULTS / "config.yaml"


def inventory_of(wildcards):
    """The inventory of a cohort."""
    return INVENTORIES[wildcards.cohort]


def resolved_of(wildcards):
    """The resolved configuration."""
    return RESOLVED


def refresh_inventories(scratch):
    """Notice new, changed and removed scans: write a cohort's inventory where its text changes, or into `scratch`."""
    for cohort in EXPERIMENT.cohorts:
        written, root = INVENTORIES[cohort.name], cohort_root(cohort.name)
        if cohort.synthetic and not (written.exists() and root.exists()):
            continue
        if scratch is None:
            refresh_inventory(Source.of(EXPERIMENT, cohort.name, root), written)
            continue
        current = scratch / f"{cohort.name}.tsv"
        refresh_inventory(Source.of(EXPERIMENT, cohort.name, root), current)
        if not written.exists() or written.read_bytes() != current.read_bytes():
            INVENTORIES[cohort.name] = current


def write_resolved(path):
    """Write the resolved configuration, where its text changed."""
    text = yaml.safe_dump(
        EXPERIMENT.model_dump(mode="json"), sort_keys=False, width=110
    )
    if not path.exists() or path.read_text() != text:
        write_text(path, text)


def begin_run():
    """What is written before the first job, and by no dry run: another run may be going on there."""
    write_resolved(RESOLVED)
    for stale in FAILURES.glob("*.json"):
        stale.unlink()


def check_writable():
    """Make sure that results can be written."""
    try:
        RESULTS.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=RESULTS).close()
    except OSError as error:
        raise InputError(
            f"results folder {RESULTS.absolute()}",
            f"{error.strerror} ({error.filename})",
            "a folder that can be written to",
            "make it writable, or run from another folder (snakemake --directory)",
        ) from None


def correct_dates():
    """Give results that are dated in the future a date that can be: Snakemake would make all that follows again."""
    late = dated_in_future(RESULTS)
    if not late:
        return
    shown = ", ".join(str(path) for path in late[:3])
    more = f" and {len(late) - 3} more" if len(late) > 3 else ""
    if LOOKING:
        note = "dated in the future: a run gives them the date of their job first"
    else:
        put_dates_back(late)
        note = "were dated in the future; they now have the date of their job"
    print(f"{shown}{more}: {note}", file=sys.stderr)


def plan_in_scratch():
    """The files that a run would write first, in a scratch folder, for Snakemake to plan with."""
    global RESOLVED
    if getattr(ASKED, "report", None):  # of what was run, whatever has changed since
        return
    scratch = Path(tempfile.mkdtemp(prefix="neuroquant-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    refresh_inventories(scratch)
    if not RESOLVED.exists():
        RESOLVED = scratch / "config.yaml"
        write_resolved(RESOLVED)


def prepare():
    """The same for a run: in the results folder."""
    check_writable()
    refresh_inventories(None)
    if not RESOLVED.exists():  # rules name it as an input
        write_resolved(RESOLVED)


def preflight():
    """Everything that must be known, and for a run be written, before jobs can be planned.

    Called once, by the last line of the Snakefile: including rules writes nothing. Only a run writes below the results:
    the cohorts' inventories and `config.yaml`, which rules name as inputs, so that they must exist while it is planned.
    """
    checked(check_inputs)
    checked(check_metrics, EXPERIMENT)
    checked(check_targets)
    checked(check_packages)
    checked(check_installed, EXPERIMENT.segmentation)
    checked(plan_in_scratch if LOOKING else prepare)
    correct_dates()
