"""`neuroquant validate CONFIG`: who of an experiment's cohorts would be in, who out and why."""

import argparse
import sys
from pathlib import Path

from neuroquant.errors import InputError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "validate",
        help="check the cohorts of an experiment without running anything",
        description="Reads the headers of all scans of an experiment's cohorts. Prints which sessions are included, "
        "which are excluded and why, files that weren't looked at, sex, visits, shapes and voxel sizes. Writes "
        "nothing. Exit status 1 if a cohort can't be used, no session is included, the split can't be made, or nothing "
        "can be learned of a column that probe.targets names.",
    )
    parser.add_argument("config", type=Path, help="YAML file of the experiment")
    parser.add_argument(
        "--excluded", action="store_true", help="list every excluded session, and all files that weren't looked at"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the summary of every cohort that isn't made by the workflow itself."""
    from neuroquant.cohorts.source import Source
    from neuroquant.cohorts.targets import check_columns
    from neuroquant.cohorts.validate import summary
    from neuroquant.config.load import load_experiment
    from neuroquant.synthetic.recipes import check_recipes

    experiment = load_experiment(arguments.config)
    wrong = 0
    for cohort in experiment.cohorts:
        try:
            if cohort.synthetic:
                check_recipes(experiment.modalities, f"cohort {cohort.name}")
                subjects = cohort.synthetic.subjects
                print(f"{cohort.shown}: a synthetic cohort of {subjects} subjects, made by the workflow\n")
                continue
            text, faults = summary(
                Source.of(experiment, cohort.name), experiment.split_of(cohort.name), arguments.excluded
            )
            wrong += bool(faults)
            print(text)
        except InputError as error:  # the other cohorts are looked at all the same
            wrong += 1
            print(error, file=sys.stderr)
    try:
        check_columns(experiment)
    except InputError as error:
        wrong += 1
        print(error, file=sys.stderr)
    return 1 if wrong else 0
