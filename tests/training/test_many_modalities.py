"""Training on one, two or three modalities, of which a session may lack any."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neuroquant.config.model import Objective, Phase
from neuroquant.evaluation.fidelity import Scoring
from neuroquant.evaluation.reconstruct import Inputs, Outputs, reconstruct_shard
from neuroquant.files import read_tsv
from neuroquant.model_folder import load_model
from neuroquant.models import build
from neuroquant.store.arrays import ArrayFile
from neuroquant.training.data import Loader, Sessions
from tests.training.helpers import PARAMETERS, SHAPE, make_entry, train, write_sessions

THREE = ("T1w", "T2w", "FLAIR")
MIXED = [THREE, THREE[:2], THREE[1:], ("FLAIR",), THREE]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return write_sessions(tmp_path_factory.mktemp("mixed") / "train.h5", MIXED)


def drawn(shard, steps, batch=5, seed=0):
    """Batches as a loader draws them, without reading ahead."""
    with Loader(Sessions([shard], THREE), Phase(steps=steps, batch=batch), 0, seed, None) as loader:
        return [loader._draw(step) for step in range(steps)]


def session_of(batch):
    """Which session of the batch each row belongs to."""
    return np.repeat(np.arange(len(batch.sessions)), batch.sessions)


def test_images_are_numbered_by_the_models_modalities_and_others_are_not_read(mixed):
    assert [[kind for kind, _ in images] for images in Sessions([mixed], THREE).images] == [
        [0, 1, 2], [0, 1], [1, 2], [2], [0, 1, 2],
    ]  # fmt: skip
    assert [[kind for kind, _ in images] for images in Sessions([mixed], ("FLAIR", "T1w")).images] == [
        [0, 1], [1], [0], [0], [0, 1],
    ]  # fmt: skip
    assert len(Sessions([mixed], ("T1w",))) == 3, "a session without an image of the model isn't one of its own"


def test_a_partner_is_another_image_of_the_same_session_and_a_single_image_has_none(mixed):
    for batch in drawn(mixed, 30):
        sizes, session, partner = np.array(batch.sessions), session_of(batch), batch.partner.numpy()
        single = sizes[session] == 1
        assert (partner[single] == -1).all() and batch.paired.tolist() == np.flatnonzero(~single).tolist()
        rows = np.flatnonzero(~single)
        assert (session[partner[rows]] == session[rows]).all() and (partner[rows] != rows).all()


def test_every_ordered_pair_of_modalities_meets_as_often(mixed):
    met = np.zeros((3, 3))
    for batch in drawn(mixed, 300):
        three = np.array(batch.sessions)[session_of(batch)] == 3
        rows = np.flatnonzero(three)
        np.add.at(met, (batch.modality[rows].numpy(), batch.modality[batch.partner[rows]].numpy()), 1)
    shares = met / met.sum()
    assert not np.diag(met).any() and np.allclose(shares[~np.eye(3, dtype=bool)], 1 / 6, atol=0.02)


def test_who_meets_whom_is_a_function_of_seed_and_step_however_a_step_is_cut_up(mixed):
    first, again, other = drawn(mixed, 9), drawn(mixed, 9), drawn(mixed, 9, seed=1)
    assert all(
        torch.equal(a.partner, b.partner) and torch.equal(a.drawn, b.drawn) for a, b in zip(first, again, strict=True)
    )
    assert any(not torch.equal(a.partner, b.partner) for a, b in zip(first, other, strict=True))
    whole = first[0]
    pieces, row = whole.split(5), 0
    for piece in pieces:
        partner = torch.where(piece.partner < 0, piece.partner, piece.partner + row)
        assert torch.equal(partner, whole.partner[row : row + len(piece.x)])
        row += len(piece.x)
    assert torch.equal(torch.cat([piece.x[piece.drawn] for piece in pieces]), whole.x[whole.drawn])
    assert sum(piece.share for piece in pieces) == pytest.approx(1)
    assert sum(piece.paired_share for piece in pieces) == pytest.approx(1)


def test_each_image_with_a_partner_is_drawn_half_of_the_time(mixed):
    counts, seen = np.zeros((2, 3)), np.zeros((2, 3))
    for batch in drawn(mixed, 400):
        sizes = np.array(batch.sessions)[session_of(batch)]
        for row in batch.paired.tolist():
            seen[sizes[row] - 2, batch.modality[row]] += 1
        for row in batch.drawn.tolist():
            counts[sizes[row] - 2, batch.modality[row]] += 1
        assert len(batch.drawn) == sum(batch.drawn_sizes)
    assert np.allclose(counts / seen, 0.5, atol=0.06)


def test_half_of_the_images_have_the_expectation_of_all_of_them(mixed):
    """Over every half that can be drawn of three images, each as likely as it is, L_cross is that of all three."""
    torch.manual_seed(0)
    model = build("neuroquant", {**PARAMETERS, "start_after": 9}, THREE).train()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    batch = Sessions([mixed], THREE).volumes([0]).to("cpu")

    def cross(images, *rows):
        part = replace(batch, drawn=torch.tensor(rows, dtype=torch.long), drawn_sizes=(len(rows),))
        return model.losses(part, Objective(cross=1.0, cross_images=images))["cross"].item()

    with torch.no_grad():
        whole = cross("all")
        one, two = (
            [cross("half", *rows) for rows in halves] for halves in ([(0,), (1,), (2,)], [(0, 1), (0, 2), (1, 2)])
        )
    assert max(one) - min(one) > 1e-4
    assert 0.5 * np.mean(one) + 0.5 * np.mean(two) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("names", [("FLAIR",), THREE[1:], THREE])
def test_a_model_of_any_modalities_trains_and_is_scored_on_each_that_a_session_has(mixed, tmp_path, names):
    train(tmp_path, mixed, (mixed,), make_entry(modalities=names))
    model, _, _ = load_model(tmp_path / "model")
    assert model.modalities == names
    log = read_tsv(tmp_path / "model/training.tsv", ("cross",))
    assert (log.cross > 0).any() == (len(names) > 1), "no pairs, no L_cross"
    out = Outputs(*(tmp_path / name for name in ("r.h5", "l.h5", "synthesis.tsv", "codes.tsv")))
    reconstruct_shard(Inputs(tmp_path / "model", mixed, []), out, Scoring.of_synthesis(5), "cpu", 1)
    made, volumes = ArrayFile(out.reconstructions), ArrayFile(mixed)
    assert [r.key for r in made.records] == [r.key for r in volumes.records if r.modality in names]
    pairs = {(row.subject, row.source, row.modality) for row in read_tsv(out.synthesis).itertuples()}
    assert pairs == {
        (f"strain{subject}", a, b)
        for subject, there in enumerate(MIXED)
        for a in there
        for b in there
        if a != b and {a, b} <= set(names)
    }


@pytest.mark.parametrize(("architecture", "parameters"), [("mean", {}), ("pca", {"components": 2})])
def test_fitted_models_have_an_image_of_each_modality(mixed, tmp_path, architecture, parameters):
    schedule = make_entry().training.model_copy(update={"phases": ()})
    row = make_entry(
        architecture=f"baselines.{architecture}", parameters=parameters, training=schedule, modalities=THREE
    )
    state = train(tmp_path, mixed, (), row)
    volumes = ArrayFile(mixed)
    for kind, name in enumerate(THREE):
        images = [volumes.view("image")[i] for i, record in enumerate(volumes.records) if record.modality == name]
        np.testing.assert_allclose(state["mean"][kind].float(), np.mean(images, 0, dtype=float), atol=1e-3)
    assert state["mean"].shape == (3, *SHAPE)
