"""The command line: `neuroquant validate`, `plan` and `restore`; everything else is the workflow's."""

import argparse
import sys
from pathlib import Path

from neuroquant.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status. What a user must read goes to standard error without a stack."""
    parser = argparse.ArgumentParser(prog="neuroquant", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_validate(commands)
    add_plan(commands)
    add_restore(commands)
    chosen = parser.parse_args(arguments)
    try:
        return chosen.run(chosen)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1


def add_validate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`neuroquant validate CONFIG`."""
    parser = commands.add_parser(
        "validate",
        help="look at the cohorts of an experiment without running anything",
        description="Opens every header of every cohort that an experiment reads, and prints who would be in and who "
        "out and why, sex, visits, shapes and voxel sizes. Writes nothing. Exit status 1 where a cohort can't be used.",
    )
    parser.add_argument("config", type=Path, help="an experiment's YAML")
    parser.add_argument("--excluded", action="store_true", help="list every session that would be left out")
    parser.set_defaults(run=validate)


def validate(chosen: argparse.Namespace) -> int:
    """Print the summary of every cohort that isn't made by the workflow itself."""
    from neuroquant.cohorts.validate import summary
    from neuroquant.config.load import load_experiment

    experiment = load_experiment(chosen.config, Path(__file__).parents[1] / "config")
    for cohort in experiment.cohorts:
        if cohort.synthetic:
            print(f"{cohort.shown}: an embedded cohort of {cohort.synthetic.subjects} subjects, made by the workflow\n")
        else:
            print(summary(cohort, experiment.volume, experiment.split, chosen.excluded))
    return 0


def add_plan(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`neuroquant plan CONFIG`."""
    parser = commands.add_parser(
        "plan",
        help="say what a run would ask of a cluster, what it costs and what can't work, before anything is submitted",
        description="Jobs by rule, hours and GPU-hours from recorded rates (each with its source), disk; and with "
        "--profile what the profile asks for that the site doesn't have. Nothing is submitted, no job runs. Exit "
        "status 1 where something can't work. Run it from the folder that holds, or will hold, `results`.",
    )
    parser.add_argument("config", type=Path, help="an experiment's YAML")
    parser.add_argument("--profile", help="folder of the profile, e.g. slurm; without it no site is looked at")
    parser.set_defaults(run=show_plan)


def show_plan(chosen: argparse.Namespace) -> int:
    """Print the plan; what can't work goes to standard error."""
    from neuroquant.cluster.plan import plan

    text, found = plan(chosen.config, chosen.profile)
    print(text)
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


def add_restore(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`neuroquant restore SHARD`."""
    parser = commands.add_parser(
        "restore",
        help="write reconstructions (or volumes, or segmentations) as NIfTI on the scans' own grids",
        description="Every image of a shard becomes <subject>[_<session>]_<modality>.nii.gz with the grid, orientation "
        "and intensities of its scan. Cutting out and padding are undone exactly; where a scan was resampled or "
        "registered, the image is interpolated back.",
    )
    parser.add_argument("shard", type=Path, help="results/*/reconstructions/*/*/*.h5, volumes/*/*.h5 or segmentations")
    parser.add_argument("--out", type=Path, required=True, help="folder that receives the images")
    parser.add_argument("--volumes", type=Path, help="the shard of volumes, for its brain masks; else -1 is background")
    parser.add_argument("--subject", help="this subject alone")
    parser.set_defaults(run=restore)


def restore(chosen: argparse.Namespace) -> int:
    """Write the images and say where."""
    from neuroquant.volumes.restore import restore_shard

    written = restore_shard(chosen.shard, chosen.out, chosen.volumes, chosen.subject)
    for path in written:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
