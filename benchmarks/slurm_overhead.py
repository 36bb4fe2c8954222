"""What SLURM adds to a run: one experiment to the same target, by local jobs and through `--profile slurm`.

    python benchmarks/slurm_overhead.py [TARGET] [--experiment config/demo.yaml]        (default: all)

Needs root and apt: it brings up the tests' SLURM and stops it again. Both runs have the same cores, one after the other
on one machine, though SLURM counts them once for each of its two nodes; the ratio of their wall times is what counts.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
SLURM = ROOT / "tests/slurm/slurm.sh"


def run(folder: Path, target: str, experiment: Path, *how: str) -> float:
    """Seconds of a run from nothing to `target`."""
    folder.mkdir()
    command = [sys.executable, "-m", "snakemake", *how, target, "--snakefile", str(ROOT / "Snakefile")]
    begun = time.monotonic()
    with (folder / "said.txt").open("w") as said:
        command += ["--directory", str(folder), "--configfile", str(experiment)]
        subprocess.run(command, cwd=ROOT, stdout=said, stderr=said, check=True)
    return time.monotonic() - begun


def jobs(folder: Path) -> tuple[int, float]:
    """How many jobs a run had and their seconds, as Snakemake noted them for each."""
    seconds = [float(path.read_text().splitlines()[1].split("\t")[0]) for path in folder.rglob("benchmarks/**/*.tsv")]
    return len(seconds), sum(seconds)


def profile(folder: Path) -> Path:
    """The shipped profile, with the tests' first look after 8 s."""
    settings = yaml.safe_load((ROOT / "slurm/config.yaml").read_text())
    settings |= {"slurm-init-seconds-before-status-checks": 8, "latency-wait": 5, "slurm-logdir": str(folder / "logs")}
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder


def main() -> None:
    """Run both and print a line each, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?", default="all")
    parser.add_argument("--experiment", type=Path, default=ROOT / "config/demo.yaml")
    chosen = parser.parse_args()
    work = (chosen.target, chosen.experiment.absolute())
    with tempfile.TemporaryDirectory() as scratch:
        there = Path(scratch)
        here = run(there / "local", *work, "--cores", str(os.cpu_count()))
        subprocess.run([SLURM, "install"], check=True)
        try:
            subprocess.run([SLURM, "start"], check=True)
            through = run(there / "slurm", *work, "--profile", str(profile(there / "profile")))
            told = ["sacct", "-X", "-n", "-P", "-o", "State"]
            submitted = len(subprocess.run(told, check=True, text=True, capture_output=True).stdout.split())
        finally:
            subprocess.run([SLURM, "stop"], check=True)
        for name, wall in (("local", here), ("slurm", through)):
            count, seconds = jobs(there / name)
            print(f"{name:6} {wall:6.0f} s, {count} jobs of {seconds:.0f} s together")
        print(f"{submitted} of the jobs went through SLURM")
        each = (through - here) / submitted
        print(f"ratio {through / here:.2f}; {each:.1f} s a submitted job; load {os.getloadavg()[1]:.0f}")


if __name__ == "__main__":
    main()
