"""Both cohorts of the paper at their full number of sessions: how long until the first job starts?

    python benchmarks/cohort_scale.py [--sessions 5053 14845] [--models 12]

Makes two BIDS folders with made-up subjects (6 visits each, and 2) whose scans are NIfTI files of 16 voxels a side,
then, each in a process of its own, prints seconds, processor seconds (user and system) and peak memory (GB) of

- inventory, index, split, assign: what stands before preprocessing, both cohorts
- snakemake -n: a dry run of everything, with as many model models as told, in the default number of shards
- the first of these once more, with one session added: how many shards' manifests change. Only their chains run anew,
  which tests/workflow/test_end_to_end.py counts on a finished run; a dry run lists more (docs/architecture.md)
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import yaml

ROOT = Path(__file__).parents[1]
VISITS = (6, 2)
MEASURE = """
import json, resource, runpy, sys, time
begin = time.perf_counter()
{body}
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
cpu, peak = sum(u.ru_utime + u.ru_stime for u in used), max(u.ru_maxrss for u in used)
print(json.dumps([time.perf_counter() - begin, cpu, peak * 1024 / 1e9]))
"""
STAGES = """
from pathlib import Path
from neuroquant.cohorts.index import index_cohort
from neuroquant.cohorts.inventory import check_root, refresh_inventory
from neuroquant.cohorts.shards import write_manifests
from neuroquant.cohorts.source import Source
from neuroquant.cohorts.split import write_splits
from neuroquant.config.load import load_experiment
experiment = load_experiment(Path({config!r}), Path({folder!r}))
for cohort in experiment.cohorts:
    out = Path({results!r}) / "cohorts" / cohort.name
    source = Source.of(experiment, cohort.name)
    check_root(source)
    refresh_inventory(source, out / "inventory.tsv")
    sessions, excluded = out / "index/sessions.tsv", out / "index/excluded.tsv"
    index_cohort(source, out / "inventory.tsv", sessions, excluded)
    write_splits(sessions, out / "splits.tsv", experiment.split, cohort.name)
    write_manifests(sessions, out / "splits.tsv", experiment.shards, out / "shards")
"""


def make_cohort(root: Path, sessions: int, visits: int) -> None:
    """A BIDS folder of `sessions` pairs; every scan is a copy of one small file."""
    root.mkdir(parents=True)
    (root / "dataset_description.json").write_text('{"Name": "scale", "BIDSVersion": "1.9.0"}')
    image = np.random.default_rng(0).integers(1, 900, (16, 16, 16)).astype(np.int16)
    nib.save(nib.Nifti1Image(image, np.eye(4)), root / "one.nii.gz")
    scan = (root / "one.nii.gz").read_bytes()
    people = ["participant_id\tsex\tage"]
    for number in range(sessions):
        subject, visit = f"sub-{number // visits:05d}", f"ses-{number % visits:02d}"
        if number % visits == 0:
            people.append(f"{subject}\t{'FM'[number // visits % 2]}\t12")
        add_session(root, subject, visit, scan)
    (root / "participants.tsv").write_text("\n".join(people) + "\n")
    (root / "one.nii.gz").unlink()


def add_session(root: Path, subject: str, visit: str, scan: bytes) -> None:
    """One pair."""
    anat = root / subject / visit / "anat"
    anat.mkdir(parents=True)
    for kind in ("T1w", "T2w"):
        (anat / f"{subject}_{visit}_{kind}.nii.gz").write_bytes(scan)


def measured(body: str, cwd: Path) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak memory in GB of a piece of Python in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(body=body)], cwd=cwd, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    seconds, cpu, peak = json.loads(done.stdout.strip().splitlines()[-1])
    return seconds, cpu, peak


def planned(folder: Path, config: Path) -> tuple[float, float, float, dict[str, int]]:
    """A dry run: seconds, processor seconds, peak memory, and how many jobs of each rule it lists."""
    call = [sys.executable, "-m", "snakemake", "all", "-n", "--quiet", "rules", "--cores", "2", "--snakefile"]
    call += [str(ROOT / "Snakefile"), "--directory", str(folder), "--configfile", str(config)]
    out = folder / "plan.txt"
    body = f"import subprocess as s; s.run({call!r}, stdout=open({str(out)!r}, 'w'), stderr=s.STDOUT)"
    seconds, cpu, peak = measured(body, ROOT)
    if "job " not in out.read_text():
        raise SystemExit(out.read_text()[-3000:])
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", out.read_text(), re.MULTILINE | re.DOTALL)
    lines = table.group(1).splitlines() if table else []
    return seconds, cpu, peak, {line.split()[0]: int(line.split()[1]) for line in lines if line.strip()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs=2, default=(5053, 14845))
    parser.add_argument("--models", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begin = time.perf_counter()
        for number, (sessions, visits) in enumerate(zip(arguments.sessions, VISITS, strict=True)):
            make_cohort(folder / f"c{number}", sessions, visits)
        print(f"{sum(arguments.sessions)} sessions made in {time.perf_counter() - begin:.0f} s", file=sys.stderr)
        models = [f"model{number}" for number in range(arguments.models)]
        training = {"seeds": list(range(arguments.seeds))}
        shown = {"models": models, "cohorts": ["c0", "c1"]}
        config = {
            "experiment": "scale",
            "cohorts": [{"name": f"c{n}", "root": str(folder / f"c{n}")} for n in (0, 1)],
            "models": [{"name": model, "architecture": "neuroquant", "training": training} for model in models],
            "segmentation": {"engine": "standin"},
            "table1": shown, "table2": shown, "figure4": {"cohort": "c0", "models": models[:4]},
        }  # fmt: skip
        path = folder / "scale.yaml"
        path.write_text(yaml.safe_dump(config))
        print("what\tseconds\tprocessor_s\tpeak_GB\tjobs")
        stages = STAGES.format(config=str(path), folder=str(ROOT / "config"), results=str(folder / "results/scale"))
        seconds, cpu, peak = measured(stages, folder)
        print(f"inventory, index, split, assign\t{seconds:.1f}\t{cpu:.1f}\t{peak:.2f}\t-", flush=True)
        seconds, cpu, peak, jobs = planned(folder, path)
        print(f"snakemake -n\t{seconds:.1f}\t{cpu:.1f}\t{peak:.2f}\t{sum(jobs.values())}", flush=True)
        before = manifests(folder)
        add_session(folder / "c0", "sub-00001", "ses-99", next((folder / "c0").rglob("*_T1w.nii.gz")).read_bytes())
        measured(stages, folder)
        changed = sum(before[shard] != text for shard, text in manifests(folder).items())
        print(f"one session more: manifests that change\t-\t-\t-\t{changed} of {len(before)}")


def manifests(folder: Path) -> dict[str, str]:
    """Every shard's list of sessions."""
    return {str(path): path.read_text() for path in sorted(folder.glob("results/scale/cohorts/*/shards/*.tsv"))}


if __name__ == "__main__":
    main()
