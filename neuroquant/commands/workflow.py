"""`neuroquant workflow`: where the Snakefile lies that this installation brought."""

import argparse

from neuroquant.shipped import SNAKEFILE


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    subparsers.add_parser(
        "workflow",
        help="print the path of the workflow's Snakefile",
        description="Prints the path of the installed Snakefile, for `snakemake --snakefile`. Results go to "
        "`results/` in the folder in which Snakemake runs.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the path."""
    print(SNAKEFILE)
    return 0
