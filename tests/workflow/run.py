"""Run the workflow as a user does, from another folder."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((Path(__file__).parent / "tiny.yaml").read_text())


def snakemake(
    folder: Path, *arguments: str, config: dict | None = None, root: Path = ROOT
) -> subprocess.CompletedProcess:
    """Call snakemake of the project in `root` with results below `folder`; `config` is written there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(TINY if config is None else config, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(root / "Snakefile"), "--cores", "2"]
    command += ["--directory", str(folder), "--configfile", str(path)]
    return subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=root, env=os.environ, check=False
    )


def job_counts(output: str) -> dict[str, int]:
    """Jobs a rule of the first table of counts that Snakemake prints; empty where nothing is to be done."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
    if table is None:
        return {}
    return {line.split()[0]: int(line.split()[1]) for line in table.group(1).splitlines() if line.strip()}


def finished_jobs(output: str) -> Counter:
    """Jobs a rule that ended well, as Snakemake tells it while it runs."""
    return Counter(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", output, re.MULTILINE))
