"""Brain masks of raw heads: seconds and memory per session, and agreement with masks from elsewhere.

    python benchmarks/brain_masks.py sessions BIDS_ROOT [--subjects sub-01 sub-02] [--pictures FOLDER]
    python benchmarks/brain_masks.py stripped BIDS_ROOT [--subjects sub-04 sub-05]
    python benchmarks/brain_masks.py maps FOLDER [--subjects sub-01 sub-02]

`sessions` takes raw sessions through preprocessing with the defaults and prints a row per session: processor seconds of
registration, of the brain mask and of the rest, peak memory of the process, and what the QC table says. `stripped`
compares deepbet's masks of scans that are skull-stripped with where these have signal. `maps` makes T1w and T2w heads
of whole-head label maps (each label outside the brain of an intensity of its own, drawn at random) and compares
deepbet's masks with the brain of the map, without and with the fluid around it.
"""

import argparse
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image
from scipy import ndimage

from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.volume import Volume
from neuroquant.device import use_threads
from neuroquant.scans.unusable import Unusable
from neuroquant.segmentation.deepbet import BrainMasker
from neuroquant.segmentation.finders import finders
from neuroquant.synthetic.structures import FLUID, LAST, intensities
from neuroquant.synthetic.template import from_map
from neuroquant.volumes.align import cubes, resampled
from neuroquant.volumes.brain import brain_ml, largest_piece, signal_of
from neuroquant.volumes.heads import planes
from neuroquant.volumes.manifest import SessionRow
from neuroquant.volumes.scan import load_scan
from neuroquant.volumes.steps import steps_of
from neuroquant.volumes.work import Preprocessing, Work

REGISTERING = "alignment"
NOISE, BLUR_MM, BIAS = 0.03, 0.5, 0.15
"""Of the heads that are made of label maps, relative to white matter in T1w."""


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Dice's coefficient of two masks."""
    return 2 * np.count_nonzero(one & other) / max(np.count_nonzero(one) + np.count_nonzero(other), 1)


def sessions_of(root: Path, subjects: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Name of each session -> its scans, below a BIDS root."""
    for path in sorted(root.glob("sub-*/**/anat/*_T1w.nii.gz")):
        first = str(path.relative_to(root))
        files = {name: first.replace("_T1w", f"_{name}") for name in DEFAULT_MODALITIES}
        if not subjects or first.split("/")[0] in subjects:
            yield path.name.removesuffix("_T1w.nii.gz"), {n: f for n, f in files.items() if (root / f).exists()}


def sessions(root: Path, subjects: list[str], pictures: Path | None) -> None:
    """Preprocess each session with the defaults."""
    volume = Volume()
    how = Preprocessing(root, volume, DEFAULT_MODALITIES, finders(volume.brain_mask, {}, "cpu", 2))
    print("session\tregistration_s\tmask_s\trest_s\tpeak_gb\tbrain_ml\tmask_from\tborder\tmatch\tslices\tdoubts")
    for name, files in sessions_of(root, subjects):
        work, spent = Work(SessionRow(files), how), {}
        try:
            for step in steps_of(volume):
                begin = time.process_time()
                step(work)
                spent[step.name] = time.process_time() - begin
        except Unusable as error:
            print(f"{name}\texcluded at the step {error.step}: {error.reason} ({error.file})", flush=True)
            continue
        registering, masking = spent.pop(REGISTERING), spent.pop("brain mask")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        facts = [f"{seconds:.1f}" for seconds in (registering, masking, sum(spent.values()))] + [f"{peak:.2f}"]
        slices = " ".join(f"{value:g}" for fact, value in work.qc.items() if fact.endswith("_slice_mm"))
        match = " ".join(f"{value:g}" for fact, value in work.qc.items() if fact.endswith("_match"))
        qc = [work.qc[fact] for fact in ("brain_ml", "mask_from", "border_share")]
        print(name, *facts, *qc, match, slices, work.qc["doubts"] or "none", sep="\t", flush=True)
        if pictures:
            draw(work, pictures / f"{name}.png")


def draw(work: Work, path: Path) -> None:
    """The mask on each scan, on the session's grid: as its header places it above, as it was registered below."""
    session, brain = work.session, work.brain.mask
    before = replace(session, registrations={}).on(session.grid)
    rows = [
        np.hstack([np.hstack(planes(each.scan(name).data, brain)) for name in work.scans]) for each in (before, session)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.vstack(rows)).save(path)


def stripped(root: Path, subjects: list[str]) -> None:
    """Compare deepbet's masks of skull-stripped scans with where these have signal."""
    masker = BrainMasker()
    print("scan\tdice\tdeepbet_ml\tsignal_ml")
    for _, files in sessions_of(root, subjects):
        for file in files.values():
            scan = load_scan(root, file)
            scan = resampled(scan, cubes(scan.grid, 1.0), np.eye(4), order=1)
            brain = largest_piece(signal_of(scan))
            found = masker(scan.data, scan.affine)
            sizes = [f"{brain_ml(mask, scan.affine):.0f}" for mask in (found, brain)]
            print(Path(file).name, f"{dice(found, brain):.3f}", *sizes, sep="\t", flush=True)


def maps(folder: Path, subjects: list[str]) -> None:
    """Compare deepbet's masks of heads that are made of label maps with the brains of these."""
    masker = BrainMasker()
    print("map\tmodality\tdice\tdice_with_fluid\tdeepbet_ml\ttrue_ml")
    for path in sorted(folder.glob("*_dseg.nii.gz")):
        if subjects and path.name.split("_")[0] not in subjects:
            continue
        labels, affine, brain = head_of(path)
        for modality in DEFAULT_MODALITIES:
            generator = np.random.default_rng([*path.name.encode(), len(modality)])
            found = masker(image_of(labels, modality, generator), affine)
            sizes = [f"{brain_ml(mask, affine):.0f}" for mask in (found, brain)]
            scores = [f"{dice(found, mask):.3f}" for mask in (brain, brain | (labels == FLUID))]
            print(path.name, modality, *scores, *sizes, sep="\t", flush=True)


def head_of(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of a whole head (D, H, W), their affine, and where the brain is: sulcal fluid counts to it."""
    image = nib.as_closest_canonical(nib.load(path))
    labels = np.asarray(image.dataobj).astype(np.int16)
    template = from_map(path)
    start = np.rint((template.affine[:3, 3] - image.affine[:3, 3]) / np.diag(image.affine)[:3]).astype(int)
    brain = np.zeros(labels.shape, bool)
    brain[tuple(slice(s, s + n) for s, n in zip(start, template.labels.shape, strict=True))] = template.labels > 0
    return labels, image.affine, brain


def image_of(labels: np.ndarray, modality: str, generator: np.random.Generator) -> np.ndarray:
    """A raw head of a label map: the recipe's intensities in the brain, random ones outside, bias, blur and noise."""
    values = np.zeros(max(int(labels.max()), LAST) + 1, np.float32)
    values[: LAST + 1] = intensities(modality)[0]
    values[0] = 0.0
    values[LAST + 1 :] = generator.uniform(0.05, 1.1, len(values) - LAST - 1)
    image = ndimage.gaussian_filter(values[labels], BLUR_MM)
    knots = BIAS * generator.standard_normal((3, 3, 3))
    field = ndimage.zoom(knots, [side / 3 for side in image.shape], order=1)[tuple(slice(side) for side in image.shape)]
    noise = NOISE * generator.standard_normal((2, *image.shape), dtype=np.float32)
    return np.hypot(image * np.exp(field) + noise[0], noise[1]).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("sessions", "stripped", "maps"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--subjects", nargs="*", default=[], help="these alone")
    parser.add_argument("--pictures", type=Path, help="folder that receives a picture per session")
    arguments = parser.parse_args()
    use_threads(2)
    if arguments.what == "maps":
        maps(arguments.folder, arguments.subjects)
    elif arguments.what == "stripped":
        stripped(arguments.folder, arguments.subjects)
    else:
        sessions(arguments.folder, arguments.subjects, arguments.pictures)


if __name__ == "__main__":
    main()
