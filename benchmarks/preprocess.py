"""Preprocessing by step, and reading volumes and slices from the store against nibabel on .nii.gz.

    python benchmarks/preprocess.py [--subjects 3] [--registration] [--n4]

On synthetic pairs at 1 mm, skull-stripped, one thread. The first table: seconds a pair, and relative to reading its two
files with nibabel alone. The second: one volume and one slice of each plane from the shard store (page cache warm)
against nibabel on the .nii.gz, best of several; and the sizes on disk.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.cohort import Cohort, Synthetic
from neuroquant.config.volume import Volume
from neuroquant.device import use_threads
from neuroquant.files import write_tsv
from neuroquant.store.arrays import ArrayFile
from neuroquant.synthetic.bids import write_cohort
from neuroquant.volumes import align
from neuroquant.volumes.manifest import SessionRow
from neuroquant.volumes.masking import BrainSources, find_brain
from neuroquant.volumes.preprocess import ShardFiles, prepare, preprocess_shard
from neuroquant.volumes.scan import load_scan
from neuroquant.volumes.session import bring_together
from neuroquant.volumes.work import Preprocessing


def best(call: Callable[[], object], times: int = 5) -> float:
    """Least seconds of several calls."""
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        spent.append(time.perf_counter() - begin)
    return min(spent)


def pairs_of(root: Path) -> list[dict[str, str]]:
    """Manifest rows of every pair, without masks and label maps: the brain is found in the scans."""
    rows = []
    for path in sorted(root.glob("sub-*/**/anat/*_T1w.nii.gz")):
        t1w = str(path.relative_to(root))
        row = {"cohort": "c", "subject": t1w.split("/")[0], "session": "1", "split": "train", "family": ""}
        row |= {"sex": "F", "age": "20", "T1w": t1w, "T2w": t1w.replace("_T1w", "_T2w"), "mask": "", "labels": ""}
        rows.append(row)
    return rows


def steps(row: SessionRow, how: Preprocessing, registration: bool, n4: bool) -> dict[str, float]:
    """Seconds of each step of one pair."""
    files, root, volume = row.images, how.root, how.volume
    found = {
        "nibabel reads both files": best(
            lambda: [nib.load(root / f).get_fdata(dtype=np.float32) for f in files.values()], 2
        )
    }
    scans = {name: load_scan(root, file) for name, file in files.items()}
    found["read, checksum, RAS+"] = best(lambda: [load_scan(root, file) for file in files.values()], 2)
    session = bring_together(scans, files, volume)
    sources = BrainSources(root, files)
    brain = find_brain(session, sources, volume).mask
    found["brain mask"] = best(lambda: find_brain(session, sources, volume), 2)
    found["everything, in memory"] = best(lambda: prepare(row, how), 2)
    cubes = replace(how, volume=volume.model_copy(update={"voxel_mm": 1.2}))
    found["resampling to other cubes"] = best(lambda: prepare(row, cubes), 1) - found["everything, in memory"]
    if registration:
        found["registration"] = best(lambda: align.register(scans["T1w"], scans["T2w"]), 1)
    if n4:
        found["N4, both"] = best(lambda: [align.unbiased(scan, brain) for scan in scans.values()], 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=3)
    parser.add_argument("--registration", action="store_true", help="time ANTs too: half a minute a pair")
    parser.add_argument("--n4", action="store_true", help="time N4 too")
    arguments = parser.parse_args()
    use_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder, volume = Path(name), Volume()
        root = folder / "bids"
        recipe = Synthetic(subjects=arguments.subjects, visits_max=1)
        write_cohort(Cohort(name="c", stand_in=True, synthetic=recipe), root)
        rows = pairs_of(root)
        write_tsv(pd.DataFrame(rows), folder / "manifest.tsv")
        how = Preprocessing(root, volume, DEFAULT_MODALITIES)
        out = [folder / file for file in ("a.h5", "qc.tsv", "excluded.tsv")]
        with redirect_stdout(sys.stderr):
            shard = best(lambda: preprocess_shard(folder / "manifest.tsv", ShardFiles(*out), how), 1) / len(rows)
        row = SessionRow.of(rows[0], DEFAULT_MODALITIES)
        found = steps(row, how, arguments.registration, arguments.n4)
        plain = found["nibabel reads both files"]
        print("step\ts_a_pair\ttimes_reading")
        for step, seconds in {**found, "a whole shard, written": shard}.items():
            print(f"{step}\t{seconds:.3f}\t{seconds / plain:.2f}", flush=True)
        print(f"volumes a second a core\t{2 / shard:.2f}\t-")
        scan, view = root / rows[0]["T1w"], ArrayFile(out[0]).view("image")
        whole = best(lambda: nib.load(scan).get_fdata(dtype=np.float32))
        print("read\tstore_ms\tnibabel_ms\tratio")
        reads = {"volume": lambda: np.array(view[0])}
        for axis, plane in enumerate(("sagittal", "coronal", "axial")):
            place = (0, *(100 if a == axis else slice(None) for a in range(3)))
            reads[f"{plane} slice"] = lambda place=place: np.array(view[place])
        for what, read in reads.items():
            ours = best(read, 20)
            print(f"{what}\t{1e3 * ours:.3f}\t{1e3 * whole:.1f}\t{whole / ours:.0f}")
        gz = sum((root / row[kind]).stat().st_size for row in rows for kind in DEFAULT_MODALITIES) / (2 * len(rows))
        print(f"MB a volume\t{out[0].stat().st_size / (2 * len(rows)) / 1e6:.1f}\t{gz / 1e6:.1f}\t-")


if __name__ == "__main__":
    main()
