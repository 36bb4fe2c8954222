"""The stand-in segmenter at 1 mm: Dice against ground truth on label maps that its atlas wasn't made of.

    NEUROQUANT_TESTDATA=<test data> python benchmarks/standin.py [--subjects 8] [--picture seg.png]

Makes virtual subjects of deformed label maps at 1 mm, full size: of the first twelve maps for the atlas, of the others
to test. Fits the stand-in, segments the test subjects, and prints seconds a volume, and the mean Dice over structures
and of each group for T1w and T2w. `--picture` draws a subject, its truth and what was found.
"""

import argparse
import os
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd

from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.cohort import Cohort, Synthetic
from neuroquant.config.evaluation import Segmentation, Standin
from neuroquant.config.volume import Volume
from neuroquant.device import resolve_device, use_threads
from neuroquant.evaluation.anatomy.dice import score_truth
from neuroquant.evaluation.anatomy.segment import segment_shard
from neuroquant.files import read_tsv, write_tsv
from neuroquant.report.figures.style import plt, save
from neuroquant.segmentation.atlas import fit_standin
from neuroquant.segmentation.engine import open_segmenter
from neuroquant.store.arrays import ArrayFile
from neuroquant.synthetic.bids import write_cohort
from neuroquant.volumes.preprocess import ShardFiles, preprocess_shard
from neuroquant.volumes.work import Preprocessing

TRAIN_MAPS = 12


def make_shard(folder: Path, maps: list[Path], subjects: int, split: str, seed: int) -> Path:
    """Virtual subjects of some label maps, preprocessed with their ground truth."""
    chosen, root = folder / f"{split}_maps", folder / split
    chosen.mkdir()
    for path in maps:
        (chosen / path.name).symlink_to(path.resolve())
    recipe = Synthetic(subjects=subjects, visits_max=1, seed=seed, labels=str(chosen))
    write_cohort(Cohort(name=split, stand_in=True, synthetic=recipe), root)
    rows = []
    for path in sorted(root.glob("sub-*/**/anat/*_T1w.nii.gz")):
        t1w = path.relative_to(root)
        (truth,) = root.glob(f"derivatives/*/{t1w.parent}/*_dseg.nii.gz")
        row = {"cohort": split, "subject": t1w.parts[0], "session": "1", "split": split, "family": "", "sex": "F"}
        row |= {"age": "20", "T1w": str(t1w), "T2w": str(t1w).replace("_T1w", "_T2w"), "mask": ""}
        rows.append({**row, "labels": str(truth.relative_to(root))})
    write_tsv(pd.DataFrame(rows), folder / f"{split}.tsv")
    out = [folder / f"{split}.{kind}" for kind in ("h5", "qc.tsv", "excluded.tsv")]
    with redirect_stdout(sys.stderr):
        preprocess_shard(folder / f"{split}.tsv", ShardFiles(*out), Preprocessing(root, Volume(), DEFAULT_MODALITIES))
    return out[0]


def draw(images: Path, found: Path, out: Path) -> None:
    """The middle slices of the first subject: image, truth, segmentation."""
    volumes, labels = ArrayFile(images), ArrayFile(found)
    figure, axes = plt.subplots(2, 9, figsize=(14, 3.6), layout="compressed")
    for row in range(2):
        shown = (volumes.read("image", row), volumes.read("labels", row), labels.read("labels", row))
        for column in range(9):
            axis, array = axes[row, column], shown[column % 3]
            plane = column // 3
            piece = np.take(array, array.shape[plane] // 2, plane).T
            style = {"cmap": "gray"} if column % 3 == 0 else {"cmap": "nipy_spectral", "vmin": 0, "vmax": 61}
            axis.imshow(piece.astype(np.float32), origin="lower", interpolation="nearest", **style)
            axis.axis("off")
    save(figure, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=8, help="of the atlas; a quarter as many are tested")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    device = resolve_device(arguments.device)
    use_threads(arguments.threads)
    maps = sorted((Path(os.environ["NEUROQUANT_TESTDATA"]) / "label_maps").glob("*_dseg.nii.gz"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train = make_shard(folder, maps[:TRAIN_MAPS], arguments.subjects, "train", 1)
        test = make_shard(folder, maps[TRAIN_MAPS:], max(2, arguments.subjects // 4), "test", 2)
        with redirect_stdout(sys.stderr):
            fit_standin([train], Standin(), folder / "s.h5")
        engine = open_segmenter(Segmentation(engine="standin"), folder / "s.h5", device, arguments.threads)
        begin = time.process_time()
        segment_shard(test, folder / "seg.h5", engine)
        print(f"{(time.process_time() - begin) / len(ArrayFile(test)):.1f} s a volume", flush=True)
        score_truth(test, folder / "seg.h5", (), 1.0, folder / "truth.tsv")
        scores = read_tsv(folder / "truth.tsv", ("dice",))
        groups = scores[~scores.structure.str.isdigit()]
        print(groups.groupby(["modality", "structure"]).dice.mean().unstack().round(3).to_string())
        if arguments.picture:
            draw(test, folder / "seg.h5", arguments.picture)


if __name__ == "__main__":
    main()
