"""Classical codecs: what was coded comes back from its bytes alone, and no volume takes more of them than it may."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from neuroquant import models
from neuroquant.config.model import ModelEntry
from neuroquant.config.volume import Volume
from neuroquant.entropy import Frequencies
from neuroquant.model_folder import load_model, save_model
from neuroquant.models.baselines.dct import network as dct
from neuroquant.models.baselines.jpeg2000 import network as jpeg2000
from neuroquant.similarity import psnr
from tests.models.test_projection import passes_over

torch.set_num_threads(1)
SIDES = (13, 18, 9)
ANY_SIDES = st.tuples(*[st.integers(1, 11)] * 3)
VALUES = st.floats(-1, 1, width=32)
KINDS = torch.zeros(1, dtype=torch.long)


def heads(number, seed=0, sides=SIDES):
    """(number, 1, D, H, W), float16 in [-1, 1]: a common ball with a texture of its own each."""
    generator = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, side) for side in sides), indexing="ij"))
    waves = generator.uniform(1, 6, (number, 3, 1, 1, 1)), generator.uniform(0, 6, (number, 1, 1, 1))
    texture = 0.4 * np.sin((waves[0] * grid[None]).sum(1) + waves[1])
    x = np.where((grid**2).sum(0) < 0.8, 0.2 + texture + 0.02 * generator.normal(size=texture.shape), -1)
    return torch.from_numpy(x.clip(-1, 1)).half()[:, None]


def codec(name, kbit, *parts, **parameters):
    """A codec, fitted to (modality, volumes)."""
    model = models.build(f"baselines.{name}", {"kbit": kbit, **parameters})
    found = model.fit(passes_over(*(parts or [(0, heads(6))])))
    return model, found


def quality(model, x):
    """PSNR of volumes of the first modality, and the bits of each."""
    kinds = torch.zeros(len(x), dtype=torch.long)
    latents = model.encode(x.float(), kinds)
    return psnr(x.float(), model.decode(latents, kinds).clamp(-1, 1)), model.coded_bits(latents)


@settings(deadline=None, max_examples=60)
@given(
    ANY_SIDES.flatmap(lambda sides: npst.arrays(np.float32, sides, elements=VALUES)),
    st.floats(0.1, 4),
    st.integers(0, 2),
)
def test_jpeg_2000_takes_volumes_of_any_sides_and_no_more_bytes_than_it_may(volume, kbit, axis):
    model, _ = codec("jpeg2000", kbit, axis=axis)
    x = torch.from_numpy(volume)[None, None]
    latents = model.encode(x, KINDS)
    code = model.compress(volume, 0)
    assert len(code) <= 1000 * kbit / 8 + 1e-6 and model.coded_bits(latents).tolist() == [8 * len(code)]
    assert latents.packed.shape == (1, 1, 1, 1, model.most)
    x_hat = model.decode(latents, KINDS)
    assert x_hat.shape == x.shape and np.array_equal(x_hat[0, 0].numpy(), model.expand(code, 0))


@settings(deadline=None, max_examples=40)
@given(npst.arrays(np.float32, SIDES, elements=VALUES), st.sampled_from([0.2, 1, 5, 40]))
def test_the_dct_coder_decodes_whatever_the_volume_and_takes_no_more_bytes_than_it_may(volume, kbit):
    model = FITTED.setdefault(kbit, codec("dct", kbit)[0])
    latents = model.encode(torch.from_numpy(volume)[None, None], KINDS)
    code = model.compress(volume, 0)
    assert len(code) <= 1000 * kbit / 8 + 1e-6 and model.coded_bits(latents).tolist() == [8 * len(code)]
    assert np.array_equal(model.decode(latents, KINDS)[0, 0].numpy(), model.expand(code, 0))


FITTED: dict[float, torch.nn.Module] = {}
"""Codecs by their rate, which examples share."""


@settings(deadline=None, max_examples=40)
@given(npst.arrays(np.float32, SIDES, elements=VALUES), st.sampled_from([4, 8, 16]))
def test_blocks_are_transformed_without_loss_and_keep_the_energy(volume, block):
    coefficients = dct.transformed(volume, block)
    assert coefficients.shape[0] == block**3
    assert (coefficients.astype(float) ** 2).sum() == pytest.approx(
        (volume.astype(float) ** 2).sum(), rel=1e-4, abs=1e-6
    )
    back = dct.untransformed(coefficients, dct.grid_of(volume.shape, block), block)
    assert np.abs(back[tuple(map(slice, volume.shape))] - volume).max() < 1e-5


@pytest.mark.parametrize("block", [4, 8, 16])
def test_errors_of_the_dct_coder_are_those_of_half_a_step_at_most(block):
    """The transform is orthonormal: what rounding costs a coefficient it costs the volume."""
    model, _ = codec("dct", 6, block=block)
    x = heads(6)
    kept = [volume for volume in x[:, 0].float().numpy() if model.compress(volume, 0) == coded(model, volume)]
    assert kept and 0.03 < model.steps[0] < 0.3, "some are as long as they may be"
    for volume in kept:
        errors = model.expand(model.compress(volume, 0), 0) - volume
        assert 0.1 * model.steps[0] < np.square(errors).mean() ** 0.5 <= model.steps[0] / 2


@pytest.mark.parametrize("name", ["jpeg2000", "dct"])
def test_more_bits_are_spent_and_spent_well(name):
    x = heads(4, seed=9)
    outcomes = [quality(codec(name, kbit)[0], x) for kbit in (2, 4, 8, 16)]
    scores, spent = (torch.stack(part) for part in zip(*outcomes, strict=True))
    assert (scores.diff(dim=0) > 0).all() and (spent.diff(dim=0) > 0).all()
    assert (spent > torch.tensor([[1400.0], [2800], [5600], [11200]])).all(), "the rate is used"


def test_all_slices_are_in_the_picture_and_come_back_in_their_order():
    volume = np.arange(7 * 3 * 4, dtype=np.uint8).reshape(7, 3, 4)
    picture = jpeg2000.side_by_side(volume)
    assert picture.shape == (9, 12) and np.array_equal(picture[3:6, 4:8], volume[4]), "three in a row"
    assert np.array_equal(jpeg2000.slices_of(picture, (7, 3, 4), 0), volume)
    x = heads(1)[0, 0].float().numpy()
    for axis in range(3):
        model, _ = codec("jpeg2000", 200, axis=axis)
        assert np.abs(model.expand(model.compress(x, 0), 0) - x).max() < 0.06, "of grey values, 2 / 255 apart"


def test_a_rate_below_the_headers_leaves_the_mean_grey_value():
    x = heads(1, seed=3).float()
    model, _ = codec("jpeg2000", 0.2)
    grey = model.decode(model.encode(x, KINDS), KINDS)
    assert len(grey.unique()) == 1 and abs(float(grey.mean() - x.mean())) < 0.01


def test_the_dct_coder_learns_its_step_and_its_frequencies_from_training_volumes():
    train = heads(12)
    model, found = codec("dct", 6, (0, train), (1, -train))
    assert found.parameters == {"shape": list(SIDES), "largest": model.largest} and not found.notes
    spent = sum(len(coded(model, volume)) for volume in train[:, 0].float().numpy()) * 8 / len(train)
    assert 0.85 * 6000 < spent <= 6000 * 1.01, "of volumes that aren't made to fit"
    uniform = Frequencies(np.zeros(tuple(model.counts[0].shape), np.int64))
    rows = numbers(model, train[0, 0].float().numpy())
    assert len(Frequencies(model.counts[0].numpy()).encode(rows)) < 0.7 * len(uniform.encode(rows))
    assert int(model.counts[0].sum()) == int(model.counts[1].sum()) == 12 * 3 * 2 * 2 * 8**3, "every coefficient"
    again, _ = codec("dct", 6, (0, train), (1, -train))
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in model.state_dict().items())


def numbers(model, volume):
    return model._numbers(model._coefficients(volume, 0), 0.5)


def coded(model, volume):
    """The code of a volume as it is rounded, however long."""
    return Frequencies(model.counts[0].numpy()).encode(numbers(model, volume)).tobytes()


def test_a_volume_that_is_too_long_loses_its_smallest_coefficients_and_others_lose_nothing():
    model, _ = codec("dct", 6)
    plain, busy = heads(6)[0, 0].float().numpy(), (heads(1, seed=8)[0, 0].float().numpy() * 3).clip(-1, 1)
    assert model.compress(plain, 0) == coded(model, plain) or len(coded(model, plain)) > model.most
    assert len(coded(model, busy)) > model.most >= len(model.compress(busy, 0)) > 0.9 * model.most
    mean = model.mean[0].float().numpy()
    assert np.square(model.expand(model.compress(busy, 0), 0) - busy).mean() < np.square(mean - busy).mean()


def test_a_modality_without_training_volumes_is_named_and_its_images_are_empty():
    model, found = codec("dct", 6, (0, heads(4)))
    assert found.notes == ("there is no training volume of T2w: its images are empty",)
    latents = model.encode(heads(1).float(), KINDS + 1)
    assert (model.decode(latents, KINDS + 1) == -1).all()


def test_training_volumes_that_are_all_alike_leave_a_coder_that_still_codes_others():
    model, _ = codec("dct", 6, (0, heads(1).expand(4, -1, -1, -1, -1)))
    assert model.largest >= 1
    x = heads(1, seed=2).float()
    latents = model.encode(x, KINDS)
    assert model.coded_bits(latents) <= 6000 and model.decode(latents, KINDS).shape == x.shape


def test_volumes_of_other_sides_than_the_fits_are_refused_with_both():
    with pytest.raises(ValueError, match="isn't fitted yet"):
        models.build("baselines.dct", {"kbit": 5}).encode(heads(1).float(), KINDS)
    model, _ = codec("dct", 5)
    with pytest.raises(ValueError, match="fitted to volumes of 13 x 18 x 9 voxels; these have 8 x 8 x 8"):
        model.encode(torch.zeros(1, 1, 8, 8, 8), KINDS)


@pytest.mark.parametrize("name", ["jpeg2000", "dct"])
def test_a_saved_codec_decodes_what_the_first_has_coded(name, tmp_path):
    model, found = codec(name, 5)
    parameters = {"kbit": 5, **found.parameters}
    entry = ModelEntry(name=name, architecture=f"baselines.{name}", parameters=parameters, training={"phases": ()})
    save_model(tmp_path, model, entry, Volume(shape=SIDES), {})
    again, _, _ = load_model(tmp_path)
    x = heads(2, seed=4).float()
    latents = model.encode(x, KINDS.expand(2))
    assert torch.equal(again.encode(x, KINDS.expand(2)).packed, latents.packed)
    assert torch.equal(again.decode(latents, KINDS.expand(2)), model.decode(latents, KINDS.expand(2)))


def test_a_codec_isnt_built_without_its_rate():
    with pytest.raises(ValueError, match="kbit: match is the rate of an experiment's full model"):
        models.build("baselines.jpeg2000", {})
