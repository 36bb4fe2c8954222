"""How many volumes a network is given in a call: small ones together, full ones alone, with the same result."""

import pytest
import torch

from neuroquant import models
from neuroquant.models import together
from neuroquant.models.latents import Continuous
from neuroquant.models.together import few


@pytest.mark.parametrize(
    ("shape", "factor", "parts"),
    [((144, 192, 144), 1, [1, 1, 1]), ((56, 72, 64), 1, [3]), ((36, 48, 36), 4, [1, 1, 1]), ((14, 18, 16), 4, [3]),
     ((80, 80, 80), 1, [2, 1])],
)  # fmt: skip
def test_as_many_volumes_go_together_as_memory_of_one_full_one_allows(shape, factor, parts):
    assert [len(part) for part in few(torch.empty(3, 2, *shape, device="meta"), factor)] == parts


SIZES = {
    "baselines.medvae": {"width": 8, "mults": (1, 1, 2), "groups": 4, "latent_channels": 2, "blocks": 1},
    "baselines.monai_kl": {"network": "kl", "channels": (4, 8, 8), "blocks": 1, "latent_channels": 2, "groups": 2},
}


@torch.no_grad()
@pytest.mark.parametrize("architecture", SIZES)
def test_two_volumes_that_go_together_get_what_each_gets_alone(architecture, monkeypatch):
    torch.manual_seed(0)
    model = models.build(architecture, SIZES[architecture]).eval()
    x, modality = torch.rand(3, 1, 16, 16, 24) * 2 - 1, torch.tensor([0, 1, 0])
    monkeypatch.setattr(together, "VOXELS", 2 * 16 * 16 * 24)
    calls = {"encoder": [], "decoder": []}
    for name, seen in calls.items():
        part = getattr(model.network, name)
        part.register_forward_pre_hook(lambda _, given, seen=seen: seen.append(len(given[0])))
    z = model.encode(x, modality).z
    back = model.decode(Continuous(z), modality)
    assert calls == {"encoder": [2, 1], "decoder": [2, 1]}
    alone = torch.cat([model.encode(x[n : n + 1], modality[n : n + 1]).z for n in range(3)])
    torch.testing.assert_close(z, alone, atol=1e-5, rtol=1e-4)
    each = [model.decode(Continuous(alone[n : n + 1]), modality[n : n + 1]) for n in range(3)]
    torch.testing.assert_close(back, torch.cat(each), atol=1e-4, rtol=1e-3)
