"""`neuroquant plan CONFIG`: what a run would ask of a cluster, and what it costs."""

import argparse
import sys
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "plan",
        help="show the jobs and costs of a run on a cluster, and what can't work there, before anything is submitted",
        description="Prints the jobs of each rule, hours and GPU-hours from recorded rates (each with its source), and "
        "disk space. With --profile it also prints requests of the profile that the site can't fulfil. Nothing is "
        "submitted or run. Exit status 1 if something can't work. Run it in the folder of `results`.",
    )
    parser.add_argument("config", type=Path, help="YAML file of the experiment")
    parser.add_argument("--profile", help="folder of the profile, e.g. slurm; without it no site is checked")


def run(arguments: argparse.Namespace) -> int:
    """Print the plan; what can't work goes to standard error."""
    from neuroquant.cluster.plan import plan

    text, found = plan(arguments.config, arguments.profile)
    print(text)
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0
