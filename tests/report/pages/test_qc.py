"""QC names the sessions that stand out, and draws every cohort, an empty one too."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroquant.files import write_tsv
from neuroquant.report.figures import heads, montage
from neuroquant.report.figures.montage import Selection
from neuroquant.report.pages.qc import draw, named
from neuroquant.statistics.quality import gather_qc, measures
from neuroquant.store.arrays import ArrayWriter, Record
from tests.statistics.test_quality import MODALITIES, tables


def test_those_that_stand_out_are_named_below_the_picture_only_where_that_is_asked_for(tmp_path):
    paths = tables(tmp_path, brain_ml=2100)
    table, labels = gather_qc(paths, MODALITIES), measures(MODALITIES)
    assert named(table, labels) == ["sub-39 1: brain (ml) 2100"]
    for identifiable, name in ((True, "a.png"), (False, "b.png")):
        draw(table, labels, "C", identifiable, tmp_path / name)
    heights = [Image.open(tmp_path / name).height for name in ("a.png", "b.png")]
    assert heights[0] != heights[1] or (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("sessions", [0, 1, 40])
def test_the_picture_and_the_table_are_made_of_any_number_of_sessions(tmp_path, sessions):
    table = gather_qc(tables(tmp_path, sessions), MODALITIES)
    for name in "ab":
        draw(table, measures(MODALITIES), "C", False, tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert len(table) == sessions


def shard(path, *subjects, modalities=("T1w", "T2w")):
    """Volumes of brains that are boxes, one session a subject."""
    records = [Record("c", s, "1", modality, "test", "", "F", 9.0) for s in subjects for modality in modalities]
    with ArrayWriter(path, records) as writer:
        writer.create("image", (16, 16, 16), np.float16)
        writer.create("mask", (16, 16, 16), np.uint8, compress=True)
        for row in range(len(records)):
            image = np.full((16, 16, 16), -1.0)
            image[4:12, 3:13, 5:11] = np.random.default_rng(row).uniform(-0.5, 1, (8, 10, 6))
            writer.write("image", row, image)
            writer.write("mask", row, image > -1)
    return path


def odd(path, **sessions):
    rows = [{"cohort": "c", "subject": s, "session": "1", "outlier": what} for s, what in sessions.items()]
    write_tsv(pd.DataFrame(rows, columns=["cohort", "subject", "session", "outlier"]), path)
    return path


def masked(path, **doubts):
    """Volumes of subjects whose masks a network found, their QC table, with what is doubtful about each."""
    records = [Record("c", s, "1", modality, "test", "", "F", 9.0) for s in doubts for modality in MODALITIES]
    with ArrayWriter(path, records) as writer:
        writer.create("head", (3, 128, 128), np.uint8, compress=True)
        for row in range(len(records)):
            plane = np.full((3, 128, 128), 100, np.uint8)
            plane[:, 30:90, [40, 99]] = heads.OUTLINE
            writer.write("head", row, plane)
    found = {"cohort": "c", "session": "1", "outlier": "", "target": "T1w", "mask_from": "deepbet", "brain_ml": 1300.0}
    return pd.DataFrame([{**found, "subject": s, "doubts": doubt} for s, doubt in doubts.items()])


def test_heads_with_masks_of_a_network_stand_below_doubtful_ones_first_with_the_reason(tmp_path, monkeypatch):
    table = masked(tmp_path / "v.h5", anna="", bert="thick_slices", cora="", dora="small_brain cut_off")
    titles, write = [], heads.titled
    monkeypatch.setattr(heads, "titled", lambda text, width: titles.append(text) or write(text, width))
    drawn = heads.masked_heads(table, [tmp_path / "v.h5"], True)
    assert [title for title in titles if title not in MODALITIES] == [
        "1  bert 1  thick slices", "2  dora 1  small brain, brain at the image's border", "3  anna 1", "4  cora 1",
    ]  # fmt: skip
    assert all((pixels == montage.BRAIN).any() for pixels in drawn)
    titles.clear()
    monkeypatch.setattr(heads, "MOST", 2)
    heads.masked_heads(table, [tmp_path / "v.h5"], False)
    assert [title for title in titles if title not in MODALITIES] == [
        "1  thick slices", "2  small brain, brain at the image's border", "2 others aren't shown",
    ]  # fmt: skip
    given = table.assign(mask_from="given mask")
    assert heads.masked_heads(given, [tmp_path / "v.h5"], True) == []


def test_the_picture_of_a_cohort_grows_by_its_heads(tmp_path):
    table = masked(tmp_path / "v.h5", anna="", bert="thick_slices")
    draw(table, {"brain_ml": "ml"}, "C", False, tmp_path / "plain.png")
    for name in "ab":
        draw(table, {"brain_ml": "ml"}, "C", False, tmp_path / f"{name}.png", [tmp_path / "v.h5"])
    plain, whole = (Image.open(tmp_path / f"{name}.png") for name in ("plain", "a"))
    assert whole.height >= plain.height + 128 and (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    outline = tuple(montage.PALETTE[3 * montage.BRAIN : 3 * montage.BRAIN + 3])
    below = np.asarray(whole)[plain.height :]
    assert (below == outline).all(axis=-1).any()


@pytest.mark.parametrize("modalities", [("T1w", "T2w"), ("T2w",), ("T1w", "T2w", "FLAIR"), ()])
def test_a_montage_shows_whatever_modalities_there_are_the_same_each_time(tmp_path, modalities):
    volumes, table = shard(tmp_path / "v.h5", "s", modalities=modalities), odd(tmp_path / "qc.tsv")
    for name in ("a.png", "b.png"):
        montage.draw([volumes], table, Selection(3, False), [tmp_path / name])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    width = Image.open(tmp_path / "a.png").width
    assert width == (300 if not modalities else len(modalities) * 3 * (16 * (montage.TALL // 16) + 2))


def test_a_panel_has_the_brain_its_box_and_the_edges_of_the_other_contrast():
    image = np.full((16, 16, 16), -1.0, np.float32)
    image[4:12, 3:13, 5:11] = 0.5
    mask = image > -1
    mask[8, 3:13, 5] = False  # the box is the whole brain's, whatever a slice shows of it
    assert montage.box_of(mask, 0) == ((3, 12), (5, 10))
    plain = montage.panel(image, mask, None, 0)
    assert {montage.BRAIN, montage.BOX} <= set(np.unique(plain)) and montage.EDGE not in plain
    assert montage.EDGE in montage.panel(image, mask, montage.edges(image) & mask, 0)
    times = montage.TALL // 16
    rows = np.flatnonzero((plain == montage.BOX).any(axis=1))
    assert rows.max() == len(plain) - 1 - 5 * times, "up is up: the box ends five voxels above the floor"


def test_sessions_that_stand_out_are_shown_first_and_named_only_where_that_is_asked_for(tmp_path, monkeypatch):
    subjects = ["anna", "bert", "cora", "dora", "emil"]
    volumes, table = shard(tmp_path / "v.h5", *subjects), odd(tmp_path / "qc.tsv", emil="brain_ml shift_mm")
    titles, write = [], montage.titled
    monkeypatch.setattr(montage, "legend", lambda *_: [])
    monkeypatch.setattr(montage, "sided", lambda pixels, _: pixels)
    monkeypatch.setattr(
        montage, "titled", lambda text, width: ([] if text in MODALITIES else titles).append(text) or write(text, width)
    )
    for identifiable in (False, True):
        montage.draw([volumes], table, Selection(3, identifiable), [tmp_path / "m.png"])
    assert titles[:3] == ["1  stands out by brain_ml, shift_mm", "2", "3"]
    assert titles[3].startswith("1  emil 1  stands out") and titles[4:] == ["2  anna 1", "3  bert 1"]
    montage.draw([volumes], table, Selection(1, False), [tmp_path / "m.png"])
    assert titles[6:] == ["1  stands out by brain_ml, shift_mm"]


def test_a_montage_has_letters_for_the_sides_and_a_legend_below():
    for plane, width in ((0, 60), (1, 30), (2, 8)):
        lettered = montage.sided(np.zeros((40, width), np.uint8), plane)
        assert (lettered[:, : width // 2] == montage.TEXT).any() and (lettered[:, width // 2 :] == montage.TEXT).any()
    for width in (900, 120):
        lines = montage.legend(width, "PDw", "a word " * 9)
        colours = {montage.BRAIN, montage.BOX, montage.EDGE}
        assert colours <= set(np.unique(np.vstack([np.pad(one, ((0, 0), (0, 900)))[:, :900] for one in lines])))
    alone = montage.legend(900, "", "x")
    assert not any((line == montage.EDGE).any() for line in alone), "without a target no edges are drawn"


def test_edges_are_those_of_the_registration_target(tmp_path, monkeypatch):
    monkeypatch.setattr(montage, "legend", lambda *_: [])
    volumes, table = shard(tmp_path / "v.h5", "s"), odd(tmp_path / "qc.tsv", s="")
    whole = {}
    for target in MODALITIES:
        write_tsv(pd.read_csv(table, sep="\t", dtype=str, keep_default_na=False).assign(target=target), table)
        montage.draw([volumes], table, Selection(1, False), [tmp_path / "m.png"])
        pixels = np.asarray(Image.open(tmp_path / "m.png"))
        half = pixels.shape[1] // 2
        whole[target] = [bool((part == montage.EDGE).any()) for part in (pixels[:, :half], pixels[:, half:])]
    assert whole == {"T1w": [False, True], "T2w": [True, False]}
