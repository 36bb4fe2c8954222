"""What all quantisers keep: codes that come back, equal bits, gradients for the encoder, exact resumption."""

import math
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroquant import models
from tests.models.quantizers import DIM, SETTINGS, START, a_map, at_work, parameters_of, quantiser
from tests.models.small import small, started

torch.set_num_threads(1)

EACH = pytest.mark.parametrize("name", SETTINGS)


@cache
def working(name):
    return at_work(name).eval()


def kind_of(name):
    return SETTINGS[name]["kind"]


@EACH
@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**30), st.sampled_from([0.1, 1.0, 10.0]))
def test_indices_decode_to_the_vectors_that_they_were_encoded_to(name, seed, spread):
    quantizer = working(name)
    with torch.no_grad():
        found = quantizer(a_map(seed, spread=spread))
        torch.testing.assert_close(quantizer.decode(found.indices), found.z_q, rtol=1e-5, atol=1e-5 * spread)
    assert found.indices.shape == (2, quantizer.codebooks, 4, 4, 4) and found.indices.dtype == torch.long
    assert 0 <= int(found.indices.min()) and int(found.indices.max()) < quantizer.size


@EACH
@settings(deadline=None, max_examples=20)
@given(st.data())
def test_every_index_has_a_vector_that_is_found_again(name, data):
    """Of a codebook, by encoding it. Residual codes are sums, and FSQ's first layer isn't the inverse of its last."""
    quantizer = working(name)
    drawn = st.lists(st.integers(0, quantizer.size - 1), min_size=8, max_size=8)
    indices = torch.tensor([data.draw(drawn) for _ in range(quantizer.codebooks)]).view(1, -1, 2, 2, 2)
    with torch.no_grad():
        vectors = quantizer.decode(indices)
        if kind_of(name) == "residual":
            parts = [stage.embedding[indices[:, number]] for number, stage in enumerate(quantizer.stages)]
            torch.testing.assert_close(vectors, sum(parts).movedim(-1, 1))
        elif kind_of(name) == "fsq":
            rows = quantizer.vectors(indices.view(-1, 1)) - quantizer.leave.bias
            half = quantizer.levels // 2
            steps = rows @ quantizer.leave.weight.pinverse().T * half + half
            torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-3)
            assert (steps.round() >= 0).all() and (steps.round() < quantizer.levels).all()
            assert torch.equal((steps.round().long() * quantizer.places).sum(1), indices.flatten())
        else:
            torch.testing.assert_close(quantizer.decode(quantizer(vectors).indices), vectors)


@EACH
def test_a_token_has_log2_of_the_codebooks_size_bits(name):
    quantizer, parameters = working(name), parameters_of(name)
    assert quantizer.codebooks * math.log2(quantizer.size) == pytest.approx(math.log2(parameters.codebook_size))
    assert (quantizer.size, quantizer.codebooks) == parameters.codebooks
    model = models.build("neuroquant", parameters)
    shape = (32, 48, 16)
    assert model.bits(shape) == models.bits("neuroquant", parameters, shape)
    assert model.bits(shape) == pytest.approx(2 * 3 * math.log2(parameters.codebook_size) + 32 * parameters.c_m)
    assert (model.codebook_size, model.start_after) == (quantizer.size, models.start_after("neuroquant", parameters))


@EACH
def test_the_nearest_vector_is_chosen_of_what_the_codebooks_before_left(name):
    quantizer, z = working(name), a_map(7)
    tokens = z.movedim(1, -1).reshape(-1, DIM)
    with torch.no_grad():
        found = quantizer(z).indices.movedim(1, -1).reshape(len(tokens), -1)
        if kind_of(name) == "fsq":
            tokens = quantizer.bounded(quantizer.enter(tokens)) / (quantizer.levels // 2)
            codebooks = [(torch.arange(quantizer.size)[:, None] // quantizer.places % quantizer.levels)
                         / (quantizer.levels // 2) - 1]  # fmt: skip
        elif kind_of(name) == "residual":
            codebooks = [stage.embedding for stage in quantizer.stages]
        else:
            codebooks = [quantizer.vectors(torch.arange(quantizer.size)[:, None])]
        for number, codes in enumerate(codebooks):
            assert torch.equal(torch.cdist(tokens, codes).argmin(1), found[:, number])
            tokens = tokens - codes[found[:, number]]


@EACH
def test_gradients_reach_the_encoder_from_the_codes_and_from_l_vq(name):
    """Without the modality stream, by which a gradient would reach it too."""
    parameters = {"quantizer": SETTINGS[name], "codebook_size": parameters_of(name).codebook_size, "film": False}
    model = small(**parameters).train()
    output = model(torch.rand(2, 1, 16, 16, 16), torch.tensor([0, 1]))
    weights = [model.head_anat.conv.weight, model.encoder.blocks[0].down.weight]
    found = torch.autograd.grad(output.reconstruction.square().mean(), weights, retain_graph=True)
    assert all(gradient.abs().sum() > 0 for gradient in found)
    loss = output.losses["vq"]
    if kind_of(name) == "fsq":
        assert loss == 0
    else:
        assert all(gradient.abs().sum() > 0 for gradient in torch.autograd.grad(loss, weights))


def test_simvqs_layer_learns_from_its_codes_distance_and_not_through_the_values():
    quantizer, z = quantiser("simvq"), a_map().requires_grad_()
    found, weight = quantizer(z), quantizer.transform.weight
    codes = quantizer.basis[found.indices[:, 0]] @ weight.T
    expected = (codes - z.detach().movedim(1, -1)).square().mean()
    by_equation = torch.autograd.grad(expected, weight)[0]
    torch.testing.assert_close(torch.autograd.grad(found.loss, weight, retain_graph=True)[0], by_equation)
    assert by_equation.abs().max() > 1e-4
    assert torch.autograd.grad(found.z_q.sum(), weight, retain_graph=True, allow_unused=True)[0] is None
    commitment = 0.25 * 2 * (z - codes.movedim(-1, 1)).detach() / z.numel()
    torch.testing.assert_close(torch.autograd.grad(found.loss, z)[0], commitment)


def test_fsq_learns_on_both_sides_of_the_rounding():
    quantizer = quantiser("fsq")
    quantizer(a_map()).z_q.square().sum().backward()
    assert quantizer.enter.weight.grad.any() and quantizer.leave.weight.grad.any()


@EACH
def test_until_it_starts_tokens_pass_and_a_kind_without_a_start_quantises_from_the_first_step(name):
    quantizer, z = quantiser(name, start_after=2), a_map()
    for _ in range(2):
        first = quantizer(z)
        assert torch.equal(first.z_q, z) is (kind_of(name) in START)
        assert quantizer.has_started() is (kind_of(name) not in START)
        assert first.indices.shape == (2, quantizer.codebooks, 4, 4, 4)
        quantizer.update()
    assert quantizer.has_started() and not torch.equal(quantizer(z).z_q, z) and quantizer.steps() == 2


def test_the_stages_start_at_once_each_from_what_the_one_before_left():
    quantizer, z = quantiser("residual, rotation", start_after=1), a_map(1)
    quantizer(z)
    quantizer.update()
    assert quantizer.has_started() and all(stage.has_started() for stage in quantizer.stages)
    first, *others = quantizer.stages
    left = first.recent
    for before, stage in zip(quantizer.stages, others, strict=False):
        left = left - before.embedding[before.nearest(left)]
        torch.testing.assert_close(stage.recent, left)
        assert stage.count.sum() == pytest.approx(128), "tokens of a step"
    quantizer(z)
    quantizer.update()
    assert all(int(stage.step_count.sum()) == 0 and stage.usage > 0 for stage in quantizer.stages)


def test_another_start_holds_for_the_stages_too():
    quantizer = quantiser("residual", start_after=9)
    quantizer.begin_after(1)
    quantizer(a_map())
    quantizer.update()
    assert quantizer.has_started()


@EACH
def test_the_log_counts_combinations_of_all_codebooks(name):
    quantizer = at_work(name)
    quantizer.look_anew()
    found = quantizer(a_map(9)).indices
    quantizer.update()
    rows, counts = found.movedim(1, -1).reshape(-1, quantizer.codebooks).unique(dim=0, return_counts=True)
    size = quantizer.size**quantizer.codebooks
    shares = counts / counts.sum()
    assert float(quantizer.usage) == pytest.approx(len(rows) / size)
    assert float(quantizer.perplexity) == pytest.approx(math.exp(-(shares * shares.log()).sum()), rel=1e-5)
    assert not quantizer.step_count.any() and quantizer.look_anew() == 1


@EACH
def test_neither_evaluation_nor_slices_leave_a_trace(name):
    quantizer = at_work(name)
    before = {key: value.clone() for key, value in quantizer.state_dict().items()}
    quantizer(a_map(5), learn=False)
    quantizer.eval()(a_map(6))
    assert not quantizer.step_count.any()
    assert all(torch.equal(before[key], value) for key, value in quantizer.state_dict().items())


@EACH
def test_a_state_that_was_loaded_goes_on_as_the_first_would_have(name):
    one, other = (make(name, start_after=2) for make in (at_work, quantiser))
    other.load_state_dict(one.state_dict())
    for quantizer in (one, other):
        for step in (3, 4):
            quantizer(a_map(step))
            quantizer.update()
    assert other.steps() == 5
    for key, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


@EACH
def test_frozen_codes_do_not_change(name):
    quantizer = at_work(name)
    quantizer.go_on(frozen=True)
    every = torch.arange(quantizer.size)[:, None].expand(-1, quantizer.codebooks)
    with torch.no_grad():
        before = quantizer.vectors(every)
    optimizer = torch.optim.SGD(quantizer.parameters(), 1.0) if list(quantizer.parameters()) else None
    for step in range(3):
        z = a_map(step).requires_grad_()
        found = quantizer(z)
        (found.loss + found.z_q.square().mean()).backward()
        if optimizer:
            optimizer.step()
        quantizer.update()
    with torch.no_grad():
        assert torch.equal(quantizer.vectors(every), before)


@EACH
def test_codes_are_those_of_float32_under_autocast(name):
    quantizer, z = working(name), a_map(8)
    with torch.no_grad():
        plain = quantizer(z)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            other = quantizer(z)
    assert torch.equal(plain.indices, other.indices) and torch.equal(plain.z_q, other.z_q)


@EACH
def test_one_cut_of_a_batch_learns_as_another(name):
    whole, pieces = quantiser(name, start_after=1), quantiser(name, start_after=1)
    for step in range(4):
        z = a_map(step)
        whole(z)
        for part in z.split(1):
            pieces(part)
        whole.update(), pieces.update()
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(value, pieces.state_dict()[key], msg=key)


@EACH
def test_the_model_gives_its_codes_in_groups_and_decodes_what_it_encodes(name):
    parameters = {"quantizer": SETTINGS[name], "codebook_size": parameters_of(name).codebook_size}
    x, kinds = torch.rand(2, 1, 32, 16, 16) * 2 - 1, torch.tensor([0, 1])
    model = started(small(**parameters), x)
    with torch.no_grad():
        latents = model.encode(x, kinds)
        codes = model.codes(latents)
        again = model.quantizer.decode(latents.indices)
    assert codes.shape == (2, model.quantizer.codebooks, 2) and int(codes.max()) < model.codebook_size
    assert torch.equal(codes, latents.indices.flatten(2))
    torch.testing.assert_close(again, latents.z_q, rtol=1e-5, atol=1e-5)
    shapes = models.latent_shapes("neuroquant", model.parameters_used, (32, 16, 16))
    assert {key: tuple(value.shape[1:]) for key, value in latents.arrays().items()} == shapes


def test_muon_leaves_what_a_quantiser_trains_to_adamw():
    for name in ("fsq", "simvq"):
        model = small(quantizer=SETTINGS[name], codebook_size=64)
        assert model.quantizer in model.left_to_adamw() and list(model.quantizer.parameters())


def test_the_codebook_of_the_paper_keeps_the_names_of_its_tensors():
    assert set(quantiser("ema").state_dict()) == {
        "embedding", "count", "total", "recent", "filled", "started", "updates", "perplexity"
    }  # fmt: skip
    assert not list(quantiser("ema").parameters())
