"""NeuroQuant: the 2D law, the switches of table 2, and the defects of the released code that must be absent."""

import pytest
import torch

from neuroquant import models
from neuroquant.errors import InputError
from neuroquant.models.neuroquant import Parameters, attention
from neuroquant.models.neuroquant.attention import AxisAttention
from neuroquant.models.neuroquant.film import ReverseGradient
from neuroquant.models.neuroquant.quantizer import Quantizer

torch.set_num_threads(1)
SMALL = {
    "channels": (4, 8, 8, 8),
    "codebook_size": 12,
    "code_dim": 6,
    "c_m": 4,
    "c_s": 4,
    "film_hidden": 8,
    "start_after": 0,
}


def small(**changes):
    torch.manual_seed(0)
    model = models.build("neuroquant", {**SMALL, "head_channels": 4, **changes})
    for name, parameter in model.named_parameters():  # leave the identities that FiLM and residual branches start from
        if parameter.ndim < 2 or "mlps" in name or "decoder.leave" in name:
            torch.nn.init.normal_(parameter, std=0.3)
        elif not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def started(model, x):
    """The model with a codebook, in evaluation mode."""
    with torch.no_grad():
        model.train().encode_train(x)
        model.quantizer.update()
    return model.eval()


def test_the_full_size_compresses_sixteenfold_with_256_channels():
    with torch.device("meta"):
        model = models.build("neuroquant", {})
        features = model.encoder(torch.empty(1, 1, 144, 192, 144))
    assert features.shape == (1, 256, 9, 12, 9)
    tokens = 9 * 12 * 9
    assert model.bits((144, 192, 144)) == tokens * 12 + 32 * 16


@pytest.mark.parametrize("plane", [0, 1, 2])
@pytest.mark.parametrize("attention", [True, False])
def test_a_slice_gets_what_the_middle_of_a_long_stack_of_its_copies_gets(plane, attention):
    generator = torch.Generator().manual_seed(plane)
    shape = [32, 32, 32]
    shape[plane] = 1
    slice_ = torch.rand(1, 1, *shape, generator=generator) * 2 - 1
    copies = 320
    stack = slice_.repeat_interleave(copies, plane + 2)
    model = started(small(attention=attention), slice_.expand(-1, -1, *(32,) * 3).contiguous())
    modality = torch.tensor([1])
    with torch.no_grad():
        flat = model.encode_train(slice_, plane=plane)
        deep = model.encode_train(stack, off=plane)
        middle = deep.z_anat.narrow(plane + 2, copies // 32, 1)
        torch.testing.assert_close(flat.z_anat, middle, atol=1e-4, rtol=1e-4)
        film = model.film(flat.z_mod, modality)
        z_q = flat.z_q.repeat_interleave(copies // 16, plane + 2)
        reconstruction = model.decode_with(z_q, film, off=plane).narrow(plane + 2, copies // 2, 1)
        torch.testing.assert_close(model.decode_with(flat.z_q, film, plane=plane), reconstruction, atol=1e-4, rtol=1e-4)


def test_each_switch_of_table_2_adds_its_part():
    base, fma, full = small(attention=False, film=False), small(film=False), small()
    assert not any("attention" in name for name, _ in base.named_parameters())
    assert any("attention" in name for name, _ in fma.named_parameters())
    assert not base.supports_swap and not fma.supports_swap and full.supports_swap
    assert base.film_generator is None and full.film_generator is not None


def test_every_decoder_layer_feels_its_film():
    x = torch.rand(2, 1, 16, 16, 16)
    model = started(small(), x)
    with torch.no_grad():
        encoded = model.encode_train(x)
        film = model.film(encoded.z_mod, torch.tensor([0, 1]))
        plain = model.decode_with(encoded.z_q, film)
        for layer in range(len(film)):
            changed = [(3 * g, b) if i == layer else (g, b) for i, (g, b) in enumerate(film)]
            difference = (model.decode_with(encoded.z_q, changed) - plain).norm() / plain.norm()
            # the released code's last layer reads 2e-6 here
            assert difference > 1e-4, f"layer {layer} undoes its FiLM"


def test_swapped_film_gives_the_other_modality_the_same_anatomy():
    x = torch.rand(2, 1, 16, 16, 16)
    model = started(small(), x)
    latents = model.encode(x, torch.tensor([0, 1]))
    one, other = (model.decode({k: v[:1] for k, v in latents.items()}, torch.tensor([m])) for m in (0, 1))
    assert one.shape == other.shape and not torch.allclose(one, other)


def test_the_adversary_turns_the_gradient_round():
    x = torch.ones(3, requires_grad=True)
    ReverseGradient.apply(x).sum().backward()
    assert (x.grad == -1).all()


def test_gradients_reach_the_encoder_through_the_codebook():
    model = small().train()
    x = torch.rand(2, 1, 16, 16, 16)
    model(x, torch.tensor([0, 1])).reconstruction.square().mean().backward()
    assert model.encoder.blocks[0].down.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("shape", [(1, 1, 30, 32, 32), (1, 2, 32, 32, 32), (1, 32, 32, 32)])
def test_sizes_and_channels_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="multiples of 16|shape"):
        small().eval().encode(torch.zeros(shape), torch.tensor([0]))


def test_an_unknown_architecture_is_named_with_the_nearest():
    with pytest.raises(InputError, match="neuroquant"):
        models.build("neuroqant", {})


def test_heads_must_divide_the_channels():
    with pytest.raises(ValueError, match="multiples of heads"):
        Parameters(channels=(6, 8, 8, 8), heads=4)


def quantizer(size=8, **changes) -> Quantizer:
    settings = {"commitment": 0.25, "decay": 0.9, "dead_below": 0.01, "reservoir": 64, **changes}
    return Quantizer(size, 3, **settings).train()


def test_distances_are_float32_under_autocast():
    vq = quantizer(64)
    z = torch.randn(2, 3, 4, 4, 4) * 0.01 + 100
    vq(z)
    expected = torch.cdist(z.movedim(1, -1).reshape(-1, 3).double(), vq.embedding.double()).argmin(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = vq(z, learn=False).indices.flatten()
    distance = (z.movedim(1, -1).reshape(-1, 3) - vq.embedding[found]).square().sum(1)
    best = (z.movedim(1, -1).reshape(-1, 3) - vq.embedding[expected]).square().sum(1)
    torch.testing.assert_close(distance, best, atol=1e-2, rtol=1e-2)
    assert vq.embedding.dtype == torch.float32


def test_one_update_takes_the_tokens_of_all_passes_at_once():
    a, b = torch.randn(1, 3, 2, 2, 2), torch.randn(1, 3, 2, 2, 2)
    apart, together = quantizer(), quantizer()
    for vq in (apart, together):
        vq(a)
        vq.step_count.zero_(), vq.step_total.zero_()
    apart(a), apart(b)
    together(torch.cat([a, b]))
    apart.update(), together.update()
    torch.testing.assert_close(apart.embedding, together.embedding)


def test_revived_codes_keep_sum_and_count_together():
    vq = quantizer(32)
    vq(torch.randn(1, 3, 4, 4, 4))
    for _ in range(200):  # one cluster of tokens: most codes die and are revived
        vq(torch.randn(1, 3, 2, 2, 2) * 0.1)
        vq.update()
    torch.testing.assert_close(vq.embedding, vq.total / vq.count[:, None])
    assert vq.embedding.abs().max() < 5


def test_more_codes_than_tokens_start_without_an_error():
    vq = quantizer(64)
    vq(torch.randn(1, 3, 2, 2, 2))
    vq.update()
    assert vq.embedding.isfinite().all() and len(vq.embedding.unique(dim=0)) > 8


def test_the_moving_average_finds_the_clusters():
    vq = quantizer(16)
    centres = torch.tensor([[5.0, 0, 0], [0, 5, 0], [0, 0, 5], [-5, 0, 0]])
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        pick = torch.randint(4, (64,), generator=generator)
        tokens = centres[pick] + 0.1 * torch.randn(64, 3, generator=generator)
        vq(tokens.T.reshape(1, 3, 4, 4, 4))
        vq.update()
    assert torch.cdist(centres, vq.embedding).min(1).values.max() < 0.2
    assert 0.25 <= vq.usage <= 1 and 3.5 < vq.perplexity <= 16


def test_until_the_codebook_starts_latents_pass_unquantised():
    vq = quantizer(8, start_after=2)
    z = torch.randn(1, 3, 4, 4, 4)
    assert torch.equal(vq(z).z_q, z) and vq(z).loss == 0
    vq.update()
    vq(z)
    vq.update()
    assert vq.started and not torch.equal(vq(z).z_q, z)


def test_slices_do_not_move_the_codebook():
    model = small().train()
    model.encode_train(torch.rand(1, 1, 16, 16, 16))
    model.quantizer.update()
    before = model.quantizer.embedding.clone()
    model.encode_train(torch.rand(1, 1, 1, 16, 16), plane=0)
    assert model.quantizer.step_count.sum() == 0
    torch.testing.assert_close(model.quantizer.embedding, before)


def test_training_starts_from_identities_with_activations_of_even_size():
    torch.manual_seed(0)
    model = models.build("neuroquant", {"start_after": 0})
    x = torch.rand(1, 1, 32, 32, 32)
    with torch.no_grad():
        below = torch.randn(1, 64, 2, 2, 2)
        reconstruction = model.decode_with(below, None)
        deviation = []
        for block in model.encoder.blocks:
            x = block(x)
            deviation.append(float(x.std()))
    assert (reconstruction + 1).abs().mean() < 0.3
    assert max(deviation[1:]) / min(deviation[1:]) < 3


def test_attention_over_more_lines_than_a_kernel_takes_is_the_same(monkeypatch):
    axis, x = AxisAttention(8, 1, 2), torch.randn(2, 8, 3, 4, 5)
    whole = axis(x)
    monkeypatch.setattr(attention, "LINES", 7)  # of the 30
    torch.testing.assert_close(axis(x), whole)


def test_the_compiled_units_are_whole_graphs_of_the_same_function_and_names():
    plain, compiled = (small(attention_blocks=(4,)) for _ in range(2))
    compiled.compile_units(backend="eager")  # what is captured, without minutes of code generation
    generator = torch.Generator().manual_seed(0)
    for shape, plane in (((16, 32, 16), None), ((16, 1, 16), 1)):
        x = torch.rand(2, 1, *shape, generator=generator) * 2 - 1
        one, other = (model(x, torch.tensor([0, 1]), plane=plane).reconstruction for model in (plain, compiled))
        torch.testing.assert_close(one, other)
    assert plain.state_dict().keys() == compiled.state_dict().keys()
