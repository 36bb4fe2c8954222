"""What a model costs is read from its reconstructions, shard by shard."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from neuroquant.config.load import read_yaml, resolve_experiment
from neuroquant.config.model import ModelEntry
from neuroquant.files import write_json, write_tsv
from neuroquant.report.figures.rate import curves, draw, kbit_of, points
from neuroquant.report.figures.style import WIDTH, plt
from neuroquant.report.pages.conclusions import of_rate
from neuroquant.report.pages.costs import Sources, write_costs
from neuroquant.report.sentences import spread_sentences
from neuroquant.shipped import CONFIG
from neuroquant.statistics.cells import cells as cells_of
from neuroquant.statistics.gather import gather
from neuroquant.statistics.rate import ceilings, costs, rate_columns, rates
from neuroquant.store.arrays import ArrayWriter, Record
from neuroquant.tables import COSTS, SPREAD
from tests.made_up import computed_of, scores_of

SHAPE = (4, 6, 4)


def shard(path, model, rows, seconds, kbit=2.4, cohort="synthetic_a", coded=None):
    """Reconstructions of `rows` volumes that took `seconds` each to encode, and twice that to decode."""
    records = [Record(cohort, f"s{number}", "1", "T1w", "test", "", "F", 9.0) for number in range(rows)]
    facts = {"model": model, "factor": 16, "kbit_per_volume": kbit, "parameters": 1234}
    with ArrayWriter(path, records, facts) as writer:
        writer.create("image", SHAPE, np.float16)
        writer.note(encode_s=seconds, decode_s=2 * seconds)
        if coded is not None:
            writer.note(kbit_coded=coded, bits_per_number=9)
    return path


@pytest.fixture
def shards(tmp_path):
    return [
        shard(tmp_path / "a.h5", "neuroquant", 3, 1.0),
        shard(tmp_path / "b.h5", "neuroquant", 1, 5.0),
        shard(tmp_path / "c.h5", "sd_vae", 2, 1.0, kbit=48.0, coded=11.0),
        shard(tmp_path / "empty.h5", "sd_vae", 0, 1.0),
    ]


def test_costs_are_means_over_volumes_and_bits_a_voxel_follow_from_the_shape(shards):
    table = costs(shards)
    assert list(table.columns) == COSTS and list(table.model) == ["neuroquant", "sd_vae"]
    first = table.iloc[0]
    assert first.encode_s == pytest.approx(2.0) and first.decode_s == pytest.approx(4.0)
    assert np.isnan(first.kbit_coded) and (table.kbit_coded[1], table.bits_per_number[1]) == (11.0, 9)
    assert first.bits_per_voxel == pytest.approx(2400 / np.prod(SHAPE))


def trained(folder):
    """Provenance of a model that trained on two threads and of one that trained on two GPUs, an hour each."""
    facts = {"steps": 9, "seconds": 3600.0}
    write_json(folder / "neuroquant.json", facts | {"device": "x86_64", "threads": 2, "processes": 1})
    write_json(folder / "sd_vae.json", facts | {"device": "NVIDIA H100", "threads": 8, "processes": 2})
    return {name: folder / f"{name}.json" for name in ("neuroquant", "sd_vae")}


def test_hours_of_training_and_spread_between_subjects_stand_beside_the_costs(shards, experiment, tmp_path):
    rows = [["synthetic_a", "neuroquant", m, 3, 0.1, 0.1 * s, s] for m, s in (("T1w", 0.04), ("T2w", 0.8))]
    write_tsv(pd.DataFrame(rows, columns=SPREAD), tmp_path / "spread.tsv")
    sources = Sources(shards, trained(tmp_path), tmp_path / "spread.tsv")
    write_costs(experiment, sources, tmp_path / "costs.csv", tmp_path / "c.html")
    table = pd.read_csv(tmp_path / "costs.csv").set_index("model")
    own, other = table.loc["neuroquant"], table.loc["sd_vae"]
    assert (own.processor_hours, other.gpu_hours) == (2, 2), "every thread and every GPU counts"
    assert np.isnan(own.gpu_hours) and np.isnan(other.processor_hours)
    assert (own.spread_T1w, own.spread_T2w) == (0.04, 0.8) and np.isnan(other.spread_T1w)
    (told,) = spread_sentences(experiment, pd.read_csv(tmp_path / "costs.csv"))
    assert "NeuroQuant (T1w 0.04)" in told and "hardly depend on the subject" in told and "T2w" not in told


@pytest.mark.slow
def test_page_table_and_figure_are_written_also_without_dice(shards, experiment, numbers, tmp_path):
    models = trained(tmp_path)
    gather("spread", [], tmp_path / "spread.tsv")
    sources = Sources(shards, models, tmp_path / "spread.tsv")
    table = write_costs(experiment, sources, tmp_path / "costs.csv", tmp_path / "c.html")
    page = (tmp_path / "c.html").read_text()
    assert "48.0" in page and "1,234" in page and "Synthetic A" in page
    assert "not measured" not in page
    numbers(tmp_path, experiment)
    (tmp_path / "dice.tsv").unlink()
    cells = computed_of(tmp_path, experiment).cells
    for name in "ab":
        found = rates(experiment, table, cells)
        draw(experiment, found, ceilings(cells), tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
    for kind in ("png", "svg"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert "not measured" in (tmp_path / "a.svg").read_text()


@pytest.fixture(scope="module")
def many(experiment):
    """The demo and more models in Table 1: trained here, with authors' weights, or without training."""
    weights = {"filename": "w.safetensors", "licence": "MIT"}
    bare = {"architecture": "baselines.lowpass", "training": {"phases": []}}
    theirs = experiment.model("sd_vae").model_dump() | bare | {"name": "theirs", "label": "Theirs", "weights": weights}
    added = tuple(ModelEntry.model_validate(row) for row in (theirs, {"name": "bare", **bare}))
    table1 = experiment.table1.model_copy(update={"models": (*experiment.table1.models, *(row.name for row in added))})
    return experiment.model_copy(update={"models": (*experiment.models, *added), "table1": table1})


def measured(names):
    """A point of each of some models."""
    places = [("synthetic_a", row, "T1w", 10.0 + 5 * n, 0.1, 8.0, *(25.0 + n, 24.0 + n, 26.0 + n) * 3, "")
              for n, row in enumerate(names)]  # fmt: skip
    return pd.DataFrame(places, columns=rate_columns())


@pytest.mark.slow
def test_models_of_other_groups_are_marked_in_the_figure(experiment, many, tmp_path):
    none = pd.DataFrame(columns=["cohort", "metric", "value"])
    for name, rows in (("all", many.table1.models), ("trained", experiment.table1.models)):
        draw(many, measured(rows), none, *(tmp_path / f"{name}.{kind}" for kind in ("png", "svg")))
    told = (tmp_path / "all.svg").read_text()
    assert "in a ring: authors' weights" in told and "in a frame: without training" in told
    assert "in a ring" not in (tmp_path / "trained.svg").read_text(), "one group needs no mark"
    with Image.open(tmp_path / "all.png") as image:
        assert image.width / 300 <= WIDTH * 1.01


def test_each_of_many_models_has_a_look_of_its_own(many):
    assert len(many.table1.models) >= 12
    figure, axis = plt.subplots()
    points(axis, many, measured(many.table1.models), "psnr")
    plt.close(figure)
    looks = {(bars[0].get_marker(), bars[0].get_color()) for bars in axis.containers}
    assert len(looks) == len(many.table1.models)


def test_a_model_of_no_bits_is_a_line_across_all_rates(experiment, tmp_path):
    """A logarithmic axis has no place for 0: the others keep theirs."""
    none = pd.DataFrame(columns=["cohort", "metric", "value"])
    with_mean, alone = measured(["mean", "neuroquant", "sd_vae"]), measured(["mean"])
    with_mean.loc[0, ["kbit_per_volume", "bits_per_voxel"]] = alone.loc[0, ["kbit_per_volume", "bits_per_voxel"]] = 0.0
    figure, axis = plt.subplots()
    points(axis, experiment, with_mean, "psnr")
    axis.set_xscale("log")
    assert [list(line.get_ydata()) for line in axis.lines if line.get_label() == "Mean image"] == [[25.0, 25.0]]
    assert {bars.get_label() for bars in axis.containers} == {"NeuroQuant", "SD-VAE"}
    low, high = axis.get_xlim()
    plt.close(figure)
    assert 1 < low < 15 and 20 < high < 100, "the axis is that of the models with a rate, 15 and 20 kbit"
    for name, table in (("others", with_mean), ("alone", alone)):
        draw(experiment, table, none, tmp_path / f"{name}.svg")
        assert "Mean image" in (tmp_path / f"{name}.svg").read_text()


def test_every_model_that_was_scored_has_its_rate_and_distortion(shards, experiment, numbers, tmp_path):
    numbers(tmp_path, experiment)
    cells = computed_of(tmp_path, experiment).cells
    base = shard(tmp_path / "base.h5", "neuroquant_base", 1, 1.0, kbit=7.0)
    other = shard(tmp_path / "other.h5", "sd_vae", 1, 1.0, kbit=48.0, cohort="synthetic_b")
    table = rates(experiment, costs([*shards, base, other]), cells)
    assert list(table.columns) == rate_columns() and len(table) == 4 * 2
    assert set(table.model) == {"neuroquant", "sd_vae", "neuroquant_base"}, "ablations too"
    best = table[(table.model == "sd_vae") & (table.cohort == "synthetic_a") & (table.modality == "T1w")].iloc[0]
    assert best.kbit_per_volume == 48 and best.dice == 80 and best.ssim == 90 and 26 < best.psnr_low < best.psnr < 30


def test_an_exact_copy_has_a_rate_and_no_point(shards, experiment, numbers, tmp_path):
    numbers(tmp_path, experiment)
    scores = scores_of(tmp_path, experiment)
    scores.loc[(scores.model == "sd_vae") & (scores.metric == "psnr"), "value"] = np.inf
    table = rates(experiment, costs(shards), cells_of(experiment, scores))
    assert np.isinf(table.set_index("model").psnr["sd_vae"]).all() and table.ssim.notna().all()
    figure, axis = plt.subplots()
    points(axis, experiment, table, "ssim")
    plt.close(figure)
    assert {bars.get_label() for bars in axis.containers} == {"NeuroQuant"}


@pytest.fixture(scope="module")
def with_curves():
    """NeuroQuant, the mean image, PCA and two codecs, each but the mean at three rates."""
    raw = {"experiment": "x", "cohorts": ["synthetic_a"], "models": ["neuroquant", "mean"]}
    for name, values in (("pca", {"components": [4, 16]}), ("jpeg2000", {"kbit": [4, 40]}), ("dct", {"kbit": [4, 40]})):
        raw["models"].append(read_yaml(CONFIG / "models" / f"{name}.yaml") | {"curve": values})
    return resolve_experiment(raw, CONFIG, "x.yaml")


def curve_of(experiment, model, modality="T1w"):
    """Three points of a model and its curve, which coding halves; not in their order."""
    table = measured(experiment.points(model)).assign(modality=modality)
    return table.assign(kbit_per_volume=[30.0, 10.0, 90.0], kbit_coded=[15.0, 5.0, 45.0])


def test_a_code_that_is_longer_than_what_it_codes_is_not_sent(with_curves):
    """A single coefficient has 16 bits, and the range coder writes words of 32."""
    table = curve_of(with_curves, "pca").assign(kbit_coded=[15.0, 20.0, 45.0])
    assert [kbit_of(with_curves, point) for point in table.itertuples()] == [15, 10, 45]


@pytest.mark.parametrize("model", ["pca", "jpeg2000", "dct"])
def test_a_model_at_several_rates_is_a_line_at_the_bits_of_its_code(with_curves, model):
    table = pd.concat([measured(["neuroquant"]), curve_of(with_curves, model), curve_of(with_curves, model, "T2w")])
    figure, axis = plt.subplots()
    curves(axis, with_curves, table, "psnr")
    first, second = axis.lines
    assert list(first.get_xdata()) == [5, 15, 45] and list(first.get_ydata()) == [26, 25, 27], "from few bits to many"
    assert first.get_linestyle() != second.get_linestyle(), "modalities differ"
    points(axis, with_curves, table, "psnr")
    marks = [bars for bars in axis.containers if bars.get_label() == with_curves.model(model).shown]
    plt.close(figure)
    assert sorted(bars[0].get_xdata()[0] for bars in marks) == [5, 5, 15, 15, 45, 45], "all as the model itself"
    assert {bars[0].get_color() for bars in marks} == {first.get_color()}
    (full,) = [bars for bars in axis.containers if bars.get_label() == "NeuroQuant"]
    assert full[0].get_xdata()[0] == 10, "a single rate stands at the bits that are stored, with a tick at the code's"


def test_the_figure_has_a_line_for_every_codec_and_none_for_a_model_of_one_rate(with_curves, tmp_path):
    table = pd.concat([measured(["neuroquant", "mean"]), *(curve_of(with_curves, name) for name in CODECS)])
    figure, axis = plt.subplots()
    curves(axis, with_curves, table, "psnr")
    colours = {line.get_color() for line in axis.lines}
    assert len(axis.lines) == len(colours) == len(CODECS)
    plt.close(figure)
    for name, rows in (("curves", table), ("one", table[~table.model.str.contains("kbit|components")])):
        draw(with_curves, rows, pd.DataFrame(columns=["cohort", "metric", "value"]), tmp_path / f"{name}.svg")
    told = [(tmp_path / f"{name}.svg").read_text() for name in ("curves", "one")]
    assert "DCT coder (kbit" not in told[0] and "models of Table 2 only" not in told[0]
    assert len(told[0]) > len(told[1])


CODECS = ("pca", "jpeg2000", "dct")


def test_the_page_says_where_a_codec_wins_and_at_which_bits_of_the_code(with_curves):
    table = pd.concat([measured(["neuroquant"]), curve_of(with_curves, "dct")], ignore_index=True)
    said = of_rate(with_curves, table, pd.DataFrame(columns=["cohort", "metric", "n_subjects"]), ["A codec wins."])
    assert said.conclusions[-1] == "A codec wins." and "has the highest PSNR" in said.conclusions[0]
    shown = said.table.set_index("model")
    assert shown["coded, kbit"].to_dict() == {
        "NeuroQuant": "8", "DCT coder": "15", "DCT coder (kbit 4)": "5", "DCT coder (kbit 40)": "45",
    }  # fmt: skip
