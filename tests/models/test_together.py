"""How many volumes a network is given in a call: small ones together, full ones alone, with the same result."""

import pytest
import torch

from neuroquant import models
from neuroquant.models.latents import Continuous
from neuroquant.models.together import few


@pytest.mark.parametrize(
    ("shape", "factor", "parts"),
    [((144, 192, 144), 1, [1, 1, 1]), ((56, 72, 64), 1, [3]), ((36, 48, 36), 4, [1, 1, 1]), ((14, 18, 16), 4, [3]),
     ((80, 80, 80), 1, [2, 1])],
)  # fmt: skip
def test_as_many_volumes_go_together_as_memory_of_one_full_one_allows(shape, factor, parts):
    assert [len(part) for part in few(torch.empty(3, 2, *shape, device="meta"), factor)] == parts


@torch.no_grad()
def test_medvae_gives_volumes_that_go_together_what_each_gets_alone():
    torch.manual_seed(0)
    sizes = {"width": 8, "mults": (1, 1, 2), "groups": 4, "latent_channels": 2, "blocks": 1}
    model = models.build("baselines.medvae", sizes).eval()
    x, modality = torch.rand(3, 1, 16, 16, 24) * 2 - 1, torch.tensor([0, 1, 0])
    alone = torch.cat([model.encode(x[n : n + 1], modality[n : n + 1]).z for n in range(3)])
    z = model.encode(x, modality).z
    torch.testing.assert_close(z, alone, atol=1e-5, rtol=1e-4)
    back = [model.decode(Continuous(alone[n : n + 1]), modality[n : n + 1]) for n in range(3)]
    torch.testing.assert_close(model.decode(Continuous(z), modality), torch.cat(back), atol=1e-5, rtol=1e-4)
