"""Run the workflow as a user does, from another folder."""

import os
import re
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

import yaml

from neuroquant.config.load import merge

ROOT = Path(__file__).parents[2]
TINY = yaml.safe_load((Path(__file__).parent / "tiny.yaml").read_text())
PYTHONPATH = os.environ.get("PYTHONPATH")
PLANS_ONLY = {"--dry-run", "-n"}


def snakemake(
    folder: Path, *arguments: str, config: dict | None = None, root: Path = ROOT
) -> subprocess.CompletedProcess:
    """Call snakemake of the project in `root` with results below `folder`; `config` is written there.

    A dry run is a fork of this process, which has Snakemake imported already: that halves its time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(TINY if config is None else config, sort_keys=False))
    command = [*arguments, "--snakefile", str(root / "Snakefile"), "--cores", "2"]
    command += ["--directory", str(folder), "--configfile", str(path)]
    if PLANS_ONLY & set(arguments) and root == ROOT and os.environ.get("PYTHONPATH") == PYTHONPATH:
        return forked(command)
    command = [sys.executable, "-m", "snakemake", *command]
    return subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=root, env=os.environ, check=False
    )


def few(config: dict) -> dict:
    """The same experiment with few jobs, of which each takes seconds to start, for what reads results alone."""
    return merge(config, {"compute": {"jobs": "few"}})


def forked(arguments: list[str]) -> subprocess.CompletedProcess:
    """Snakemake's command line in a fork of this process, in the project's folder."""
    from snakemake.cli import main

    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = os.fork()
        if not process:
            code = 1
            try:  # the child never returns into the test
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                sys.stdout, sys.stderr = (
                    open(stream, "w", closefd=False) for stream in (1, 2)
                )  # past pytest's capture
                os.chdir(ROOT)
                sys.argv = ["snakemake", *arguments]
                main(arguments)
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        said.seek(0)
        return subprocess.CompletedProcess(["snakemake", *arguments], code, said.read(), "")


def job_counts(output: str) -> dict[str, int]:
    """Jobs a rule of the first table of counts that Snakemake prints; empty where nothing is to be done."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
    if table is None:
        return {}
    return {line.split()[0]: int(line.split()[1]) for line in table.group(1).splitlines() if line.strip()}


def finished_jobs(output: str) -> Counter:
    """Jobs a rule that ended well, as Snakemake tells it while it runs."""
    return Counter(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", output, re.MULTILINE))
