"""What probes predict beside sex: numbers and several classes, from any part of the latents, known of some sessions."""

import math
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from neuroquant import models
from neuroquant.config.evaluation import Part, Probe
from neuroquant.config.model import ModelEntry
from neuroquant.evaluation.latents import latent_writer, write_latents
from neuroquant.evaluation.probe import network, samples
from neuroquant.evaluation.probe import run as probing
from neuroquant.evaluation.probe.linear import fit_linear
from neuroquant.evaluation.probe.targets import SEX, Aim, Number, Pair, Several
from neuroquant.files import read_tsv
from neuroquant.store.arrays import ArrayFile, ArrayWriter, Record
from neuroquant.tables import PREDICTIONS, TARGET_PREDICTIONS
from tests.training.helpers import PARAMETERS

torch.set_num_threads(1)

COUNTS = {"train": 48, "val": 16, "test": 24}
SETTINGS = Probe(depth=50, batch=16, lr=0.3, seeds=(0,), epochs=6, patience=0)
PARTS = {"anatomy": ["a"], "both": ["a", "b"], "modality_code": ["b"], "quantised": ["missing"]}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A network for 4 x 4 x 4 latents that trains in no time."""

    def build(channels, settings, outputs=1):
        return nn.Sequential(
            nn.BatchNorm3d(channels), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(channels, outputs)
        )

    for module in (probing, network):
        monkeypatch.setattr(module, "network_for", build)


def age_of(number):
    return 8.0 + number * 7 % 12


def write_shard(path, split, planted):
    """Latents of two arrays; the second channel of `a` has what is planted of a person, the last of `b` too."""
    generator = np.random.default_rng(list(COUNTS).index(split))
    records = [
        Record("c", f"s{split}{number}", visit, "T1w", split, "", "FM"[number % 2], 20.0)
        for number in range(COUNTS[split])
        for visit in ("1", "2")
    ]
    with ArrayWriter(path, records, {"probe_latent": "a", "parts": PARTS}) as writer:
        writer.create("a", (3, 4, 4, 4), np.float16)
        writer.create("b", (2, 4, 4, 4), np.float16)
        for row in range(len(records)):
            a, b = generator.normal(size=(3, 4, 4, 4)), generator.normal(size=(2, 4, 4, 4))
            a[1] += planted(row // 2)
            b[1] += planted(row // 2)
            writer.write("a", row, a)
            writer.write("b", row, b)
    return path


def shards(folder, planted):
    return probing.Shards(*([write_shard(folder / f"{split}.h5", split, planted)] for split in COUNTS))


def known(value):
    """What is known of every session; `value` of the person's number, empty where nothing is."""
    return {
        ("c", f"s{split}{number}", visit): value(number)
        for split, count in COUNTS.items()
        for number in range(count)
        for visit in ("1", "2")
    }


def run(folder, files, aim, settings=SETTINGS):
    task = probing.Task("m", settings, folder / "kept", "", "cpu", aim=aim)
    probing.run_probes([(files, task)], probing.Outputs(folder / "p.tsv", folder / "log.tsv"))
    return read_tsv(folder / "p.tsv"), read_tsv(folder / "log.tsv")


def test_regression_recovers_a_planted_age_and_learns_nothing_of_shuffled_ones(tmp_path):
    files = shards(tmp_path, lambda number: (age_of(number) - 14) / 2)
    table, log = run(tmp_path, files, Aim(Number("age"), "main", known(lambda n: str(age_of(n)))), SETTINGS)
    assert list(table.columns) == TARGET_PREDICTIONS and set(table.target) == {"age"} and set(table.part) == {"main"}
    errors = (table.predicted.astype(float) - table.truth.astype(float)).abs().groupby(table.probe).mean()
    assert set(errors.index) == {"linear", "linear_permuted", "seresnet", "seresnet_permuted"}
    assert errors["linear"] < 0.5 and errors["seresnet"] < 1.5, "years"
    assert errors["linear_permuted"] > 2 and errors["seresnet_permuted"] > 2, "what shuffled values teach is chance"
    assert {name[:5] for name in table.subject} == {"stest"} and set(table.probabilities) == {""}
    assert (log.val_r2 != "").all() and (log.val_balanced_accuracy == "").all()


def test_three_classes_are_told_apart_with_a_probability_of_each(tmp_path):
    names = ("a b", "left", "right")
    files = shards(tmp_path, lambda number: 3.0 * (number % 3 - 1))
    table, log = run(tmp_path, files, Aim(Several("hand", names), "main", known(lambda n: names[n % 3])))
    right = (table.predicted == table.truth).groupby(table.probe).mean()
    assert right["linear"] > 0.9 and right["seresnet"] > 0.6 > right["linear_permuted"]
    shares = np.array([list(map(float, text.split())) for text in table.probabilities])
    assert shares.shape[1] == 3 and np.allclose(shares.sum(1), 1, atol=1e-5)
    assert list(table.predicted) == [names[index] for index in shares.argmax(1)]
    assert (log.val_balanced_accuracy != "").all()


def test_sessions_of_which_the_target_is_not_known_are_left_out_of_every_split(tmp_path):
    files = shards(tmp_path, lambda number: float(number % 2))
    aim = Aim(Pair("x", ("no", "yes")), "main", known(lambda n: "" if n % 4 == 3 else ("no", "yes")[n % 2]))
    for split in COUNTS:
        sample = samples.load(getattr(files, split), "", "T1w", SETTINGS, aim)
        assert len(sample.rows) == COUNTS[split] * 2 * 3 // 4 and set(sample.y.tolist()) == {0.0, 1.0}
        assert all(int(record.subject.removeprefix(f"s{split}")) % 4 != 3 for record in sample.records)
    table, _ = run(tmp_path, files, aim)
    assert len(table[table.probe == "linear"]) == 24 * 2 * 3 // 4
    unknown = Aim(Pair("x", ("no", "yes")), "main", {})
    assert samples.load(files.train, "", "T1w", SETTINGS, unknown) is None


def test_a_target_of_one_value_among_the_training_subjects_gives_empty_tables_and_the_log_says_why(tmp_path, capsys):
    files = shards(tmp_path, lambda number: 0.0)
    table, log = run(tmp_path, files, Aim(Pair("x", ("no", "yes")), "main", known(lambda n: "yes")))
    assert table.empty and log.empty and list(table.columns) == TARGET_PREDICTIONS
    assert "the training subjects all have one value of x" in capsys.readouterr().err


def test_parts_are_read_joined_or_as_the_mean_over_positions_and_a_model_without_one_gives_none(tmp_path):
    file = ArrayFile(write_shard(tmp_path / "train.h5", "train", float))
    a, b = (np.asarray(file.view(name), np.float32) for name in "ab")

    def sample(part, array=""):
        return samples.load([tmp_path / "train.h5"], array, "T1w", SETTINGS, Aim(SEX, part))

    joined = sample("both")
    np.testing.assert_array_equal(joined.read([0, 5]).numpy(), np.concatenate([a, b], 1)[[0, 5]])
    assert joined.channels == 5 and joined.array == "a+b 5x4x4x4" and joined.names == ("a", "b")
    code = sample("modality_code")
    np.testing.assert_allclose(code.read([3])[0, :, 0, 0, 0].numpy(), b[3].mean((1, 2, 3)), atol=2e-3)
    assert code.array == "b 2x1x1x1, means over all positions"
    np.testing.assert_array_equal(sample("main").read([1]).numpy(), a[[1]])
    np.testing.assert_array_equal(sample("main", "b").read([1]).numpy(), b[[1]])
    assert sample("quantised") is None and sample("appearance") is None


def test_the_parts_of_neuroquant_are_its_two_streams_and_the_code_is_what_film_sees(tmp_path):
    """Its latents' own declaration, as far as the file that a probe reads."""
    torch.manual_seed(0)
    model = models.build("neuroquant", PARAMETERS).eval()
    assert set(model.latents_class.PARTS) == set(get_args(Part)) - {"main"}
    entry = ModelEntry(name="m", architecture="neuroquant", parameters=PARAMETERS)
    record = Record("c", "s", "1", "T1w", "train", "", "F", 9.0)
    with torch.inference_mode():
        latents = model.encode(torch.rand(1, 1, 32, 32, 32) * 2 - 1, torch.zeros(1, dtype=torch.long))
        appearance = model.appearance(latents)
    with latent_writer(tmp_path / "z.h5", [record], model, entry, "") as writer:
        write_latents(writer, range(1), latents, model.codes(latents) is not None)

    def read(part):
        return samples.load([tmp_path / "z.h5"], "", "T1w", SETTINGS, Aim(SEX, part))

    torch.testing.assert_close(torch.from_numpy(np.array(read("modality_code").rows[0]))[:, 0, 0, 0].float(),
                               appearance[0], atol=2e-3, rtol=2e-3)  # fmt: skip
    channels = {part: read(part).channels for part in ("main", "quantised", "anatomy", "appearance", "both")}
    assert channels["both"] == channels["anatomy"] + channels["appearance"]
    assert channels["main"] == channels["quantised"] == channels["anatomy"]
    assert read("main").names == read("quantised").names


def test_the_paper_s_table_is_what_it_was(tmp_path):
    files = shards(tmp_path, lambda number: 2.0 - 4.0 * (number % 2))
    table, log = run(tmp_path, files, Aim())
    assert list(table.columns) == PREDICTIONS and list(log.columns) == probing.LOG
    linear = table[table.probe == "linear"]
    assert (linear.predicted == linear.sex).all() and (linear.probability.astype(float) > 0.5).eq(
        linear.sex == "F"
    ).all()


def test_a_number_is_learned_in_standard_deviations_and_told_in_its_unit():
    target = Number("iq").fitted(torch.tensor([80.0, 100.0, 120.0]))
    assert target.centre == 100 and target.spread == pytest.approx(math.sqrt(800 / 3))
    assert target.values(torch.tensor([[1.0]])).item() == pytest.approx(100 + target.spread)
    assert target.loss(torch.zeros(1, 1), torch.tensor([100.0])) == 0
    judged = target.judge(np.array([90.0, 110.0, 120.0]), np.array(["a", "a", "b"]), np.array([100.0, 100.0, 120.0]))
    assert judged["val_r2"] == 1 and judged["val_loss"] == 0, "visits of a subject are averaged first"
    judged = target.judge(np.array([0.0, 1e-9]), np.array(["a", "b"]), np.array([100.0, 120.0]))
    assert judged["val_r2"] < -100


@pytest.mark.parametrize("target", [Pair("x", ("no", "yes")), Several("x", ("a", "b", "c"))])
def test_every_class_is_drawn_equally_often(target):
    y = torch.tensor([0.0] * 9 + [1.0] * 3 + [2.0] * 6 * (len(target.classes) == 3))
    shares = target.shares(y)
    drawn = [shares[y.numpy() == number].sum() for number in range(len(target.classes))]
    assert drawn == pytest.approx([drawn[0]] * len(drawn))


def test_a_subject_whose_class_changes_between_visits_counts_in_both():
    judged = Pair("x", ("no", "yes")).judge(np.array([0.1, 0.9, 0.9]), np.array(["a", "a", "b"]), np.array([0.0, 1, 1]))
    assert judged["val_balanced_accuracy"] == 1


def test_a_class_that_a_line_has_never_seen_has_no_probability():
    y, generator = torch.tensor([0.0, 2.0] * 12), np.random.default_rng(0)
    features = y.numpy()[:, None] + 0.1 * generator.normal(size=(24, 3))
    (line,) = fit_linear(features, y, np.arange(24))
    every = Several("x", ("a", "b", "c")).of_line(line(features), np.unique(y.numpy()))
    assert every.shape == (24, 3) and (every[:, 1] == 0).all() and (every.argmax(1) == y.numpy()).all()


@pytest.mark.parametrize(("memory", "side"), [(140_000, 1), (80_000, 2), (16_384, 2), (3000, 4), (1000, 8)])
def test_volumes_are_whole_where_a_step_fits_into_memory_and_else_as_fine_as_fits(memory, side):
    room = samples.room_for(32, memory)
    assert samples.side_of("auto", (144, 192, 144), room) == side
    assert samples.side_of(8, (144, 192, 144), room) == 8, "a number stays what it is"
    assert 32 * 2.3 / side**3 * 1000 <= 0.8 * memory


def test_a_sample_says_over_which_cubes_volumes_were_averaged_where_memory_decides(tmp_path):
    records = [Record("c", "s", "1", "T1w", "train", "", "F", 9.0)]
    with ArrayWriter(tmp_path / "v.h5", records) as writer:
        writer.create("image", (8, 8, 8), np.float16)
    settings = SETTINGS.model_copy(update={"volume_downsample": "auto"})
    for room, said in ((math.inf, "image 1x8x8x8"), (64, "image 1x4x4x4, means over 2x2x2 voxels")):
        assert samples.load([tmp_path / "v.h5"], "image", "T1w", settings, Aim(room=room)).array == said


def test_a_network_of_other_values_is_not_taken_up(tmp_path):
    """Two targets may be read from the same latents."""
    files = shards(tmp_path, lambda number: 0.0)
    of = {}
    for name, value in (("one", age_of), ("other", lambda n: age_of(n) + n % 2)):
        aim = Aim(Number("age"), "main", known(lambda n, value=value: str(value(n))))
        train = samples.load(files.train, "", "T1w", SETTINGS, aim)
        of[name] = probing.finished.identity({"train": files.train, "val": files.val}, [train, None], SETTINGS, "")
    assert of["one"] != of["other"] and of["one"]["data"] == of["other"]["data"]


def test_shuffled_values_are_those_of_other_subjects_and_stay_together():
    ages = torch.tensor([float(number) for number in range(12) for _ in range(2)])
    shuffled = network.permuted(SimpleNamespace(subjects=np.repeat(np.arange(12), 2), y=ages))
    assert sorted(shuffled.tolist()) == ages.tolist() and not torch.equal(shuffled, ages)
    assert torch.equal(shuffled[::2], shuffled[1::2])


def test_shuffled_classes_that_are_all_one_are_left_out_and_break_nothing(tmp_path):
    """Only the second visits of one subject have the other class: no subject's first visit does."""
    files = shards(tmp_path, lambda number: 0.0)
    values = {key: "yes" if key[1].endswith("3") and key[2] == "2" else "no" for key in known(str)}
    table, _ = run(tmp_path, files, Aim(Pair("x", ("no", "yes")), "main", values))
    assert set(table.probe) == {"linear", "seresnet", "seresnet_permuted"}
