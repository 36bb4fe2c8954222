"""SynthSeg's layout and recipe: file names, flips, clean-up, soft volumes, and a stand-in that learns."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from neuroquant.errors import InputError
from neuroquant.evaluation.anatomy.dice import dice, score_dice
from neuroquant.evaluation.anatomy.segment import segment_shard
from neuroquant.files import read_tsv
from neuroquant.segmentation import network as networks
from neuroquant.segmentation import recipe
from neuroquant.segmentation.installed import find_official
from neuroquant.segmentation.labels import flipped, name_of, official, topological_classes
from neuroquant.segmentation.network import UNet, ready_on
from neuroquant.segmentation.recipe import Use, clean, padding, posteriors_of, segment
from neuroquant.segmentation.scans import Found, normalised
from neuroquant.segmentation.weights import layers, read_weights, tensors
from tests.segmentation.half_balls import SHAPE, truth, write_shard

torch.set_num_threads(1)


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


def write_weights(path, network):
    """A network in SynthSeg's layout, as Keras writes it."""
    with h5py.File(path, "w") as file:
        for layer, module in layers(network):
            for name, tensor in tensors(module).items():
                array = tensor.detach().cpu().numpy()
                file[f"{layer}/{layer}/{name}"] = array.transpose(2, 3, 4, 1, 0) if name == "kernel:0" else array


def test_weights_come_back_from_keras_layout(tmp_path):
    torch.manual_seed(0)
    network = UNet(3, 4, 3)
    write_weights(tmp_path / "w.h5", network)
    with h5py.File(tmp_path / "w.h5") as file:
        assert file["unet_conv_downarm_0_0/unet_conv_downarm_0_0/kernel:0"].shape == (3, 3, 3, 1, 4)
        assert {
            "unet_bn_down_2",
            "unet_conv_uparm_3_0",
            "unet_conv_uparm_4_1",
            "unet_bn_up_1",
            "unet_likelihood",
        } <= set(file)
    loaded = UNet(3, 4, 3)
    read_weights(tmp_path / "w.h5", loaded)
    x = torch.rand(1, 1, 8, 8, 8)
    torch.testing.assert_close(loaded.eval()(x), network.eval()(x))


def test_weights_of_another_network_or_a_cut_file_are_refused(tmp_path):
    write_weights(tmp_path / "w.h5", UNet(3, 4, 3))
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
            read_weights(tmp_path / "w.h5", UNet(3, 4, 3))
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


def test_weights_without_a_channel_for_the_other_side_keep_their_own():
    assert flipped((0, 2, 11, 16, 41)) == [0, 4, 2, 3, 1]


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
    ((found, volumes),) = segment(network, Use((0, 2, 41), True, 8, "cpu"), [image], 2.0)
    assert found.shape == (10, 9, 11) and set(np.unique(found)) <= {0, 2, 41}
    assert volumes.sum() == pytest.approx(10 * 9 * 11 * 8, rel=1e-5)


def test_dice_is_one_for_equal_maps_and_leaves_out_what_neither_has():
    a = np.zeros(SHAPE, np.int16)
    a[:8] = 2
    b = a.copy()
    b[4:8] = 41
    assert dice(a, a, (2, 41)) == {2: 1.0}
    assert dice(a, b, (2, 41, 8)) == {2: pytest.approx(2 / 3), 41: 0.0}


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
