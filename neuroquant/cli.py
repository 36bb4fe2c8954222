"""Check cohorts, plan runs of the workflow, and use trained models."""

import argparse
import io
import os
import sys
import warnings
from importlib import import_module

from neuroquant import __version__
from neuroquant.errors import InputError

COMMANDS = (
    "validate",
    "plan",
    "restore",
    "encode",
    "decode",
    "translate",
    "export",
    "bench",
    "example",
    "workflow",
    "bids",
)
"""Modules of `neuroquant.commands`, in the order in which the help lists them."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status. What a user must read goes to standard error without a stack."""
    parser = argparse.ArgumentParser(prog="neuroquant", description=__doc__)
    parser.add_argument("--version", action="version", version=f"neuroquant {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    commands = {name.replace("_", "-"): import_module(f"neuroquant.commands.{name}") for name in COMMANDS}
    for command in commands.values():
        command.add_parser(subparsers)
    chosen = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may have bytes that aren't UTF-8
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _tell
            status = commands[chosen.command].run(chosen)
            sys.stdout.flush()
            return status
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads it has seen enough, as in `neuroquant example | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _tell(message: Warning | str, *_: object) -> None:
    """Show a warning as a user must read it: without the line of code that gave it."""
    print(f"note: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
