"""The steps of preprocessing, in their order: from scans to volumes (section 4.1 of the paper)."""

import hashlib

import numpy as np

from neuroquant.config.volume import Volume
from neuroquant.scans.unusable import Unusable
from neuroquant.store.arrays import Geometry
from neuroquant.tables import HASH
from neuroquant.volumes import align
from neuroquant.volumes.brain import brain_ml
from neuroquant.volumes.contents import border_share, structure
from neuroquant.volumes.doubts import doubts
from neuroquant.volumes.geometry import bounding_box, centred_start, cut
from neuroquant.volumes.heads import planes
from neuroquant.volumes.intensity import intensity_bounds, normalise
from neuroquant.volumes.masking import find_brain, refuse_raw
from neuroquant.volumes.plausible import Looks, lacking, match, mirrored, swapped
from neuroquant.volumes.scan import Scan, check_image, in_words, load_scan
from neuroquant.volumes.session import bring_together
from neuroquant.volumes.truth import load_labels
from neuroquant.volumes.work import Step, Work

COARSE_MM = 4.0
"""Voxels longer than this show too little of a brain's structure to tell it from a phantom's."""


def read(work: Work) -> None:
    """Read the scans, each an image of a head, and take the fingerprints of their voxels."""
    for name in work.how.in_order(work.files):
        work.scans[name] = load_scan(work.how.root, work.files[name])
    for name, scan in work.scans.items():
        check_image(scan, work.files[name])
        work.qc[f"{name}{HASH}"] = content_hash(scan.data)
        work.qc[f"{name}_slice_mm"] = round(float(scan.grid.sides.max()), 3)


def refuse_copies(work: Work) -> None:
    """Refuse one image under the names of two modalities."""
    owner: dict[str, str] = {}
    for name in work.scans:
        other = owner.setdefault(work.qc[f"{name}{HASH}"], name)
        if other != name:
            raise Unusable(f"{other} and {name} are the same image: copy the right one", work.files[name])


def read_truth(work: Work) -> None:
    """Read the label map; one that numbers other things than FreeSurfer does is set aside."""
    why_not = ""
    if work.row.labels:
        target = next(iter(work.scans))
        work.truth, why_not = load_labels(work.how.root, work.row.labels, target, work.scans[target])
    work.qc["ground_truth"] = "yes" if work.truth else why_not or "none"


def refuse_unmaskable(work: Work) -> None:
    """Refuse raw scans that nothing can mask, before half a minute is spent on their registration."""
    refuse_raw(work.scans, work.sources, work.volume)


def bring_onto_one_grid(work: Work) -> None:
    """Bring all scans onto the target's grid, registered where the settings ask for it."""
    work.session = bring_together(work.scans, work.files, work.volume)


def mask_brain(work: Work) -> None:
    """Find the brain."""
    work.brain = find_brain(work.session, work.sources, work.volume)


def check_whole(work: Work) -> None:
    """Refuse scans that lack a part of the brain."""
    session, brain = work.session, work.brain.mask
    share = border_share(brain, session.grid, session.own)
    work.qc["border_share"] = round(share, 4)
    if share > work.volume.border_max:
        raise Unusable(
            f"the head is cut off: at the image's border the brain still has {share:.0%} of its largest plane, at most "
            f"{work.volume.border_max:.0%} are expected; supply a scan that covers the brain, or set volume.border_max",
            work.files[session.reference],
        )
    for name in work.scans:
        if fault := lacking(session.scan(name).data, brain):
            raise Unusable(fault, work.files[name])


def check_contents(work: Work) -> None:
    """Refuse phantoms and noise."""
    if work.session.grid.cube_mm > COARSE_MM:
        return
    for name in work.scans:
        found = structure(work.session.scan(name).data, work.brain.mask, work.session.grid.cube_mm)
        work.qc[f"{name}_structure"] = round(found, 4)
        if found < work.volume.structure_min:
            raise Unusable(
                f"no brain's structure (a phantom, or noise?): intensities differ by {found:.1%} of their mean, "
                f"{work.volume.structure_min:.0%} are expected at least; exclude it, or set volume.structure_min",
                work.files[name],
            )


def draw_heads(work: Work) -> None:
    """Keep planes of the scans with the outline of a mask that a network found, for people to look at."""
    if work.brain.by_network:
        work.heads = {name: planes(work.session.scan(name).data, work.brain.mask) for name in work.scans}


def check_pairs(work: Work) -> None:
    """Refuse images that look mirrored against the target, and pairs whose names look swapped."""
    if len(work.scans) < 2:
        return
    target, *others = work.scans
    looks = Looks.of(
        {name: work.session.scan(name).data for name in work.scans}, work.brain.mask, work.session.grid.cube_mm
    )
    work.qc |= {f"{name}_inward": value for name, value in looks.inward.items()}
    for name in others:
        work.qc[f"{name}_mirrored"], fault = mirrored(looks, target, name)
        if fault:
            raise Unusable(fault, work.files[name])
        found = work.qc[f"{name}_match"] = round(match(looks, target, name), 4)
        if 0 < work.volume.match_min and found < work.volume.match_min:
            raise Unusable(
                f"{name} doesn't match {target} (another person's, or registered wrongly?): it loses {found:.2g} nats "
                f"of mutual information when it is moved, {work.volume.match_min:g} are expected at least; copy the "
                "right scan, or set volume.match_min",
                work.files[name],
            )
    for one, two in work.volume.swap_check:
        if fault := swapped(looks, one, two):
            raise Unusable(fault, work.files[two])


def shrink(work: Work) -> None:
    """Stretch the voxels of a brain that is larger than the volume until it fits."""
    factor = too_large(work.brain.mask, work.volume)
    if factor > 1:
        grid = align.stretched(work.session.grid, np.full(3, factor))
        work.session = work.session.on(grid, factor)
        mask_brain(work)


def cut_out(work: Work) -> None:
    """Put the brain's box into the middle of the volume; with it the mask and the label map."""
    brain, session, volume = work.brain.mask, work.session, work.volume
    work.start, work.mask = centred(work, brain)
    work.labels = np.zeros(volume.shape, np.int16)
    if work.truth:
        work.labels = cut(session.beside(work.truth).astype(np.int16), work.start, volume.shape, 0)
    work.qc |= {"voxel_mm": in_words(session.grid.sides), "brain_ml": round(brain_ml(brain, session.grid.affine), 3)}
    work.qc |= {"target": session.reference, "mask_from": work.brain.taken_from, **session.facts(brain)}


def correct_bias(work: Work) -> None:
    """Divide the bias field out of each scan."""
    for name in work.scans:
        work.corrected[name], work.qc[f"{name}_n4"] = align.unbiased(work.scan(name), work.brain.mask)


def scale_intensities(work: Work) -> None:
    """Bring each scan's intensities in the brain to [-1, 1], and note how to undo it all."""
    for name in work.scans:
        scan = work.scan(name)
        bounds = intensity_bounds(scan.data[work.brain.mask], work.volume.percentiles)
        if bounds[1] <= bounds[0]:
            raise Unusable(f"the brain's intensities are all {bounds[0]:g} or less", work.files[name])
        work.images[name] = normalise(cut(scan.data, work.start, work.volume.shape, 0.0), work.mask, bounds)
        work.geometry[name] = describe(scan, work.start, bounds, work.session.resampling(name))
        work.qc |= {f"{name}_low": bounds[0], f"{name}_high": bounds[1]}


def note_doubts(work: Work) -> None:
    """Name what makes the session worth a look, though it is in."""
    work.qc["doubts"] = " ".join(doubts(work.qc, work.volume))


STEPS = (
    Step("reading", read),
    Step("duplicate images", refuse_copies, lambda volume: volume.pair_check),
    Step("ground truth", read_truth),
    Step("mask available", refuse_unmaskable),
    Step("alignment", bring_onto_one_grid),
    Step("brain mask", mask_brain),
    Step("completeness", check_whole),
    Step("contents", check_contents, lambda volume: volume.structure_min > 0),
    Step("pair checks", check_pairs, lambda volume: volume.pair_check),
    Step("pictures of heads", draw_heads),
    Step("rescaling", shrink, lambda volume: volume.oversize == "rescale"),
    Step("cropping", cut_out),
    Step("bias correction", correct_bias, lambda volume: volume.n4),
    Step("intensities", scale_intensities),
    Step("doubts", note_doubts),
)
"""All steps, in their order."""


def steps_of(volume: Volume) -> list[Step]:
    """The steps that the settings ask for."""
    return [step for step in STEPS if step.wanted(volume)]


def content_hash(data: np.ndarray) -> str:
    """Fingerprint of a scan's voxels (D, H, W) in RAS+, whatever its file's name, compression or orientation."""
    return hashlib.sha256(np.ascontiguousarray(data).tobytes() + str(data.shape).encode()).hexdigest()[:24]


def too_large(brain: np.ndarray, volume: Volume) -> float:
    """By what voxels must grow for a brain's box to fit the volume, a voxel to spare; at most 1 where it fits."""
    _, size = bounding_box(brain)
    return float(np.max((size + 1) / np.asarray(volume.shape))) if (size > volume.shape).any() else 1.0


def centred(work: Work, brain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the volume starts in the scan (3,), and the brain within it (bool, of the volume's shape).

    Raises
    ------
    Unusable
        If the brain is larger than the volume and that may not be, or too much of it would be lost.
    """
    volume = work.volume
    first, size = bounding_box(brain)
    start = centred_start(first, size, volume.shape)
    mask = cut(brain, start, volume.shape, False)
    total = np.count_nonzero(brain)
    lost = int(total - np.count_nonzero(mask))
    limit = volume.crop_limit if volume.oversize == "crop" else 0.0
    if lost > limit * total:
        reason = (
            f"a brain of {in_words(size)} voxels in a volume of {in_words(volume.shape)} would lose {lost / total:.1%}"
        )
        raise Unusable(
            f"{reason}; at most {limit:.1%} may be lost (volume.shape, oversize, crop_limit)",
            work.files[work.session.reference],
        )
    work.qc |= {
        "scan_shape": in_words(brain.shape),
        "box": in_words(size),
        "lost_voxels": lost,
        "lost_share": lost / total,
    }
    return start, mask


def describe(scan: Scan, start: np.ndarray, bounds: tuple[float, float], resampling: np.ndarray | None) -> Geometry:
    """What it takes to put a volume back into its scan."""
    return Geometry(
        affine=_rows(scan.affine),
        shape=tuple(int(side) for side in scan.data.shape),
        source_affine=_rows(scan.source_affine),
        source_shape=tuple(int(side) for side in scan.source_shape),
        start=tuple(int(voxel) for voxel in start),
        intensity=bounds,
        moved=None if resampling is None else _rows(resampling),
    )


def _rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)
