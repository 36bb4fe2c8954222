"""SynthSeg's layout and recipe: file names, flips, clean-up, soft volumes, and a stand-in that learns."""

import math
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from neuroquant.config.evaluation import Segmentation, Standin
from neuroquant.errors import InputError
from neuroquant.evaluation.dice import dice, score_dice, score_truth
from neuroquant.evaluation.regions import write_regions
from neuroquant.evaluation.segment import segment_shard
from neuroquant.evaluation.synthseg import network as networks
from neuroquant.evaluation.synthseg import recipe
from neuroquant.evaluation.synthseg.engine import open_segmenter
from neuroquant.evaluation.synthseg.installed import find_official
from neuroquant.evaluation.synthseg.labels import flipped, name_of, official, topological_classes
from neuroquant.evaluation.synthseg.network import UNet, ready_on
from neuroquant.evaluation.synthseg.prior import FLOOR, PriorUNet, fractions, log_prior
from neuroquant.evaluation.synthseg.recipe import clean, normalised, padding, posteriors_of, segment
from neuroquant.evaluation.synthseg.scans import Found
from neuroquant.evaluation.synthseg.train_standin import train_standin
from neuroquant.evaluation.synthseg.weights import open_standin, read_weights, write_weights
from neuroquant.files import read_tsv
from neuroquant.volumes.store import ArrayFile, ArrayWriter, Geometry, Record

torch.set_num_threads(1)
EYE = tuple(map(tuple, np.eye(4).tolist()))
SHAPE = (16, 16, 16)
FLAT = torch.full((3, *SHAPE), -math.log(3))


def test_the_official_networks_have_32_and_33_channels_and_13_million_weights():
    assert len(official("1.0")) == 32 and len(official("2.0")) == 33
    with torch.device("meta"):
        network = UNet(33)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(13.2e6, rel=0.03)


def test_merging_a_level_is_convolving_the_skip_and_the_upsampled_map_side_by_side():
    torch.manual_seed(0)
    network = UNet(5, 4, 3).eval()
    skip, below = torch.randn(2, 8, 4, 6, 4), torch.randn(2, 16, 2, 3, 2)
    together = torch.cat([skip, F.interpolate(below, scale_factor=2, mode="nearest")], dim=1)
    torch.testing.assert_close(network.up[0].merged(skip, below), network.up[0].features(together))


@pytest.mark.parametrize("planes", [4, 6, 64])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_large_image_passes_the_finest_level_in_slabs_to_the_same_values(monkeypatch, planes, sign):
    torch.manual_seed(0)
    network, x = UNet(3, 4, 3).eval(), torch.rand(1, 1, 16, 8, 12)
    for level in network.down:
        torch.nn.init.uniform_(level.norm.weight, 0.5, 1.5)
        level.norm.weight.data[0] *= sign
        torch.nn.init.normal_(level.norm.bias)
    expected = network(x)  # with gradients: whole
    monkeypatch.setattr(networks, "LARGE", 0)
    monkeypatch.setattr(networks, "PLANES", planes)
    with torch.inference_mode():
        torch.testing.assert_close(network(x), expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(ready_on(network, "cpu")(x), expected, atol=1e-5, rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), side=st.integers(1, 3))
def test_shares_of_a_cube_are_the_labels_that_its_voxels_have(seed, side):
    channels = torch.randint(4, (7, 9, 6), generator=torch.Generator().manual_seed(seed))
    found = fractions(channels, 4, side)
    assert found.shape == (4, 7 // side, 9 // side, 6 // side)
    one_hot = torch.nn.functional.one_hot(channels, 4).movedim(-1, 0).float()
    torch.testing.assert_close(found, torch.nn.functional.avg_pool3d(one_hot, side))


def test_the_prior_is_symmetric_and_lies_in_the_middle_of_a_larger_image():
    left_only = torch.zeros(8, 8, 8, dtype=torch.long)
    left_only[1:4, 2:6, 2:6] = 1
    prior = log_prior([left_only], (0, 2, 41), 1)
    torch.testing.assert_close(prior.exp().sum(0), torch.ones(8, 8, 8))
    torch.testing.assert_close(prior[1], prior[2].flip(0))
    assert prior[1, 2, 4, 4] > prior[1, 5, 4, 4]
    placed = PriorUNet(2, 2, prior, background=0).placed(torch.Size((12, 8, 10)))[0]
    torch.testing.assert_close(placed[:, 2:10, :, 1:9], prior)
    assert placed[0, 0, 0, 0] == 0 and placed[1, 0, 0, 0] == pytest.approx(math.log(FLOOR))


def test_weights_come_back_from_keras_layout(tmp_path):
    torch.manual_seed(0)
    network = UNet(3, 4, 3)
    prior = log_prior([torch.randint(3, (16, 16, 16))], (0, 2, 41), 2)
    write_weights(tmp_path / "w.h5", network, (0, 2, 41), {"features": 4, "levels": 3, "coarsen": 2}, prior)
    with h5py.File(tmp_path / "w.h5") as file:
        assert file["unet_conv_downarm_0_0/unet_conv_downarm_0_0/kernel:0"].shape == (3, 3, 3, 1, 4)
        assert {
            "unet_bn_down_2",
            "unet_conv_uparm_3_0",
            "unet_conv_uparm_4_1",
            "unet_bn_up_1",
            "unet_likelihood",
        } <= set(file)
    loaded, labels, coarsen = open_standin(tmp_path / "w.h5")
    assert labels == (0, 2, 41) and coarsen == 2
    x = torch.rand(1, 1, 8, 8, 8)
    torch.testing.assert_close(loaded(x), network.eval()(x) + prior, atol=1e-2, rtol=1e-2)


def test_weights_of_another_network_or_a_cut_file_are_refused(tmp_path):
    write_weights(tmp_path / "w.h5", UNet(3, 4, 3), (0, 2, 41), {"features": 4, "levels": 3, "coarsen": 2}, FLAT)
    with pytest.raises(InputError, match="shape"):
        read_weights(tmp_path / "w.h5", UNet(3, 8, 3))
    with h5py.File(tmp_path / "w.h5", "a") as file:
        file["unet_conv_uparm_9_0/unet_conv_uparm_9_0/bias:0"] = np.zeros(4)
    with pytest.raises(InputError, match="(?s)uparm_9_0.*the one wanted has 3 levels and 3 labels"):
        read_weights(tmp_path / "w.h5", UNet(3, 4, 3))
    whole = (tmp_path / "w.h5").read_bytes()
    for share in (0.02, 0.5, 0.99):
        (tmp_path / "w.h5").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError, match="w.h5"):
            open_standin(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["other/kernel:0"] = np.zeros((3, 3, 1, 4))
    with pytest.raises(InputError, match="(?s)w.h5.*SynthSeg's .h5 layout"):
        read_weights(tmp_path / "w.h5", UNet(3, 4, 3))


def test_missing_official_weights_stop_with_file_hash_and_source(tmp_path, monkeypatch):
    for name in ("SYNTHSEG_HOME", "FREESURFER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError, match="(?s)synthseg_2.0.h5.*f190bfd7.*FreeSurfer"):
        find_official("2.0", "")
    (tmp_path / "cut.h5").write_bytes(b"x")
    with pytest.raises(InputError, match="1 bytes"):
        find_official("2.0", str(tmp_path / "cut.h5"))
    with open(tmp_path / "other.h5", "wb") as file:
        file.truncate(53_079_152)
    with pytest.raises(InputError, match="another content, sha256"):
        find_official("2.0", str(tmp_path / "other.h5"))


def test_flipping_twice_changes_nothing_and_midline_structures_stay():
    labels = official("2.0")
    swap = flipped(labels)
    assert [swap[index] for index in swap] == list(range(len(labels)))
    assert labels[swap[labels.index(11)]] == 50 and swap[labels.index(16)] == labels.index(16)
    assert name_of(50) == "right caudate" and name_of(16) == "brain stem"


@settings(max_examples=30, deadline=None)
@given(shape=st.tuples(*[st.integers(1, 200)] * 3), multiple=st.sampled_from([8, 16, 32]))
def test_padding_is_central_and_reaches_a_multiple(shape, multiple):
    for side, (before, after) in zip(shape, padding(shape, multiple, 32), strict=True):
        assert (side + before + after) % multiple == 0 and side + before + after >= 32 and 0 <= after - before <= 1


def test_the_papers_volume_is_padded_as_synthseg_does():
    assert [144 + sum(p) for p in padding((144,), 32, 128)] == [160]


def test_normalisation_clips_percentiles_and_survives_a_constant():
    image = np.random.default_rng(0).normal(size=SHAPE)
    assert normalised(image).min() == 0 and normalised(image).max() == 1
    assert (normalised(np.ones(SHAPE)) == 0).all()


def test_flip_averaging_makes_mirror_images_mirror_posteriors():
    torch.manual_seed(0)
    network, labels = UNet(3, 4, 2).eval(), (0, 2, 41)
    x = torch.rand(1, 1, 8, 8, 8)
    direct, mirrored = (posteriors_of(network, image, labels, True)[0] for image in (x, x.flip(2)))
    torch.testing.assert_close(direct, mirrored.flip(1)[flipped(labels)], atol=1e-6, rtol=1e-5)


def test_an_image_and_its_mirror_image_may_pass_the_network_one_by_one(monkeypatch):
    torch.manual_seed(0)
    network, labels, x = UNet(3, 4, 2).eval(), (0, 2, 41), torch.rand(2, 1, 8, 8, 8)
    together = posteriors_of(network, x, labels, True)
    monkeypatch.setattr(recipe, "SMALL", 0)
    torch.testing.assert_close(posteriors_of(network, x, labels, True), together)


def test_cleaning_keeps_one_piece_of_a_structure_but_every_piece_of_fluid():
    labels = (0, 11, 24)
    posteriors = torch.zeros(3, 12, 12, 12)
    posteriors[1, 2:8, 2:8, 2:8] = 0.9
    posteriors[2, 8, 2:8, 2:8] = 0.9
    posteriors[1, 8, 4, 4] = 0.05
    posteriors[1, 10, 10, 10] = 0.9
    cleaned = clean(posteriors.clone(), labels)
    assert cleaned[1, 10, 10, 10] == 0 and (cleaned[1, 2:8, 2:8, 2:8] > 0).all()
    assert (cleaned[2, 8, 2:8, 2:8] > 0).all()


def test_soft_volumes_add_up_to_the_image():
    torch.manual_seed(0)
    network = UNet(3, 4, 2).eval()
    image = np.random.default_rng(0).uniform(size=(10, 9, 11))
    ((found, volumes),) = segment(network, (0, 2, 41), [image], 2.0, True, 8, "cpu")
    assert found.shape == (10, 9, 11) and set(np.unique(found)) <= {0, 2, 41}
    assert volumes.sum() == pytest.approx(10 * 9 * 11 * 8, rel=1e-5)


class ByBrightness(torch.nn.Module):
    """Label 2 where an image is bright; remembers the size that it saw."""

    down = (None, None)

    def forward(self, x):
        self.seen = tuple(x.shape[2:])
        return torch.cat([0.5 - x, x - 0.5], 1) * 20


def test_a_network_of_coarse_cubes_gives_labels_where_the_structure_is():
    image = np.zeros((30, 24, 24), np.float32)  # padded to 36: cubes begin three voxels before it
    image[6:18, 6:18, 6:18] = 1
    network = ByBrightness()
    ((found, volumes),) = segment(network, (0, 2), [image], 1.0, False, 8, "cpu", coarsen=3)
    assert network.seen == (12, 8, 8) and found.shape == image.shape
    assert ((found == 2) & (image > 0)).sum() / ((found == 2) | (image > 0)).sum() > 0.7
    place = [np.flatnonzero((found == 2).any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    assert all(abs(line.mean() - 11.5) <= 1.5 for line in place), "half a cube"
    assert volumes[1] == pytest.approx(12**3, rel=0.15)


def test_dice_is_one_for_equal_maps_and_leaves_out_what_neither_has():
    a = np.zeros(SHAPE, np.int16)
    a[:8] = 2
    b = a.copy()
    b[4:8] = 41
    assert dice(a, a, (2, 41)) == {2: 1.0}
    assert dice(a, b, (2, 41, 8)) == {2: pytest.approx(2 / 3), 41: 0.0}


def truth(shift=0):
    """A left and a right half ball with a core."""
    grid = np.stack(np.meshgrid(*(np.arange(16) - 7.5 for _ in range(3)), indexing="ij"))
    radius = np.sqrt((grid**2).sum(0))
    labels = np.where(radius < 6.5 - shift, np.where(grid[0] < 0, 2, 41), 0)
    return np.where(radius < 3, np.where(grid[0] < 0, 11, 50), labels).astype(np.int16)


def write_shard(path, split):
    records, maps = [], []
    for subject in range(3):
        geometry = Geometry(EYE, SHAPE, EYE, SHAPE, (0, 0, 0), (0.0, 1.0))
        records.append(Record("c", f"s{subject}", "1", "T1w", split, "", "F", 9.0, geometry))
        maps.append(truth(shift=0.5 * subject))
    with ArrayWriter(path, records, {"has_labels": [True] * 3}) as writer:
        writer.create("image", SHAPE, np.float16)
        writer.create("labels", SHAPE, np.int16, compress=True)
        for row, labels in enumerate(maps):
            values = np.select([np.isin(labels, (2, 41)), np.isin(labels, (11, 50))], [0.9, 0.4], 0.0)
            writer.write("image", row, values * 2 - 1)
            writer.write("labels", row, labels)
    return path


def test_the_stand_in_learns_from_label_maps_to_segment_images_it_never_saw(tmp_path):
    shard = write_shard(tmp_path / "train.h5", "train")
    small = Standin(features=6, levels=3, steps=120, batch=1, lr=5e-3)
    train_standin([shard], small, tmp_path / "standin.h5", tmp_path / "log.tsv", "cpu", 1)
    test = write_shard(tmp_path / "test.h5", "test")
    engine = open_segmenter(Segmentation(engine="standin", min_side=16), tmp_path / "standin.h5", "cpu", 1)
    assert engine.stand_in and "stand-in" in engine.name
    segment_shard(test, tmp_path / "seg.h5", engine)
    score_truth(test, tmp_path / "seg.h5", (), 1.0, tmp_path / "truth.tsv")
    scores = read_tsv(tmp_path / "truth.tsv", ("dice",))
    assert scores[scores.structure == "mean"].dice.mean() > 0.6
    score_dice(tmp_path / "seg.h5", {"m": tmp_path / "seg.h5"}, (), 1.0, tmp_path / "dice.tsv")
    assert (read_tsv(tmp_path / "dice.tsv", ("dice",)).dice == 1).all()
    write_regions({"reference": tmp_path / "seg.h5"}, tmp_path / "regions.tsv")
    regions = read_tsv(tmp_path / "regions.tsv", ("mm3",))
    caudate = regions[regions.region == "caudate"].mm3
    assert len(caudate) == 3 and (caudate > 0).all() and set(regions.stand_in) == {engine.name}


def test_an_empty_reconstruction_is_background_and_does_not_stop_the_run(tmp_path, capsys):
    shard = write_shard(tmp_path / "volumes.h5", "test")
    with h5py.File(shard, "a") as file:
        file["arrays/image"][1] = -1
    torch.manual_seed(0)
    network = UNet(3, 2, 2)
    write_weights(tmp_path / "s.h5", network, (0, 2, 41), {"features": 2, "levels": 2, "coarsen": 1}, FLAT)
    engine = open_segmenter(Segmentation(engine="standin", min_side=16), tmp_path / "s.h5", "cpu", 1)
    segment_shard(shard, tmp_path / "seg.h5", engine)
    found = ArrayFile(tmp_path / "seg.h5")
    assert found.attributes["blank"] == [1] and "row 1 (c s1 1 T1w)" in capsys.readouterr().err
    assert not found.read("labels", 1).any() and found.read("volumes", 1).tolist() == [16**3, 0, 0]
    assert found.read("volumes", 2).sum() == pytest.approx(16**3, rel=1e-5)
    with h5py.File(shard, "a") as file:
        file["arrays/image"][2, 0] = np.nan
    with pytest.raises(InputError, match="(?s)volumes.h5, row 2 .c s2 1 T1w.*aren't finite"):
        segment_shard(shard, tmp_path / "seg.h5", engine)


def test_the_stand_in_never_trains_on_test_subjects(tmp_path):
    with pytest.raises(InputError, match="split test"):
        shard = write_shard(tmp_path / "test.h5", "test")
        train_standin([shard], Standin(), tmp_path / "s.h5", tmp_path / "l.tsv", "cpu", 1)


def test_the_topological_classes_are_synthsegs():
    labels = official("2.0")
    classes = [tuple(labels[index] for index in group) for group in topological_classes(labels)]
    assert (2, 3, 4, 5) in classes and (7, 8) in classes and (41, 42, 43, 44) in classes and (46, 47) in classes
    assert (11,) in classes and (14,) in classes and len(classes) == 23
    assert not any(label in group for group in classes for label in (0, 24))


def test_a_piece_of_cortex_that_touches_white_matter_stays_and_a_lone_piece_of_the_class_goes():
    labels = (0, 2, 3)
    posteriors = torch.zeros(3, 12, 12, 12)
    posteriors[1, 2:8, 2:8, 2:8] = 0.9
    posteriors[2, 8, 2:4, 2:4] = posteriors[2, 1, 6:8, 6:8] = 0.9  # two pieces of cortex, both on the white matter
    posteriors[2, 8, 9, 9] = 0.2  # below the mask, part of nothing
    cleaned = clean(posteriors, labels)
    assert (cleaned[2, 8, 2:4, 2:4] > 0).all() and (cleaned[2, 1, 6:8, 6:8] > 0).all()
    assert cleaned[2, 8, 9, 9] == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.02, 0.4))
def test_the_largest_piece_is_what_labelling_the_whole_image_finds(seed, share):
    mask = np.random.default_rng(seed).uniform(size=(9, 10, 8)) < share
    pieces, count = ndimage.label(mask)
    found = recipe.largest_piece(mask)
    assert found.sum() == (np.bincount(pieces.ravel())[1:].max() if count else 0)
    assert not (found & ~mask).any() and ndimage.label(found)[1] == min(count, 1)


def test_means_of_groups_stand_beside_the_mean_of_all(tmp_path):
    shard = write_shard(tmp_path / "test.h5", "test")
    perfect = SimpleNamespace(
        name="x", stand_in=False, labels=(0, 2, 41, 11, 50), provenance={},
        segment_all=lambda scans: (Found(truth(0.5 * row), np.zeros(5)) for row, _ in enumerate(scans)),
    )  # fmt: skip
    segment_shard(shard, tmp_path / "seg.h5", perfect)
    score_dice(tmp_path / "seg.h5", {"m": tmp_path / "seg.h5"}, (), 1.0, tmp_path / "dice.tsv")
    found = read_tsv(tmp_path / "dice.tsv", ("dice",))
    assert {"mean", "white matter", "subcortical"} <= set(found.structure) and (found.dice == 1).all()
    assert "cortical" not in set(found.structure), "no cortex, no mean over it"
