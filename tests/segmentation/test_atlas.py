"""The stand-in segmenter: its atlas, and what it finds in images that it never saw."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroquant.config.evaluation import Segmentation, Standin
from neuroquant.errors import InputError
from neuroquant.evaluation.anatomy.dice import dice, score_dice, score_truth
from neuroquant.evaluation.anatomy.regions import write_regions
from neuroquant.evaluation.anatomy.segment import segment_shard
from neuroquant.files import read_tsv
from neuroquant.segmentation import atlas
from neuroquant.segmentation.atlas import (
    SKIP,
    AtlasSegmenter,
    blurred,
    fit_standin,
    likeliest,
    posteriors,
    probabilities,
)
from neuroquant.segmentation.engine import open_segmenter
from neuroquant.segmentation.scans import Scan
from neuroquant.store.arrays import ArrayFile
from tests.segmentation.half_balls import SHAPE, truth, write_shard

LABELS = (0, 2, 11, 41, 50)
STANDIN = Segmentation(engine="standin")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas")
    fit_standin([write_shard(folder / "train.h5", "train")], Standin(spread_mm=1.0), folder / "standin.h5")
    return folder / "standin.h5"


def shown(labels, brightness):
    """An image of a label map, a grey value a label, with a little noise; background 0."""
    image = np.select([labels == label for label in brightness], list(brightness.values()), 0.0)
    noise = np.random.default_rng(0).normal(0, 0.02, labels.shape)
    return np.where(labels > 0, image + noise, 0).astype(np.float32)


def test_the_stand_in_segments_images_that_it_never_saw(fitted, tmp_path):
    test = write_shard(tmp_path / "test.h5", "test")
    engine = open_segmenter(STANDIN, fitted, "cpu", 1)
    assert engine.stand_in and "stand-in" in engine.name
    segment_shard(test, tmp_path / "seg.h5", engine)
    score_truth(test, tmp_path / "seg.h5", (), 1.0, tmp_path / "truth.tsv")
    scores = read_tsv(tmp_path / "truth.tsv", ("dice",))
    assert scores[scores.structure == "mean"].dice.mean() > 0.9
    score_dice(tmp_path / "seg.h5", {"m": tmp_path / "seg.h5"}, (), 1.0, tmp_path / "dice.tsv")
    assert (read_tsv(tmp_path / "dice.tsv", ("dice",)).dice == 1).all()
    write_regions({"reference": tmp_path / "seg.h5"}, tmp_path / "regions.tsv")
    regions = read_tsv(tmp_path / "regions.tsv", ("mm3",))
    caudate = regions[regions.region == "caudate"].mm3
    assert len(caudate) == 3 and (caudate > 0).all() and set(regions.stand_in) == {engine.name}


@pytest.mark.parametrize("white, core", [(0.9, 0.3), (0.3, 0.9)])
def test_a_subject_is_found_whatever_the_contrast_and_not_the_mean_of_the_training_subjects(fitted, white, core):
    smaller = truth(shift=2.0)  # smaller than all training subjects
    image = shown(smaller, {2: white, 41: white, 11: core, 50: core})
    ((found, volumes),) = open_segmenter(STANDIN, fitted, "cpu", 1).segment_all([Scan("scan", image, np.eye(4))])
    assert np.mean(list(dice(found, smaller, LABELS[1:]).values())) > 0.9
    assert np.mean(list(dice(truth(shift=0.5), smaller, LABELS[1:]).values())) < 0.85, "the middle training subject"
    assert volumes.sum() == pytest.approx(image.size, rel=1e-5)
    assert volumes[1] == pytest.approx((smaller == 2).sum(), rel=0.1)


def test_the_atlas_is_symmetric_and_knows_a_structure_that_one_side_lacks(tmp_path):
    left_only = np.zeros((8, 8, 8), int)
    left_only[1:4, 2:6, 2:6] = 1
    prior = probabilities([left_only], (0, 2, 41), sigma=0.0)
    np.testing.assert_allclose(prior.sum(0), 1, rtol=1e-6)
    np.testing.assert_allclose(prior[1], prior[2][::-1], rtol=1e-6)
    assert prior[1, 2, 4, 4] == pytest.approx(0.5, abs=1e-3) and prior[1, 5, 4, 4] < 1e-3
    shard = write_shard(tmp_path / "train.h5", "train")
    with h5py.File(shard, "a") as file:
        for row in range(3):
            labels = file["arrays/labels"][row]
            labels[labels == 50] = 41
            file["arrays/labels"][row] = labels
    fit_standin([shard], Standin(), tmp_path / "s.h5")
    assert AtlasSegmenter(tmp_path / "s.h5", Standin()).labels == LABELS


@settings(max_examples=20, deadline=None)
@given(sigma=st.floats(0.3, 1.5), seed=st.integers(0, 1000))
def test_a_blur_moves_what_it_blurs_and_keeps_its_sum(sigma, seed):
    image = np.zeros((15, 15, 15), np.float32)
    image[5:10, 5:10, 5:10] = np.random.default_rng(seed).random((5, 5, 5))
    found = blurred(image, sigma)
    assert found.max() < image.max() and found.sum() == pytest.approx(float(image.sum()), rel=1e-3)
    np.testing.assert_allclose(blurred(np.moveaxis(image, 0, 2), sigma), np.moveaxis(found, 0, 2), atol=1e-6)
    assert np.abs(blurred(np.full((5, 5, 5), 0.3, np.float32), sigma) - 0.3).max() < 1e-6


def test_posteriors_tell_tissues_by_brightness_and_sides_by_the_atlas():
    image = np.array([0.0, 0.0, 0.31, 0.29, 0.3, 0.9, 0.91, 0.89])
    prior = np.full((3, 8), 0.3)
    prior[0, :5] = 0.9  # background, most likely; channels 1 and 2 are one structure's sides
    prior[1, ::2], prior[2, ::2] = 0.6, 0.05
    prior[1, 1::2], prior[2, 1::2] = 0.05, 0.6
    prior = prior / prior.sum(0)
    found = posteriors(image.repeat(SKIP), prior.repeat(SKIP, 1), np.array([0, 1, 1]), 20)
    found = found[:, ::SKIP]
    np.testing.assert_allclose(found.sum(0), 1)
    assert (found[1, 5:] + found[2, 5:] > 0.99).all()
    assert found[1, 6] > 0.9 and found[2, 5] > 0.9
    assert (likeliest(found) == found.argmax(0)).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), voxels=st.sampled_from([60, 203, atlas.AT_ONCE + 3]), rounds=st.integers(1, 6))
def test_posteriors_are_those_of_bayes_rule_with_the_gaussians_of_all_structures(seed, voxels, rounds):
    generator = np.random.default_rng(seed)
    tissue = np.array([0, 1, 2, 1])
    image = generator.random(voxels)
    prior = generator.dirichlet(np.ones(4), voxels).T
    some, shares = image[::SKIP], prior[:, ::SKIP]
    for _ in range(rounds):
        means, variances = np.empty(3), np.empty(3)
        for number in range(3):
            weight = shares[tissue == number].sum(0)
            size = max(weight.sum(), 1e-3)
            means[number] = (weight * some).sum() / size
            variances[number] = (weight * (some - means[number]) ** 2).sum() / size + atlas.LEAST_VARIANCE
        shares = bayes(some, prior[:, ::SKIP], means[tissue], variances[tissue])
    found = posteriors(image, prior, tissue, rounds)
    np.testing.assert_allclose(found, bayes(image, prior, means[tissue], variances[tissue]), atol=1e-9)


def test_voxels_that_are_background_for_sure_count_as_if_they_had_been_looked_at():
    generator = np.random.default_rng(0)
    tissue, image, dark = np.array([0, 1, 2, 1]), generator.random(4 * 60), 0.04 * generator.random(4 * 100)
    prior = generator.dirichlet(np.ones(4), len(image)).T
    sure = np.tile([[1.0], [0.0], [0.0], [0.0]], len(dark))
    together = posteriors(np.append(image, dark), np.hstack([prior, sure]), tissue, 4)
    found = posteriors(image, prior, tissue, 4, dark)
    np.testing.assert_allclose(found, together[:, : len(image)], atol=1e-9)
    assert not np.allclose(found, posteriors(image, prior, tissue, 4), atol=0.01)


def bayes(image, prior, means, variances):
    density = np.exp(-0.5 * (image - means[:, None]) ** 2 / variances[:, None]) / np.sqrt(variances)[:, None]
    return prior * density / (prior * density).sum(0)


def test_dark_voxels_far_from_every_structure_are_not_looked_at(fitted):
    engine = AtlasSegmenter(fitted, Standin())
    dark = np.zeros(SHAPE, np.float32)
    looked_at = engine.may_be_brain(dark)
    known = np.any([truth(shift=shift) > 0 for shift in (0.0, 0.5, 1.0)], axis=0)
    assert not looked_at[0, 0].any() and not looked_at[-1, -1].any() and looked_at[known].all()
    dark[0, 0, 0] = 1.0
    assert engine.may_be_brain(dark)[0, 0, 0]


MANY = (0, 2, 3, 4, 7, 8, 10, 11, 12, 16, 24, 41, 42, 43, 46, 47, 49, 50, 51)


def test_an_atlas_of_many_structures_leaves_the_same_voxels_out(tmp_path, monkeypatch):
    """Where each structure has its least probability everywhere, that of background is far below 1."""
    maps = np.zeros(SHAPE, int)
    maps[5:11, 5:11, 5:11] = np.arange(216).reshape(6, 6, 6) % (len(MANY) - 1) + 1
    with h5py.File(tmp_path / "atlas.h5", "w") as file:
        file.attrs["labels"], file.attrs["maps"] = np.array(MANY, np.int32), 1
        file["prior"] = probabilities([maps], MANY, sigma=0.0).astype(np.float16)
    engine = AtlasSegmenter(tmp_path / "atlas.h5", Standin())
    assert engine.prior[0].max() < 0.999
    image = np.zeros(SHAPE, np.float32)
    image[4:12, 4:12, 4:12] = 1.0
    looked_at, given = engine.may_be_brain(image), []

    def seen(image, prior, tissue, rounds, background):
        given.append((image, background))
        return posteriors(image, prior, tissue, rounds, background)

    monkeypatch.setattr(atlas, "posteriors", seen)
    list(engine.segment_all([Scan("scan", image, np.eye(4))]))
    assert looked_at.sum() == 8**3 == len(given[0][0]) and len(given[0][1]) == image.size - 8**3


def test_an_empty_reconstruction_is_background_and_does_not_stop_the_run(fitted, tmp_path, capsys):
    shard = write_shard(tmp_path / "volumes.h5", "test")
    with h5py.File(shard, "a") as file:
        file["arrays/image"][1] = -1
    engine = open_segmenter(STANDIN, fitted, "cpu", 1)
    segment_shard(shard, tmp_path / "seg.h5", engine)
    found = ArrayFile(tmp_path / "seg.h5")
    assert found.attributes["blank"] == [1] and "row 1 (c s1 1 T1w)" in capsys.readouterr().err
    assert not found.read("labels", 1).any() and found.read("volumes", 1).tolist() == [16**3, 0, 0, 0, 0]
    assert found.read("volumes", 2).sum() == pytest.approx(16**3, rel=1e-5)
    with h5py.File(shard, "a") as file:
        file["arrays/image"][2, 0] = np.nan
    with pytest.raises(InputError, match="(?s)volumes.h5, row 2 .c s2 1 T1w.*aren't finite"):
        segment_shard(shard, tmp_path / "seg.h5", engine)


def test_the_stand_in_refuses_what_it_does_not_know(fitted, tmp_path):
    segmenter = open_segmenter(STANDIN, fitted, "cpu", 1)
    image = shown(truth(), {2: 0.9, 41: 0.9, 11: 0.4, 50: 0.4})
    with pytest.raises(InputError, match="(?s)scan a.*LAS"):
        list(segmenter.segment_all([Scan("scan a", image, np.diag([-1.0, 1.0, 1.0, 1.0]))]))
    with pytest.raises(InputError, match="(?s)scan b.*finite"):
        list(segmenter.segment_all([Scan("scan b", np.full(SHAPE, np.nan), np.eye(4))]))
    with pytest.raises(InputError, match="(?s)scan c.*16, 16, 15.*as the atlas has"):
        list(segmenter.segment_all([Scan("scan c", image[:, :, :15], np.eye(4))]))
    whole = fitted.read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="(?s)cut.h5.*fit_standin"):
        open_segmenter(STANDIN, tmp_path / "cut.h5", "cpu", 1)


def test_the_atlas_is_never_of_test_subjects_nor_of_none(tmp_path):
    with pytest.raises(InputError, match="split test"):
        fit_standin([write_shard(tmp_path / "test.h5", "test")], Standin(), tmp_path / "s.h5")
    with pytest.raises(InputError, match="no training subject has a label map"):
        fit_standin([], Standin(), tmp_path / "s.h5")
    assert not (tmp_path / "s.h5").exists() and atlas.FLOOR > 0
