"""A user's own Snakefile, in a folder of its own, that imports the workflow as a module."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.workflow.run import ROOT, TINY

HERE = f'"{ROOT}/Snakefile"'
MINE = """
rule mine:
    input:
        "results/tiny/tables/table1.csv",
    output:
        "lines.txt",
    shell:
        "wc -l <{input} >{output}"


rule broken:
    output:
        "nothing.txt",
    shell:
        "echo three is too many; exit 3"
"""


def importer(
    folder: Path,
    *,
    snakefile: str = HERE,
    settings: str = "    config: config",
    use: str = "*",
    more: str = "",
    after: str = "",
) -> Path:
    """Write `config/config.yaml` and `workflow/Snakefile` as snakedeploy lays them out, and rules of the user's own.

    Parameters
    ----------
    snakefile, settings : of the module statement.
    use : what follows `use rule`, with the new names where there are some.
    more, after : statements before the module, and after its rules are used.
    """
    names, _, renamed = use.partition(" as ")
    text = f"""
configfile: "config/config.yaml"

{more}

module brains:
    snakefile:
        {snakefile}
{settings}

use rule {names} from brains{f" as {renamed}" if renamed else ""}

{after}
"""
    for name, content in (
        ("workflow/Snakefile", text + MINE),
        ("config/config.yaml", yaml.safe_dump(TINY, sort_keys=False)),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def snakemake_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Call snakemake in the importer's folder, which knows of the workflow only what the Snakefile says."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, "--cores", "2"], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
