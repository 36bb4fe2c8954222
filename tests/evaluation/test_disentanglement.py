"""Planted latents: what tells the modality is found, what doesn't isn't, and codes count where they are anatomy."""

import numpy as np
import pytest
import torch

from neuroquant import models
from neuroquant.config.evaluation import Statistics
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError
from neuroquant.evaluation.classifiers import CLASSIFIERS, fitted_network
from neuroquant.evaluation.disentanglement import (
    Complete,
    cells_in_brain,
    guessed_right,
    in_brain,
    measures,
    read_complete,
    write_disentanglement,
)
from neuroquant.evaluation.latents import export_latents
from neuroquant.evaluation.shared_codes import code_overlap, same_code, shared
from neuroquant.files import read_tsv
from neuroquant.model_folder import save_model
from neuroquant.store.arrays import ArrayFile, ArrayWriter
from neuroquant.tables import DISENTANGLEMENT
from tests.training.helpers import SHAPE, write_volumes

torch.set_num_threads(1)
GRID = (4, 5, 4)
SETTINGS = Statistics(bootstrap=200)
ROLES = {"anatomy": ["z_anat", "z_q"], "appearance": ["z_mod"]}
NUMBERS = ("value", "ci_low", "ci_high", "sessions", "families")


def write_latents(path, volumes, seed=0, plant=0.0, codes="anatomy", leave_out=(), codes_in="indices", **attributes):
    """Latents of a shard: z_anat of noise in which T2w is `plant` higher, and codes on a grid of 4 x 4 x 4.

    `codes`: "anatomy", a session's own and the same in both modalities; "modality", the modality's alone; "noise".
    """
    generator, file = np.random.default_rng(seed), ArrayFile(volumes)
    facts = {"model": "m", "probe_latent": "z_q", "supports_swap": True, "codes": codes_in, **ROLES, **attributes}
    own = {key: generator.integers(0, 50, (1, 4, 4, 4)) for key in file.sessions}
    kinds = {name: generator.integers(0, 50, (1, 4, 4, 4)) for name in ("T1w", "T2w")}
    arrays = {"z_anat": [], "z_q": [], "z_mod": [], "indices": []}
    for record in file.records:
        second = record.modality == "T2w"
        arrays["z_anat"].append(generator.normal(size=(3, 4, 4, 4)) + plant * second)
        arrays["z_q"].append(generator.normal(size=(3, 4, 4, 4)))
        arrays["z_mod"].append(generator.normal(size=(2, 4, 4, 4)) + 3 * second)
        noise = generator.integers(0, 50, (1, 4, 4, 4))
        arrays["indices"].append({"anatomy": own[record.key[:3]], "modality": kinds[record.modality]}.get(codes, noise))
    with ArrayWriter(path, list(file.records), facts) as writer:
        for name, rows in arrays.items():
            if name not in leave_out:
                writer.create(name, rows[0].shape, np.int32 if name == "indices" else np.float16)
                for row, values in enumerate(rows):
                    writer.write(name, row, values)
    return path


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return write_volumes(tmp_path_factory.mktemp("v") / "test-000.h5", "test", 16)


def measured(tmp_path, volumes, **facts):
    """The table of one planted model, by measure, of and by."""
    path = write_latents(tmp_path / "latents.h5", volumes, **facts)
    write_disentanglement([volumes], {"m": [path]}, SETTINGS, tmp_path / "out.tsv", 1)
    table = read_tsv(tmp_path / "out.tsv", NUMBERS)
    assert list(table.columns) == DISENTANGLEMENT
    return table.set_index(["measure", "of", "by"])


def test_a_modality_that_is_written_in_z_anat_is_read_by_both_classifiers(tmp_path, volumes):
    table = measured(tmp_path, volumes, plant=3.0)
    assert set(table.index.get_level_values("by")) == {*CLASSIFIERS, ""}
    assert (table.loc["accuracy"].loc["z_anat"][["value", "ci_low"]] == 1).all(axis=None)


def test_a_modality_that_is_not_in_z_anat_is_guessed_at_chance_while_z_mod_tells(tmp_path, volumes):
    table = measured(tmp_path, volumes).loc["accuracy"]
    for latent in ("z_anat", "z_q"):
        assert ((table.loc[latent].ci_low <= 0.5) & (table.loc[latent].ci_high >= 0.5)).all()
    assert (table.loc["z_mod"].value > 0.95).all()
    assert (table.sessions == 16).all() and (table.families == 16).all()


@pytest.mark.slow
def test_codes_that_are_a_sessions_own_are_shared_by_its_modalities_and_by_no_two_subjects(tmp_path, volumes):
    table = measured(tmp_path, volumes, codes="anatomy")
    for measure in ("same_code", "code_overlap"):
        shares = table.loc[measure].droplevel("by")
        assert shares.value["session"] == 1 and shares.value["subjects"] < (0.1 if measure == "same_code" else 0.5)
        assert shares.value["difference"] == pytest.approx(shares.value["session"] - shares.value["subjects"])
        assert shares.ci_low["difference"] > 0.4


@pytest.mark.slow
def test_codes_that_tell_the_modality_alone_are_shared_by_subjects_and_not_by_modalities(tmp_path, volumes):
    same = measured(tmp_path, volumes, codes="modality").loc["same_code"].droplevel("by")
    assert same.value["subjects"] == 1 and same.value["session"] < 0.2 and same.ci_high["difference"] < 0


@pytest.mark.slow
def test_independent_codes_are_shared_no_more_by_modalities_than_by_subjects(tmp_path, volumes):
    table = measured(tmp_path, volumes, codes="noise")
    for measure in ("same_code", "code_overlap"):
        difference = table.loc[measure, "difference", ""]
        assert difference.ci_low <= 0 <= difference.ci_high


@pytest.mark.slow
def test_sessions_with_one_modality_are_left_out(tmp_path):
    mixed = write_volumes(tmp_path / "test-000.h5", "test", 9, only_t1=3)
    assert (measured(tmp_path, mixed).sessions == 6).all()
    alone = write_volumes(tmp_path / "test-001.h5", "test", 4, only_t1=4)
    assert measured(tmp_path, alone).empty
    two = write_volumes(tmp_path / "test-002.h5", "test", 2, only_t1=1)
    assert measured(tmp_path, two).empty, "one family can't be in the training and the test of a classifier"


def test_siblings_are_one_family_and_never_on_both_sides_of_a_classifier(tmp_path):
    siblings = write_volumes(tmp_path / "test-000.h5", "test", 9, families=3)
    assert (measured(tmp_path, siblings).families == 3).all()
    one = write_volumes(tmp_path / "test-001.h5", "test", 4, families=1)
    assert measured(tmp_path, one).empty


def test_a_model_that_does_not_tell_anatomy_from_appearance_has_no_rows(tmp_path, volumes):
    assert measured(tmp_path, volumes, supports_swap=False).empty


@pytest.mark.slow
def test_a_model_without_codes_or_without_z_anat_has_the_other_rows(tmp_path, volumes):
    for facts in ({"codes_in": ""}, {"leave_out": ("indices",)}):
        assert set(measured(tmp_path, volumes, **facts).index.get_level_values("measure")) == {"accuracy"}
    table = measured(tmp_path, volumes, leave_out=("z_anat", "z_q"))
    assert set(table.loc["accuracy"].index.get_level_values("of")) == {"z_mod"} and "same_code" in table.index


def test_an_empty_shard_beside_another_changes_nothing(tmp_path, volumes):
    empty = write_volumes(tmp_path / "test-001.h5", "test", 0)
    with ArrayWriter(tmp_path / "none.h5", [], {"model": "m", "supports_swap": True}):
        pass
    path = write_latents(tmp_path / "l.h5", volumes)
    one, _ = read_complete([volumes], [path])
    both, cohort = read_complete([empty, volumes], [tmp_path / "none.h5", path])
    assert cohort == "c" and both.clusters.tolist() == one.clusters.tolist()
    np.testing.assert_array_equal(both.codes, one.codes)
    assert read_complete([empty], [tmp_path / "none.h5"]) == (None, "")


def test_latents_of_other_images_than_the_volumes_are_refused(tmp_path, volumes):
    other = write_volumes(tmp_path / "other.h5", "test", 3)
    with pytest.raises(InputError, match="other rows than the volumes"):
        read_complete([volumes], [write_latents(tmp_path / "l.h5", other)])


def test_the_pairs_of_a_model_are_its_latents_codes_and_brain(tmp_path, volumes):
    """From a real network through a real file, so that names of latents and attributes are those that are written."""
    parameters = {
        "channels": (4, 8, 8, 8), "codebook_size": 12, "code_dim": 6, "c_m": 4, "c_s": 4, "film_hidden": 8,
        "classifier_hidden": 12, "start_after": 0,
    }  # fmt: skip
    for film in (True, False):
        torch.manual_seed(0)
        model = models.build("neuroquant", {**parameters, "film": film}).train()
        model.encode_train(torch.rand(2, 1, *SHAPE))
        entry = ModelEntry(name="model", architecture="neuroquant", parameters={**parameters, "film": film})
        save_model(tmp_path / f"{film}", model, entry, Volume(shape=SHAPE), {})
        export_latents(tmp_path / f"{film}", [volumes], [tmp_path / f"{film}.h5"], "cpu", 1)
    pairs, cohort = read_complete([volumes], [tmp_path / "True.h5"])
    assert cohort == "c" and set(pairs.latents) == {"z_anat", "z_q", "z_mod"} and len(pairs.clusters) == 16
    file = ArrayFile(tmp_path / "True.h5")
    np.testing.assert_array_equal(pairs.codes[3, 1], file.read("indices", 7))
    np.testing.assert_array_equal(pairs.latents["z_mod"][7], file.read("z_mod", 7))
    assert pairs.inside.shape == (16, 1, 1, 1)
    assert read_complete([volumes], [tmp_path / "False.h5"]) == (None, "")


def test_codes_of_a_codebook_that_never_started_are_none(tmp_path, volumes):
    torch.manual_seed(0)
    parameters = {"channels": (4, 8, 8, 8), "codebook_size": 12, "code_dim": 6, "c_m": 4, "c_s": 4, "start_after": 5}
    entry = ModelEntry(name="model", architecture="neuroquant", parameters=parameters)
    save_model(tmp_path / "m", models.build("neuroquant", parameters), entry, Volume(shape=SHAPE), {})
    export_latents(tmp_path / "m", [volumes], [tmp_path / "l.h5"], "cpu", 1)
    pairs, _ = read_complete([volumes], [tmp_path / "l.h5"])
    assert pairs.codes is None and set(pairs.latents) == {"z_anat", "z_q", "z_mod"}


def test_a_position_lies_in_the_brain_where_half_of_the_voxels_below_it_do(tmp_path, volumes):
    mask = np.zeros((8, 8, 8), np.uint8)
    mask[:4, :4, :4] = 1
    mask[4:6, :4, :4] = 1  # half of the next cell
    mask[:4, 4:5, :4] = 1  # a quarter of another
    inside = cells_in_brain(mask, (2, 2, 2))
    assert inside[0, 0, 0] and inside[1, 0, 0] and inside.sum() == 2
    np.testing.assert_array_equal(
        in_brain(volumes, 2, (4, 4, 4)), cells_in_brain(ArrayFile(volumes).read("mask", 2), (4, 4, 4))
    )


def test_codes_outside_the_brain_do_not_count():
    generator = np.random.default_rng(0)
    inside = np.zeros((6, *GRID), bool)
    inside[:, :2] = True
    codes = generator.integers(0, 1000, (6, 2, 1, *GRID))
    codes[..., 2:, :, :] = 5  # background: the same everywhere
    for compare in (same_code, code_overlap):
        shares = compare(codes, inside)
        assert shares.within.max() < 0.2 and shares.between.max() < 0.2
        assert (compare(codes, np.ones_like(inside)).within > 0.4).all()


def test_of_two_subjects_a_position_counts_where_it_lies_in_the_brains_of_both():
    codes = np.array([[[[[[1, 2, 3, 4]]]]] * 2, [[[[[1, 9, 9, 4]]]]] * 2]).reshape(2, 2, 1, 1, 1, 4)
    inside = np.array([[1, 1, 0, 0], [1, 0, 1, 0]], bool).reshape(2, 1, 1, 4)
    assert same_code(codes, inside).between.tolist() == [1, 1], "the first position, and no other"


def test_a_share_is_counted_over_positions_and_an_overlap_over_codes_wherever_they_are():
    codes = np.array([[[[[[1, 1, 2, 3]]]], [[[[1, 2, 1, 9]]]]]] * 2)  # two sessions, T1w and T2w, one codebook
    inside = np.ones((2, 1, 1, 4), bool)
    assert same_code(codes, inside).within.tolist() == [0.25, 0.25]
    assert code_overlap(codes, inside).within.tolist() == [0.75, 0.75]
    two_books = np.concatenate([codes, np.full_like(codes, 1)], axis=2)
    assert same_code(two_books, inside).within.tolist() == [0.625, 0.625], "a mean over codebooks"
    assert code_overlap(two_books, inside).within.tolist() == [0.875, 0.875], "code 1 of two codebooks is two codes"


def test_visits_of_one_subject_are_no_two_subjects():
    codes = np.arange(3)[[0, 0, 1, 2], None, None, None, None, None] * np.ones((4, 2, 1, 2, 1, 1), int)
    shares = same_code(codes, np.ones((4, 2, 1, 1), bool))
    assert shared(shares, ["a", "a", "b", "c"], SETTINGS)["subjects"].value == 0
    assert shared(shares, ["a", "d", "b", "c"], SETTINGS)["subjects"].value > 0


def test_with_three_modalities_chance_is_a_third_and_every_pair_is_compared():
    """Codes that the first two share and the third doesn't; a latent in which the third alone is marked."""
    generator, names = np.random.default_rng(0), ("T1w", "T2w", "FLAIR")
    own = generator.integers(0, 50, (12, 1, 1, 3, 3, 3))
    codes = np.concatenate([own, own, generator.integers(0, 50, own.shape)], axis=1)
    marked = generator.normal(size=(12, 3, 2, 3, 3, 3)).astype(np.float32)
    marked[:, 2] += 3
    latents = {"told": [*marked.reshape(36, 2, 3, 3, 3)]}
    families = np.array([f"f{n}" for n in range(12)])
    sessions = Complete(names, latents, {"told": "anatomy"}, families, codes, np.ones((12, 3, 3, 3), bool))
    rows = list(measures(sessions, SETTINGS))
    guesses = [row for row in rows if row["measure"] == "accuracy"]
    assert {row["classes"] for row in guesses} == {3} and {row["role"] for row in guesses} == {"anatomy"}
    line = next(row["value"] for row in guesses if row["by"] == "logistic regression")
    assert 0.5 < line < 0.85, "the third is always found, the others by chance"
    same = {row["by"]: row["value"] for row in rows if row["measure"] == "same_code" and row["of"] == "session"}
    assert set(same) == {"", "T1w and T2w", "T1w and FLAIR", "T2w and FLAIR"}
    assert same["T1w and T2w"] == 1 and same["T1w and FLAIR"] < 0.1
    pairs = [value for by, value in same.items() if by]
    assert same[""] == pytest.approx(np.mean(pairs))


def test_a_tie_of_several_modalities_counts_its_share():
    y, families = torch.tensor([0, 1, 2] * 4), np.repeat(list("abcd"), 3)
    assert guessed_right(lambda train, test: np.full((len(test), 3), 1 / 3), y, families) == pytest.approx([1 / 3] * 12)
    assert guessed_right(lambda train, test: np.tile([0.4, 0.4, 0.2], (len(test), 1)), y, families).tolist() == (
        [0.5, 0.5, 0.0] * 4
    )


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_a_classifier_finds_a_modality_that_is_there_and_none_that_is_not(kind):
    generator = torch.Generator().manual_seed(1)
    y, subjects = torch.arange(80) % 2, np.repeat(np.arange(40), 2)
    noise = torch.randn(80, 4, 3, 4, 3, generator=generator)
    told = noise + y[:, None, None, None, None]
    for values, low, high in ((told, 0.9, 1), (noise, 0.25, 0.75), (torch.ones_like(noise), 0.4, 0.6)):
        guess = CLASSIFIERS[kind]([*values.numpy()], y, subjects)
        assert low <= guessed_right(guess, y, subjects).mean() <= high


def test_the_network_finds_what_is_not_in_the_means():
    """T2w has tokens of larger spread and the same mean; no straight line over pooled latents sees that."""
    generator = torch.Generator().manual_seed(1)
    y, subjects = torch.arange(80) % 2, np.repeat(np.arange(40), 2)
    values = torch.randn(80, 4, 8, 8, 8, generator=generator) * (1 + y)[:, None, None, None, None]
    guess = CLASSIFIERS["convolutional network"]([*values.numpy()], y, subjects)
    assert guessed_right(guess, y, subjects).mean() > 0.9


def test_a_classifier_is_tested_on_families_that_it_has_not_seen():
    clusters, seen = np.repeat(["a", "b", "c", "d", "e", "f", "g"], 4), []

    def guess(train, test):
        seen.extend(zip([set(clusters[train])], [set(clusters[test])], strict=True))
        return np.full((len(test), 2), 0.5)

    assert guessed_right(guess, torch.arange(28) % 2, clusters).tolist() == [0.5] * 28
    assert all(not train & test for train, test in seen) and set.union(*(test for _, test in seen)) == set("abcdefg")


def test_the_same_latents_give_the_same_network_whatever_was_drawn_before():
    x, y = torch.randn(20, 3, 4, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 2
    logits = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        logits.append(fitted_network(x, y)(x))
        after = torch.rand(1)
        torch.manual_seed(seed)
        assert after == torch.rand(1), "what else is drawn in a job doesn't change"
    assert torch.equal(*logits)


def test_two_families_are_enough_for_numbers():
    generator = np.random.default_rng(0)
    latents = {"z_anat": [*generator.normal(size=(4, 2, 2, 2, 2)).astype(np.float32)]}
    codes = generator.integers(0, 4, (2, 2, 1, 2, 2, 2))
    roles, inside = {"z_anat": "anatomy"}, np.ones((2, 2, 2, 2), bool)
    sessions = Complete(("A", "B"), latents, roles, np.array(["a", "b"]), codes, inside)
    found = list(measures(sessions, SETTINGS))
    assert len(found) == 2 + 6 and all(np.isfinite(row["value"]) for row in found)
