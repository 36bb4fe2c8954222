"""Figure 3 shows a session in the middle of the field, in every modality that it has, within a page."""

import numpy as np
import pytest
from PIL import Image

from neuroquant.report.figures.figure3 import draw, layout, marked
from neuroquant.report.figures.images import Images
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
def test_no_number_of_models_and_modalities_makes_it_larger_than_a_page(models, modalities):
    sizes = layout(models, modalities, foot=3)
    width, height = sizes.size
    assert width <= WIDTH + 1e-9 and height <= HEIGHT + 1e-9
    assert sizes.columns == 3 * modalities and sizes.side > 0.2


def test_each_modality_in_which_a_model_is_below_the_mean_image_is_named():
    verdicts = {("m", "T1w"): BELOW, ("m", "FLAIR"): BELOW}
    labels, foot = marked({"m": "M", "n": "N"}, ("T1w", "T2w", "FLAIR"), verdicts, letters=200)
    assert labels == {"m": "M \u2020", "n": "N"} and foot == [f"\u2020 PSNR {BELOW}: M (T1w, FLAIR)"]
