"""Scans: what a scanner's settings do to an image of a known brain."""

import numpy as np
import pytest

from neuroquant.config.cohort import Scanner
from neuroquant.synthetic.contrast import acquire, bias_field, tissue_means
from neuroquant.synthetic.deformation import GRID_MM, Deformation, coarse_grid
from neuroquant.synthetic.template import Template
from neuroquant.synthetic.warping import Brain, View, warp

PLAIN = Scanner(noise=0, bias=0, blur=0, gain=1000)


def brain(voxel_mm: float = 1.0, texture: float = 0.0) -> Brain:
    """White matter and cortex, half and half, with an edge between them at x = 12 mm."""
    labels = np.zeros((24, 24, 24), np.int16)
    labels[4:12, 4:20, 4:20], labels[12:20, 4:20, 4:20] = 2, 3
    template = Template(labels, np.full(labels.shape, texture, np.float32), np.eye(4))
    origin, shape = coarse_grid(labels.shape, np.eye(4))
    side = int(24 / voxel_mm)
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = voxel_mm / 2 - 0.5
    return warp(template, Deformation(np.zeros((3, *shape)), origin, GRID_MM), 1.0, View((side,) * 3, affine))


def scan(scanner: Scanner, subject: Brain | None = None, modality: str = "T1w", seed: int = 0) -> np.ndarray:
    subject = brain() if subject is None else subject
    means = tissue_means(modality, scanner, np.random.default_rng(0))
    return acquire(subject, means, modality, scanner, np.random.default_rng(seed))


def test_a_plain_scan_shows_the_means_and_zero_outside():
    means = tissue_means("T1w", PLAIN, np.random.default_rng(0))
    image, labels = scan(PLAIN), brain().labels
    assert image.dtype == np.int16 and (image[labels == 0] == 0).all()
    np.testing.assert_allclose(image[labels == 2], 1000 * means[2], atol=1)
    np.testing.assert_allclose(image[labels == 3], 1000 * means[3], atol=1)


def test_no_motion_gives_the_template_back():
    labels = brain().labels
    assert (
        (labels[4:12, 4:20, 4:20] == 2).all() and (labels[12:20, 4:20, 4:20] == 3).all() and (labels > 0).sum() == 4096
    )


def test_a_large_voxel_on_an_edge_holds_the_mean_of_both_tissues():
    subject = brain(voxel_mm=8)
    values = np.zeros(500, np.float32)
    values[2], values[3] = 1.0, 3.0
    tissue = np.zeros(subject.labels.shape)
    tissue[subject.labels > 0] = subject.tissue(values)
    assert subject.labels[1, 1, 1] in (2, 3) and 1.3 < tissue[1, 1, 1] < 2.7


def test_gain_scales_and_contrast_steepens():
    labels = brain().labels
    np.testing.assert_allclose(scan(PLAIN.model_copy(update={"gain": 500.0})) * 2.0, scan(PLAIN), atol=2)
    steep = scan(PLAIN.model_copy(update={"contrast": {"T1w": 2.0}}))
    ratio = [image[labels == 3].mean() / image[labels == 2].mean() for image in (scan(PLAIN), steep)]
    assert ratio[1] < ratio[0] ** 1.5


def test_flair_is_t2w_with_dark_fluid():
    flair, t2w = (tissue_means(name, PLAIN, np.random.default_rng(0)) for name in ("FLAIR", "T2w"))
    for grey, white in ((3, 2), (8, 7), (17, 41)):
        assert flair[grey] > 1.15 * flair[white] and t2w[grey] > t2w[white]
    for fluid in (4, 14, 24):
        assert flair[fluid] < 0.3 * flair[2] and t2w[fluid] > 1.5 * t2w[3]


def test_a_contrast_that_is_set_for_one_modality_leaves_the_others():
    other = PLAIN.model_copy(update={"contrast": {"FLAIR": 2.0}})
    assert (scan(other) == scan(PLAIN)).all() and (scan(other, modality="FLAIR") != scan(PLAIN, modality="FLAIR")).any()


def test_t2w_inverts_the_contrast_of_cortex_and_white_matter():
    labels, image = brain().labels, scan(PLAIN, modality="T2w")
    assert image[labels == 3].mean() > 1.3 * image[labels == 2].mean()


@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_noise_has_the_stated_deviation_and_is_never_negative(noise):
    image = scan(PLAIN.model_copy(update={"noise": noise}))[brain().labels == 2]
    assert 0.9 < image.std() / (1000 * noise) < 1.1 and image.min() >= 1


def test_noise_differs_between_scans_and_not_between_runs():
    noisy = PLAIN.model_copy(update={"noise": 0.02})
    assert (scan(noisy, seed=1) == scan(noisy, seed=1)).all() and (scan(noisy, seed=1) != scan(noisy, seed=2)).any()


def test_blur_softens_the_edge():
    edge = [
        np.abs(np.diff(scan(PLAIN.model_copy(update={"blur": blur}))[6:18, 12, 12].astype(int))).max()
        for blur in (0.0, 0.5, 1.0)
    ]
    assert edge[0] > edge[1] > edge[2] > 0


def test_texture_shows_and_means_opposite_things_in_both_modalities():
    rough = brain(texture=1.0)
    assert (
        scan(PLAIN, rough).sum() > scan(PLAIN).sum()
        and scan(PLAIN, rough, "T2w").sum() < scan(PLAIN, None, "T2w").sum()
    )


def test_the_bias_field_is_positive_smooth_and_of_the_stated_strength():
    fields = np.stack([np.log(bias_field((20, 24, 20), 0.3, np.random.default_rng(seed))) for seed in range(30)])
    assert 0.05 < fields.std() < 0.3 and abs(fields.mean()) < 0.1
    assert max(np.abs(np.diff(fields, axis=axis)).max() for axis in (1, 2, 3)) < 0.1
    assert (bias_field((20, 24, 20), 0.0, np.random.default_rng(0)) == 1).all()


def test_a_subjects_two_sides_have_one_intensity_and_subjects_differ():
    first, second = (tissue_means("T1w", PLAIN, np.random.default_rng(seed)) for seed in (1, 2))
    assert first[2] == first[41] and first[11] == first[50] and first[2] != second[2]


def test_subjects_differ_more_in_tissues_and_contrast_where_the_scanner_is_to_vary():
    def means(scanner: Scanner, seed: int) -> np.ndarray:
        return tissue_means("T1w", scanner, np.random.default_rng(seed))[[2, 3, 4]]

    usual = np.std([means(PLAIN, seed) for seed in range(20)], axis=0)
    jittered = np.std([means(PLAIN.model_copy(update={"jitter": 0.15}), seed) for seed in range(20)], axis=0)
    np.testing.assert_allclose(jittered, 5 * usual, rtol=1e-3)
    varied = PLAIN.model_copy(update={"jitter": 0.0, "contrast_spread": 0.3})
    exponents = [np.log(means(varied, seed)[1:]) / np.log(means(PLAIN.model_copy(update={"jitter": 0.0}), 0)[1:])
                 for seed in range(20)]  # fmt: skip
    np.testing.assert_allclose(np.ptp(exponents, axis=1), 0, atol=1e-4)
    assert 0.15 < np.std(np.log([both[0] for both in exponents])) < 0.45


def test_thick_slices_blur_one_axis_and_no_other():
    subject, thick = brain(texture=0.0), PLAIN.model_copy(update={"slice_mm": 8.0})
    edges = []
    for seed in range(12):
        image = scan(thick, subject, seed=seed).astype(float)
        edges.append(np.abs(np.diff(image[:, 12, 12]))[11])  # between white matter and cortex, along x
    sharp = np.abs(np.diff(scan(PLAIN, subject).astype(float)[:, 12, 12]))[11]
    assert min(edges) < 0.5 * sharp, "slices across the edge"
    assert max(edges) == pytest.approx(sharp, abs=2), "slices along it, or thin ones"


def test_each_scan_draws_its_own_noise_within_the_spread():
    noisy = PLAIN.model_copy(update={"noise": 0.05, "spread": 0.8})
    labels = brain().labels
    found = [scan(noisy, seed=seed)[labels == 2].std() / 1000 for seed in range(10)]
    assert min(found) < 0.03 and max(found) > 0.06 and 0.009 < min(found) and max(found) < 0.092
