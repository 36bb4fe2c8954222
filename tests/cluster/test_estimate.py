"""Hours and bytes that an experiment is expected to cost, for any number of modalities."""

import copy
import dataclasses

import pytest
import yaml

from benchmarks.gpu.rates import table
from neuroquant.cluster import rates
from neuroquant.cluster.check import walltime_faults
from neuroquant.cluster.estimate import MAKERS, bytes_needed, disk, images_of, latent_bytes, parts
from neuroquant.cluster.rates import earlier_runs, recorded
from neuroquant.config.load import load_experiment, resolve_experiment
from tests.cluster.helpers import HEADER, ask_of, experiment_of, resolved, with_manifests
from tests.workflow.run import ROOT, TINY


def test_a_fit_costs_its_passes_over_the_training_volumes(tiny, tmp_path):
    experiment = resolve_experiment({**TINY, "volume": {"shape": [144, 192, 144]}}, ROOT / "config", "x")
    with_manifests(tmp_path, experiment, {"synthetic": 100})
    (part,) = parts([ask_of("save_untrained", 2)], experiment, tmp_path, {})
    pass_s = 100 * recorded()["fit"].value
    assert part.longest == pytest.approx(5 * pass_s / 3600) and part.hours == pytest.approx(6 * pass_s / 3600)


def test_images_are_counted_in_manifests_and_before_that_expected_by_shares(tiny, tmp_path):
    experiment = experiment_of(tiny)
    expected = images_of(experiment, tmp_path)["synthetic"]
    assert sum(expected.values()) == pytest.approx(2 * 16 * 1.5) and expected["train"] == pytest.approx(24)
    shards = tmp_path / "cohorts/synthetic/shards"
    shards.mkdir(parents=True)
    for name, sessions in (("train-000", 5), ("val-000", 0), ("test-000", 2), ("test-001", 3)):
        (shards / f"{name}.tsv").write_text(HEADER + "a\tt1\tt2\n" * sessions)
    with (shards / "test-001.tsv").open("a") as file:
        file.write("b\tt1\t\n")
    assert images_of(experiment, tmp_path)["synthetic"] == {"train": 10, "val": 0, "test": 11}


@pytest.mark.parametrize("modalities", [["T1w"], ["T1w", "T2w", "FLAIR"]])
def test_estimates_grow_with_the_number_of_modalities(tmp_path, modalities):
    """Of two modalities one is aligned to the other; of three, two are."""
    count = len(modalities)
    two, other = (
        resolve_experiment({**TINY, "modalities": names, "compute": {"device": "cpu"}}, ROOT / "config", "x")
        for names in (["T1w", "T2w"], modalities)
    )
    before, after = (images_of(experiment, tmp_path)["synthetic"]["train"] for experiment in (two, other))
    assert after == pytest.approx(before * count / 2)
    sizes = [disk(experiment, tmp_path) for experiment in (two, other)]
    assert sizes[1]["volumes"] == pytest.approx(sizes[0]["volumes"] * count / 2)
    aligned = resolve_experiment(
        {**TINY, "modalities": modalities, "volume": {"shape": [32, 32, 32], "registration": "all"}},
        ROOT / "config", "x",
    )  # fmt: skip
    (plain,), (part,) = (parts([ask_of("preprocess", 4)], experiment, tmp_path, {}) for experiment in (other, aligned))
    sessions, size = 16 * 1.5, 32**3 / (144 * 192 * 144)
    assert 3600 * (part.hours - plain.hours) == pytest.approx(sessions * (count - 1) * 28 * size)


def test_disk_grows_with_the_volumes_and_shrinks_by_what_is_there(tiny, tmp_path):
    small = experiment_of(tiny)
    large = resolve_experiment({**TINY, "volume": {"shape": [64, 64, 64]}}, ROOT / "config", "x")
    rules = set().union(*MAKERS.values())
    assert bytes_needed(large, tmp_path, rules) == pytest.approx(8 * bytes_needed(small, tmp_path, rules), rel=1e-3)
    assert 0 < bytes_needed(small, tmp_path, {"preprocess"}) < bytes_needed(small, tmp_path, rules)
    assert bytes_needed(small, tmp_path, {"table"}) == 0
    (tmp_path / "volumes/synthetic").mkdir(parents=True)
    (tmp_path / "volumes/synthetic/train-000.h5").write_bytes(bytes(1000))
    assert bytes_needed(small, tmp_path, rules) == bytes_needed(small, tmp_path / "elsewhere", rules) - 1000


def test_each_models_latents_take_their_own_space(tiny, tmp_path):
    config = copy.deepcopy(TINY)
    without = disk(resolve_experiment(config, ROOT / "config", "x"), tmp_path)["latents"]
    config["models"].append("identity")
    images = 2 * 16 * 1.5  # both modalities of the expected sessions
    grown = disk(resolve_experiment(config, ROOT / "config", "x"), tmp_path)["latents"]
    assert grown - without == pytest.approx(images * 32**3 * 2)
    sd_vae = 4 * 32 * 4 * 4 * 2  # four channels, a grid of 4 x 4 in each slice, float16
    tokens = 2 * 2 * 2 * (8 + 8) * 2 + 2 * 2 * 2 * 4  # z_anat and z_q of 8 channels, indices as int32
    z_mod = 2 * 2 * 2 * 4 * 2
    pca = 10 * 2  # (8 tokens of 4 bits and 4 numbers of 32) / 16; the mean image has no latent
    assert without == pytest.approx(images * (sd_vae + 2 * tokens + z_mod + pca))


@pytest.mark.parametrize(("channels", "side"), [([8, 8], 8), ([8, 8, 8], 4), ([8, 8, 8, 8, 8], 1)])
def test_latents_have_the_grid_of_the_models_own_number_of_blocks(channels, side, tmp_path):
    """At 4, 8 and 32 times smaller sides, of volumes of 32 voxels a side."""
    config = copy.deepcopy(TINY)
    config["overrides"]["neuroquant"]["parameters"] |= {"channels": channels, "attention_blocks": [2]}
    experiment = resolve_experiment(config, ROOT / "config", "x")
    one = latent_bytes(experiment.model("neuroquant"), (32, 32, 32))
    assert one == side**3 * ((8 + 8 + 4) * 2 + 4)  # z_anat, z_q and z_mod as float16, indices as int32
    four_blocks = disk(resolve_experiment(TINY, ROOT / "config", "x"), tmp_path)["latents"]
    assert (disk(experiment, tmp_path)["latents"] > four_blocks) == (side > 2)


def test_the_full_model_at_its_default_widths_has_the_floor_of_its_schedule(tmp_path, monkeypatch):
    monkeypatch.setenv("NCANDA_ROOT", str(tmp_path))
    monkeypatch.setenv("ABCD_ROOT", str(tmp_path))
    experiment = load_experiment(ROOT / "config/config.yaml", ROOT / "config")
    asks = [ask_of("train", len(experiment.models))]
    (train,) = parts(asks, experiment, tmp_path, {})
    rates = recorded()
    floor = 100_000 * 8 * rates["train.3d"].value + 25_000 * 256 * rates["train.2d"].value
    assert train.longest == pytest.approx(floor / 3600)
    assert "no rate is recorded for vqgan" in train.source and "analytic floor" in train.source


def test_shards_that_would_take_longer_than_their_walltime_are_named_with_what_to_raise(tmp_path):
    heavy = resolved(tmp_path, volume={"registration": "all", "voxel_mm": 1.0, "n4": True})
    with_manifests(tmp_path, heavy, {"ncanda": 5_053, "abcd": 14_845})
    ask = dataclasses.replace(ask_of("preprocess", 48), runtime=720)
    (part,) = costs = parts([ask], heavy, tmp_path, {})
    assert part.splits["train"] == pytest.approx(14_845 * 0.75 / 16 * (1.7 + 3.6 + 28 + 25) / 3600, rel=0.01)
    assert part.longest == part.splits["val"]  # 14,845 * 0.1 / 2 are a few more
    (fault,) = walltime_faults([ask], costs, heavy.shards)
    assert "set-resources.preprocess.runtime" in fault.where and "12 h, of which its longest job" in fault.found
    assert "raise shards.train (now 16), shards.val (now 2), shards.test (now 3) of" in fault.remedy
    assert not list(walltime_faults([dataclasses.replace(ask, runtime=1200)], costs, heavy.shards))
    assert not list(walltime_faults([ask], parts([ask], resolved(tmp_path), tmp_path, {}), heavy.shards))
    (raw,) = parts([ask], resolved(tmp_path, volume={"brain_mask": ["synthseg"]}), tmp_path, {})
    assert "without segmenting raw heads" in raw.source


def test_the_ceiling_segments_originals_twice_and_reconstructions_once(tmp_path):
    once, twice = (
        resolved(tmp_path, compute={"device": "cpu"}, segmentation={"ceiling": ceiling}) for ceiling in (False, True)
    )
    with_manifests(tmp_path, once, {"ncanda": 600, "abcd": 600})
    asks = [ask_of("segment_reference", 6), ask_of("segment", 6)]
    before, after = (parts(asks, experiment, tmp_path, {}) for experiment in (once, twice))
    assert [part.hours for part in after] == pytest.approx([2 * before[0].hours, before[1].hours])
    assert before[0].hours == pytest.approx(2 * 180 * 44.2 / 3600)
    before, after = (disk(experiment, tmp_path)["segmentations"] for experiment in (once, twice))
    assert after == pytest.approx(before * 3 / 2)


def test_an_earlier_run_of_the_same_shape_gives_measured_rates(tiny, tmp_path):
    experiment = experiment_of(tiny)
    run = tmp_path / "results/tiny"
    then = experiment.model_dump(mode="json")
    then["segmentation"]["ceiling"] = True  # every original segmented twice
    for path, text in {
        "config.yaml": yaml.safe_dump(then),
        "cohorts/synthetic/shards/test-000.tsv": HEADER + "a\tt1\tt2\n" * 4,
        "benchmarks/segment/neuroquant-synthetic-test-000.tsv": "s\th:m:s\n20.0\t0:00:20\n",
        "benchmarks/segment_reference/synthetic-test-000.tsv": "s\th:m:s\n20.0\t0:00:20\n",
        "benchmarks/train/neuroquant.tsv": "s\th:m:s\n100.0\t0:01:40\n",
    }.items():
        (run / path).parent.mkdir(parents=True, exist_ok=True)
        (run / path).write_text(text)
    longer = copy.deepcopy(TINY)
    longer["overrides"]["neuroquant"]["training"]["phases"][0]["steps"] = 16
    found = earlier_runs(tmp_path / "results", resolve_experiment(longer, ROOT / "config", "x"))
    assert found["segment"].value == 2.5 and "benchmarks/segment" in found["segment"].source
    assert found["segment_reference"].value == 1.25
    assert found["train.neuroquant"].value == pytest.approx(100 * 20 / 10)
    other = resolve_experiment({**TINY, "volume": {"shape": [48, 48, 48]}}, ROOT / "config", "x")
    assert earlier_runs(tmp_path / "results", other) == {}


def test_a_measured_step_takes_the_place_of_the_floor_of_its_phase_and_says_so(tmp_path, monkeypatch):
    raw = {**TINY, "overrides": {}, "volume": {"shape": [144, 192, 144]}, "compute": {"device": "cuda"}}
    experiment = resolve_experiment({**raw, "models": ["neuroquant"]}, ROOT / "config", "x")
    monkeypatch.setattr(rates, "GPU_TABLE", tmp_path / "gpu_rates.tsv")
    (floor,) = parts([ask_of("train", 1)], experiment, tmp_path, {})
    assert "floor" in floor.source and "takes longer" in floor.source
    phases = experiment.model("neuroquant").training.phases
    seconds = {mode: sum(p.steps * p.batch * 2 for p in phases if p.mode == mode) for mode in ("3d", "2d")}
    expected = sum(seconds[mode] * recorded()[f"train.{mode}"].value for mode in seconds) / 3600
    assert floor.hours == pytest.approx(expected)
    machine = {"card": "Card X", "date": "2026-11-29", "torch": "2.13.0"}
    rates.GPU_TABLE.write_text(table(machine, [("train.3d", "s per image and step", 0.05), ("segment", "s", 0.5)]))
    (mixed,) = parts([ask_of("train", 1)], experiment, tmp_path, {})
    assert "Card X" in mixed.source and "floor" in mixed.source, "the 2D phase is still at its floor"
    grown = seconds["3d"] * (0.05 - recorded()["train.3d"].value) / 3600
    assert mixed.hours == pytest.approx(floor.hours + grown)
    with_engine = experiment.model_copy(
        update={"segmentation": experiment.segmentation.model_copy(update={"engine": "torch"})}
    )
    (segment,) = parts([ask_of("segment", 1)], with_engine, tmp_path, {})
    assert "Card X" in segment.source and segment.hours > 0
