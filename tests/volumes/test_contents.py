"""What can be no brain, or no whole one, costs its session: heads cut off, phantoms, noise, animals, two persons."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from neuroquant.config.base import DEFAULT_MODALITIES
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.scans.grid import Grid
from neuroquant.segmentation.deepbet import BrainMasker
from neuroquant.tables import DOUBTS
from neuroquant.volumes.align import cubes
from neuroquant.volumes.contents import border_share, structure
from neuroquant.volumes.doubts import doubts
from neuroquant.volumes.heads import OUTLINE, SIDE, planes
from neuroquant.volumes.plausible import Looks, match
from neuroquant.volumes.preprocess import ShardFiles, preprocess_shard
from neuroquant.volumes.work import Preprocessing
from tests.volumes.heads import ball

SHAPE, HALF = (80, 96, 76), np.array([33, 42, 32])
"""A field of view of 2 mm voxels, and half the sides of the brain in it."""
LIMITS = {"structure_min": 0.04, "match_min": 0.08}


def ellipsoid(shape=SHAPE, half=HALF, middle=None) -> np.ndarray:
    points = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return (((points + 0.5 - (np.array(shape) / 2 if middle is None else middle)) / half) ** 2).sum(-1) < 1


def folds(seed: int, shape=SHAPE, inside=None) -> np.ndarray:
    """Structures of a few voxels, as a person's own, around 600."""
    generator = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(generator.standard_normal(shape), 1.5)
    return np.where(ellipsoid(shape) if inside is None else inside, 600 + 100 * image / image.std(), 0).clip(0)


def noisy(image: np.ndarray, spread: float = 15.0) -> np.ndarray:
    one, two = spread * np.random.default_rng(0).standard_normal((2, *image.shape))
    return np.hypot(image + one, two).astype(np.float32)


def test_a_whole_brain_touches_no_border_and_a_cut_one_does_by_the_size_of_the_cut():
    brain, grid = ellipsoid(), Grid(SHAPE, np.diag([2.0, 2, 2, 1]))
    assert border_share(brain, grid, grid) == 0
    top = SHAPE[2] // 2 + 32
    shares = []
    for cut_mm in (4, 10, 20):
        seen = brain[:, :, : top - cut_mm // 2]
        own = Grid(seen.shape, grid.affine)
        shares.append(border_share(seen, own, own))
    height = 1 - np.array([4, 10, 20]) / 64
    np.testing.assert_allclose(shares, 1 - height**2, atol=0.03)


def test_beyond_the_middle_of_the_last_thick_slice_nothing_was_seen():
    own = Grid((80, 96, 12), np.diag([2.0, 2, 6, 1]))
    grid = cubes(own, 2.0)
    brain = np.repeat(ellipsoid((80, 96, 12), half=np.array([33, 42, 9])), 3, axis=2)
    brain[:, :, [0, -1]] = False  # where a resampled scan is 0
    assert border_share(brain, grid, own) > 0.4


def test_a_head_that_is_cut_off_costs_its_session(shard):
    for subject, inside in (("whole", ball()), ("cut", ball()[:, :, :17])):
        one = np.where(inside, noisy(0 * inside, 300), 0)
        shard.add(subject, T1w=one, T2w=np.where(inside, one + 9, 0))
    _, qc, excluded = shard.run(brain_ml_min=1)
    assert list(qc.subject) == ["whole"] and float(qc.border_share[0]) == 0
    assert "the head is cut off" in excluded.reason[0] and "volume.border_max" in excluded.reason[0]
    _, qc, _ = shard.run("let pass", brain_ml_min=1, border_max=1)
    assert list(qc.subject) == ["whole", "cut"] and list(qc.doubts) == ["", "cut_off"]


PHANTOMS = {
    "sphere": lambda: noisy(700.0 * ellipsoid(half=np.array([35, 35, 35]))),
    "cylinder with a coil's profile": lambda: noisy(
        700.0 * (ndimage.distance_transform_edt(np.ones(SHAPE)) > 3) * np.linspace(0.7, 1.3, SHAPE[1])[None, :, None]
    ),
    "sphere without noise": lambda: 700.0 * ellipsoid(half=np.array([35, 35, 35])),
    "noise": lambda: noisy(np.zeros(SHAPE), 80),
}


@pytest.mark.parametrize("kind", PHANTOMS)
def test_phantoms_and_noise_have_no_structure_and_brains_of_any_contrast_have(kind):
    brain = ellipsoid(half=np.array([35, 35, 35]))
    assert structure(PHANTOMS[kind](), brain, 2.0) < 0.03
    assert structure(noisy(folds(1)), ellipsoid(), 2.0) > 0.08
    assert structure(noisy(1200 * ellipsoid() - folds(1)), ellipsoid(), 2.0) > 0.08


def test_a_phantom_costs_its_session_whoever_found_the_mask(shard):
    phantom = {name: noisy(700.0 * ball()) * scale for name, scale in (("T1w", 1), ("T2w", 2))}
    shard.add("raw", **phantom)
    shard.add("masked", mask=ball(), **phantom)
    turned = np.flip(ball(), (0, 1))
    _, _, excluded = shard.run(
        brain_mask=("given", "deepbet"), finders={"deepbet": lambda head, affine: turned}, structure_min=0.04
    )
    assert list(excluded.subject) == ["raw", "masked"] and excluded.reason.str.contains("a phantom, or noise").all()


def test_an_animals_brain_is_too_small_and_the_reason_says_so(shard):
    inside = ellipsoid((60, 60, 60), np.array([12, 15, 10]))  # 2 mm voxels: 60 ml
    shard.add(
        "animal",
        **{name: folds(seed, (60, 60, 60), inside).astype(np.float32) for seed, name in enumerate(("T1w", "T2w"))},
    )
    _, _, excluded = shard.run(brain_ml_min=Volume().brain_ml_min)
    assert "a brain of 60" in excluded.reason[0] and "at least 300 ml are expected" in excluded.reason[0]


def pair(seed: int, other: int) -> dict[str, np.ndarray]:
    """T1w of one person and T2w of one, who may be another."""
    return {"T1w": noisy(folds(seed)), "T2w": noisy(1200 * ellipsoid() - folds(other))}


def test_two_images_of_one_person_match_and_those_of_two_dont():
    found = [match(Looks.of(pair(1, other), ellipsoid(), 2.0), *DEFAULT_MODALITIES) for other in (1, 2)]
    assert found[0] > 2 * LIMITS["match_min"] and abs(found[1]) < 0.02


def test_another_persons_scan_costs_the_session_with_what_to_do(shard):
    for subject, scans in (("right", pair(1, 1)), ("wrong", pair(1, 2))):
        shard.add(subject, **{name: np.where(ellipsoid(), image, 0) for name, image in scans.items()})
    _, qc, excluded = shard.run(shape=SHAPE, swap_check=(), **LIMITS)
    assert list(qc.subject) == ["right"] and float(qc.T2w_match[0]) > 0.16 and qc.T1w_match[0] == ""
    assert (
        "T2w doesn't match T1w (another person's" in excluded.reason[0] and "copy the right scan" in excluded.reason[0]
    )
    assert excluded.file[0].endswith("T2w.nii.gz")


def test_doubts_are_named_within_the_limits_that_exclude():
    volume, fine = Volume(), {"brain_ml": 1300.0, "border_share": 0.0, "T2w_match": 0.3, "T1w_slice_mm": 1.0}
    assert doubts(fine, volume) == []
    for change, name in (
        ({"brain_ml": 350.0}, "small_brain"), ({"brain_ml": 2100.0}, "large_brain"), ({"border_share": 0.2}, "cut_off"),
        ({"T2w_match": 0.1}, "poor_match"), ({"T2w_slice_mm": 4.0}, "thick_slices"),
    ):  # fmt: skip
        assert doubts(fine | change, volume) == [name]
    assert doubts(fine | {"brain_ml": 350.0, "T1w_slice_mm": 3.0}, volume) == ["small_brain", "thick_slices"]
    assert set(DOUBTS) >= {"thick_slices"}


def test_a_head_is_drawn_head_up_with_the_outline_of_its_mask():
    brain = ellipsoid((60, 80, 50), np.array([14, 18, 10]), middle=np.array([30, 40, 34]))
    head = 500.0 * ellipsoid((60, 80, 50), np.array([28, 38, 24]))
    sagittal, coronal, axial = planes(head.astype(np.float32), brain)
    assert sagittal.shape == (SIDE, SIDE) and (sagittal[:20] == 0).all(), "one scale for all planes"
    rows = np.flatnonzero((coronal == OUTLINE).any(axis=1))
    assert rows.mean() < SIDE / 2 - 5, "the brain lies in the upper half"
    across = np.flatnonzero((axial == OUTLINE).any(axis=0))
    assert np.ptp(across) + 1 == pytest.approx(28 * SIDE / 80, abs=3)
    inner = axial[SIDE // 2, SIDE // 2]
    assert 0 < inner < OUTLINE, "the head is seen within the outline and outside of it"


def test_heads_are_kept_where_a_network_found_the_mask_and_nowhere_else(shard):
    head = noisy(300.0 * np.ones(ball().shape)) + 400 * ball()
    shard.add("raw", T1w=head, T2w=1.5 * head)
    shard.add("masked", mask=ball(), T1w=head + 1, T2w=2 * head)
    turned = np.flip(ball(), (0, 1))
    volumes, qc, excluded = shard.run(brain_mask=("given", "deepbet"), finders={"deepbet": lambda *head: turned})
    assert excluded.empty and list(qc.mask_from) == ["deepbet", "given mask"]
    assert [(volumes.read("head", row) == OUTLINE).any() for row in range(4)] == [True, True, False, False]


@pytest.mark.skipif(os.name != "posix", reason="/proc takes no files")
def test_a_folder_that_cannot_be_written_to_is_named_before_anything_is_computed(shard):
    shard.add("a"), shard.run()
    files = ShardFiles(*(Path("/proc/neuroquant") / name for name in ("a.h5", "qc.tsv", "excluded.tsv")))
    with pytest.raises(InputError, match="can't be written"):
        preprocess_shard(shard.root / "manifest.tsv", files, Preprocessing(shard.root, Volume(), DEFAULT_MODALITIES))


@pytest.mark.slow
def test_deepbet_finds_an_animals_small_brain_and_preprocessing_refuses_it(shard):
    points = (np.stack(np.meshgrid(*(np.arange(side) - side / 2 for side in (100, 115, 95)), indexing="ij"), -1)) * 0.7

    def inside(*half: float) -> np.ndarray:
        return ((points / half) ** 2).sum(-1) < 1

    layers = [inside(27, 33, 27), inside(25, 32, 26), inside(22.5, 28.5, 22.5), inside(18, 24, 18)]
    head = np.select([layers[3], layers[2], layers[1], layers[0]], [700.0, 480.0, 40.0, 300.0])
    scans = {
        "T1w": noisy(ndimage.gaussian_filter(head, 0.7), 12),
        "T2w": noisy(ndimage.gaussian_filter(1.5 * head, 0.7), 9),
    }
    row = shard.add("animal", **scans)
    for name, image in scans.items():
        shard.write(row[name], image, np.diag([0.7, 0.7, 0.7, 1.0]))
    _, _, excluded = shard.run(
        brain_mask=Volume().brain_mask, brain_ml_min=Volume().brain_ml_min, finders={"deepbet": BrainMasker()}
    )
    assert "(deepbet); at least 300 ml are expected" in excluded.reason[0]
