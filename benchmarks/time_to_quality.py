"""How good a reconstruction is after so many seconds of training, row by row, on brains that weren't trained on.

    python benchmarks/time_to_quality.py [ROW ...] [--seconds 60] [--seeds 1] [--demo-size] [--shape 48 64 48]

Trains on a virtual cohort: deformed label maps of $NEUROQUANT_TESTDATA/label_maps, or the ICBM brain without them. The
last quarter of the label maps is held out, of the ICBM brain the last subjects. Where $NEUROQUANT_TESTDATA/bids_real
is, its stripped pairs are scored too. Prints a TSV row for each of `--points` times a row: the seconds of training
(scoring not counted), steps, whether latents are quantised yet, PSNR (dB) and SSIM over whole volumes.

Time is the wall's on GPUs and this process's processor time on CPUs, so that what else the machine does doesn't count;
with one thread the two are the same on an idle machine. With `--seeds` every row trains once a seed on the same cohort.

The learning rate falls along the row's half cosine by the share of the time that has gone by, behind the row's own
warm-up in steps; the codebook starts after `--start-share` of the time, all of which goes to volumes (the 3D phase).
`--demo-size` takes the networks of config/demo.yaml and their learning rate.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import torch
from nibabel.processing import resample_to_output
from rows import load_rows
from scipy import ndimage

from neuroquant import models
from neuroquant.cohorts.synthetic import write_cohort
from neuroquant.config.cohort import Cohort, Synthetic
from neuroquant.config.model import ModelRow
from neuroquant.config.volume import Volume
from neuroquant.device import resolve_device, use_threads
from neuroquant.files import write_tsv
from neuroquant.models.autoencoder import Autoencoder
from neuroquant.similarity import psnr, ssim3d
from neuroquant.training.data import Loader, Sessions
from neuroquant.training.loop import train_step
from neuroquant.training.optimizer import build_optimizer
from neuroquant.training.schedule import learning_rate, warm
from neuroquant.volumes.preprocess import preprocess_shard

ROWS = ("neuroquant", "neuroquant_base", "neuroquant_fma", "neuroquant_film", "neuroquant_cross")
REAL = ("sub-04", "sub-05")
"""The stripped pairs of bids_real that lie on one grid."""
HELD_OUT = 0.25
WIDEST_MM = 168.0
"""Left to right, room for nearly every brain: a coarse volume's voxels are this by its side, a fine one's 1 mm."""
NEVER = 10**9
"""Steps of a phase that the clock ends, and of a codebook that it starts."""
COLUMNS = ("row", "seed", "seconds", "steps", "quantised", "scored_on", "psnr", "ssim")


@dataclass
class Data:
    """Sessions to train on, and shards to score, by name."""

    train: Sessions
    scored: dict[str, Sessions]


def make_data(folder: Path, shape: tuple[int, int, int], subjects: int, carried: Path | None) -> Data:
    """The virtual cohort and the real pairs as shards in `folder`."""
    voxel_mm = max(1.0, WIDEST_MM / shape[0])
    maps = sorted((carried / "label_maps").glob("*_dseg.nii.gz")) if carried else []
    held_out = max(1, round(HELD_OUT * subjects))
    if len(maps) > 1:
        apart = max(1, round(HELD_OUT * len(maps)))
        train = virtual(folder / "train", subjects, 1, voxel_mm, link(maps[:-apart], folder / "train_maps"))
        test = virtual(folder / "test", held_out, 2, voxel_mm, link(maps[-apart:], folder / "test_maps"))
    else:
        train = virtual(folder / "train", subjects, 1, voxel_mm)
        test = virtual(folder / "test", held_out, 2, voxel_mm)
    volume = Volume(shape=shape)
    scored = {"held_out": Sessions([shard(test, volume)])}
    if carried and all((carried / "bids_real" / subject).is_dir() for subject in REAL):
        scored["real"] = Sessions([shard(coarse(carried / "bids_real", folder / "real", voxel_mm), volume)])
    return Data(Sessions([shard(train, volume)]), scored)


def link(maps: list[Path], folder: Path) -> str:
    """A folder with just these label maps."""
    folder.mkdir()
    for path in maps:
        (folder / path.name).symlink_to(path.resolve())
    return str(folder)


def virtual(folder: Path, subjects: int, seed: int, voxel_mm: float, labels: str = "") -> Path:
    """A cohort with one visit a subject."""
    recipe = Synthetic(subjects=subjects, visits_max=1, seed=seed, labels=labels, voxel_mm=voxel_mm)
    write_cohort(Cohort(name=folder.name, embedded=True, synthetic=recipe), folder)
    return folder


def coarse(source: Path, folder: Path, voxel_mm: float) -> Path:
    """The real pairs on cubes of `voxel_mm`, smoothed first where that is coarser than the scan."""
    for subject in REAL:
        (folder / subject / "anat").mkdir(parents=True)
        for modality in ("T1w", "T2w"):
            name = Path(subject) / "anat" / f"{subject}_{modality}.nii.gz"
            scan = nib.load(source / name)
            ratio = voxel_mm / np.array(scan.header.get_zooms()[:3])
            if np.allclose(ratio, 1, atol=0.01):
                shutil.copy(source / name, folder / name)
                continue
            data, width = np.asarray(scan.dataobj, dtype=np.float32), np.sqrt(np.maximum(ratio**2 - 1, 0) / 12)
            image, brain = (
                resample_to_output(
                    nib.Nifti1Image(ndimage.gaussian_filter(part, width), scan.affine), [voxel_mm] * 3, order=1
                )
                for part in (data, (data > 0).astype(np.float32))
            )
            stripped = np.where(brain.get_fdata() > 0.5, image.get_fdata(), 0).astype(np.float32)
            nib.save(nib.Nifti1Image(stripped, image.affine), folder / name)
    return folder


def shard(root: Path, volume: Volume) -> Path:
    """Preprocess every pair below `root`; sessions that can't be used are named on standard error and left out."""
    scans = sorted(root.glob("sub-*/**/anat/*_T1w.nii.gz"))
    rows = [
        {
            "cohort": root.name, "subject": path.relative_to(root).parts[0], "session": "1", "split": "train",
            "family": "", "sex": "F", "age": "20", "t1w": str(path.relative_to(root)), "mask": "", "labels": "",
            "t2w": str(path.relative_to(root)).replace("_T1w", "_T2w"),
        }
        for path in scans
    ]  # fmt: skip
    names = {kind: root.parent / f"{root.name}.{kind}" for kind in ("manifest.tsv", "h5", "qc.tsv", "excluded.tsv")}
    write_tsv(pd.DataFrame(rows), names["manifest.tsv"])
    with redirect_stdout(sys.stderr):
        preprocess_shard(names["manifest.tsv"], root, volume, names["h5"], names["qc.tsv"], names["excluded.tsv"])
    return names["h5"]


@torch.no_grad()
def score(model: Autoencoder, sessions: Sessions, device: str, window: int) -> dict[str, float]:
    """Mean PSNR (dB) and SSIM of whole volumes, both modalities of all sessions."""
    model.eval()
    values: dict[str, list[torch.Tensor]] = {"psnr": [], "ssim": []}
    for index in range(len(sessions)):
        batch = sessions.volumes([index]).to(device)
        reconstruction = model.decode(model.encode(batch.x, batch.modality), batch.modality).clamp(-1, 1)
        values["psnr"].append(psnr(batch.x, reconstruction))
        values["ssim"].append(ssim3d(batch.x, reconstruction, window))
    model.train()
    return {name: float(torch.cat(parts).mean()) for name, parts in values.items()}


def clock_of(device: str) -> float:
    """Seconds on the clock that training is timed by: the wall's, when the GPU is done, or this process's own."""
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def train(
    row: ModelRow,
    data: Data,
    seconds: float,
    points: int,
    start_share: float,
    device: str,
    show: Callable[[dict[str, object]], None],
) -> None:
    """Train on volumes until the time is used up; `show` gets the scores at `points` times, evenly apart."""
    torch.manual_seed(row.training.seed)
    model = models.build(row.architecture, row.parameters).to(device).train()
    optimizer = build_optimizer(model, row.training)
    if model.quantizer is not None:
        model.quantizer.start_after = NEVER
    phase = row.training.phases[0]
    endless, clock = (phase.model_copy(update={"steps": steps, "warmup": 0}) for steps in (NEVER, 2))
    spent, step, point = 0.0, 0, 0
    with Loader(data.train, endless, 0, row.training.seed, model.plane_axis, device == "cuda") as loader:
        while point < points:
            share = min(spent / seconds, 1.0)
            if model.quantizer is not None and share >= start_share:
                model.quantizer.start_after = 1
            begin = clock_of(device)
            batch = loader.batch(step).to(device)
            # of a phase of two steps, step 0 is its beginning and step 1 its end
            train_step(model, optimizer, batch, row, warm(phase, step) * learning_rate(clock, share), device)
            spent, step = spent + clock_of(device) - begin, step + 1
            reached = min(int(spent / seconds * points), points)
            if reached > point:
                point = reached
                started = model.quantizer is not None and model.quantizer.has_started()
                for name, sessions in data.scored.items():
                    scores = score(model, sessions, device, row.objective.ssim_window) if len(sessions) else {}
                    show(
                        {"row": row.name, "seed": row.training.seed, "seconds": round(spent, 2), "steps": step}
                        | {"quantised": int(started), "scored_on": name}
                        | {key: round(value, 4) for key, value in scores.items()}
                    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=ROWS, help="rows of config/models")
    parser.add_argument("--seconds", type=float, default=60.0, help="of training, a row")
    parser.add_argument("--seeds", type=int, default=1, help="trainings a row: seeds 0, 1, ...")
    parser.add_argument("--points", type=int, default=4, help="scores a row")
    parser.add_argument("--shape", type=int, nargs=3, help="voxels; 48 64 48 on CPUs, 144 192 144 on GPUs")
    parser.add_argument("--subjects", type=int, default=16, help="to train on; a quarter as many more are held out")
    parser.add_argument("--pairs", type=int, help="pairs a step; the row's own otherwise")
    parser.add_argument("--start-share", type=float, default=0.4, help="of the time, after which the codebook starts")
    parser.add_argument("--demo-size", action="store_true", help="the demo's small networks")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    device = resolve_device(arguments.device)
    use_threads(arguments.threads)
    shape = tuple(arguments.shape or ((144, 192, 144) if device == "cuda" else (48, 64, 48)))
    carried = os.environ.get("NEUROQUANT_TESTDATA", "")
    rows = load_rows(arguments.rows, arguments.demo_size)
    if arguments.pairs:
        rows = [with_pairs(row, arguments.pairs) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        data = make_data(Path(folder), shape, arguments.subjects, Path(carried) if carried else None)
        counts = ", ".join(f"{len(sessions)} {name}" for name, sessions in data.scored.items())
        print(f"{len(data.train)} sessions to train on; scored: {counts}", file=sys.stderr)
        print("\t".join(COLUMNS), flush=True)

        def show(line: dict[str, object]) -> None:
            print("\t".join(str(line.get(column, "")) for column in COLUMNS), flush=True)

        for seed in range(arguments.seeds):  # rows inside seeds: what is printed first already compares all rows
            for row in rows:
                changed = with_training(row, seed=seed)
                train(changed, data, arguments.seconds, arguments.points, arguments.start_share, device, show)


def with_pairs(row: ModelRow, pairs: int) -> ModelRow:
    """The row with another batch size in its first phase."""
    first, *others = row.training.phases
    return with_training(row, phases=(first.model_copy(update={"batch": pairs}), *others))


def with_training(row: ModelRow, **changes: object) -> ModelRow:
    """The row with other settings of its training."""
    return row.model_copy(update={"training": row.training.model_copy(update=changes)})


if __name__ == "__main__":
    main()
