"""Synthetic brains from label maps and the real pairs, as shards: by many processes, while the GPU does other work.

    python benchmarks/gpu/data.py FOLDER TRAIN HELD_OUT PROCESSES

Needs $NEUROQUANT_TESTDATA/label_maps, of which the last quarter is held out, and takes the real pairs of bids_real
along where they are. Writes FOLDER/train/*.h5, held_out/*.h5, real/*.h5 and, when all is done, FOLDER/done.
"""

import os
import sys
from multiprocessing import Pool
from pathlib import Path

from record import SHAPE
from virtual_data import HELD_OUT, REAL, WIDEST_MM, coarse, link, shard, virtual

from neuroquant.config.volume import Volume

VOXEL_MM = max(1.0, WIDEST_MM / SHAPE[0])


def make(job: tuple[Path, Path, str, int]) -> str:
    """One subject of a kind, or the real pairs; says what was made, or why not."""
    folder, tested, kind, number = job
    try:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        if kind == "real":
            return str(shard(coarse(tested / "bids_real", folder / kind / "pairs", VOXEL_MM), Volume(shape=SHAPE)))
        maps = sorted((tested / "label_maps").glob("*_dseg.nii.gz"))
        apart = max(1, round(HELD_OUT * len(maps)))
        chosen = maps[:-apart] if kind == "train" else maps[-apart:]
        labels = link([chosen[number % len(chosen)]], folder / kind / f"map{number}")
        seed = 1000 * (kind == "held_out") + number
        return str(shard(virtual(folder / kind / f"s{number}", 1, seed, VOXEL_MM, labels), Volume(shape=SHAPE)))
    except Exception as error:  # one subject less is no reason to lose the others
        return f"{kind} {number} failed: {type(error).__name__}: {error}"


def main() -> None:
    folder, tested = Path(sys.argv[1]), Path(os.environ["NEUROQUANT_TESTDATA"])
    train, held_out, processes = map(int, sys.argv[2:])
    jobs = [("held_out", number) for number in range(held_out)] + [("train", number) for number in range(train)]
    if all((tested / "bids_real" / subject).is_dir() for subject in REAL):
        jobs.insert(0, ("real", 0))
    folder.mkdir(parents=True, exist_ok=True)
    with Pool(processes) as pool:
        for line in pool.imap_unordered(make, [(folder, tested, *job) for job in jobs]):
            print(line, flush=True)
    (folder / "done").touch()


if __name__ == "__main__":
    main()
