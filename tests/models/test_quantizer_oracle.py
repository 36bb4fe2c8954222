"""The quantisers beside those of `vector-quantize-pytorch` (MIT), given the same weights and codes."""

import pytest
import torch

from neuroquant.models.neuroquant.quantizers.rotation import rotated
from tests.models.quantizers import DIM, a_map, at_work, quantiser

library = pytest.importorskip(
    "vector_quantize_pytorch", reason="vector-quantize-pytorch, of the extra `test`, is missing"
)

torch.set_num_threads(1)


def tokens_of(z):
    """(1, N, C), as the library takes them."""
    return z.movedim(1, -1).reshape(1, -1, z.shape[1])


def gradients(found, z, weights):
    (gradient,) = torch.autograd.grad((found * weights).sum(), z, retain_graph=True)
    return gradient


@pytest.mark.parametrize("name", ["fsq", "fsq, odd levels"])
def test_fsq_gives_the_librarys_values_indices_and_gradient(name):
    ours, z = quantiser(name), a_map(1, spread=2.0).requires_grad_()
    theirs = library.FSQ(ours.levels.tolist(), dim=DIM)
    theirs.project_in.load_state_dict(ours.enter.state_dict())
    theirs.project_out.load_state_dict(ours.leave.state_dict())
    found, (values, indices) = ours(z), theirs(z)
    assert torch.equal(found.indices[:, 0], indices.long())
    torch.testing.assert_close(found.z_q, values)
    weights = a_map(2)
    torch.testing.assert_close(gradients(found.z_q, z, weights), gradients(values, z, weights))
    torch.testing.assert_close(ours.decode(found.indices), theirs.indices_to_codes(indices))
    every = torch.arange(ours.size)
    torch.testing.assert_close(ours.vectors(every[:, None]), theirs.project_out(theirs.implicit_codebook))


@pytest.mark.parametrize("name", ["simvq", "simvq, rotation"])
def test_simvq_gives_the_librarys_values_indices_loss_and_gradients(name):
    ours, z = quantiser(name), a_map(3).requires_grad_()
    torch.nn.init.normal_(ours.transform.weight, std=0.5)
    theirs = library.SimVQ(DIM, ours.size, channel_first=True, rotation_trick=ours.rotation)
    theirs.frozen_codebook.copy_(ours.basis)
    theirs.code_transform.load_state_dict(ours.transform.state_dict())
    found, (values, indices, loss) = ours(z), theirs(z)
    assert torch.equal(found.indices[:, 0], indices)
    torch.testing.assert_close(found.z_q, values)
    torch.testing.assert_close(found.loss, loss)
    weights = a_map(4)
    torch.testing.assert_close(gradients(found.z_q, z, weights), gradients(values, z, weights))
    own, other = ours.transform.weight, theirs.code_transform.weight
    torch.testing.assert_close(torch.autograd.grad(found.loss, own)[0], torch.autograd.grad(loss, other)[0])


@pytest.mark.parametrize("name", ["residual", "residual, rotation"])
def test_residual_codes_sum_up_to_the_librarys(name):
    ours, z = at_work(name).eval(), a_map(5)
    theirs = library.ResidualVQ(dim=DIM, num_quantizers=ours.codebooks, codebook_size=ours.size).eval()
    for stage, layer in zip(ours.stages, theirs.layers, strict=True):
        layer._codebook.embed.copy_(stage.embedding[None])
        layer._codebook.initted.fill_(True)
    found, (values, indices, _) = ours(z), theirs(tokens_of(z))
    assert torch.equal(found.indices.movedim(1, -1).reshape(1, -1, ours.codebooks), indices)
    torch.testing.assert_close(tokens_of(found.z_q), values)
    torch.testing.assert_close(tokens_of(ours.decode(found.indices)), theirs.get_output_from_indices(indices))


def test_the_loss_of_the_stages_is_the_sum_of_the_librarys():
    ours, z = at_work("residual"), a_map(6)
    theirs = library.ResidualVQ(
        dim=DIM, num_quantizers=2, codebook_size=ours.size, commitment_weight=0.25, rotation_trick=False
    )
    for stage, layer in zip(ours.stages, theirs.layers, strict=True):
        layer._codebook.embed.copy_(stage.embedding[None])
        layer._codebook.initted.fill_(True)
    _, _, losses = theirs(tokens_of(z), freeze_codebook=True)
    torch.testing.assert_close(ours(z, learn=False).loss, losses.sum())


@pytest.mark.parametrize("name", ["ema", "ema, rotation"])
def test_one_codebook_gives_the_librarys_values_and_gradient(name):
    ours, z = at_work(name), a_map(7).requires_grad_()
    theirs = library.VectorQuantize(DIM, ours.size, rotation_trick=ours.rotation, commitment_weight=0.25)
    theirs._codebook.embed.copy_(ours.embedding[None])
    theirs._codebook.initted.fill_(True)
    found, (values, indices, loss) = ours(z, learn=False), theirs(tokens_of(z), freeze_codebook=True)
    assert torch.equal(found.indices.flatten(), indices.flatten())
    torch.testing.assert_close(tokens_of(found.z_q), values)
    torch.testing.assert_close(found.loss, loss.squeeze())
    weights = a_map(8)
    torch.testing.assert_close(gradients(found.z_q, z, weights), gradients(values, z, tokens_of(weights)))


def test_the_rotation_trick_gives_the_librarys_gradient():
    from vector_quantize_pytorch.vector_quantize_pytorch import rotate_to

    z, codes, weights = a_map(9).requires_grad_(), a_map(10, spread=3.0), a_map(11)
    theirs = rotate_to(tokens_of(z), tokens_of(codes))
    torch.testing.assert_close(tokens_of(rotated(z, codes)), theirs)
    torch.testing.assert_close(gradients(rotated(z, codes), z, weights), gradients(theirs, z, tokens_of(weights)))
