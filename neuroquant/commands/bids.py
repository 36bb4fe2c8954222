"""`neuroquant bids BIDS_DIR OUTPUT_DIR participant|group`: a trained model as a BIDS-App."""

import argparse
import sys

from neuroquant.bids_app.options import DESCRIPTION, Options, add_arguments
from neuroquant.errors import InputError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    summary = "encode and decode every session of a BIDS data set, as a BIDS-App"
    add_arguments(subparsers.add_parser("bids", help=summary, description=DESCRIPTION))


def run(arguments: argparse.Namespace) -> int:
    """Do the level's work; 1 where a session failed, 2 where the arguments can't be used."""
    from neuroquant.bids_app.checks import check

    try:
        options = Options.of(arguments)
        check(options)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    from neuroquant.bids_app.group import run_group
    from neuroquant.bids_app.participant import run_participants

    return run_group(options) if options.level == "group" else run_participants(options)
