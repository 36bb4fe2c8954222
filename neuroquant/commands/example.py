"""`neuroquant example [NAME]`: the configurations that are shipped, to begin an own one with."""

import argparse
import difflib
import re
import textwrap
from pathlib import Path

from neuroquant.errors import InputError
from neuroquant.shipped import CONFIG

SCHEMA = re.compile(r"(?<=\$schema=)\S+")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "example",
        help="print a configuration to start from; without a name, list them",
        description="Prints a shipped configuration: `neuroquant example bids > mine.yaml`. Names under `cohorts` and "
        "`models` of an experiment are first looked up beside its file, in `cohorts/` and `models/`, then among the "
        "shipped files. Your own model can extend a shipped one: `extends: neuroquant`.",
    )
    parser.add_argument("name", nargs="?", help="name from the list, e.g. bids, cohorts/ixi, models/neuroquant")


def run(arguments: argparse.Namespace) -> int:
    """Print one configuration, or the list."""
    known = shipped()
    if arguments.name is None:
        width = max(map(len, known))
        for name, path in known.items():
            print(f"{name:<{width}}  {first_comment(path)}")
        return 0
    if arguments.name not in known:
        near = difflib.get_close_matches(arguments.name, known, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else "neuroquant example, without a name, says what each is"
        raise InputError("example", repr(arguments.name), "one of " + ", ".join(known), remedy)
    path = known[arguments.name]
    # an editor finds the schema from wherever the copy lies
    print(SCHEMA.sub(lambda match: str((path.parent / match[0]).resolve()), path.read_text(encoding="utf-8")), end="")
    return 0


def shipped() -> dict[str, Path]:
    """Name -> file: whole experiments, then the cohorts and the models that one may name."""
    experiments = [*sorted((CONFIG / "examples").glob("*.yaml")), *sorted(CONFIG.glob("*.yaml"))]
    parts = [path for kind in ("cohorts", "models") for path in sorted((CONFIG / kind).glob("*.yaml"))]
    return {path.stem: path for path in experiments} | {f"{path.parent.name}/{path.stem}": path for path in parts}


def first_comment(path: Path) -> str:
    """The first sentence of a file's first comment, shortened to a line."""
    lines = [line[1:].strip() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    text = " ".join(line for line in lines if "$schema=" not in line)
    return textwrap.shorten(re.split(r"\. (?=[A-Z])", text)[0].rstrip("."), 110, placeholder=" ...")
