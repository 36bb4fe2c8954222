"""Configuration: the resolved experiment, and the settings that a job gets."""

import gc
import json
from argparse import Namespace
from contextlib import redirect_stderr
from io import StringIO

from snakemake.cli import parse_args

from neuroquant.config.load import read_yaml, resolve_experiment
from neuroquant.config.parts import part_of, without_names
from neuroquant.errors import InputError
from neuroquant.sources import PACKAGE

# Snakemake makes some hundred thousand small objects that live to the end: looking for dead ones is a tenth of planning
gc.set_threshold(200_000, 20, 20)

if not IMPORTED and not workflow.overwrite_configfiles:

    configfile: BASE / "config/config.yaml"


def checked(call, *arguments):
    """Call; what a user must read is shown without a stack trace."""
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


def config_folders():
    """Where a user's own `cohorts/` and `models/` lie: beside the configuration, the last file of several first."""
    return [Path(name).parent for name in reversed(workflow.configfiles)]


ASKED = command_line()
CONFIG_NAMES = ", ".join(map(str, workflow.configfiles)) or "configuration"
UNLOCKING = getattr(ASKED, "unlock", False)
if UNLOCKING:  # takes a workflow, but no data: the demo has one without
    config = read_yaml(BASE / "config/demo.yaml")
elif IMPORTED:
    check_config()
EXPERIMENT = checked(resolve_experiment, config, config_folders(), CONFIG_NAMES)
COMPUTE = EXPERIMENT.compute
MODALITIES = json.dumps(EXPERIMENT.modalities)
# What segments an image. What only scoring reads, or only the originals get, makes no segmentation again.
SEGMENTING = EXPERIMENT.segmentation.model_copy(
    update=dict(structures=(), surface_tolerance_mm=1.0, ceiling=False)
)
# How probes learn. What they predict is known by their files: one more target trains no probe of another again.
PROBING = EXPERIMENT.probe.model_copy(
    update=dict(targets=("sex",), inputs=("main",), most_classes=10)
)


def literal(value):
    """A parameter that Snakemake leaves as it is; in plain text and lists it takes `{subject}` for a wildcard."""
    return lambda wildcards: value


def settings(*names):
    """These settings of the experiment as a parameter: the job reruns when one of them changes, and for no other.

    `neuroquant.config.parts` says how they are named; the script reads them by `read_part`.
    """
    return literal(part_of(EXPERIMENT, *names))


def whole(value):
    """A settings object as plain data, for a parameter."""
    return json.dumps(value.model_dump(mode="json"), sort_keys=True)


def cohort_of(wildcards):
    """The cohort that the wildcards name as plain data, without what only tables show of it."""
    return whole(without_names(EXPERIMENT.cohort(wildcards.cohort)))


def model_of(wildcards):
    """The model that the wildcards name as plain data, without what only tables show of it."""
    return whole(without_names(EXPERIMENT.model(wildcards.model)))
