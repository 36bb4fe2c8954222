"""The codebook: nearest codes in float32, one update a step, revival that keeps sum and count together."""

import pytest
import torch

from neuroquant.config.model import Objective
from neuroquant.models.batch import Batch
from neuroquant.models.losses import total
from neuroquant.models.neuroquant import Parameters
from neuroquant.models.neuroquant.quantizers import EMA
from tests.models.small import small

torch.set_num_threads(1)


def quantizer(size=8, **changes) -> EMA:
    settings = {"ema_decay": 0.9, "dead_below": 0.01, "reservoir": 64, "start_after": 0, **changes}
    return EMA(Parameters(codebook_size=size, code_dim=3, **settings)).train()


def as_map(tokens):
    """Tokens (N, C) as a map (1, C, N, 1, 1)."""
    return tokens.T.reshape(1, tokens.shape[1], -1, 1, 1)


def test_nearest_codes_are_those_of_float64_under_autocast_too():
    """Codes that lie close together beside their distance from the origin, which bfloat16 can't tell apart."""
    generator = torch.Generator().manual_seed(0)
    vq = quantizer(256, reservoir=4096)
    tokens = 1 + 0.05 * torch.randn(4096, 3, generator=generator)
    vq(as_map(tokens))
    best = torch.cdist(tokens.double(), vq.embedding.double()).argmin(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = vq(as_map(tokens), learn=False).indices.flatten()
        rounded = (vq.embedding.square().sum(1) - 2 * tokens @ vq.embedding.T).argmin(1)
    assert (found == best).float().mean() > 0.999
    assert (rounded == best).float().mean() < 0.5, "what the decorators of `forward` are there for"
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


def test_the_update_is_the_moving_average_of_counts_and_sums():
    vq = quantizer(2, dead_below=0.0)
    vq(as_map(torch.tensor([[0.0, 0, 0], [4, 0, 0]])))
    vq.step_count.zero_(), vq.step_total.zero_()
    low = int(vq.embedding[:, 0].argmin())
    count, total = vq.count.clone(), vq.total.clone()
    vq(as_map(torch.tensor([[1.0, 0, 0], [2, 0, 0], [-1, 3, 0]])))  # the middle one is as near to 0 as to 4: 2 - 4e-2
    assigned = vq.step_count.clone()
    vq.update()
    torch.testing.assert_close(vq.count, 0.9 * count + 0.1 * assigned)
    torch.testing.assert_close(vq.embedding, vq.total / vq.count[:, None])
    assert assigned.sum() == 3 and assigned[low] >= 2 and not torch.equal(vq.total, total)


def test_a_revived_code_is_a_recent_token_and_stays_where_it_is_until_it_gets_tokens():
    vq = quantizer(32, dead_below=0.05, ema_decay=0.5)
    vq(torch.randn(1, 3, 4, 4, 4, generator=torch.Generator().manual_seed(0)))
    near = 0.1 * torch.randn(64, 3, generator=torch.Generator().manual_seed(1)) + 3
    for _ in range(12):  # one cluster of tokens: most codes die
        vq(as_map(near))
        vq.update()
    revived = torch.cdist(vq.embedding, near).min(1).values < 1e-5
    assert revived.sum() >= 4, "dead codes are where recent tokens are"
    before = vq.embedding.clone()
    vq(as_map(near[:1]))
    idle = vq.step_count == 0
    still = idle & (vq.count * vq.decay >= vq.dead_below)  # not revived anew
    vq.update()
    assert (still & revived).any()
    torch.testing.assert_close(vq.embedding[still], before[still])  # the released code's jump to ten times as far


def test_more_codes_than_tokens_start_without_an_error():
    vq = quantizer(64)
    vq(torch.randn(1, 3, 2, 2, 2))
    vq.update()
    assert vq.embedding.isfinite().all() and len(vq.embedding.unique(dim=0)) > 8


def test_training_in_bf16_with_more_codes_than_tokens_revives_in_float32():
    model = small(codebook_size=64, reservoir=32, dead_below=0.5).train()
    x, pairs = torch.rand(2, 1, 32, 16, 16) * 2 - 1, torch.tensor([1, 0])
    batch = Batch(x, torch.tensor([0, 1]), pairs, torch.arange(2), None, (2,))
    for _ in range(3):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert model.encode_train(x).z_anat.dtype == torch.bfloat16
            loss = total(model.losses(batch, Objective()))
        loss.backward()
        model.quantizer.update()
    tensors = {name: value for name, value in model.quantizer.state_dict().items() if value.is_floating_point()}
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in tensors.values())


def test_the_moving_average_finds_the_clusters():
    vq = quantizer(16)
    centres = torch.tensor([[5.0, 0, 0], [0, 5, 0], [0, 0, 5], [-5, 0, 0]])
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        pick = torch.randint(4, (64,), generator=generator)
        vq(as_map(centres[pick] + 0.1 * torch.randn(64, 3, generator=generator)))
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


def test_a_loaded_codebook_knows_whether_it_has_started():
    begun, fresh, other = quantizer(8, start_after=3), quantizer(8, start_after=3), quantizer(8)
    z = torch.randn(1, 3, 4, 4, 4)
    for _ in range(2):
        begun(z), begun.update()
    assert not fresh.has_started()
    fresh.load_state_dict(begun.state_dict())
    fresh(z), fresh.update()
    assert fresh.has_started() and int(fresh.updates) == 3, "the third update, two of them before loading"
    other(z)
    begun.load_state_dict(other.state_dict())
    assert begun.has_started()


def test_equation_7_pulls_the_encoder_to_its_code_and_the_code_to_its_tokens():
    vq = quantizer(4, commitment=0.25)
    vq(torch.randn(1, 3, 4, 4, 4))
    z = torch.randn(1, 3, 2, 2, 2, requires_grad=True)
    found = vq(z, learn=False)
    codes = vq.embedding[found.indices.flatten()].T.reshape(z.shape)
    torch.testing.assert_close(found.loss, 0.25 * (z - codes).square().mean())
    torch.testing.assert_close(found.z_q, codes)
    (pull,) = torch.autograd.grad(found.z_q.sum(), z, retain_graph=True)
    assert torch.equal(pull, torch.ones_like(z)), "straight through"
    (commitment,) = torch.autograd.grad(found.loss, z)
    torch.testing.assert_close(commitment, 2 * 0.25 * (z - codes).detach() / z.numel())
    assert commitment.norm() > 1e-2, "z isn't detached, and isn't its code"


def test_the_start_moves_its_centres_until_none_owns_a_single_token():
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(8 * 64, 3, generator=generator)
    tokens[:200] = tokens[0]  # background: many tokens that are one
    vq = quantizer(64, reservoir=8 * 64)
    vq(as_map(tokens))
    owned = torch.bincount(vq.nearest(tokens), minlength=64)
    assert owned.min() >= 2
    inside = torch.cdist(vq.embedding, tokens).min(1).values
    assert (inside > 1e-4).float().mean() > 0.8, "centres are means of tokens, not tokens"


def test_the_reservoir_holds_tokens_of_several_steps():
    vq = quantizer(4, reservoir=0, start_after=9)
    assert len(vq.recent) == 8 * 4
    for step in range(5):
        vq(as_map(torch.full((100, 3), float(step))))
        vq.update()
    assert vq.recent[:, 0].unique().tolist() == [1, 2, 3, 4], "of 100 tokens a step, a quarter of the reservoir each"


@pytest.mark.parametrize("tokens", [4, 4000])
def test_what_counts_as_dead_is_relative_to_the_tokens_a_code_gets(tokens):
    """A code of a hundredth of the mean use is revived at 0.03 and kept at 0.001, whatever the size of a step."""
    for dead_below, revived in ((0.03, True), (0.001, False)):
        vq = quantizer(4, dead_below=dead_below)
        vq(as_map(torch.randn(64, 3)))
        vq.count.copy_(torch.tensor([1.0, 1.0, 1.0, 0.01]) * tokens)
        vq.total.copy_(vq.embedding * vq.count[:, None])
        before = vq.embedding[3].clone()
        vq._revive()
        assert torch.allclose(vq.total[3] / vq.count[3], before, atol=1e-5) is not revived
        assert vq.count[3] < vq.count[0], "a revived code doesn't outweigh one in use"
