"""Seconds to make one T1w+T2w pair of a synthetic cohort at 1 mm, files included, and the ratio to the budget.

    python benchmarks/make_pair.py [--labels FOLDER] [--pairs 4]

`--labels` is a folder of *_dseg.nii.gz label maps; without it, $NEUROQUANT_TESTDATA/label_maps; without that, the ICBM
templates. Loading a template is timed apart, since all visits of a subject share it.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from neuroquant.config.cohort import Synthetic
from neuroquant.synthetic.bids import save_nifti
from neuroquant.synthetic.contrast import acquire, tissue_means
from neuroquant.synthetic.subject import anatomy, draw_person
from neuroquant.synthetic.template import load_template

BUDGET_S = 6.0
VOLUME = (144, 192, 144)


def make_pair(settings: Synthetic, number: int, folder: Path) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Make and write one pair with its labels; the shape of the scan and the box of its brain, in voxels."""
    person = draw_person(settings, number)
    brain = anatomy(settings, person, 0)
    own, generator = (np.random.default_rng((settings.seed, number, stream)) for stream in (3, 2))
    for modality in ("T1w", "T2w"):
        means = tissue_means(modality, settings.scanner, own)
        scan = acquire(brain, means, modality, settings.scanner, generator)
        save_nifti(scan, brain.view.affine, folder / f"{person.label}_{modality}.nii.gz")
    save_nifti(brain.labels, brain.view.affine, folder / f"{person.label}_dseg.nii.gz")
    box = np.ptp(np.argwhere(brain.labels > 0), axis=0) + 1
    return brain.labels.shape, tuple(int(side) for side in box)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    carried = os.environ.get("NEUROQUANT_TESTDATA", "")
    parser.add_argument("--labels", default=str(Path(carried) / "label_maps") if carried else "")
    parser.add_argument("--pairs", type=int, default=4)
    arguments = parser.parse_args()
    settings = Synthetic(labels=arguments.labels, voxel_mm=1.0)
    seconds, used = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.pairs):
            start = time.perf_counter()
            load_template(settings.labels, number)
            loaded, busy = time.perf_counter(), time.process_time()
            shape, box = make_pair(settings, number, Path(folder))
            seconds.append(time.perf_counter() - loaded)
            used.append(time.process_time() - busy)
            fits = "fits" if all(a <= b for a, b in zip(box, VOLUME, strict=True)) else "exceeds"
            print(
                f"pair {number + 1}: {seconds[-1]:.2f} s, {used[-1]:.2f} s of CPU (template {loaded - start:.2f} s), "
                f"scan {shape}, brain {box} {fits} {VOLUME}",
                flush=True,
            )
    print(f"{np.mean(seconds):.2f} s a pair, {np.max(seconds):.2f} s at most, {np.mean(used):.2f} s of CPU")
    print(f"ratio to the budget of {BUDGET_S} s: {np.max(seconds) / BUDGET_S:.2f}")


if __name__ == "__main__":
    main()
