"""Whether reconstructions depend on the subject: their spread between subjects beside that of the originals."""

import numpy as np
import pytest

from neuroquant.errors import InputError
from neuroquant.evaluation.spread import score_spread
from neuroquant.files import read_tsv
from neuroquant.store.arrays import ArrayWriter, Record
from neuroquant.tables import SPREAD

SHAPE = (6, 5, 4)
BRAIN = np.zeros(SHAPE, bool)
BRAIN[1:5, 1:4, 1:3] = True
PARTS = (BRAIN & (np.arange(6) < 3)[:, None, None], BRAIN & (np.arange(6) >= 2)[:, None, None])


def write(path, images):
    """A shard of images by (subject, session, modality); the brain of the first is one part."""
    records = [Record("c", *key, "test", "", "F", 9.0) for key in images]
    with ArrayWriter(path, records) as writer:
        writer.create("image", SHAPE, np.float16)
        writer.create("mask", SHAPE, np.uint8, compress=True)
        for row, (key, image) in enumerate(images.items()):
            writer.write("image", row, image)
            writer.write("mask", row, PARTS[key[0] != "a"])
    return path


@pytest.fixture
def originals():
    """Five subjects with both modalities; one was there twice, and its second visit is nobody's first."""
    generator = np.random.default_rng(0)
    visits = [("a", "1"), ("a", "2"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")]
    return {(*visit, modality): generator.uniform(-1, 1, SHAPE) for visit in visits for modality in ("T1w", "T2w")}


def spread(folder, originals, cuts=(0, 6, 12), **models):
    """Table of some models: name -> what becomes of an image; in as many shards as there are cuts between."""
    folder.mkdir()
    parts = [dict(list(originals.items())[a:b]) for a, b in zip(cuts, cuts[1:], strict=False)]
    volumes = [write(folder / f"v{n}.h5", part) for n, part in enumerate(parts)]
    copies = {
        name: [
            write(folder / f"{name}{n}.h5", {key: change(key, image) for key, image in part.items()})
            for n, part in enumerate(parts)
        ]
        for name, change in models.items()
    }
    score_spread(volumes, copies, folder / "spread.tsv")
    table = read_tsv(folder / "spread.tsv", tuple(SPREAD[3:]))
    return table.drop(columns="cohort").set_index(["modality", "model"]).astype(float)


def test_it_is_the_ratio_of_mean_deviations_between_subjects_within_the_brain(tmp_path, originals):
    halved = {"half": lambda key, image: 0.5 * image * BRAIN + 7 * ~BRAIN * (key[0] == "a")}
    table = spread(tmp_path / "a", originals, copy=lambda key, image: image, **halved)
    firsts = [
        image.astype(np.float16).astype(float) for (_, visit, m), image in originals.items() if m + visit == "T1w1"
    ]
    expected = np.std(firsts, axis=0, ddof=1)[BRAIN].mean()
    assert table.loc[("T1w", "copy")].sd_original == pytest.approx(expected, rel=1e-6)
    assert (table.xs("copy", level="model").spread == 1).all() and (table.subjects == 5).all()
    np.testing.assert_allclose(table.xs("half", level="model").spread, 0.5, rtol=1e-3)


def test_the_same_image_for_everybody_has_none_and_the_shards_make_no_difference(tmp_path, originals):
    models = {"mean": lambda key, image: np.full(SHAPE, 0.3137), "half": lambda key, image: 0.5 * image}
    two = spread(tmp_path / "two", originals, **models)
    assert (two.xs("mean", level="model").spread == 0).all()
    one = spread(tmp_path / "one", originals, cuts=(0, 0, 12), **models)
    np.testing.assert_allclose(one, two)


def test_a_single_subject_leaves_it_empty_and_nobody_leaves_a_header(tmp_path, originals):
    alone = {key: image for key, image in originals.items() if key[0] == "a"}
    table = spread(tmp_path / "a", alone, cuts=(0, 4), copy=lambda key, image: image)
    assert (table.subjects == 1).all() and table.spread.isna().all() and table.sd_original.isna().all()
    assert spread(tmp_path / "b", {}, cuts=(0, 0), copy=lambda key, image: image).empty
    assert (tmp_path / "b/spread.tsv").read_text() == "\t".join(SPREAD) + "\n"


def test_reconstructions_of_other_images_are_refused(tmp_path, originals):
    volumes = write(tmp_path / "v.h5", originals)
    other = write(tmp_path / "o.h5", dict(list(originals.items())[::-1]))
    with pytest.raises(InputError, match="other rows than the volumes"):
        score_spread([volumes], {"m": [other]}, tmp_path / "s.tsv")
