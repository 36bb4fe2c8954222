"""A structure that one hemisphere's label maps lack is learnt from the mirror image of the other one."""

import numpy as np
import torch

from neuroquant.config.evaluation import Segmentation, Standin
from neuroquant.evaluation.synthseg.engine import open_segmenter
from neuroquant.evaluation.synthseg.labels import flipped
from neuroquant.evaluation.synthseg.prior import log_prior
from neuroquant.evaluation.synthseg.randomise import random_image
from neuroquant.evaluation.synthseg.train_standin import train_standin, training_maps
from neuroquant.volumes.store import ArrayWriter, Geometry, Record

SHAPE = (16, 16, 16)
EYE = tuple(tuple(row) for row in np.eye(4).tolist())
LABELS = (0, 2, 11, 41, 50)


def shard_without_a_right_caudate(path):
    """Three training subjects: white matter on both sides, a caudate on the left alone."""
    grid = np.stack(np.meshgrid(*(np.arange(16) - 7.5 for _ in range(3)), indexing="ij"))
    left, radius = grid[0] < 0, np.sqrt((grid**2).sum(0))
    labels = np.select([(radius < 3) & left, (radius < 6.5) & left, radius < 6.5], [11, 2, 41], 0)
    geometry = Geometry(EYE, SHAPE, EYE, SHAPE, (0, 0, 0), (0.0, 1.0))
    records = [Record("c", f"s{subject}", "1", "T1w", "train", "", "F", 9.0, geometry) for subject in range(3)]
    with ArrayWriter(path, records, {"has_labels": [True] * 3}) as writer:
        writer.create("labels", SHAPE, np.int16, compress=True)
        for row in range(3):
            writer.write("labels", row, labels)
    return path


def test_both_sides_are_labels_and_the_missing_one_is_expected_where_the_mirror_image_has_it(tmp_path):
    labels, maps = training_maps([shard_without_a_right_caudate(tmp_path / "train.h5")])
    assert labels == LABELS and not any((channels == 4).any() for channels in maps)
    prior = log_prior(maps, labels, 1)
    assert torch.allclose(prior[4], prior[2].flip(0), atol=1e-4)
    made = [random_image(maps[0], labels, (), torch.Generator().manual_seed(seed))[1] for seed in range(8)]
    assert any((channels == 4).any() for channels in made) and any((channels == 2).any() for channels in made)


def test_the_stand_in_trains_and_segments_with_such_maps(tmp_path):
    shard = shard_without_a_right_caudate(tmp_path / "train.h5")
    small = Standin(features=2, levels=2, steps=3, batch=1)
    train_standin([shard], small, tmp_path / "standin.h5", tmp_path / "log.tsv", "cpu", 1)
    engine = open_segmenter(Segmentation(engine="standin", min_side=16), tmp_path / "standin.h5", "cpu", 1)
    assert tuple(engine.labels) == LABELS


def test_weights_without_a_channel_for_the_other_side_keep_their_own():
    assert flipped((0, 2, 11, 16, 41)) == [0, 4, 2, 3, 1]
