"""Figure 3 shows a session in the middle of the field, in every modality that it has, within a page."""

import numpy as np
import pytest
from PIL import Image

from neuroquant.report.figures.figure3 import COLUMN, COLUMNS, draw, layout, marked
from neuroquant.report.figures.images import Images, fold_of
from neuroquant.report.figures.style import HEIGHT, WIDTH
from neuroquant.statistics.against_mean import BELOW
from neuroquant.store.arrays import ArrayWriter, Record


def write_shards(folder, modalities):
    """An original and a reconstruction of one session in some modalities."""
    records = [Record("c", "a", "1", modality, "test", "", "F", 9.0) for modality in modalities]
    for name in ("volumes.h5", "row.h5"):
        with ArrayWriter(folder / name, records) as writer:
            writer.create("image", (8, 10, 6), np.float16)
            for row in range(len(records)):
                writer.write("image", row, np.random.default_rng(row).uniform(-1, 1, (8, 10, 6)))
    return Images([folder / "volumes.h5"], {"m": [folder / "row.h5"]})


@pytest.mark.parametrize("modalities", [("T1w", "T2w"), ("T2w",), ("T1w", "T2w", "FLAIR")])
def test_it_is_drawn_of_whatever_modalities_there_are_and_fits_a_page(tmp_path, modalities):
    images = write_shards(tmp_path, modalities)
    for out in ("a.png", "b.png"):
        draw(images, {"m": "M"}, ("T1w", "T2w", "FLAIR"), ("a", "1"), {}, [tmp_path / out])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.width / 300 <= 1.01 * WIDTH


@pytest.mark.parametrize("models", [1, 9, 14])
@pytest.mark.parametrize("modalities", [1, 2, 3, 5])
def test_two_modalities_fit_a_papers_column_and_more_its_page(models, modalities):
    sizes = layout([1, *([2] * models)], modalities, foot=3)
    width, height = sizes.size
    assert width <= (COLUMN if modalities <= 2 else WIDTH) + 1e-9 and height <= HEIGHT + 1e-9
    assert sizes.columns == len(COLUMNS) * modalities and sizes.side > 0.2


def test_what_is_enlarged_lies_in_the_brain_beside_the_midline_where_neighbours_differ_most():
    picture = np.full((40, 40), -1.0)
    picture[5:35, 5:35] = 0.0
    picture[16:22, 8:14:2] = 1.0  # folds of the left cortex
    picture[10:30, 19:21] = 1.0  # and a ventricle, which differs in more places
    rows, columns = fold_of(picture)
    assert rows.start <= 16 and rows.stop >= 22 and columns.start <= 9 and columns.stop >= 13
    empty = fold_of(np.full((40, 40), -1.0))
    assert all(0 <= part.start < part.stop <= 40 for part in empty), "a slice without a brain has some square too"


def test_the_errors_of_an_exact_copy_and_absent_modalities_take_no_room(tmp_path):
    images = write_shards(tmp_path, ("T1w",))
    sizes = {}
    for name, copies in (("copy", images.volumes), ("model", images.reconstructions["m"])):
        if name == "model":
            with ArrayWriter(copies[0], [Record("c", "a", "1", "T1w", "test", "", "F", 9.0)]) as writer:
                writer.create("image", (8, 10, 6), np.float16)
                writer.write("image", 0, np.zeros((8, 10, 6)))
        draw(Images(images.volumes, {"m": copies}), {"m": "M"}, ("T1w", "T2w"), ("a", "1"), {}, [tmp_path / "a.png"])
        with Image.open(tmp_path / "a.png") as image:
            sizes[name] = image.size
    assert sizes["copy"][1] < sizes["model"][1]
    draw(images, {"m": "M"}, ("T1w",), ("a", "1"), {}, [tmp_path / "alone.png"])
    with Image.open(tmp_path / "alone.png") as image:
        assert image.size == sizes["model"]


def test_each_modality_in_which_a_model_is_below_the_mean_image_is_named():
    verdicts = {("m", "T1w"): BELOW, ("m", "FLAIR"): BELOW}
    labels, foot = marked({"m": "M", "n": "N"}, ("T1w", "T2w", "FLAIR"), verdicts, letters=200)
    assert labels == {"m": "M \u2020", "n": "N"} and foot == [f"\u2020 PSNR {BELOW}: M (T1w, FLAIR)"]
