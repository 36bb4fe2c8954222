"""`neuroquant plan CONFIG`: what a run would ask of a cluster, and what it costs."""

import argparse
import sys
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "plan",
        help="say what a run would ask of a cluster, what it costs and what can't work, before anything is submitted",
        description="Jobs by rule, hours and GPU-hours from recorded rates (each with its source), disk; and with "
        "--profile what the profile asks for that the site doesn't have. Nothing is submitted, no job runs. Exit "
        "status 1 where something can't work. Run it from the folder that holds, or will hold, `results`.",
    )
    parser.add_argument("config", type=Path, help="an experiment's YAML")
    parser.add_argument("--profile", help="folder of the profile, e.g. slurm; without it no site is looked at")


def run(arguments: argparse.Namespace) -> int:
    """Print the plan; what can't work goes to standard error."""
    from neuroquant.cluster.plan import plan

    text, found = plan(arguments.config, arguments.profile)
    print(text)
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0
